"""How the change of one unit reaches the loss: carry only what changed.

A row is one image under one disturbed connection. As everywhere in the package, rows are last in memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.conv import im2col
from minisnip.autodiff.engine import Array
from minisnip.nn import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential

OWN_LAYERS = (Linear, Conv2d, MaxPool2d, ReLU, Flatten)


@dataclass(frozen=True)
class Stage:
    """A layer with parameters, N images before and behind it, and all that follows it.

    Attributes
    ----------
    name : str
    positions : tuple of int
        () for Linear, (oh, ow) for Conv2d; P is their product.
    connections : (units, K + 1)
        The weights of each unit (or channel), then its bias.
    columns : (K + 1, P, N)
        What each connection reads; 1 for the bias.
    outputs : (units, P, N)
    between : list of Layer
        ReLU, pooling and flattening, which take each unit by itself.
    entering, leaving : (channels, ..., N)
        What the next layer with parameters reads, and gives; if there is none, both are the logits.
    following : Layer or None
        That layer, and in `following_weight` its weight.
    rest : list of (Layer, its parameters)
    labels, losses : (N,)
        Of each image, with nothing disturbed.
    """

    name: str
    positions: tuple[int, ...]
    connections: Array
    columns: Array
    outputs: Array
    between: list[Layer]
    entering: Array
    following: Layer | None
    following_weight: Array
    leaving: Array
    rest: list[tuple[Layer, dict[str, Array]]]
    labels: Array
    losses: Array

    def loss_changes(self, unit: int, outputs: Array) -> Array:
        """L of each row minus L with nothing disturbed: outputs (P, B, N) of one unit -> (B, N)."""
        _, b, n = outputs.shape
        x = _first(outputs.reshape(1, *self.positions, b * n))  # (B·N, 1, *positions)
        for layer in self.between:
            x = layer({}, x)
        block = slice(unit * x.shape[1], (unit + 1) * x.shape[1])  # a flattened channel is many inputs
        change = _last(x).reshape(*_last(x).shape[:-1], b, n) - self.entering[block][..., None, :]
        rows = np.flatnonzero(change.reshape(-1, b * n).any(axis=0))  # the others are done
        losses = np.zeros(b * n)
        losses[rows] = self._losses(block, change.reshape(*change.shape[:-2], b * n)[..., rows], rows % n)
        return losses.reshape(b, n)

    def _losses(self, block: slice, change: Array, images: Array) -> Array:
        """The same for rows that did change: (width, ..., R) at the input of the following layer -> (R,)."""
        out = np.take(self.leaving, images, axis=-1)
        if self.following is None:
            out[block] += change
        else:  # linear: its output changes by the change times the unit's own weights
            own = {"weight": self.following_weight[:, block], "bias": np.zeros(len(out))}
            out += _last(self.following(own, _first(change)))
        logits = _first(out)
        for layer, params in self.rest:
            logits = layer(params, logits)
        return image_losses(logits, self.labels[images]) - self.losses[images]

    def row_bytes(self) -> int:
        """About how much memory one row takes on its way, in float64."""
        sizes = [len(self.columns[0]) * 4, 3 * math.prod(self.leaving.shape[:-1])]
        shape = self.leaving.shape[:-1]
        for layer in [self.following, *(layer for layer, _ in self.rest)]:
            if isinstance(layer, Conv2d):
                sizes.append(2 * layer.kernel**2 * layer.in_channels * math.prod(shape[1:]))
            if layer is not self.following and layer is not None:
                shape = layer.out_shape(shape)
                sizes.append(3 * math.prod(shape))
        return 8 * sum(sizes)


def image_losses(logits: Array, labels: Array) -> Array:
    """The cross-entropy of each image: (N, K) -> (N,)."""
    losses: Array = ops.logsumexp(logits, 1) - logits[np.arange(len(labels)), labels]
    return losses


def find_stages(net: Sequential, params: Mapping[str, Array], x: Array, y: Array) -> list[Stage]:
    """Run the network once, and keep what every disturbance of its layers needs.

    Raises
    ------
    TypeError
        If a layer is not one of minisnip.nn.
    """
    layers = [(name, layer, {s: params[f"{name}.{s}"] for s in layer.shapes()}) for name, layer in net.layers.items()]
    seen = [x]
    for name, layer, own in layers:
        if not isinstance(layer, OWN_LAYERS):
            raise TypeError(f"layer {name} is a {type(layer).__name__}: only layers of minisnip.nn can be disturbed")
        seen.append(layer(own, seen[-1]))
    losses = image_losses(seen[-1], y)
    with_params = [i for i, (_, _, own) in enumerate(layers) if own] + [len(layers)]
    found = []
    for i, following in pairwise(with_params):
        name, layer, own = layers[i]
        after = layers[following : following + 1]
        found.append(
            Stage(
                name=name,
                positions=seen[i + 1].shape[2:],
                connections=np.column_stack([own["weight"].reshape(len(own["bias"]), -1), own["bias"]]),
                columns=_columns(layer, seen[i]),
                outputs=_last(seen[i + 1]).reshape(len(own["bias"]), -1, len(x)),
                between=[layer for _, layer, _ in layers[i + 1 : following]],
                entering=np.ascontiguousarray(_last(seen[following])),
                following=after[0][1] if after else None,
                following_weight=after[0][2]["weight"] if after else np.empty(0),
                leaving=np.ascontiguousarray(_last(seen[following + len(after)])),
                rest=[(layer, own) for _, layer, own in layers[following + 1 :]],
                labels=y,
                losses=losses,
            )
        )
    return found


def _columns(layer: Layer, x: Array) -> Array:
    """What the connections of a unit read, in the order of its weights, then the bias: (K + 1, P, N)."""
    if isinstance(layer, Conv2d):
        padding = ((0, 0), (0, 0), *[(layer.padding, layer.padding)] * 2)
        columns = im2col(np.pad(x, padding), (layer.kernel, layer.kernel), layer.stride)  # (C·k·k, oh·ow·N)
    else:
        columns = x.T
    columns = columns.reshape(len(columns), -1, len(x))
    return np.concatenate([columns, np.ones((1, *columns.shape[1:]))])


def _first(a: Array) -> Array:
    """Rows last -> rows first; a view."""
    return np.moveaxis(a, -1, 0)


def _last(a: Array) -> Array:
    """Rows first -> rows last; a view."""
    return np.moveaxis(a, 0, -1)

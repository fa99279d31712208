"""The definition that SNIP's derivative approximates: the change of the loss when one connection is removed.

    ΔL_j(w; D) = L(1 ⊙ w; D) - L((1 - e_j) ⊙ w; D)          (arXiv 1810.02340, section 4.1)

`delta_loss_by_deletion` is that line, one forward pass per connection. `delta_loss` gives the same numbers with less
work, because a connection perturbs one unit (or channel) of one layer:

1. the activations before that layer are computed once, for all connections;
2. only the perturbed unit of the layer is computed again, and taken through ReLU, pooling, flattening and selecting;
3. the next layer is linear: its output changes by the unit's change times that unit's weights;
4. an image whose unit does not change (a ReLU that stays off, a maximum that stays where it is) needs nothing more;
5. all other images, of many connections, go through the later layers as one batch.

A row is one image under one perturbed connection. Rows are last in memory, as everywhere in the package.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from minisnip.autodiff import ops
from minisnip.autodiff.conv import border, im2col
from minisnip.autodiff.engine import Array, Arrays
from minisnip.autodiff.threads import one_thread
from minisnip.nn.known import known_blocks
from minisnip.nn.layers import Block, Conv2d, Layer, Select, Sequential
from minisnip.nn.losses import cross_entropy
from minisnip.nn.threads import cores
from minisnip.pruning.masks import apply_masks, names_by_layer, ones
from minisnip.pruning.sensitivity import check_batch

IMAGES = 100  # at a time, at most
CHOSEN = "delta_loss_of gives it for chosen connections of any network, a forward pass for each"
CACHE = 2**23  # bytes for one batch of rows, at most: about what a processor's cache holds


def delta_loss_by_deletion(net: Sequential, params: Arrays, x: Array, y: Array, delta: float = 1.0) -> dict[str, Array]:
    """(L(1 ⊙ w) - L((1 - δ e_j) ⊙ w)) / δ for every connection j, one forward pass each: slow, but plainly right."""
    params = net.without_state(params)
    whole = cross_entropy(net(params, x), y)
    answer = {name: np.empty(w.shape) for name, w in params.items() if name not in net.unpruned}
    for name in answer:
        for j in np.ndindex(params[name].shape):
            c = ones(params)
            c[name][j] -= delta
            answer[name][j] = (whole - cross_entropy(net(apply_masks(c, params), x), y)) / delta
    return answer


@one_thread
def delta_loss(
    net: Sequential,
    params: Arrays,
    x: Array,
    y: Array,
    delta: float = 1.0,
    names: Collection[str] | None = None,
    *,
    memory_limit: int = 2**30,
    title: str | None = "ΔL",
) -> dict[str, Array]:
    """(L(1 ⊙ w) - L((1 - δ e_j) ⊙ w)) / δ for every connection j, exactly; δ = 1 is the definition ΔL_j.

    The losses are those of the definition up to the round-off of float64, which is large where a sum has huge terms.

    Parameters
    ----------
    net : Sequential of layers of minisnip.nn
    params : dict of arrays
        Converted to float64: a ΔL_j is a small difference of two losses.
    x : (N, *net.input_shape)
    y : (N,) integers
    delta : float
        The share of the connection that is removed.
    names : collection of str, or None
        The parameters to score; None for all.
    memory_limit : int
        Bytes that may be held at once besides the arguments.
    title : str or None
        Title of the progress bar, which is shown on a terminal only; None for no bar.

    Returns
    -------
    dict of float64 arrays, with the shapes of the parameters

    Raises
    ------
    ValueError
        If the batch is empty or does not fit the network, an image or a parameter is not finite, delta is 0 or not
        finite, a name is unknown, or the memory is too small.
    TypeError
        If a layer is not one of minisnip.nn.

    Examples
    --------
    >>> from minisnip.nn import Linear, Sequential
    >>> from minisnip.pruning import delta_loss
    >>> net, w = Sequential((2,), fc=Linear(2, 2)), np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> params, x, y = {"fc.weight": w, "fc.bias": np.zeros(2)}, np.eye(2), np.array([0, 1])  # two images
    >>> delta_loss(net, params, x, y)["fc.weight"].round(2)  # removing any but the zero raises the loss
    array([[-0.19, -0.02],
           [ 0.  , -0.06]])
    """
    check_batch(params, x, y)
    known_blocks(net, "ΔL is computed", CHOSEN)
    x, y = np.asarray(x, np.float64), np.asarray(y)
    names = [names] if isinstance(names, str) else list(params if names is None else names)
    _check(net, params, x, y, delta, names)
    params = {name: np.asarray(params[name], np.float64) for name in net.shapes()}
    images, size = _shares(net, params, x, y, memory_limit)
    totals = {name: np.zeros(params[name].shape) for name in names}
    units = sum(len(params[f"{layer}.bias"]) for layer in names_by_layer(names))
    starts = range(0, len(x), images)
    with tqdm(desc=title, total=units * len(starts), unit="unit", disable=None if title else True) as bar:
        for start in starts:
            part = slice(start, start + images)
            _add_changes(totals, find_stages(net, params, x[part], y[part]), delta, size, bar)
    return {name: 0.0 - total / (delta * len(x)) for name, total in totals.items()}


def _check(net: Sequential, params: Arrays, x: Array, y: Array, delta: float, names: list[str]) -> None:
    classes = net(params, x[:1]).shape[1]
    cross_entropy(np.zeros((len(y), classes)), y)  # refuses labels that do not fit
    if delta == 0 or not math.isfinite(delta):
        raise ValueError(f"delta {delta} must be finite and not be 0")
    if not names or not set(names) <= set(net.shapes()):
        raise ValueError(f"names {names} must be one or more of {', '.join(net.shapes())}")


def _shares(net: Sequential, params: Arrays, x: Array, y: Array, memory_limit: int) -> tuple[int, int]:
    """The number of images at a time, and the bytes for the rows of one thread, so that the limit is kept."""
    stages = find_stages(net, params, x[:1], y[:1])
    fixed = 3 * sum(w.nbytes for w in params.values())  # the float64 copy, that of the stages, the answer
    image = sum(2 * (s.columns.nbytes + s.outputs.nbytes + s.entering.nbytes + s.leaving.nbytes) for s in stages)
    row = cores() * max(stage.row_bytes() for stage in stages)
    images = min(IMAGES, len(x), (memory_limit - fixed) // (image + row))
    if images < 1:
        least = fixed + image + row
        raise ValueError(f"memory_limit {memory_limit:,} bytes is too little, this network needs at least {least:,}")
    return images, min(CACHE, (memory_limit - fixed - images * image) // cores())


def _add_changes(totals: dict[str, Array], stages: list[Stage], delta: float, size: int, bar: tqdm) -> None:
    """Add the changes of the loss, summed over the images of the stages; each thread takes one unit at a time."""

    def one_unit(task: tuple[Stage, int]) -> None:
        stage, unit = task
        for short, which in (("weight", slice(0, -1)), ("bias", slice(-1, None))):
            total = totals.get(f"{stage.block.name}.{short}")
            if total is not None:
                total.reshape(len(total), -1)[unit] += stage.unit_changes(unit, which, delta, size)
        bar.update()

    layers = names_by_layer(totals)
    tasks = [(stage, unit) for stage in stages if stage.block.name in layers for unit in range(len(stage.outputs))]
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(one_unit, tasks))


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer with parameters, the activations of N images before and after it, and the layers after it.

    Attributes
    ----------
    block : Block
    connections : (units, K + 1)
        The weights of each unit (or channel), then its bias.
    columns : (K + 1, P, N)
        What each connection reads at each of the P positions of a channel (1 for Linear); 1 for the bias.
    outputs : (units, P, N)
    entering, leaving : (channels, ..., N)
        What the next layer with parameters reads, and what it gives; if there is none, both are the logits.
    later : list of (Layer, its parameters)
        That next layer and all layers after it.
    labels, losses : (N,)
        For each image, with nothing perturbed.
    """

    block: Block
    connections: Array
    columns: Array
    outputs: Array
    entering: Array
    leaving: Array
    later: list[tuple[Layer, dict[str, Array]]]
    labels: Array
    losses: Array

    def unit_changes(self, unit: int, which: slice, delta: float, size: int) -> Array:
        """For some of a unit's connections, the change of the loss summed over the images; `size` bytes at a time."""
        connections, columns = self.connections[unit, which], self.columns[which]
        step = max(1, size // (self.row_bytes() * columns.shape[-1]))
        changes = np.empty(len(connections))
        for start in range(0, len(connections), step):
            part = slice(start, start + step)
            removed = delta * connections[part, None, None] * columns[part]  # (B, P, N)
            outputs = self.outputs[unit][:, None] - removed.transpose(1, 0, 2)  # (P, B, N)
            changes[part] = self._loss_changes(unit, outputs).sum(axis=1)
        return changes

    def _loss_changes(self, unit: int, outputs: Array) -> Array:
        """L of each row minus L with nothing perturbed: outputs (P, B, N) of one unit -> (B, N)."""
        _, b, n = outputs.shape
        x = _rows_first(outputs.reshape(1, *self.block.out_shape[1:], b * n))  # (B·N, 1, *positions)
        for layer in self.block.following.values():
            x = x if isinstance(layer, Select) else layer({}, x)
        places, taken = self._places(unit, x.shape[1])
        x = _rows_last(x[:, taken])
        change = x.reshape(*x.shape[:-1], b, n) - self.entering[places][..., None, :]
        rows = np.flatnonzero(change.reshape(-1, b * n).any(axis=0))  # the others change nothing
        losses = np.zeros(b * n)
        losses[rows] = self._losses(places, change.reshape(*change.shape[:-2], b * n)[..., rows], rows % n)
        return losses.reshape(b, n)

    def _places(self, unit: int, width: int) -> tuple[Any, Any]:
        """The inputs of the next layer that come from this unit, and which of the unit's `width` numbers each one is.

        A flattened channel has a number for each position. Only ReLU and Flatten can come after a Select; both commute
        with it.
        """
        selects = [layer for layer in self.block.following.values() if isinstance(layer, Select)]
        if not selects:
            return slice(unit * width, (unit + 1) * width), slice(None)
        source = np.arange(len(self.outputs) * width)  # of each input, its index before the selections
        for select in selects:
            source = source[select.index]
        places = np.flatnonzero(source // width == unit)
        return places, source[places] % width

    def _losses(self, places: Any, change: Array, images: Array) -> Array:
        """The changes of the loss for changed rows: (width, ..., R) at these inputs of the next layer -> (R,)."""
        out = np.take(self.leaving, images, axis=-1)
        if self.later:  # linear: its output changes by the change times the unit's own weights
            layer, params = self.later[0]
            own = {"weight": params["weight"][:, places], "bias": np.zeros(len(out))}
            out += _rows_last(layer(own, _rows_first(change)))
        else:
            out[places] += change
        logits = _rows_first(out)
        for layer, params in self.later[1:]:
            logits = layer(params, logits)
        return image_losses(logits, self.labels[images]) - self.losses[images]

    def row_bytes(self) -> int:
        """About how much memory one row takes on its way, in float64."""
        shape = self.leaving.shape[:-1]
        numbers: int = 4 * self.outputs.shape[1] + 3 * math.prod(shape)
        for i, (layer, _) in enumerate(self.later):
            if isinstance(layer, Conv2d):
                numbers += 2 * layer.kernel**2 * layer.in_channels * math.prod(shape[1:])
            if i > 0:
                shape = layer.out_shape(shape)
                numbers += 3 * math.prod(shape)
        return 8 * numbers


def find_stages(net: Sequential, params: Arrays, x: Array, y: Array) -> list[Stage]:
    """Run the network once, and keep what every perturbation of its layers needs.

    Raises
    ------
    TypeError
        If a layer is not one of minisnip.nn.
    """
    blocks = known_blocks(net, "ΔL is computed", CHOSEN)
    steps, activations = [], [x]  # each layer with its parameters; activations[i] enters layer i
    for name, layer in net.layers.items():
        own = {short: params[f"{name}.{short}"] for short in layer.shapes()}
        steps.append((layer, own))
        activations.append(layer(own, activations[-1]))
    logits = activations[-1]
    losses = image_losses(logits, y)
    activations.append(logits)  # after the last layer nothing changes them
    starts = [i for i, (_, own) in enumerate(steps) if own]
    stages = []
    for block, i, following in zip(blocks, starts, [*starts[1:], len(steps)], strict=True):
        own = steps[i][1]
        stage = Stage(
            block=block,
            connections=np.column_stack([own["weight"].reshape(len(own["bias"]), -1), own["bias"]]),
            columns=_columns(block.layer, activations[i]),
            outputs=_rows_last(activations[i + 1]).reshape(len(own["bias"]), -1, len(x)),
            entering=np.ascontiguousarray(_rows_last(activations[following])),
            leaving=np.ascontiguousarray(_rows_last(activations[following + 1])),
            later=steps[following:],
            labels=y,
            losses=losses,
        )
        stages.append(stage)
    return stages


def image_losses(logits: Array, labels: Array) -> Array:
    """The cross-entropy of each image: (N, K) -> (N,)."""
    losses: Array = ops.logsumexp(logits, 1) - logits[np.arange(len(labels)), labels]
    return losses


def _columns(layer: Layer, x: Array) -> Array:
    """What the connections of a unit read, in the order of its weights, then the bias: (K + 1, P, N)."""
    if isinstance(layer, Conv2d):
        kernel = (layer.kernel, layer.kernel)
        zeros = ((0, 0), (0, 0), *border(x.shape[2:], kernel, layer.stride, layer.padding))
        columns = im2col(np.pad(x, zeros), kernel, layer.stride)  # (C·k·k, oh·ow·N)
    else:
        columns = x.T
    columns = columns.reshape(len(columns), -1, len(x))
    return np.concatenate([columns, np.ones((1, *columns.shape[1:]))])


def _rows_first(a: Array) -> Array:
    """Rows last -> rows first; a view."""
    return np.moveaxis(a, -1, 0)


def _rows_last(a: Array) -> Array:
    """Rows first -> rows last; a view."""
    return np.moveaxis(a, 0, -1)

"""What a mask leaves alive: a connection is effective if a signal can go through it from the input to an output.

A mask that keeps 2 % of the connections keeps some that lead nowhere: out of a unit that no input reaches, or into
one that reaches no output. Effective sparsity does not count them (Vysogorets and Kempe 2021, arXiv 2107.02306).

A unit is a number behind a Linear layer and a channel behind a Conv2d. A channel lives or dies as a whole: all numbers
of its flattened image are it, whatever strides and padding do to single positions. Before the first layer each number
of a flat input is a unit of its own, and of an image each channel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Select, Sequential
from minisnip.pruning.masks import apply_masks

KNOWN_LAYERS = (Linear, Conv2d, MaxPool2d, ReLU, Flatten, Select)


@dataclass(frozen=True, eq=False)
class Links:
    """The connections of one layer, a kernel counting as one.

    Attributes
    ----------
    name : str
        Of the layer; its parameters are `weight` and `bias`.
    layer : Linear or Conv2d
    between : list of Layer
        What stands between the layer before it and this one: ReLU, pooling, flattening, selecting.
    kept : (units, inputs) of bool
    kept_bias : (units,) of bool
    owner : (inputs,) of int
        To which unit of the layer before each input belongs; in the first layer, each to itself.
    sources : int
        How many such units there are.
    """

    name: str
    layer: Linear | Conv2d
    between: list[Layer]
    kept: Array
    kept_bias: Array
    owner: Array
    sources: int

    @property
    def weight(self) -> str:
        return f"{self.name}.weight"

    @property
    def bias(self) -> str:
        return f"{self.name}.bias"


def whole_masks(net: Sequential, masks: Mapping[str, Array]) -> dict[str, Array]:
    """The masks of all parameters: where one is missing, 1. ValueError if one does not fit."""
    return apply_masks(masks, {name: np.ones(shape) for name, shape in net.shapes().items()})


def find_links(net: Sequential, masks: Mapping[str, Array]) -> list[Links]:
    """The connections of each layer with parameters, in order.

    Raises
    ------
    TypeError
        If the network is no plain Sequential, or a layer is not one of minisnip.nn.
    ValueError
        If a mask has no parameter, or another shape.
    """
    if type(net) is not Sequential:
        raise TypeError(f"the network is a {type(net).__name__}: paths are known through a plain Sequential only")
    masks = whole_masks(net, masks)
    links: list[Links] = []
    between: list[Layer] = []
    shape, owner = net.input_shape, np.arange(net.input_shape[0])
    for name, layer in net.layers.items():
        if type(layer) not in KNOWN_LAYERS:
            raise TypeError(
                f"layer {name} is a {type(layer).__name__}: paths are known through layers of minisnip.nn only"
            )
        if isinstance(layer, Linear | Conv2d):
            kept, kept_bias = masks[f"{name}.weight"] != 0, masks[f"{name}.bias"] != 0
            owner = owner if links else np.arange(len(owner))
            sources = len(links[-1].kept) if links else len(owner)
            links.append(Links(name, layer, between, _by_kernel(kept), kept_bias, owner, sources))
            between, owner = [], np.arange(len(kept))
        else:
            between.append(layer)
            owner = passed_on(layer, owner, shape)
        shape = net.out_shapes[name]
    return links


def _by_kernel(kept: Array) -> Array:
    """(out, in, ...) -> (out, in): whether anything of a kernel is kept."""
    return np.asarray(kept.reshape(*kept.shape[:2], -1).any(axis=2))


def passed_on(layer: Layer, facts: Array, shape: tuple[int, ...]) -> Array:
    """One fact per channel or number before a layer without parameters -> one per channel or number behind it."""
    if isinstance(layer, Flatten):
        return np.repeat(facts, math.prod(shape[1:]))  # (C, H, W) -> (C·H·W,)
    return facts[layer.index] if isinstance(layer, Select) else facts


def reached(links: Sequence[Links], from_biases: bool) -> list[Array]:
    """Which units of each layer a signal reaches, going forward.

    Parameters
    ----------
    links : of `find_links`
    from_biases : bool
        Whether signals start at kept biases too, or at the network's input only.

    Returns
    -------
    list of (units,) bool: the network's inputs first, then each layer's units
    """
    found: list[Array] = [np.ones(links[0].sources, bool)]
    for link in links:
        units = np.asarray((link.kept & found[-1][link.owner]).any(axis=1))
        found.append(units | link.kept_bias if from_biases else units)
    return found


def reaching(links: Sequence[Links]) -> list[Array]:
    """From which units of each layer a signal reaches an output, going backward; in the same order."""
    found: list[Array] = [np.ones(len(links[-1].kept), bool)]
    for link in reversed(links):
        before = np.zeros(link.sources, bool)
        before[link.owner[link.kept[found[0]].any(axis=0)]] = True
        found.insert(0, before)
    return found


def alive_units(net: Sequential, masks: Mapping[str, Array]) -> dict[str, Array]:
    """Which inputs and which units of each layer are on a path from the input to an output.

    Parameters
    ----------
    net : Sequential
    masks : dict of arrays of 0 and 1
        A parameter without a mask is kept.

    Returns
    -------
    dict of (units,) bool: "input", then each layer with parameters by its name

    Raises
    ------
    TypeError, ValueError
        As `effective_masks`.
    """
    links = find_links(net, masks)
    alive = [r & s for r, s in zip(reached(links, from_biases=False), reaching(links), strict=True)]
    return dict(zip(["input", *(link.name for link in links)], alive, strict=True))


def effective_masks(net: Sequential, masks: Mapping[str, Array]) -> dict[str, Array]:
    """The masks without the connections that lead nowhere.

    A weight is effective if it is kept, its source is reached from the input and its target reaches an output; a bias,
    if it is kept and its unit reaches an output. Only masks count, not the values of weights.

    Parameters
    ----------
    net : Sequential
    masks : dict of arrays of 0 and 1
        A parameter without a mask is kept.

    Returns
    -------
    dict of arrays, with the keys, shapes and dtypes of `masks`

    Raises
    ------
    TypeError
        If a layer is not one of minisnip.nn.
    ValueError
        If a mask has no parameter, or another shape.
    """
    links = find_links(net, masks)
    effective = {}
    for link, sources, targets in zip(links, reached(links, from_biases=False)[:-1], reaching(links)[1:], strict=True):
        on_path = targets[:, None] & sources[link.owner]  # (units, inputs)
        kernels = (1,) * (len(net.shapes()[link.weight]) - 2)
        effective[link.weight] = on_path.reshape(*on_path.shape, *kernels)
        effective[link.bias] = targets
    return {name: (c * effective[name]).astype(c.dtype) for name, c in masks.items()}

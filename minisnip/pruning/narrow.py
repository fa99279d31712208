"""Layers for fewer units and inputs: the network that is left, given which units of each layer are."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Conv2d, Layer, Linear, Select, Sequential
from minisnip.pruning.alive import passed_on

Places: TypeAlias = dict[str, tuple[Array, ...]]  # parameter -> which of its units, and inputs of a weight, are left


def narrow_layers(net: Sequential, places: Places) -> dict[str, Layer]:
    """The layers by name, with a selection of inputs before the first one if it does not read all."""
    layers: dict[str, Layer] = {}
    shape, present = net.input_shape, np.ones(net.input_shape[0], bool)  # which channels or numbers are still there
    for name, layer in net.layers.items():
        if isinstance(layer, Linear | Conv2d):
            units, inputs = places[f"{name}.weight"]
            if len(inputs) < np.count_nonzero(present):
                _select(layers, inputs, len(present), net)
            layers[name] = _narrow(layer, len(inputs), len(units))
            present = np.isin(np.arange(net.out_shapes[name][0]), units)
        else:
            layers[name] = _renumber(layer, present) if isinstance(layer, Select) else layer
            present = passed_on(layer, present, shape)
        shape = net.out_shapes[name]
    return layers


def _narrow(layer: Linear | Conv2d, inputs: int, units: int) -> Layer:
    if isinstance(layer, Linear):
        return Linear(inputs, units)
    return replace(layer, in_channels=inputs, out_channels=units)


def _renumber(layer: Select, present: Array) -> Select:
    """The same selection, among the numbers that are still there."""
    place, index = np.cumsum(present) - 1, layer.index
    return Select(int(np.count_nonzero(present)), tuple(place[index[present[index]]].tolist()))


def _select(layers: dict[str, Layer], inputs: Array, size: int, net: Sequential) -> None:
    """Read only these of `size` inputs: narrow the selection that stands there, or add one."""
    last, name = next(reversed(layers), ""), "inputs"
    if isinstance(standing := layers.get(last), Select):
        layers[last] = Select(standing.in_features, tuple(standing.index[inputs].tolist()))
        return
    while name in net.layers:
        name += "_"
    layers[name] = Select(size, tuple(inputs.tolist()))

"""What a mask leaves: the units and connections on a path from the input to an output, and counts of them.

A mask that keeps 2 % of the connections keeps some that lead nowhere: out of a unit that no input reaches, or into
one that reaches no output. Effective sparsity does not count them (Vysogorets and Kempe 2021, arXiv 2107.02306).

A unit is one number after a Linear layer and a channel after a Conv2d. A channel counts as a whole, with all numbers of
its flattened image, whatever strides and padding do to single positions. Before the first layer, the units are the
numbers of a flat input or the channels of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minisnip.autodiff.engine import Array, Arrays, Tensor, grad
from minisnip.nn import Block, Sequential
from minisnip.nn.layers import known_blocks
from minisnip.pruning.masks import apply_masks


@dataclass(frozen=True)
class Connections:
    """The connections of one layer; a kernel counts as one.

    Attributes
    ----------
    block : Block
        The layer, Linear or Conv2d.
    kept : (units, inputs) of bool
    unit_of_input : (inputs,) of int
        The source that each input belongs to: a unit of the layer before; in the first layer, the input itself.
    sources : int
        The number of such units.
    """

    block: Block
    kept: Array
    unit_of_input: Array
    sources: int

    @property
    def weight(self) -> str:
        return f"{self.block.name}.weight"

    @property
    def bias(self) -> str:
        return f"{self.block.name}.bias"

    def readers_of(self, sources: Array) -> Array:
        """The units that read any of these sources: (sources,) of bool -> (units,) of bool."""
        return np.asarray((self.kept & sources[self.unit_of_input]).any(axis=1))

    def read_by(self, units: Array) -> Array:
        """The sources that any of these units read: (units,) of bool -> (sources,) of bool."""
        read = np.zeros(self.sources, bool)
        read[self.unit_of_input[self.kept[units].any(axis=0)]] = True
        return read


def whole_masks(net: Sequential, masks: Arrays) -> dict[str, Array]:
    """The masks of all parameters, with 1 where one is missing. ValueError if a mask does not fit."""
    return apply_masks(masks, {name: np.ones(shape) for name, shape in net.shapes().items()})


def find_connections(net: Sequential, masks: Arrays) -> list[Connections]:
    """The connections of each layer with parameters, in order.

    Raises
    ------
    TypeError
        If the network is no plain Sequential, or a layer is not one of minisnip.nn.
    ValueError
        If a mask has no parameter, or another shape.
    """
    found: list[Connections] = []
    blocks, masks = known_blocks(net, "paths are known"), whole_masks(net, masks)
    for block in blocks:
        c = masks[f"{block.name}.weight"]
        kept = np.asarray(c.reshape(*c.shape[:2], -1).any(axis=2))  # (out, in, ...) -> (out, in)
        unit_of_input = _unit_of_input(found[-1].block) if found else np.arange(c.shape[1])
        found.append(Connections(block, kept, unit_of_input, len(found[-1].kept) if found else c.shape[1]))
    return found


def _unit_of_input(block: Block) -> Array:
    """The unit of this block that each input (or input channel) of the next one belongs to.

    All numbers of a unit are set to its index and taken through the layers that follow: none of them changes it.
    """
    index = np.arange(block.out_shape[0], dtype=np.float64).reshape(-1, *[1] * (len(block.out_shape) - 1))
    x = np.broadcast_to(index, (1, *block.out_shape))
    for layer in block.following.values():
        x = layer({}, x)
    return np.asarray(x[0].reshape(x.shape[1], -1)[:, 0].astype(np.intp))


def reachable_units(connections: Sequence[Connections], biases: Arrays | None = None) -> list[Array]:
    """The units of each layer that a signal from the network's input reaches.

    Parameters
    ----------
    connections : of `find_connections`
    biases : dict of arrays, or None
        Masks of the biases, if signals start at kept biases too.

    Returns
    -------
    list of (units,) bool: the network's inputs first, then each layer's units
    """
    found: list[Array] = [np.ones(connections[0].sources, bool)]
    for layer in connections:
        units = layer.readers_of(found[-1])
        found.append(units if biases is None else units | (biases[layer.bias] != 0))
    return found


def units_reaching_output(connections: Sequence[Connections]) -> list[Array]:
    """The units of each layer from which a signal reaches an output; in the order of `reachable_units`."""
    found: list[Array] = [np.ones(len(connections[-1].kept), bool)]
    for layer in reversed(connections):
        found.insert(0, layer.read_by(found[0]))
    return found


def alive_units(net: Sequential, masks: Arrays) -> dict[str, Array]:
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
    connections = find_connections(net, masks)
    names = ["input", *(layer.block.name for layer in connections)]
    both = zip(names, reachable_units(connections), units_reaching_output(connections), strict=True)
    return {name: reachable & reaching for name, reachable, reaching in both}


def effective_masks(net: Sequential, masks: Arrays) -> dict[str, Array]:
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
    connections, on_path = find_connections(net, masks), {}
    reachable, reaching = reachable_units(connections), units_reaching_output(connections)
    for layer, sources, targets in zip(connections, reachable[:-1], reaching[1:], strict=True):
        kernels = (1,) * (len(net.shapes()[layer.weight]) - 2)
        on_path[layer.weight] = (targets[:, None] & sources[layer.unit_of_input]).reshape(*layer.kept.shape, *kernels)
        on_path[layer.bias] = targets
    return {name: (c * on_path[name]).astype(c.dtype) for name, c in masks.items()}


def units_gone(net: Sequential, masks: Arrays) -> dict[str, dict[str, int]]:
    """For the inputs and for each layer: how many units (or channels) are cut off on either side.

    This looks at each unit's own connections, not at whole paths: a unit that reads only units that are gone still
    counts as present. Biases do not count, they carry no signal.

    Parameters
    ----------
    net : Sequential
    masks : dict of arrays
        A weight without a mask is kept whole.

    Returns
    -------
    dict of rows by layer, the first "input" with a unit for each input number
        units; unfed, those that read nothing; unread, those that nothing reads; gone, those that are either.

    Raises
    ------
    TypeError, ValueError
        As `effective_masks`.
    """
    connections = find_connections(net, masks)
    unread = [input_connections(net, masks).ravel() == 0]
    unread += [~layer.read_by(np.ones(len(layer.kept), bool)) for layer in connections[1:]]
    unread.append(np.zeros(len(connections[-1].kept), bool))  # the logits are read by the loss
    unfed = [np.zeros_like(unread[0]), *(~layer.kept.any(axis=1) for layer in connections)]
    return {
        name: {"units": len(a), "unfed": int(a.sum()), "unread": int(b.sum()), "gone": int((a | b).sum())}
        for name, a, b in zip(["input", *(layer.block.name for layer in connections)], unfed, unread, strict=True)
    }


def input_connections(net: Sequential, masks: Arrays) -> Array:
    """How often the kept connections of the first layer read each input number; has the shape of one sample.

    With the mask for weights the layer is a sum of inputs, each as often as it is read, so the count is its gradient.
    """
    out = x = Tensor(np.zeros((1, *net.input_shape)))
    for layer in net.head.values():
        out = layer({}, out)
    first = net.blocks()[0]
    c = {short: masks.get(f"{first.name}.{short}", np.ones(shape)) for short, shape in first.layer.shapes().items()}
    counts: Array = np.rint(grad(first.layer(c, out).sum(), x)[0]).astype(np.int64)
    return counts


def picture(counts: Array) -> str:
    """The image of (H, W) counts in characters for a terminal: the darker, the more."""
    shades = np.array(list(" .:-=+*#%@"))
    levels = np.ceil(counts * (len(shades) - 1) / max(1, counts.max())).astype(int)
    return "\n".join("".join(np.repeat(row, 2)).rstrip() for row in shades[levels])

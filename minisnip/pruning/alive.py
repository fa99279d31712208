"""What a mask leaves: the units and connections on a path from the input to an output, and counts of them.

A mask that keeps 2 % of the connections keeps some that lead nowhere: out of a unit that no input reaches, or into
one that reaches no output. Effective sparsity does not count them (Vysogorets and Kempe 2021, arXiv 2107.02306).

A unit is one number after a Linear layer and a channel after a Conv2d. A channel counts as a whole, with all numbers of
its flattened image, whatever strides and padding do to single positions. Before the first layer, the units are the
numbers of a flat input or the channels of an image. A BatchNorm connects each unit to itself alone, by its γ. A unit
after a Residual is reached through the body and through the shortcut.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from minisnip.autodiff.engine import Array, Arrays, Tensor, grad
from minisnip.nn import BatchNorm, Block, Layer, Residual, Sequential
from minisnip.nn.known import PATHS, UnknownLayerError, known_blocks, saturating
from minisnip.nn.layers import Shape
from minisnip.pruning.masks import apply_masks

COUNT = "kept_per_layer counts what is kept, on a path or not"


@dataclass(frozen=True)
class Connections:
    """The connections of one layer; a kernel counts as one. Or of the end of a Residual's part to the sum.

    Attributes
    ----------
    block : Block
        The layer: Linear, Conv2d or BatchNorm; or the Residual.
    kept : (units, inputs) of bool
    unit_of_input : (inputs,) of int
        The source that each input belongs to: a unit of the layer before; in the first layer, the input itself.
    sources : int
        The number of such units.
    before, after : int
        The group of the sources, and that of the units; 0 is the network's input.
    between : tuple of Layer
        The layers without parameters between the sources and the inputs.
    """

    block: Block
    kept: Array
    unit_of_input: Array
    sources: int
    before: int
    after: int
    between: tuple[Layer, ...]

    @property
    def is_sum(self) -> bool:
        """Whether they lead to the sum of a Residual, and have no parameters."""
        return isinstance(self.block.layer, Residual)

    @property
    def is_one_to_one(self) -> bool:
        """Whether each unit has one weight, γ, and reads the source of the same place."""
        return isinstance(self.block.layer, BatchNorm)

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


def find_connections(net: Sequential, masks: Arrays, remedy: str = COUNT) -> list[Connections]:
    """The connections of each layer with parameters, in order; after the layers of a Residual, those to its sum.

    `remedy` ends the error for a layer that is not known.

    Raises
    ------
    TypeError
        If the network is no plain Sequential, or a layer is not one of PATHS.
    ValueError
        If a mask has no parameter, or another shape.
    """
    found: list[Connections] = []
    first = known_blocks(net, "paths are known", remedy, PATHS)[0]
    _walk(net, "", _Units(0, first.in_shape), whole_masks(net, masks), found)
    return found


class _Units:
    """A group of units, and the unit that each number belongs to, here: after the group's layer and others."""

    def __init__(self, group: int, shape: Shape) -> None:
        self.group, self.count = group, shape[0]
        self.index = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1)) * np.ones(shape)
        self.between: tuple[Layer, ...] = ()

    def through(self, layers: dict[str, Layer]) -> _Units:
        """The same units after more layers: all numbers of a unit are its index, and no layer changes it."""
        found = copy(self)
        for layer in layers.values():
            found.index = np.rint(layer({}, found.index[None])[0])
            found.between += (layer,)
        return found

    def to(self, block: Block, kept: Array, after: int) -> Connections:
        """Connections from here."""
        unit_of_input = self.index.reshape(len(self.index), -1)[:, 0].astype(np.intp)
        return Connections(block, kept, unit_of_input, self.count, self.group, after, self.between)


def _walk(net: Sequential, prefix: str, units: _Units, masks: Arrays, found: list[Connections]) -> _Units:
    """Find the connections of a network, or of a part of one, whose first layer with parameters reads these units."""
    for block in (replace(block, name=f"{prefix}{block.name}") for block in net.blocks()):
        if isinstance(block.layer, Residual):
            parts = ((f"{block.name}.{start}", part) for start, part in block.layer.networks.items())
            ends = [_walk(part, start, units.through(part.head), masks, found) for start, part in parts]
            after = found[-1].after + 1
            found += [end.to(block, np.eye(block.out_shape[0], dtype=bool), after) for end in ends]
        else:
            after = found[-1].after + 1 if found else 1
            c = masks[f"{block.name}.weight"]
            kept = np.diag(c != 0) if c.ndim == 1 else c.reshape(*c.shape[:2], -1).any(axis=2)  # (out, in)
            found.append(units.to(block, np.asarray(kept), after))
        units = _Units(after, block.out_shape).through(block.following)
    return units


def reachable_units(connections: Sequence[Connections], biases: Arrays | None = None) -> list[Array]:
    """The units of each group that a signal from the network's input reaches.

    Parameters
    ----------
    connections : of `find_connections`
    biases : dict of arrays, or None
        Masks of the biases, if signals start at kept biases too.

    Returns
    -------
    list of (units,) bool: the network's inputs first, then the units that each layer or sum gives
    """
    found = _groups(connections)
    found[0][:] = True
    for layer in connections:
        found[layer.after] |= layer.readers_of(found[layer.before])
        if biases is not None and layer.bias in biases:
            found[layer.after] |= biases[layer.bias] != 0
    return found


def _groups(connections: Sequence[Connections]) -> list[Array]:
    """False for each unit of each group."""
    sizes = {layer.after: len(layer.kept) for layer in connections}
    return [np.zeros(n, bool) for n in (connections[0].sources, *sizes.values())]


def units_reaching_output(connections: Sequence[Connections]) -> list[Array]:
    """The units of each group from which a signal reaches an output; in the order of `reachable_units`."""
    found = _groups(connections)
    found[-1][:] = True
    for layer in reversed(connections):
        found[layer.before] |= layer.read_by(found[layer.after])
    return found


def _groups_by_name(connections: Sequence[Connections]) -> dict[str, int]:
    """The group that each layer with parameters gives, and that of the input."""
    return {"input": 0} | {layer.block.name: layer.after for layer in connections if not layer.is_sum}


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
    reachable, reaching = reachable_units(connections), units_reaching_output(connections)
    return {name: reachable[i] & reaching[i] for name, i in _groups_by_name(connections).items()}


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
    for layer in (layer for layer in connections if not layer.is_sum):
        sources, targets = reachable[layer.before][layer.unit_of_input], reaching[layer.after]
        kernels = (1,) * (len(net.shapes()[layer.weight]) - 2)
        both = (targets[:, None] & sources).reshape(*layer.kept.shape, *kernels)
        on_path[layer.weight] = targets & sources if layer.is_one_to_one else both
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
    read, fed = _groups(connections), _groups(connections)
    for layer in connections:
        read[layer.before] |= layer.read_by(np.ones(len(layer.kept), bool))
        fed[layer.after] |= layer.kept.any(axis=1)
    read[0] = input_connections(net, masks).ravel() != 0
    fed[0] = np.ones_like(read[0])
    read[-1][:] = True  # the logits are read by the loss
    return {
        name: {"units": len(a), "unfed": int((~a).sum()), "unread": int((~b).sum()), "gone": int((~(a & b)).sum())}
        for name, a, b in ((name, fed[i], read[i]) for name, i in _groups_by_name(connections).items())
    }


def input_connections(net: Sequential, masks: Arrays) -> Array:
    """How often the kept connections of the first layer read each input number; has the shape of one sample.

    With the mask for weights the layer is a sum of inputs, each as often as it is read, so the count is its gradient.
    A Residual reads a number once on each path through it.

    Raises
    ------
    TypeError
        If the first layer saturates, as an LSTM does: its output is no such sum.
    """
    out = x = Tensor(np.ones((1, *net.input_shape)))  # positive: every ReLU is on
    for layer in net.head.values():
        out = layer({}, out)
    first = net.blocks()[0]
    if curved := saturating(Sequential(first.in_shape, **{first.name: first.layer})):
        raise UnknownLayerError(f"{curved} is no sum of inputs: count the ones in the columns of its weight's mask")
    c = {short: masks.get(f"{first.name}.{short}", np.ones(shape)) for short, shape in first.layer.shapes().items()}
    state: dict[str, Shape] = getattr(first.layer, "state_shapes", dict)()  # of a BatchNorm: mean 0, variance 1
    c |= {short: np.full(shape, float(short.endswith("running_var"))) for short, shape in state.items()}
    counts: Array = np.rint(grad(first.layer(c, out).sum(), x)[0]).astype(np.int64)
    return counts


def picture(counts: Array) -> str:
    """The image of (H, W) counts in characters for a terminal: the darker, the more."""
    shades = np.array(list(" .:-=+*#%@"))
    levels = np.ceil(counts * (len(shades) - 1) / max(1, counts.max())).astype(int)
    return "\n".join("".join(np.repeat(row, 2)).rstrip() for row in shades[levels])

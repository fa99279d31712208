"""The smaller dense network that a mask leaves: units on no path are removed, and the logits stay the same.

`cut` removes units that are constantly zero or not read, so that the small network trains exactly as the masked one
does. `compact` also folds constant units into the biases of the next layer: it is for a network that is trained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from minisnip.autodiff.engine import Array, Arrays
from minisnip.mistakes import check_arrays, check_masks
from minisnip.nn import BatchNorm, Block, Conv2d, Layer, Linear, ReLU, Residual, Select, Sequential
from minisnip.nn.normalization import EPSILON
from minisnip.pruning.alive import Connections, find_connections, reachable_units, units_reaching_output, whole_masks
from minisnip.pruning.masks import apply_masks, ones

MASKED = "train and evaluate the masked network, without compact"
# parameter or running statistic -> which of its units, and inputs of a weight, remain
Places: TypeAlias = dict[str, tuple[Array, ...]]


@dataclass(frozen=True, eq=False)
class Compact:
    """A smaller network with its parameters, and the way back.

    Attributes
    ----------
    net : Sequential
        Takes the same images; its layers and parameters keep their names.
    params, masks : dict of arrays
        c ⊙ w and c of the remaining connections; a parameter that had no mask has none.
    full : Sequential
        The network it was made from.
    connections : int
        How many connections the masks kept of `full`.
    places : dict
        For each parameter, which of its units, and which inputs of a weight, remain.

    Examples
    --------
    >>> from minisnip.nn import lenet_300_100
    >>> from minisnip.pruning import compact, keep_top
    >>> net, rng = lenet_300_100(), np.random.default_rng(0)
    >>> params = net.init(rng)
    >>> masks = keep_top({name: rng.random(w.shape) for name, w in params.items()}, 0.99)
    >>> compact(net, params, masks)
    784-300-100-10 -> 140-22-6-10; parameters 266,610 -> 3,310, connections 2,666 -> 183
    """

    net: Sequential
    params: dict[str, Array]
    masks: dict[str, Array]
    full: Sequential
    connections: int
    places: Places

    def expand(self, params: Arrays) -> dict[str, Array]:
        """Put parameters of the small network (or their gradients, or masks) into the full shapes; zero elsewhere.

        The full network has the same logits with them. Names that are not given are left out. To train the full
        network further after `compact`, use the masks `expand(masks)`: a bias that was pruned may hold a constant.
        """
        shapes, own = (net.shapes() | net.state_shapes() for net in (self.full, self.net))
        full: dict[str, Array] = {}
        for name, small in params.items():
            if small.shape != own.get(name):
                raise ValueError(f"{name} has shape {small.shape}, the small network's is {own.get(name, 'not there')}")
            full[name] = np.zeros(shapes[name], small.dtype)
            full[name][np.ix_(*self.places[name])] = small
        return full

    def __repr__(self) -> str:
        """Widths, parameters and connections, before and after."""
        return (
            f"{_widths(self.full)} -> {_widths(self.net)}; parameters {self.full.size:,} -> {self.net.size:,}, "
            f"connections {self.connections:,} -> {_count(self.net, self.masks):,}"
        )


def compact(net: Sequential, params: Arrays, masks: Arrays) -> Compact:
    """Remove all inputs, units and channels without a path from the input to an output, for use after training.

    A unit with no live inputs is constant and is absorbed into the next layer's biases (`_fold_constants`); so a bias
    may hold a number where the mask was 0, and is 1 in the new mask. Classes, and the channels of images, always stay.

    Parameters
    ----------
    net : Sequential
    params : dict of arrays
    masks : dict of arrays of 0 and 1
        A parameter without a mask is kept.

    Returns
    -------
    Compact
        Its logits are those of `net(apply_masks(masks, params), x)` to float tolerance.

    Raises
    ------
    TypeError
        If a layer is not one of minisnip.nn.
    ValueError
        If a mask or a parameter does not fit the network.
    """
    _check(net, params, masks)
    small = cut(net, *_fold_constants(net, params, masks))
    return replace(small, masks={name: small.masks[name] for name in masks}, connections=_count(net, masks))


def cut(net: Sequential, params: Arrays, masks: Arrays) -> Compact:
    """Remove, for training: inputs that are not read, units without input and bias, units that reach no output.

    A unit with a kept bias stays, whatever the bias is now: training moves it. What is removed has value or gradient 0
    at every step, so the gradients of the remaining connections are those of the masked network.
    At least one unit of each layer stays, even if it is on no path.

    Parameters, returns and raises as `compact`; biases and masks keep their values.
    """
    _check(net, params, masks)
    connections, whole = find_connections(net, masks, MASKED), apply_masks(masks, ones(net.without_state(params)))
    left = _remaining(net, connections, _constants_of_training(params, whole))
    places: Places = {}
    for layer in (layer for layer in connections if not layer.is_sum):
        units, inputs = np.flatnonzero(left[layer.after]), np.flatnonzero(left[layer.before][layer.unit_of_input])
        places[layer.weight] = (units,) if layer.is_one_to_one else (units, inputs)
        places |= dict.fromkeys((f"{layer.block.name}.{n}" for n in ("bias", "running_mean", "running_var")), (units,))
    small = Sequential(net.input_shape, **_narrow_layers(net, places))
    small_params = {name: w[np.ix_(*places[name])] for name, w in apply_masks(masks, params).items() if name in places}
    small_masks = {name: whole[name][np.ix_(*places[name])] for name in masks}
    return Compact(small, small_params, small_masks, net, _count(net, masks), places)


def _constants_of_training(params: Arrays, masks: Arrays) -> dict[str, Array]:
    """Which units may differ from zero without input: kept biases, and γ (0 - μ) / σ of a running mean μ."""
    means = {name.replace("running_mean", "bias"): a for name, a in params.items() if name.endswith("running_mean")}
    return {**masks, **{name: (masks[name] != 0) | (mean != 0) for name, mean in means.items()}}


def _remaining(net: Sequential, connections: list[Connections], biases: Arrays) -> list[Array]:
    """The units of each group that remain: those on a path from the input or a bias, and those that must stay."""
    both = zip(reachable_units(connections, biases), units_reaching_output(connections), strict=True)
    left = [reachable & reaching for reachable, reaching in both]
    if not isinstance(net.blocks()[0].layer, Linear):
        left[0][:] = True  # the channels of the images
    left[-1][:] = True  # the classes
    left = [units if units.any() else np.arange(len(units)) == 0 for units in left]
    _keep_together(connections, left)
    return left


def _keep_together(connections: list[Connections], left: list[Array]) -> None:
    """Where units are read one to one, a unit stays before and after; the parts of a sum stay whole. In place."""
    for layer in reversed(connections):
        if layer.is_sum:
            left[layer.after][:] = left[layer.before][:] = True
        elif layer.is_one_to_one:
            left[layer.before][layer.unit_of_input[left[layer.after]]] = True
    for layer in connections:
        if layer.is_one_to_one:
            left[layer.after] = left[layer.before][layer.unit_of_input]


def _check(net: Sequential, params: Arrays, masks: Arrays) -> None:
    """The network itself says which parameter does not fit."""
    check_arrays("compact(net, params, masks)", params=params)
    check_masks("compact(net, params, masks)", masks)
    net(params, np.zeros((2, *net.input_shape), np.float32))


def _fold_constants(net: Sequential, params: Arrays, masks: Arrays) -> tuple[dict[str, Array], dict[str, Array]]:
    """c ⊙ w and c of the same function of the images, in which no unit reads a constant one.

    Without live inputs a unit is act(b) for every image. Its contribution to a unit of the next layer, w · act(b), is
    added to that unit's bias; for a convolution, which reads a constant image, Σ_k w_k · act(b). That unit may then be
    constant itself, and so on. A convolution with padding sees zeros beyond the border of a constant image, which no
    bias can express: there the unit stays, unless act(b) = 0; and so it does before a layer without a bias, and before
    the sum of a Residual.
    """
    masks = apply_masks(masks, ones(net.without_state(params)))
    params = apply_masks(masks, params)  # new arrays, changed below
    layers = {layer.after: layer for layer in find_connections(net, masks, MASKED) if not layer.is_sum}
    for layer in layers.values():
        if (before := layers.get(layer.before)) is None:  # the network's input, or a sum
            continue
        constant, values = _constants(before, params, masks)
        if any(isinstance(between, ReLU) for between in layer.between):  # pooling and flattening keep a constant
            values = np.maximum(values, 0)
        if _reads_zeros(layer.block.layer) or layer.bias not in params:
            constant &= values == 0
        move = _normalize_constants if layer.is_one_to_one else _move_into_biases
        move(layer, constant[layer.unit_of_input], values[layer.unit_of_input], params, masks)
    return params, masks


def _constants(layer: Connections, params: Arrays, masks: Arrays) -> tuple[Array, Array]:
    """Which units of a layer have no input, and what each of them is: its bias."""
    constant = np.asarray(~masks[layer.weight].reshape(len(layer.kept), -1).any(axis=1))
    return constant, params[layer.bias].copy() if layer.bias in params else np.zeros(len(layer.kept))


def _reads_zeros(layer: Layer) -> bool:
    """Whether a layer reads zeros beyond the border of an image."""
    return isinstance(layer, Conv2d) and layer.padding != 0


def _move_into_biases(
    layer: Connections, constant: Array, values: Array, params: dict[str, Array], masks: dict[str, Array]
) -> None:
    """b ← b + Σ over constant inputs of (Σ_k w_k) · value, and w ← 0 there, in place."""
    weight = params[layer.weight]
    kernel_sums = weight.reshape(*weight.shape[:2], -1).sum(axis=2)  # (units, inputs)
    if layer.bias in params:  # without a bias, the constants are zero
        moved = kernel_sums[:, constant] @ values[constant]
        params[layer.bias] += moved
        masks[layer.bias][moved != 0] = 1
    for arrays in (params, masks):
        arrays[layer.weight][:, constant] = 0


def _normalize_constants(
    layer: Connections, constant: Array, values: Array, params: dict[str, Array], masks: dict[str, Array]
) -> None:
    """β ← β + γ (value - μ) / √(σ² + ε) of constant units, and γ ← 0 there, in place.

    A batch's own statistics have μ = value, and nothing moves.
    """
    mean, variance = (f"{layer.block.name}.running_{name}" for name in ("mean", "var"))
    if mean in params:
        scale = params[layer.weight] / np.sqrt(params[variance] + EPSILON)
        moved = np.where(constant, scale * (values - params[mean]), 0)
        params[layer.bias] += moved.astype(params[layer.bias].dtype)
        masks[layer.bias][moved != 0] = 1
    for arrays in (params, masks):
        arrays[layer.weight][constant] = 0


def _narrow_layers(net: Sequential, places: Places, prefix: str = "", present: Array | None = None) -> dict[str, Layer]:
    """The layers by name for the remaining units, with a selection of inputs before the first one if some are gone.

    In a part of a Residual, the prefix begins the names, and `present` is 1 for the numbers of its input that remain.
    """
    layers, present = _follow(net.head, np.ones((1, *net.input_shape)) if present is None else present)
    for i, block in enumerate(net.blocks()):
        units, *inputs = places.get(f"{prefix}{block.name}.weight", (slice(None),))
        if not prefix and i == 0 and inputs and len(inputs[0]) < block.in_shape[0]:
            _select(layers, inputs[0], block.in_shape[0], net)
        layers[block.name] = _narrow(block, f"{prefix}{block.name}", places, present)
        present = np.zeros((1, *block.out_shape))
        present[:, units] = 1
        following, present = _follow(block.following, present)
        layers |= following
    return layers


def _follow(layers: dict[str, Layer], present: Array) -> tuple[dict[str, Layer], Array]:
    """Layers without parameters, each selection among the numbers that are present; and what is present after them."""
    narrowed: dict[str, Layer] = {}
    for name, layer in layers.items():
        narrowed[name] = _renumber(layer, present[0] > 0) if isinstance(layer, Select) else layer
        present = layer({}, present)  # none of them changes a constant
    return narrowed, present


def _narrow(block: Block, name: str, places: Places, present: Array) -> Layer:
    """The layer for the units and inputs that remain; a Residual reads what is present, and gives all its units."""
    layer = block.layer
    if isinstance(layer, Residual):
        channels = int(np.count_nonzero(present[0].reshape(present.shape[1], -1).any(axis=1)))
        shape = (channels, *block.in_shape[1:])
        parts = {start: _narrow_layers(p, places, f"{name}.{start}", present) for start, p in layer.networks.items()}
        short = Sequential(shape, **parts["shortcut."]) if "shortcut." in parts else parts[""].get("shortcut")
        return Residual(Sequential(shape, **parts["body."]), short)
    units, *inputs = (len(remaining) for remaining in places[f"{name}.weight"])
    if isinstance(layer, BatchNorm):
        return replace(layer, features=units)
    if isinstance(layer, Conv2d):
        return replace(layer, in_channels=inputs[0], out_channels=units)
    return Linear(inputs[0], units)


def _renumber(layer: Select, present: Array) -> Select:
    """The same selection, among the numbers that are still present."""
    place, index = np.cumsum(present) - 1, layer.index
    return Select(int(np.count_nonzero(present)), tuple(place[index[present[index]]].tolist()))


def _select(layers: dict[str, Layer], inputs: Array, size: int, net: Sequential) -> None:
    """Read only these of `size` inputs: narrow the selection that is last, or add one."""
    last, name = next(reversed(layers), ""), "inputs"
    if isinstance(present := layers.get(last), Select):
        layers[last] = Select(present.in_features, tuple(present.index[inputs].tolist()))
        return
    while name in net.layers:
        name += "_"
    layers[name] = Select(size, tuple(inputs.tolist()))


def _widths(net: Sequential) -> str:
    """784-300-100-10: the inputs (or image channels), then the units of each layer."""
    weights = [shape for shape in net.shapes().values() if len(shape) > 1]
    return "-".join(map(str, (weights[0][1], *[shape[0] for shape in weights])))


def _count(net: Sequential, masks: Arrays) -> int:
    whole = whole_masks(net, masks)
    return sum(int(np.count_nonzero(whole[name])) for name in net.prunable)

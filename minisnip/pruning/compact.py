"""The smaller dense network that a mask leaves: what is not alive is cut out, and the logits stay the same.

`cut` takes out what has no life at all, so that the small network trains exactly as the masked one does. `compact`
folds constant units forward first and takes out more: it is for a network that is trained already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Linear, Sequential
from minisnip.pruning.alive import Links, find_links, reached, reaching, whole_masks
from minisnip.pruning.fold import fold_constants
from minisnip.pruning.masks import apply_masks, in_precision_of
from minisnip.pruning.narrow import Places, narrow_layers


@dataclass(frozen=True, eq=False)
class Compact:
    """A smaller network with its parameters, and the way back.

    Attributes
    ----------
    net : Sequential
        Takes the same images; its layers and parameters keep their names.
    params, masks : dict of arrays
        c ⊙ w and c on what is left; a parameter that had no mask has none.
    full : Sequential
        The network it was made from.
    connections : int
        How many connections the masks kept of `full`.
    places : dict
        For each parameter, which of its units, and which inputs of a weight, are left.

    Examples
    --------
    >>> from minisnip.nn import lenet_300_100
    >>> from minisnip.pruning import compact, keep_top
    >>> net, rng = lenet_300_100(), np.random.default_rng(0)
    >>> params = net.init(rng)
    >>> masks = keep_top({name: rng.random(w.shape) for name, w in params.items()}, 0.99)
    >>> print(compact(net, params, masks))
    784-300-100-10 -> 140-22-6-10; parameters 266,610 -> 3,310, connections 2,666 -> 183
    """

    net: Sequential
    params: dict[str, Array]
    masks: dict[str, Array]
    full: Sequential
    connections: int
    places: Places

    def expand(self, params: Mapping[str, Array]) -> dict[str, Array]:
        """Put parameters of the small network (or their gradients, or masks) into the full shapes; zero elsewhere.

        The full network has the same logits with them. Names that are not given are left out. To go on training them
        after `compact`, take `expand(masks)`: a bias that was pruned may hold a folded constant.
        """
        shapes, full, own = self.full.shapes(), {}, self.net.shapes()
        for name, small in params.items():
            if small.shape != own.get(name):
                raise ValueError(f"{name} has shape {small.shape}, the small network's is {own.get(name, 'not there')}")
            full[name] = np.zeros(shapes[name], small.dtype)
            full[name][np.ix_(*self.places[name])] = small
        return full

    def __str__(self) -> str:
        """What went: widths, parameters and connections, before and after."""
        connections = _count(self.net, self.masks)
        return (
            f"{_widths(self.full)} -> {_widths(self.net)}; parameters {self.full.size:,} -> {self.net.size:,}, "
            f"connections {self.connections:,} -> {connections:,}"
        )


def compact(net: Sequential, params: Mapping[str, Array], masks: Mapping[str, Array]) -> Compact:
    """Cut out all inputs, units and channels without a path from the input to an output, for use after training.

    Units whose only life is a bias are folded into the biases behind them, see `fold_constants`; so a bias may
    hold a number where the mask was 0, and is 1 in the new mask. Classes, and the channels of images, are never cut.

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
    _check(net, params)
    small = cut(net, *fold_constants(net, params, masks))
    return replace(small, masks={name: small.masks[name] for name in masks}, connections=_count(net, masks))


def cut(net: Sequential, params: Mapping[str, Array], masks: Mapping[str, Array]) -> Compact:
    """Cut out what has no life at all, for training: inputs not read, units without input and bias or without output.

    A unit with a kept bias lives, whatever the bias is now: training moves it. What is cut has value or gradient 0 at
    every step, so the gradients on what is left are those of the masked network.
    Of each layer at least one unit is left, dead or alive.

    Parameters, returns and errors are those of `compact`; biases and masks stay as they are.
    """
    _check(net, params)
    masks = in_precision_of(params, masks)
    links = find_links(net, masks)
    life = [r & s for r, s in zip(reached(links, from_biases=True), reaching(links), strict=True)]
    if not isinstance(links[0].layer, Linear):
        life[0][:] = True  # the channels of the images
    life[-1][:] = True  # the classes
    left = [units if units.any() else np.arange(len(units)) == 0 for units in life]
    places = _places(net, links, left)
    small = Sequential(net.input_shape, **narrow_layers(net, places))
    small_params = {name: w[np.ix_(*places[name])] for name, w in apply_masks(masks, params).items()}
    small_masks = {name: c[np.ix_(*places[name])] for name, c in masks.items()}
    return Compact(small, small_params, small_masks, net, _count(net, masks), places)


def _check(net: Sequential, params: Mapping[str, Array]) -> None:
    """The network itself says which parameter does not fit."""
    net(params, np.zeros((1, *net.input_shape), np.float32))


def _places(net: Sequential, links: list[Links], left: list[Array]) -> Places:
    """Which units and inputs of each parameter are left, given which units are, input first."""
    places: Places = {}
    for link, sources, units in zip(links, left[:-1], left[1:], strict=True):
        rows = np.flatnonzero(units)
        places[link.weight] = (rows, np.flatnonzero(sources[link.owner]))
        places[link.bias] = (rows,)
    return places


def _widths(net: Sequential) -> str:
    """784-300-100-10: the inputs (or image channels), then the units of each layer."""
    weights = [shape for shape in net.shapes().values() if len(shape) > 1]
    return "-".join(map(str, (weights[0][1], *[shape[0] for shape in weights])))


def _count(net: Sequential, masks: Mapping[str, Array]) -> int:
    return sum(int(np.count_nonzero(c)) for c in whole_masks(net, masks).values())

"""Pruning that trains first: the methods that SNIP makes unnecessary.

By magnitude after training, in one step or in rounds with rewinding (the lottery ticket); by an L1 penalty; and by
gates on a random network (pruning from scratch). Each function returns a `Ticket`, to be trained by
`train(net, ticket.params, dataset, ticket.masks)`.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Arrays, Value, shape_of
from minisnip.data import Dataset
from minisnip.mistakes import check_training
from minisnip.nn import Layer, Sequential
from minisnip.nn.init import Rng
from minisnip.nn.known import known_blocks
from minisnip.nn.layers import Params, Shape, Stateless
from minisnip.pruning import LayerCollapseWarning, count_kept, effective_masks, keep_top
from minisnip.pruning.masks import check_sparsity, descending_ranks, flatten, unflatten
from minisnip.pruning.schedules import Keep, removed_last, sparsity_of_round
from minisnip.training.loop import train
from minisnip.training.optimizers import SGD, Adam, Optimizer, State


@dataclass(frozen=True)
class Ticket:
    """The masks, and the parameters to start training from. These are whole; `train` masks them."""

    masks: dict[str, Array]
    params: dict[str, Array]

    def __repr__(self) -> str:
        kept, size = (sum(map(f, self.masks.values())) for f in (np.count_nonzero, np.size))
        return f"Ticket({kept:,} of {size:,} connections; .masks, .params)"


def magnitude_after_training(
    net: Sequential, params: Arrays, dataset: Dataset, sparsity: float, *, keep: Keep = keep_top, **training: Any
) -> Ticket:
    """Train, keep the largest |w| with their trained values (Han et al. 2015, arXiv 1506.02626, in one step).

    Parameters
    ----------
    net, params, dataset
        As in `train`.
    sparsity : float in [0, 1)
    keep : keep_top or keep_top_per_layer
    **training
        The other arguments of `train`: epochs, learning_rate, ...

    Returns
    -------
    Ticket, with the trained parameters
        The cost is one training of the dense network.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1).
    """
    check_sparsity(sparsity)  # before the work
    trained = train(net, params, dataset, **training).params
    return Ticket(keep(_magnitudes(net, trained), sparsity), trained)


def _magnitudes(net: Sequential, params: Arrays) -> dict[str, Array]:
    """|w| of what can be pruned."""
    return {name: np.abs(w) for name, w in params.items() if name in net.prunable}


def lottery_ticket(
    net: Sequential,
    params: Arrays,
    dataset: Dataset,
    sparsity: float,
    *,
    rate: float = 0.2,
    keep: Keep = keep_top,
    **training: Any,
) -> Ticket:
    """Train, prune a fifth by |w|, rewind to the initial weights, repeat (Frankle, Carbin 2019, arXiv 1803.03635).

    There are as few rounds as possible with at most a share `rate` of the remaining connections removed in each: 14 for
    95 %. The paper ranks within each layer (`keep=keep_top_per_layer`) and prunes the output layer at half the rate;
    here all connections are ranked together.

    Parameters
    ----------
    net, params, dataset, sparsity, keep, **training
        As in `magnitude_after_training`.
    rate : float in (0, 1)
        The largest share of the remaining connections that a round removes.

    Returns
    -------
    Ticket, with the bytes of `params`
        The cost is one training per round.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1) or the rate not in (0, 1).

    Examples
    --------
    >>> from minisnip.data import Dataset, Split
    >>> from minisnip.nn import Linear, Sequential
    >>> from minisnip.training import lottery_ticket
    >>> net, images = Sequential((2,), fc=Linear(2, 2)), np.random.default_rng(0).normal(size=(300, 2))
    >>> split = Split(images, images.argmax(axis=1))  # the class is the larger of two numbers
    >>> data = Dataset("larger", ("first", "second"), 0.0, 1.0, split, split, split)
    >>> lottery_ticket(net, net.init(0), data, 0.5, rate=0.3, epochs=1)
    Ticket(3 of 6 connections; .masks, .params)
    """
    check_training(net, params, dataset)
    check_sparsity(sparsity)
    if not 0 < rate < 1:
        raise ValueError(f"rate {rate} is not in (0, 1): a round removes this share of the remaining connections")
    rounds = max(1, math.ceil(math.log(1 - sparsity) / math.log(1 - rate) - 1e-9))
    scores = _magnitudes(net, params)  # the first round keeps everything
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)  # the last masks are those of the ticket
        for t in range(rounds):
            masks = keep(scores, sparsity_of_round(sparsity, t, rounds))
            trained = train(net, params, dataset, masks=masks, **training).params
            scores = removed_last(_magnitudes(net, trained), masks)
    return Ticket(keep(scores, sparsity), {name: w.copy() for name, w in params.items()})


def reinitialized(ticket: Ticket, net: Sequential, rng: Rng = None, scheme: str = "glorot") -> Ticket:
    """The same masks on another draw: is it the structure or the weights? (Liu et al. 2019, arXiv 1810.05270)."""
    dtype = next(iter(ticket.params.values())).dtype
    return replace(ticket, params=net.init(rng, scheme, dtype))


@dataclass(frozen=True)
class L1:
    """An optimizer with the penalty λ Σ |w| added to the loss: λ sign(w) to the gradient, 0 where w = 0.

    L2 pulls a weight in proportion to its size, and leaves many small ones. L1 pulls all weights alike, so that small
    ones end near zero (not at it: a step overshoots) and a threshold separates them from the others.
    """

    optimizer: Optimizer
    strength: float  # λ

    def start(self, params: Arrays) -> State:
        return self.optimizer.start(params)

    def step(self, params: Arrays, gradients: Arrays, state: State, rate: float) -> None:
        penalized = {name: g + self.strength * np.sign(params[name]) for name, g in gradients.items()}
        self.optimizer.step(params, penalized, state, rate)


def l1_penalty(
    net: Sequential,
    params: Arrays,
    dataset: Dataset,
    sparsity: float,
    *,
    strength: float = 1e-4,
    optimizer: Optimizer = SGD(weight_decay=0.0),  # noqa: B008  (it is frozen)
    **options: Any,
) -> Ticket:
    """Train with λ Σ |w| in the loss, keep the largest |w| with their trained values.

    The simplest of the penalty methods (Chauvin 1988; Weigend, Rumelhart, Huberman 1991). The weights are those of the
    epoch with the lowest validation error, as everywhere.

    Parameters
    ----------
    net, params, dataset, sparsity, **options
        As in `magnitude_after_training`, `keep` included.
    strength : float
        λ.
    optimizer : Optimizer
        Without weight decay, so that there is only one penalty.

    Returns
    -------
    Ticket, with the trained parameters
        The cost is one training of the dense network.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1), or the strength is not above 0 and finite.
    """
    if not 0 < strength < np.inf:
        raise ValueError(f"strength {strength} of the L1 penalty must be above 0 and finite")
    return magnitude_after_training(net, params, dataset, sparsity, optimizer=L1(optimizer, strength), **options)


@dataclass(frozen=True)
class Frozen(Stateless):
    """A layer with its parameters (by their short names) built in, as constants."""

    layer: Layer
    params: Arrays

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def __call__(self, params: Params, x: Value) -> Any:
        return self.layer(self.params, x)


@dataclass(frozen=True)
class Gate:
    """Multiplies each unit or channel by its gate; one parameter, "gate" of shape (units,)."""

    units: int

    def shapes(self) -> dict[str, Shape]:
        return {"gate": (self.units,)}

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def __call__(self, params: Params, x: Value) -> Any:
        return x * ops.reshape(params["gate"], (-1, *[1] * (len(shape_of(x)) - 2)))  # (units,) or (channels, 1, 1)


@dataclass(frozen=True)
class NonNegative:
    """An optimizer that sets every parameter below 0 to 0 after its step.

    There is no upper bound: gates that all stopped at 1 would tie, and their order in the network would decide.
    """

    optimizer: Optimizer

    def start(self, params: Arrays) -> State:
        return self.optimizer.start(params)

    def step(self, params: Arrays, gradients: Arrays, state: State, rate: float) -> None:
        self.optimizer.step(params, gradients, state, rate)
        for gate in params.values():
            np.maximum(gate, 0, out=gate)


def gated(net: Sequential, params: Arrays) -> Sequential:
    """The network with frozen weights and a gate after each hidden layer; its parameters are all "NAME_gate.gate".

    Raises
    ------
    TypeError
        If a layer is not one of minisnip.nn.
    """
    layers = net.head
    *hidden, last = known_blocks(net, "units are pruned", "prune connections, by another method")
    for block in (*hidden, last):
        weights = {short: params[f"{block.name}.{short}"] for short in block.layer.shapes()}
        layers[block.name] = Frozen(block.layer, weights)
        if block is not last:
            layers[f"{block.name}_gate"] = Gate(block.out_shape[0])
        layers |= block.following
    return Sequential(net.input_shape, **layers)


def from_scratch(
    net: Sequential, params: Arrays, dataset: Dataset, sparsity: float, *, strength: float = 1e-3, **training: Any
) -> Ticket:
    """Pruning from scratch: train gates on frozen random weights, keep the most open units (arXiv 1909.12579).

    Wang et al. 2020. Each unit (or channel) of a hidden layer gets a non-negative gate that multiplies its output. The
    weights stay as they were drawn. Only the gates are trained, by Adam, and an L1 penalty pulls them towards 0: the
    loss is the cross-entropy + λ Σ gate (the paper pulls the mean of the gates to a target). Whole units are kept, as
    many as κ connections allow: the result is an architecture, to be trained from scratch.

    The gates are those of the epoch with the lowest validation error, as everywhere. If the penalty is so strong that
    closing gates costs accuracy at once, that is an early epoch, and λ is too large.

    Parameters
    ----------
    net, params, dataset, sparsity
        As in `train`.
    strength : float
        λ.
    **training
        The other arguments of `train`, for the gates. The learning rate is 0.01 and the schedule "constant" unless
        given; the optimizer cannot be chosen.

    Returns
    -------
    Ticket, with a copy of `params`
        At most κ connections instead of exactly κ, because units are kept whole. The cost is one training of the gates.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1), or does not leave one unit to each layer.
    TypeError
        If a layer is not one of minisnip.nn.
    """
    check_training(net, params, dataset)
    check_sparsity(sparsity)
    network, dtype = gated(net, params), next(iter(params.values())).dtype
    half_open = {name: np.full(shape, 0.5, dtype) for name, shape in network.shapes().items()}
    optimizer = NonNegative(L1(Adam(), strength))
    options = {"learning_rate": 0.01, "schedule": "constant", **training}
    gates = train(network, half_open, dataset, optimizer=optimizer, **options).params
    by_layer = {name.removesuffix("_gate.gate"): gate for name, gate in gates.items()}
    return Ticket(keep_units(net, by_layer, sparsity), {name: w.copy() for name, w in params.items()})


def keep_units(net: Sequential, gates: Arrays, sparsity: float) -> dict[str, Array]:
    """Masks of whole units: the best one of each layer, then the most open ones, as many as κ connections allow.

    Parameters
    ----------
    net : Sequential
    gates : dict of (units,) arrays by layer
        A score for each unit of every layer but the last; the highest are kept first.
    sparsity : float in [0, 1)

    Returns
    -------
    dict of arrays of 0 and 1, with the names and shapes of the network's parameters and the dtype of the gates

    Raises
    ------
    ValueError
        If one unit of each layer has more than κ connections.
    """
    scores = flatten(gates)
    for layer in unflatten(scores, gates).values():  # views of the scores
        layer[np.argmax(layer)] = np.inf
    ranks = descending_ranks(scores)

    def masks(units: int) -> dict[str, Array]:
        kept = unflatten(ranks < units, gates)
        incoming = {name: np.ones(shape, scores.dtype) for name, shape in net.shapes().items()}
        for name, c in incoming.items():
            c[~kept.get(name.rpartition(".")[0], np.ones(len(c), bool))] = 0
        return effective_masks(net, incoming)  # without the connections out of units that have none coming in

    def count(units: int) -> int:
        return int(np.count_nonzero(flatten(masks(units))))

    kappa = count_kept(net.size, sparsity)
    if count(len(gates)) > kappa:
        raise ValueError(
            f"one unit of each layer has {count(len(gates)):,} connections, and sparsity {sparsity:g} leaves "
            f"{kappa:,}: choose a lower sparsity"
        )
    return masks(bisect_right(range(len(scores) + 1), kappa, key=count) - 1)

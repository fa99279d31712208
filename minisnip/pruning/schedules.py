"""Schedules: how often a criterion scores on the way to the sparsity. All before training; each returns masks.

    one_shot(snip, net, params, x, y, 0.95, rng=rng)                        score once
    iterative(snip, net, params, x, y, 0.95, rng=rng, rounds=100)           score the remaining connections, repeatedly
    force(snip, net, params, x, y, 0.95, rng=rng, rounds=100)               the same, and removed connections may return

With one round all three are the same. Round t of T keeps round(m (1 - sparsity)^(t/T)) connections: each round removes
the same share of the remaining ones. `keep=keep_top_per_layer` gives every layer the same share.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np

from minisnip.autodiff.describe import OfInstance
from minisnip.autodiff.engine import Array, Arrays, Value, value_of
from minisnip.mistakes import Registry, check_arrays, check_no_split, generator
from minisnip.nn import Layer, Sequential
from minisnip.nn.init import Rng
from minisnip.nn.layers import Params, Shape
from minisnip.pruning.criteria import CRITERIA, Criterion, snip, synflow
from minisnip.pruning.masks import LayerCollapseWarning, apply_masks, check_sparsity, keep_top, ones
from minisnip.pruning.sensitivity import NoScoreError

Keep: TypeAlias = Callable[[Arrays, float], dict[str, Array]]  # scores, sparsity -> masks


def one_shot(
    criterion: Criterion,
    net: Sequential,
    params: Arrays,
    x: Array,
    y: Array,
    sparsity: float,
    *,
    rng: Rng = None,
    keep: Keep = keep_top,
) -> dict[str, Array]:
    """Score once, keep the top κ (SNIP's way, arXiv 1810.02340).

    Parameters
    ----------
    criterion : Criterion
        One of CRITERIA, or your own.
    net, params, x, y, rng
        What the criterion takes.
    sparsity : float in [0, 1)
    keep : keep_top or keep_top_per_layer

    Returns
    -------
    dict of arrays of 0 and 1, with the shapes and dtypes of the parameters
        Exactly κ = round(m (1 - sparsity)) ones.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1), or the criterion refuses.

    Warns
    -----
    LayerCollapseWarning
        If no weight of a layer is kept.
    """
    rng = generator(rng)
    return _in_rounds(lambda _: criterion(net, params, x, y, rng=rng), params, sparsity, 1, keep)


def iterative(
    criterion: Criterion,
    net: Sequential,
    params: Arrays,
    x: Array,
    y: Array,
    sparsity: float,
    *,
    rng: Rng = None,
    rounds: int = 100,
    keep: Keep = keep_top,
) -> dict[str, Array]:
    """Score the remaining connections in each of many rounds.

    No removed connection returns (arXiv 2006.09081, 2006.05467).

    Parameters, returns, raises and warns as `one_shot`; the criterion is called `rounds` times.
    """
    rng = generator(rng)

    def score(masks: Arrays) -> dict[str, Array]:
        return removed_last(criterion(net, apply_masks(masks, params), x, y, rng=rng), masks)

    return _in_rounds(score, params, sparsity, rounds, keep)


def force(
    criterion: Criterion,
    net: Sequential,
    params: Arrays,
    x: Array,
    y: Array,
    sparsity: float,
    *,
    rng: Rng = None,
    rounds: int = 100,
    keep: Keep = keep_top,
) -> dict[str, Array]:
    """FORCE: in every round, removed connections may return.

    De Jorge et al. 2021, arXiv 2006.09081. Each round scores all connections.
    With SNIP's criterion the score of round t is |w_j ∂L/∂(c ⊙ w)_j| at the mask c of the round before, for kept and
    removed connections alike, with w as it was drawn. (A hidden unit that has lost all its inputs is at the kink of
    ReLU, where the derivative is 0: it does not return.)

    Parameters, returns, raises and warns as `one_shot`; the criterion is called `rounds` times. A criterion that is
    not made of derivatives says nothing new about a removed connection: "delta-loss" is refused (TypeError) if there is
    more than one round.
    """
    rng = generator(rng)

    def score(masks: Arrays) -> dict[str, Array]:
        pruned = net if all(c.all() for c in masks.values()) else straight_through(net, masks)
        return criterion(pruned, params, x, y, rng=rng)

    return _in_rounds(score, params, sparsity, rounds, keep)


def removed_last(scores: Arrays, masks: Arrays) -> dict[str, Array]:
    """The scores, with minus infinity for connections that the mask has removed: they cannot be kept again."""
    return {name: np.where(masks[name] != 0, s, -np.inf) for name, s in scores.items()}


def sparsity_of_round(sparsity: float, t: int, rounds: int) -> float:
    """1 - (1 - sparsity)^(t/T): each of T rounds removes the same share of the remaining; exact in the last."""
    return sparsity if t == rounds else float(1 - (1 - sparsity) ** (t / rounds))


def _in_rounds(
    score: Callable[[Arrays], Arrays], params: Arrays, sparsity: float, rounds: int, keep: Keep
) -> dict[str, Array]:
    """From the masks of each round to the scores, and from those to the masks of the next."""
    if rounds < 1:
        raise ValueError(f"{rounds} rounds: at least 1 is needed to score anything")
    check_sparsity(sparsity)  # before the work
    check_arrays("a method (net, params, x, y, sparsity)", params=params)
    scores = score(ones(params))
    for t in range(1, rounds):
        with warnings.catch_warnings():  # the next round may fill an empty layer again; the last round does warn
            warnings.simplefilter("ignore", LayerCollapseWarning)
            masks = keep(scores, sparsity_of_round(sparsity, t, rounds))
        try:
            scores = score(_like(params, masks))
        except NoScoreError:  # no path leads through the network: the scores of the round before decide the rest
            break
    return _like(params, keep(scores, sparsity))


def _like(params: Arrays, masks: Arrays) -> dict[str, Array]:
    """The masks in the dtypes of the parameters; those of scores may differ."""
    return {name: c.astype(params[name].dtype) for name, c in masks.items()}


@dataclass(frozen=True)
class StraightThrough:
    """A layer whose parameters are c ⊙ w in value and w in derivative; `masks` has short names."""

    layer: Layer
    masks: Arrays

    def shapes(self) -> dict[str, Shape]:
        return self.layer.shapes()

    def __getattr__(self, name: str) -> Any:
        if name in ("layer", "masks"):  # of an instance that is being copied
            raise AttributeError(name)
        return getattr(self.layer, name)  # what only some layers have, such as `mixes_images`

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def __call__(self, params: Params, x: Value) -> Any:
        values = {short: value_of(params[short]) for short in self.masks}
        removed = apply_masks({short: 1 - c for short, c in self.masks.items()}, values)  # constants
        return self.layer({**params, **{short: params[short] - r for short, r in removed.items()}}, x)


def straight_through(net: Sequential, masks: Arrays) -> Sequential:
    """The network with its masks built in; derivatives with respect to all its weights, removed or not.

    SNIP's g_j = w_j ∂L/∂w_j is zero wherever w_j = 0: under an ordinary mask, a removed connection never scores again.
    Here the value of a parameter is c ⊙ w, but its derivative is that of w (a straight-through estimator, Bengio et al.
    2013, arXiv 1308.3432), so that g_j = w_j ∂L/∂(c ⊙ w)_j for all j: what would happen if connection j came back.
    """
    layers: dict[str, Layer] = {}
    for name, layer in net.layers.items():
        own = {short: masks[f"{name}.{short}"] for short in layer.shapes() if f"{name}.{short}" in masks}
        layers[name] = StraightThrough(layer, own) if own else layer
    return Sequential(net.input_shape, **layers)


class Method(Protocol):
    """A criterion in a schedule: it takes a network, a batch and a sparsity, and returns masks with exactly κ ones."""

    def __call__(
        self, net: Sequential, params: Arrays, x: Array, y: Array, sparsity: float, *, rng: Rng = None
    ) -> dict[str, Array]:
        """The masks; see `one_shot`."""


class Scheduled(partial[dict[str, Array]]):
    """A schedule that was given its criterion; it is described by the one that has its name in METHODS."""

    __doc__ = OfInstance(
        lambda self: (self.func if self.args[0] is snip and self.keywords else self.args[0]).__doc__, __doc__
    )

    def __call__(self, *args: Any, **options: Any) -> dict[str, Array]:
        check_no_split(*args)
        return super().__call__(*args, **options)

    def __repr__(self) -> str:
        rounds = "".join(f", {name}={value}" for name, value in self.keywords.items())
        return f"<{self.func.__name__}({self.args[0].__name__}, net, params, x, y, sparsity{rounds})>"


METHODS: Registry[Method] = Registry("method", {name: Scheduled(one_shot, f) for name, f in CRITERIA.items()})
METHODS["synflow"] = Scheduled(iterative, synflow, rounds=100)  # one shot would be another method, and a worse one
METHODS["iterative-snip"] = Scheduled(iterative, snip, rounds=100)
METHODS["force"] = Scheduled(force, snip, rounds=100)

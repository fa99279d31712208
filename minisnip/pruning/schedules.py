"""Schedules: how often a criterion is asked on the way to the sparsity. All before training; each gives masks.

    one_shot(snip, net, params, x, y, 0.95, rng=rng)                        score once
    iterative(snip, net, params, x, y, 0.95, rng=rng, rounds=100)           score what is left, again and again
    force(snip, net, params, x, y, 0.95, rng=rng, rounds=100)               the same, and what was removed may return

With one round they are the same. Round t of T keeps round(m (1 - sparsity)^(t/T)) connections: each round removes the
same share of what is left. `keep=keep_top_per_layer` gives every layer the same share.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential
from minisnip.pruning.criteria import Criterion
from minisnip.pruning.masks import LayerCollapseWarning, apply_masks, count_kept, keep_top, ones
from minisnip.pruning.sensitivity import NoScoreError
from minisnip.pruning.straight_through import straight_through

Scores: TypeAlias = Mapping[str, Array]
Keep: TypeAlias = Callable[[Scores, float], dict[str, Array]]  # scores, sparsity -> masks


def one_shot(
    criterion: Criterion,
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    sparsity: float,
    *,
    rng: np.random.Generator,
    keep: Keep = keep_top,
) -> dict[str, Array]:
    """Score once, keep the top κ (SNIP's way, arXiv 1810.02340).

    Parameters
    ----------
    criterion : Criterion
        One of CRITERIA, or of your own.
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
    count_kept(1, sparsity)  # refuses what is no sparsity, before the work
    return _like(params, keep(criterion(net, params, x, y, rng=rng), sparsity))


def iterative(
    criterion: Criterion,
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    sparsity: float,
    *,
    rng: np.random.Generator,
    rounds: int = 100,
    keep: Keep = keep_top,
) -> dict[str, Array]:
    """Score what is left, `rounds` times (arXiv 2006.09081, 2006.05467); what is removed stays removed.

    Parameters, returns, raises and warns as `one_shot`; `rounds` scorings.
    """

    def score(masks: Mapping[str, Array]) -> dict[str, Array]:
        return removed_last(criterion(net, apply_masks(masks, params), x, y, rng=rng), masks)

    return _in_rounds(score, params, sparsity, rounds, keep)


def force(
    criterion: Criterion,
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    sparsity: float,
    *,
    rng: np.random.Generator,
    rounds: int = 100,
    keep: Keep = keep_top,
) -> dict[str, Array]:
    """FORCE (de Jorge et al. 2021, arXiv 2006.09081): the pruned network scores all, and the removed may return.

    With SNIP's criterion the score of round t is |w_j ∂L/∂(c ⊙ w)_j| at the mask c of the round before, for kept and
    removed connections alike, with w as it was drawn. (A hidden unit that has lost all its inputs is at the kink of
    ReLU, where the derivative is 0: that one stays away.)

    Parameters, returns, raises and warns as `one_shot`; `rounds` scorings. A criterion that is not made of derivatives
    tells nothing new of a removed connection: "delta-loss" is refused (TypeError) if there is more than one round.
    """

    def score(masks: Mapping[str, Array]) -> dict[str, Array]:
        pruned = net if all(c.all() for c in masks.values()) else straight_through(net, masks)
        return criterion(pruned, params, x, y, rng=rng)

    return _in_rounds(score, params, sparsity, rounds, keep)


def removed_last(scores: Scores, masks: Mapping[str, Array]) -> dict[str, Array]:
    """The scores, with minus infinity for connections that the mask has removed: they cannot be kept again."""
    return {name: np.where(masks[name] != 0, s, -np.inf) for name, s in scores.items()}


def sparsity_of_round(sparsity: float, t: int, rounds: int) -> float:
    """1 - (1 - sparsity)^(t/T): the same share of what is left goes in each of T rounds; exact at the last."""
    return sparsity if t == rounds else float(1 - (1 - sparsity) ** (t / rounds))


def _in_rounds(
    score: Callable[[Mapping[str, Array]], Scores],
    params: Mapping[str, Array],
    sparsity: float,
    rounds: int,
    keep: Keep,
) -> dict[str, Array]:
    if rounds < 1:
        raise ValueError(f"{rounds} rounds: at least 1 is needed to score anything")
    count_kept(1, sparsity)
    scores = score(ones(params))
    for t in range(1, rounds):
        with warnings.catch_warnings():  # of a layer that the next round may fill again; the last round does warn
            warnings.simplefilter("ignore", LayerCollapseWarning)
            masks = _like(params, keep(scores, sparsity_of_round(sparsity, t, rounds)))
        try:
            scores = score(masks)
        except NoScoreError:  # the network is cut in two: the scores before that decide the rest
            break
    return _like(params, keep(scores, sparsity))


def _like(params: Mapping[str, Array], masks: Mapping[str, Array]) -> dict[str, Array]:
    """The masks in the precision of the parameters: float64 scores must not make float32 training slow."""
    return {name: c.astype(params[name].dtype) for name, c in masks.items()}

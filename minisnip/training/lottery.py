"""Prune by magnitude after training: once, or a fifth a round with rewinding (the lottery ticket).

What SNIP does without: the network is trained in full before it is known what to keep. Each function gives a `Ticket`,
ready for `train(net, ticket.params, dataset, ticket.masks)`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset
from minisnip.nn import Sequential
from minisnip.pruning import count_kept, keep_top
from minisnip.pruning.schedules import Keep, removed_last, sparsity_of_round
from minisnip.training.loop import train


@dataclass(frozen=True)
class Ticket:
    """What is kept, and the parameters to go on training from; these are whole, training masks them."""

    masks: dict[str, Array]
    params: dict[str, Array]


def trained_params(net: Sequential, params: Mapping[str, Array], dataset: Dataset, **training: Any) -> dict[str, Array]:
    """The parameters that `train` ends with.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C stopped it: half-trained weights are not to be pruned as if they were trained.
    """
    result = train(net, params, dataset, **training)
    if not result.finished:
        raise KeyboardInterrupt("interrupted while training before pruning")
    return result.params


def magnitude_after_training(
    net: Sequential,
    params: Mapping[str, Array],
    dataset: Dataset,
    sparsity: float,
    *,
    keep: Keep = keep_top,
    **training: Any,
) -> Ticket:
    """Train, keep the largest |w|, go on from the trained weights (Han et al. 2015, arXiv 1506.02626, in one step).

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
    """
    count_kept(1, sparsity)
    trained = trained_params(net, params, dataset, **training)
    return Ticket(keep({name: np.abs(w) for name, w in trained.items()}, sparsity), trained)


def lottery_ticket(
    net: Sequential,
    params: Mapping[str, Array],
    dataset: Dataset,
    sparsity: float,
    *,
    rate: float = 0.2,
    keep: Keep = keep_top,
    **training: Any,
) -> Ticket:
    """Train, prune a fifth by |w|, rewind to the initial weights, repeat (Frankle, Carbin 2019, arXiv 1803.03635).

    The smallest number of rounds is taken that removes no more than `rate` of what is left in each: 14 for 95 %. The
    paper ranks within each layer (`keep=keep_top_per_layer`) and prunes the output layer at half the rate; here all
    connections are ranked together.

    Parameters
    ----------
    net, params, dataset, sparsity, keep, **training
        As in `magnitude_after_training`.
    rate : float in (0, 1)
        The share of what is left that goes in a round, at most.

    Returns
    -------
    Ticket, with the bytes of `params`
        The cost is a training for each round.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1) or the rate not in (0, 1).
    """
    count_kept(1, sparsity)
    if not 0 < rate < 1:
        raise ValueError(f"rate {rate} is not in (0, 1): it is the share of what is left that each round removes")
    rounds = max(1, math.ceil(math.log(1 - sparsity) / math.log(1 - rate) - 1e-9))
    masks = {name: np.ones_like(w) for name, w in params.items()}
    for t in range(1, rounds + 1):
        trained = trained_params(net, params, dataset, masks=masks, **training)
        scores = removed_last({name: np.abs(w) for name, w in trained.items()}, masks)
        masks = keep(scores, sparsity_of_round(sparsity, t, rounds))
    return Ticket(masks, {name: w.copy() for name, w in params.items()})


def reinitialized(ticket: Ticket, net: Sequential, rng: np.random.Generator, scheme: str = "glorot") -> Ticket:
    """The same masks on another draw: is it the structure or the weights? (Liu et al. 2019, arXiv 1810.05270)."""
    dtype = next(iter(ticket.params.values())).dtype
    return replace(ticket, params=net.init(rng, scheme, dtype))

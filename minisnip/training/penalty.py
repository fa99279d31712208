"""Prune by a penalty: an L1 pull on the weights during training, then a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset
from minisnip.nn import Sequential
from minisnip.pruning import keep_top
from minisnip.pruning.schedules import Keep
from minisnip.training.lottery import Ticket, magnitude_after_training
from minisnip.training.optimizers import SGD, Optimizer, State


@dataclass(frozen=True)
class L1:
    """An optimizer with the penalty λ Σ |w| added to the loss: λ sign(w) to the gradient, 0 where w = 0.

    L2 pulls a weight in proportion to its size, and leaves many small ones; L1 pulls all alike, and small ones end
    about zero (not at it: a step overshoots), so that a threshold parts them from the rest.
    """

    optimizer: Optimizer
    strength: float  # λ

    def start(self, params: Mapping[str, Array]) -> State:
        return self.optimizer.start(params)

    def step(self, params: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rate: float) -> None:
        penalized = {name: g + self.strength * np.sign(params[name]) for name, g in gradients.items()}
        self.optimizer.step(params, penalized, state, rate)


def l1_penalty(
    net: Sequential,
    params: Mapping[str, Array],
    dataset: Dataset,
    sparsity: float,
    *,
    strength: float = 1e-4,
    optimizer: Optimizer = SGD(weight_decay=0.0),  # noqa: B008  (it is frozen)
    keep: Keep = keep_top,
    **training: Any,
) -> Ticket:
    """Train with λ Σ |w| in the loss, keep the largest |w|, go on from the trained weights.

    The family of penalty terms (Chauvin 1988; Weigend, Rumelhart, Huberman 1991), in its simplest form. The weights are
    those of the epoch with the lowest validation error, as everywhere.

    Parameters
    ----------
    net, params, dataset, sparsity, keep, **training
        As in `magnitude_after_training`.
    strength : float
        λ.
    optimizer : Optimizer
        Without weight decay, so that there is one penalty and not two.

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
    optimizer = L1(optimizer, strength)
    return magnitude_after_training(net, params, dataset, sparsity, keep=keep, optimizer=optimizer, **training)

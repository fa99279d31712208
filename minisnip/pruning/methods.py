"""Methods: ways to prune before training, by name. Each is a criterion inside a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential
from minisnip.pruning.criteria import CRITERIA, snip, synflow
from minisnip.pruning.schedules import force, iterative, one_shot


class Method(Protocol):
    """From a network, its parameters, a batch and a sparsity to masks with exactly κ ones."""

    def __call__(
        self,
        net: Sequential,
        params: Mapping[str, Array],
        x: Array,
        y: Array,
        sparsity: float,
        *,
        rng: np.random.Generator,
    ) -> dict[str, Array]:
        """The masks; see `one_shot`."""


METHODS: dict[str, Method] = {
    **{name: partial(one_shot, criterion) for name, criterion in CRITERIA.items()},
    "synflow": partial(iterative, synflow, rounds=100),  # one shot would be another method, and a worse one
    "iterative-snip": partial(iterative, snip, rounds=100),
    "force": partial(force, snip, rounds=100),
}

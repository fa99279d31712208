"""np.argsort: selection by sorting everything, which is O(m log m)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minisnip.pruning.masks import count_kept
from tests.benchmarks.problem import scores


def selection(size: int, sparsity: float) -> Callable[[], float]:
    """The result is how many of the first tenth are kept."""
    given = list(scores(size).values())

    def work() -> float:
        flat = np.concatenate(given)
        mask = np.zeros_like(flat)
        mask[np.argsort(flat)[-count_kept(flat.size, sparsity) :]] = 1
        return float(np.split(mask, np.cumsum([s.size for s in given])[:-1])[0].sum())

    return work

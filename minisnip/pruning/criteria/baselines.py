"""Without any derivative: lots, and the size of the weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential
from minisnip.pruning.sensitivity import check_batch


def random(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """Uniform numbers: what any criterion has to beat. Free."""
    check_batch(params, x, y)
    return {name: rng.random(w.shape, w.dtype) for name, w in params.items()}


def magnitude(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """|w_j| (Han et al. 2015, arXiv 1506.02626). Free; before training it knows only the initialization."""
    check_batch(params, x, y)
    return {name: np.abs(w) for name, w in params.items()}

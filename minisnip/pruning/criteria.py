"""Criteria: what a connection is worth. One function each, `criterion(net, params, x, y, *, rng) -> scores`.

The higher the score, the sooner a connection is kept. Each changes one word of `keep_top(criterion(...), sparsity)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from minisnip.autodiff.tensor import Array
from minisnip.nn import Sequential
from minisnip.pruning.sensitivity import connection_sensitivity


class Criterion(Protocol):
    """A score for every parameter, from a network, its parameters and a batch."""

    def __call__(
        self, net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
    ) -> dict[str, Array]:
        """The scores, with the names and shapes of the parameters."""


def snip(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """|∂L/∂c_j|, normalised (Lee et al. 2019, arXiv 1810.02340). One backward pass."""
    return connection_sensitivity(net, params, x, y)


def random(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """Uniform numbers: what any criterion has to beat. Free."""
    return {name: rng.random(w.shape, w.dtype) for name, w in params.items()}


def magnitude(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """|w_j| (Han et al. 2015, arXiv 1506.02626). Free; before training it knows only the initialisation."""
    return {name: np.abs(w) for name, w in params.items()}


CRITERIA: dict[str, Criterion] = {"snip": snip, "random": random, "magnitude": magnitude}

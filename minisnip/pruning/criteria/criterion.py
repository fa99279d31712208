"""What a criterion is: a function that scores every connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential


class Criterion(Protocol):
    """A score for every parameter, from a network, its parameters and a batch; the higher, the sooner it is kept."""

    def __call__(
        self, net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
    ) -> dict[str, Array]:
        """Score every parameter.

        Parameters
        ----------
        net : Sequential
        params : dict of arrays
        x : (N, *net.input_shape)
        y : (N,) integers
        rng : numpy.random.Generator
            For criteria that draw lots; the others leave it alone.

        Returns
        -------
        dict of arrays, with the names and shapes of the parameters

        Raises
        ------
        ValueError
            If the batch is empty, or an image or a parameter is NaN or infinite.
        NoScoreError
            If every score is zero, so that no connection is better than another.
        """

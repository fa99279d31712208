"""Derivatives that no backward pass has computed: what the answers about gradients are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array


def slopes(f: Callable[[Array], Any], x: Array, g: Array | float = 1.0) -> Array:
    """∂⟨g, f(x)⟩/∂x, entry by entry, by the complex step; f takes complex numbers.

    >>> slopes(np.sum, np.ones((2, 2)))
    array([[1., 1.],
           [1., 1.]])
    """
    basis = np.eye(x.size).reshape(-1, *x.shape)
    return np.array([np.sum(g * np.imag(f(x + 1e-20j * e))) / 1e-20 for e in basis]).reshape(x.shape)


def slope(f: Callable[[complex], Any], x: float) -> float:
    """f'(x) by the complex step: exact to the last digits.

    >>> slope(lambda x: x**2, 3.0)
    6.0
    """
    return float(np.imag(f(complex(x, 1e-20))) / 1e-20)

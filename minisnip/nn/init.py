"""Initial weights: the variance-scaling family and the fixed normals.

Variance scaling draws from a truncated normal with Var w = scale / fan, so that signals keep their size from layer
to layer whatever its width. Glorot and Bengio 2010 (AISTATS): 2 / (fan_in + fan_out). He et al. 2015
(arXiv 1502.01852): 2 / fan_in. LeCun et al. 1998 (Efficient BackProp), and the SNIP authors' code: 1 / fan_in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.mistakes import Registry

Rng: TypeAlias = np.random.Generator | int | None  # what np.random.default_rng takes: a generator or a seed

# A standard normal cut at ±2 has this standard deviation; dividing by it gives the truncated draw the std asked for.
TRUNCATED_STD = 0.87962566103423978


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in) or (out, in, kh, kw): the connections per output and per input."""
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def normal(rng: np.random.Generator, shape: tuple[int, ...], std: float = 0.1) -> Array:
    """Normal with a fixed standard deviation (the paper's RN)."""
    return std * rng.standard_normal(shape)


def truncated_normal(rng: np.random.Generator, shape: tuple[int, ...], std: float = 0.1) -> Array:
    """Normal cut at two standard deviations (the paper's TN).

    `std` is that of the uncut normal, as in TensorFlow.
    """
    draw = rng.standard_normal(shape)
    while (outside := np.abs(draw) > 2).any():
        draw[outside] = rng.standard_normal(outside.sum())
    return std * draw


def _variance_scaling(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> Array:
    return truncated_normal(rng, shape, math.sqrt(variance) / TRUNCATED_STD)


def glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Var w = 2 / (fan_in + fan_out), the paper's VS-X."""
    return _variance_scaling(rng, shape, 2 / sum(fans(shape)))


def he(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Var w = 2 / fan_in, the paper's VS-H."""
    return _variance_scaling(rng, shape, 2 / fans(shape)[0])


def lecun(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Var w = 1 / fan_in, what the authors' code uses."""
    return _variance_scaling(rng, shape, 1 / fans(shape)[0])


_ALL = (glorot, he, lecun, normal, truncated_normal)
SCHEMES: Registry[Callable[..., Array]] = Registry("initialization", {f.__name__: f for f in _ALL})


def initialize(rng: np.random.Generator, shape: tuple[int, ...], scheme: str, **options: Any) -> Array:
    """Draw one parameter by the named scheme; a bias (one axis) is zero.

    Raises
    ------
    ValueError
        If the scheme is unknown, or does not take an option.
    """
    draw = SCHEMES[scheme]
    if set(options) - {"std"} or (options and scheme not in ("normal", "truncated_normal")):
        raise ValueError(f"{scheme} takes no {', '.join(options)}: the two normals take a std, the others nothing")
    if not options.get("std", 1) > 0:
        raise ValueError(f"std {options['std']} must be above 0")
    return np.zeros(shape) if len(shape) == 1 else draw(rng, shape, **options)


def initialize_all(
    rng: np.random.Generator, shapes: Mapping[str, tuple[int, ...]], scheme: str, **options: Any
) -> dict[str, Array]:
    """As `initialize`, for parameters by name; the weight of a normalization, which has one axis, is 1."""
    drawn = {name: initialize(rng, shape, scheme, **options) for name, shape in shapes.items()}
    return {name: w + 1 if w.ndim == 1 and name.endswith("weight") else w for name, w in drawn.items()}

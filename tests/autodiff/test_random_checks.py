"""check_grads tells right from wrong for random compositions of ops, at random scales of x and of f.

A composition may drop the imaginary part, so that only differences decide, and may be added to a large constant.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, check_grads, grad, ops, primitive
from minisnip.autodiff.engine import Array

CASES = int(os.environ.get("MINISNIP_RANDOM_CHECKS", "25"))  # for each seed
Op = Callable[[Any], Any]
OPS: list[Op] = [
    ops.tanh,
    ops.sigmoid,
    ops.exp,
    lambda x: ops.log(1.0 + x * x),
    lambda x: ops.sqrt(1.0 + x * x),
    lambda x: x * x,
    lambda x: x * x * x,
    lambda x: 1.0 / (1.0 + x * x),
    lambda x: ops.logsumexp(x, -1, True) + 0.1 * x,
    lambda x: ops.relu(x) * x,
    lambda x: x @ np.vander(np.linspace(-1, 1, x.shape[-1])),
]
real = primitive(np.real, lambda g, out, x: g)


@dataclass(frozen=True)
class Composition:
    """Scale x, apply the ops, scale and shift the answer; multiply the gradient by a factor on the way."""

    chain: tuple[Op, ...]
    scale: float
    unit: float
    shift: float
    place: int
    real_only: bool
    factor: float

    def __call__(self, x: Any) -> Any:
        wrong = primitive(lambda y: 1.0 * y, lambda g, out, y: g * self.factor)
        x = x / self.scale
        for k, op in enumerate(self.chain):
            if k == self.place:
                x = wrong(real(x) if self.real_only else x)
            x = op(x)
        return self.unit * x + self.unit * self.shift


def random_composition(rng: np.random.Generator, factor: float) -> tuple[Composition, Array]:
    length = int(rng.integers(1, 5))
    f = Composition(
        chain=tuple(OPS[i] for i in rng.integers(len(OPS), size=length)),
        scale=10.0 ** rng.integers(-6, 7),
        unit=10.0 ** rng.integers(-8, 9),
        shift=rng.choice([0.0, 0.0, 1e3, 1e6]),
        place=int(rng.integers(length)),
        real_only=bool(rng.random() < 0.5),
        factor=factor,
    )
    return f, rng.standard_normal((2, rng.choice([1, 3, 8]))) * f.scale


def verdict(f: Composition, x: Array, seed: int) -> str:
    try:
        with np.errstate(all="ignore"):
            check_grads(f, x, order=1 if f.real_only else 2, seed=seed)
    except AssertionError as error:
        return "undecided" if "too large to tell" in str(error) or "not finite here" in str(error) else "wrong"
    return "right"


def gradient(f: Composition, x: Array) -> Array:
    variable = Tensor(x)
    with np.errstate(all="ignore"):
        answer: Array = grad(ops.sum(f(variable)), variable)
    return answer


@pytest.mark.parametrize("seed", range(4))
def test_a_right_gradient_is_never_called_wrong(seed: int, record_property: Callable[[str, object], None]) -> None:
    record_property("right gradients", CASES)
    rng = np.random.default_rng(seed)
    verdicts = [verdict(*random_composition(rng, factor=1.0), seed=case) for case in range(CASES)]
    assert "wrong" not in verdicts
    assert verdicts.count("undecided") <= 0.2 * CASES


@pytest.mark.parametrize("seed", range(4))
def test_a_wrong_gradient_never_passes(seed: int, record_property: Callable[[str, object], None]) -> None:
    record_property("wrong gradients", CASES)
    rng = np.random.default_rng(100 + seed)
    for case in range(CASES):
        f, x = random_composition(rng, factor=1.0 + rng.choice([-1, 1]) * 10.0 ** rng.uniform(-3, 0))
        if np.any(gradient(f, x)):  # a gradient of zeros is right with any factor
            assert verdict(f, x, seed=case) != "right", f

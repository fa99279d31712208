"""Prove a gradient: compare it with differences of the function, which need no gradient to be right.

    >>> import numpy as np
    >>> from minisnip import check_grads, ops
    >>> report = check_grads(lambda x, y: ops.tanh(x @ y), [np.ones((2, 3)), np.ones((3, 2))])

Order 1 compares ⟨∇s, d⟩, s = ⟨f(x), u⟩ with a random cotangent u, along a random direction d with

- the central difference (s(x + h d) - s(x - h d)) / 2h: error O(h²) plus round-off O(ε/h), good to 1e-6;
- the complex step Im s(x + i h d) / h (Squire and Trapp 1998): nothing is subtracted, so h can be 1e-20 and the
  answer is good to 1e-12. It needs an f that is analytic and accepts complex numbers; all of our ops do.

Order 2 does the same to the slope ⟨∇s(x), v⟩, whose gradient is a Hessian-vector product.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Tensor, backward, leaves_of, value_of

Scalar: TypeAlias = Callable[[list[Any]], Any]  # a list of arrays (or Tensors) -> one number (or Tensor)

CENTRAL_STEP, CENTRAL_TOLERANCE = 6e-6, 1e-6  # the cube root of ε balances truncation against round-off
COMPLEX_STEP, COMPLEX_TOLERANCE = 1e-20, 1e-12


@dataclass(frozen=True)
class Comparison:
    """One derivative along one direction, from `grad` and from differences."""

    order: int
    input: str
    method: str
    direction: Array = field(repr=False)
    analytic: float
    numeric: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the two numbers agree; NaN and infinity agree with nothing."""
        return bool(np.isfinite(self.analytic) and np.abs(self.analytic - self.numeric) <= self.tolerance)

    def __str__(self) -> str:
        direction = np.array2string(self.direction, precision=4, threshold=12, separator=", ")
        return (
            f"derivative of order {self.order} by {self.input} along the direction {direction}: grad gives "
            f"{self.analytic:.12g}, the {self.method} {self.numeric:.12g}; they differ by "
            f"{abs(self.analytic - self.numeric):.3g}, more than the tolerance {self.tolerance:.3g}"
        )


def check_grads(f: Callable[..., Any], inputs: Any, order: int = 2, *, seed: int = 0) -> list[Comparison]:
    """Check the derivatives of f against central differences and, where f allows it, the complex step.

    Parameters
    ----------
    f : callable
        A function made of ops. It takes Tensors or arrays, and returns one of any shape.
    inputs : array, or list or tuple of arrays, or dict of arrays
        The point to check at, away from kinks: f(array), f(*arrays) or f(dict). Converted to float64.
    order : int
        1 for gradients, 2 for Hessian-vector products as well, and so on.
    seed : int
        Seed of the random directions and cotangents.

    Returns
    -------
    list of Comparison
        All comparisons: by order, by input, and by method ("central difference" or "complex step").

    Raises
    ------
    AssertionError
        At the first disagreement: names the input, the direction, both numbers and the tolerance.
    TypeError
        If f is not a function, or, given Tensors, does not return a Tensor.
    """
    if not callable(f):
        raise TypeError(f"check_grads(f, inputs): f is a {type(f).__name__}, expected a function: pass f, not f(x)")
    rng = np.random.default_rng(seed)
    names, arrays, call = _unpacked(f, inputs)
    scalar = _contracted(call, arrays, rng)
    comparisons: list[Comparison] = []
    for k in range(1, order + 1):
        for comparison in _compare(scalar, arrays, names, k, rng):
            if not comparison.agrees:
                raise AssertionError(f"check_grads: {comparison}")
            comparisons.append(comparison)
        scalar = _slope(scalar, [rng.standard_normal(x.shape) for x in arrays])
    return comparisons


def _unpacked(f: Callable[..., Any], inputs: Any) -> tuple[list[str], list[Array], Scalar]:
    """Names, float64 arrays, and f as a function of the list of arrays."""
    if isinstance(inputs, dict):
        names, call = [f"input {key!r}" for key in inputs], lambda xs: f(dict(zip(inputs, xs, strict=True)))
    elif isinstance(inputs, list | tuple):
        names, call = [f"input {i}" for i in range(len(inputs))], lambda xs: f(*xs)
    else:
        names, call = ["the input"], lambda xs: f(*xs)
    return names, [np.array(value_of(x), dtype=np.float64) for x in leaves_of(inputs)], call


def _contracted(call: Scalar, arrays: list[Array], rng: np.random.Generator) -> Scalar:
    """s(x) = ⟨f(x), u⟩ with a random cotangent u: a cotangent of ones would hide a wrong transposition."""
    out = call([Tensor(x) for x in arrays])
    if not isinstance(out, Tensor):
        raise TypeError(
            f"check_grads: f was given Tensors and answered with a {type(out).__name__}: it must be made of "
            "minisnip.ops and Tensor's operators, all the way from its inputs to its answer"
        )
    cotangent = rng.standard_normal(out.shape)
    return lambda xs: ops.sum(ops.multiply(call(xs), cotangent))


def _gradients(scalar: Scalar, tensors: list[Tensor], create_graph: bool = False) -> list[Any]:
    """Gradients by every input; zero where the scalar does not depend on it."""
    out = scalar(tensors)
    found = backward(out, tensors, create_graph) if isinstance(out, Tensor) else [None] * len(tensors)
    return [np.zeros_like(x.value) if g is None else g for g, x in zip(found, tensors, strict=True)]


def _slope(scalar: Scalar, directions: list[Array]) -> Scalar:
    """x -> ⟨∇s(x), v⟩, itself a function of arrays or Tensors."""

    def slope(xs: list[Any]) -> Any:
        tensors = [x if isinstance(x, Tensor) else Tensor(x) for x in xs]
        gradients = _gradients(scalar, tensors, create_graph=True)
        terms = [ops.sum(ops.multiply(g, v)) for g, v in zip(gradients, directions, strict=True)]
        total = sum(terms[1:], start=terms[0])
        return total if any(isinstance(x, Tensor) for x in xs) else value_of(total)

    return slope


def _compare(
    scalar: Scalar, arrays: list[Array], names: list[str], order: int, rng: np.random.Generator
) -> Iterator[Comparison]:
    gradients = _gradients(scalar, [Tensor(x) for x in arrays])
    for i, (name, g) in enumerate(zip(names, gradients, strict=True)):
        direction = rng.standard_normal(arrays[i].shape)
        analytic, scale = float(np.sum(g * direction)), max(1.0, float(np.sum(np.abs(g * direction))))

        def along(h: complex, i: int = i, direction: Array = direction) -> Any:
            return scalar([x + h * direction if j == i else x for j, x in enumerate(arrays)])

        central = (along(CENTRAL_STEP) - along(-CENTRAL_STEP)) / (2 * CENTRAL_STEP)
        found = [("central difference", central, CENTRAL_TOLERANCE * scale)]
        stepped = _complex_step(along)
        if stepped is not None and abs(stepped - central) <= 1e-4 * scale:  # otherwise f is not analytic
            found.append(("complex step", stepped, COMPLEX_TOLERANCE * scale))
        for method, numeric, tolerance in found:
            yield Comparison(order, name, method, direction, analytic, numeric, tolerance)


def _complex_step(along: Callable[[complex], Any]) -> float | None:
    """Im s(x + i h d) / h; None where f does not take complex numbers or drops the imaginary part."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            value = along(1j * COMPLEX_STEP)
    except (TypeError, np.exceptions.ComplexWarning):
        return None
    return float(value.imag) / COMPLEX_STEP if np.iscomplexobj(value) else None

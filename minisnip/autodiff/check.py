"""Prove a gradient: compare it with differences of the function, which need no gradient to be right.

    >>> import numpy as np
    >>> from minisnip import check_grads, ops
    >>> report = check_grads(lambda x, y: ops.tanh(x @ y), [np.ones((2, 3)), np.ones((3, 2))])

Order 1 compares ⟨∇s, d⟩, s(x) = ⟨f(x), u⟩ with a random cotangent u, along random directions d of the size of x, with

- the central difference D(h) = (s(x + h d) - s(x - h d)) / 2h, extrapolated from two steps (Richardson 1911);
- the complex step Im s(x + i h d) / h (Squire and Trapp 1998): nothing is subtracted, so h can be 1e-20 and the
  answer is good to 1e-12. It needs an f that is analytic and accepts complex numbers; all of our ops do.

Order 2 is order 1 of the gradient: it compares the derivatives of ⟨∇s(x), v⟩ by x, which are Hessian-vector products,
and by u, in which every VJP is linear. Order 3 is order 2 of the gradient, and so on.

All tolerances are relative: f in other units, or x in other units, gets the same verdict. A difference is held to what
it can know, which is the sum of truncation and round-off (`_difference`). Where that is more than 1e-4 of the
derivative, the comparison is inconclusive, and if no method can decide, the check fails and says so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import FunctionType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Tensor, backward, backward_order, grad, leaves_of, value_of

Function: TypeAlias = Callable[..., Any]
Scalar: TypeAlias = Callable[[list[Any]], Any]  # a list of Tensors -> a Tensor of shape ()
Line: TypeAlias = Callable[[complex], Any]  # t -> s(x + t d), a number

EPS = float(np.finfo(np.float64).eps)
CENTRAL_STEP = 6e-6  # relative to x; the cube root of ε balances truncation against round-off
LADDER = [6.0 * 10.0**k for k in range(-14, -1)]  # the steps to try where that one cannot decide; small to large
LONG_LADDER = [6.0 * 10.0**k for k in range(-26, 15)]  # at x = 0, which says nothing about the scale of x
COMPLEX_STEP = 1e-20
KINK_STEPS = (1e-8, 1e-10)
PRECISION = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 5e-5}  # what a gradient in this dtype is held to
CONCLUSIVE = 1e-4  # a tolerance above this part of the derivative decides nothing
DIRECTIONS = 3
COTANGENT = "the cotangent"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One derivative along one direction, as computed and from differences."""

    order: int
    input: str
    method: str
    direction: Array = field(repr=False)
    analytic: float
    numeric: float
    tolerance: float
    limit: float = field(repr=False)  # a larger tolerance decides nothing: 1e-4 of the derivative (in float32, 1e-2)
    computed_by: str = field(repr=False, default="grad")
    note: str = field(repr=False, default="")  # why there is no complex step

    @property
    def agrees(self) -> bool:
        """Whether the two numbers agree; NaN and infinity agree with nothing."""
        return bool(np.isfinite(self.analytic) and abs(self.analytic - self.numeric) <= self.tolerance)

    @property
    def conclusive(self) -> bool:
        """Whether the tolerance is a small part of the derivative, so that agreement means something."""
        return self.tolerance <= self.limit

    def __str__(self) -> str:
        direction = np.array2string(self.direction, precision=4, threshold=12, separator=", ")
        apart, limit = f"{abs(self.analytic - self.numeric):.3g}", f"{self.tolerance:.3g}"
        verdict = f"differ by {apart}, more than the tolerance {limit}"
        if self.agrees:
            verdict = f"agree: they differ by {apart}, and the tolerance is {limit}"
        if self.agrees and not self.conclusive:
            verdict = f"differ by {apart}, and the tolerance {limit} is too large to tell: inconclusive"
        return (
            f"derivative of order {self.order} by {self.input} along the direction {direction}: {self.computed_by} "
            f"gives {self.analytic:.12g}, the {self.method} {self.numeric:.12g}; they {verdict}{self.note}"
        )


def check_grads(
    f: Function, inputs: Any, order: int = 2, *, seed: int = 0, dtype: npt.DTypeLike = np.float64
) -> list[Comparison]:
    """Check the derivatives of f against central differences and, where f allows it, the complex step.

    Parameters
    ----------
    f : callable
        A function made of ops. It takes Tensors, and returns one of any shape.
    inputs : array, or list or tuple of arrays, or dict of arrays
        The point to check at, away from kinks: f(array), f(*arrays) or f(dict).
    order : int
        1 for gradients, 2 for Hessian-vector products as well, and so on.
    seed : int
        Seed of the random directions and cotangents.
    dtype : float64 or float32
        The precision in which `grad` computes. The differences are computed in float64 always.

    Returns
    -------
    list of Comparison
        By order, by input (from order 2 on, the cotangent is one), and by method ("central difference" or "complex
        step"): among several directions, the comparison with the largest difference for its tolerance.

    Raises
    ------
    AssertionError
        At the first disagreement, or where no method can decide: names the input, the direction, both numbers and the
        tolerance, says what they suggest, and ends with a line that repeats the check.
    TypeError
        If f is not a function or does not return a Tensor, or an input is not an array of real numbers.
    ValueError
        If there is no input, f does not depend on any, or `order` or `dtype` is none of the above.
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    _check_callable("check_grads(f, inputs)", f=f)
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"check_grads: order is {order}, expected 1 for gradients, 2 for their derivatives too, ...")
    precision = _checked_dtype("check_grads", dtype)
    try:
        return _check_orders(f, inputs, order, seed, precision)
    except _CheckError as failure:
        message = f"check_grads: {failure}{_wrong_op(f, inputs, failure, precision)}"
        options = f"order={failure.point.order}, seed={seed}"
    options += ", dtype=np.float32" if precision == np.float32 else ""
    raise AssertionError(f"{message}\nrepeat: check_grads({_name(f, 'f')}, {_literal(inputs)}, {options})")


def check_gradient(
    f: Function, df: Function, x: Any, *, seed: int = 0, dtype: npt.DTypeLike = np.float64
) -> list[Comparison]:
    """Check a gradient from anywhere: written by hand in NumPy, or computed by another library.

    Parameters
    ----------
    f : callable
        Takes arrays, returns one number.
    df : callable
        Takes the same arrays, returns the gradient of f: an array of the shape of x, or one for each input.
    x : array, or list or tuple of arrays, or dict of arrays
        The point to check at: f(array), f(*arrays) or f(dict).
    seed : int
        Seed of the random directions.
    dtype : float64 or float32
        The precision in which df computes, and f too if it cannot do better.

    Returns
    -------
    list of Comparison, as `check_grads`

    Raises
    ------
    AssertionError, TypeError, ValueError
        As `check_grads`; and if f does not give one number, or df not an array of the shape of each input.

    Examples
    --------
    >>> report = check_gradient(lambda x: np.sum(np.sin(x)), np.cos, np.array([0.5, 1.0]))
    """
    __tracebackhide__ = True
    _check_callable("check_gradient(f, df, x)", f=f, df=df)
    precision = _checked_dtype("check_gradient", dtype)
    arrays = _float_arrays("check_gradient", x, precision)
    point = _Point(
        value=lambda xs: _number(_call(f, x, [np.array(a) for a in xs])),
        gradient=lambda xs: _gradients_given(_call(df, x, [a.astype(precision) for a in xs]), xs),
        arrays=arrays,
        names=_names(x),
        precision=PRECISION[precision],
        computed_by=_name(df, "df"),
    )
    try:
        return _check_point(point, np.random.default_rng(seed))
    except _CheckError as failure:
        message = f"check_gradient: {failure}"
    options = f"seed={seed}" + (", dtype=np.float32" if precision == np.float32 else "")
    call = f"check_gradient({_name(f, 'f')}, {_name(df, 'df')}, {_literal(x)}, {options})"
    raise AssertionError(f"{message}\nrepeat: {call}")


# ---- One point: a function, what is said to be its gradient, and differences -----------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Point:
    """A function of arrays that gives a number, its gradient as it is claimed, and where to compare the two."""

    value: Callable[[list[Array]], Any]
    gradient: Callable[[list[Array]], list[Array]]
    arrays: list[Array]
    names: list[str]
    order: int = 1
    precision: float = 1e-12
    computed_by: str = "grad"

    def moved(self, i: int, direction: Array, t: complex) -> _Point:
        """The same functions at x + t d in place of x, input i."""
        x = np.asarray(self.arrays[i] + t * direction)
        return replace(self, arrays=[*self.arrays[:i], x, *self.arrays[i + 1 :]])

    def line(self, i: int, direction: Array) -> Line:
        """The function t -> s(x + t d)."""
        return lambda t: self.moved(i, direction, t).here()

    def here(self) -> Any:
        """The value at the arrays."""
        return self.value(self.arrays)


class _CheckError(Exception):
    """Comparisons that do not agree, or do not decide; or a sentence on f itself."""

    def __init__(self, point: _Point, sentence: str = "", comparisons: Sequence[Comparison] = (), i: int = 0) -> None:
        self.point, self.sentence, self.i = point, sentence, i
        self.comparisons = sorted(comparisons, key=lambda c: c.agrees)  # what disagrees comes first
        self.wrong = any(not c.agrees for c in comparisons)

    def __str__(self) -> str:
        return self.sentence or f"{self.comparisons[0]}. {_suspicion(self)}"


def _check_point(point: _Point, rng: np.random.Generator, count: int | None = None) -> list[Comparison]:
    """The comparisons by each of the first `count` inputs, one for each method."""
    value, again = point.here(), point.here()
    if not np.isfinite(value):
        raise _CheckError(point, f"f is not finite here: it gives {value}.")
    if abs(value - again) > 1e-9 * abs(value):
        raise _CheckError(
            point, f"f gives {value:.9g}, and another value at the second call: f is random ({again:.9g})."
        )
    report, gradients = [], point.gradient(point.arrays)
    for i, x in enumerate(point.arrays[:count]):
        found: list[Comparison] = []
        for _ in range(DIRECTIONS):
            comparisons = _compare(point, i, _direction(x, rng), gradients[i], found)
            if not _settled(comparisons):
                raise _CheckError(point, comparisons=comparisons, i=i)
            found += comparisons
        for method in dict.fromkeys(c.method for c in found):
            report.append(max((c for c in found if c.method == method), key=_part_of_tolerance))
    return report


def _direction(x: Array, rng: np.random.Generator) -> Array:
    """Random signs and magnitudes from ½ to 1½, in units of the largest |x|: no element counts for nearly nothing."""
    size = float(np.max(np.abs(x), initial=0.0)) or 1.0
    return np.asarray(rng.choice([-size, size], x.shape) * rng.uniform(0.5, 1.5, x.shape))


def _part_of_tolerance(c: Comparison) -> float:
    return abs(c.analytic - c.numeric) / c.tolerance if c.tolerance else 0.0


def _settled(comparisons: list[Comparison]) -> bool:
    """All agree, and one decides; or all say that the derivative of a gradient is zero, as far as can be known."""
    zero = all(c.order > 1 and max(abs(c.analytic), abs(c.numeric)) <= c.tolerance for c in comparisons)
    return all(c.agrees for c in comparisons) and (zero or any(c.conclusive for c in comparisons))


def _compare(
    point: _Point, i: int, direction: Array, gradient: Array, before: Sequence[Comparison] = ()
) -> list[Comparison]:
    """First with the usual step of the difference; if nothing is sure then, with the best of many.

    If the complex step has applied along another direction before, it is enough if it agrees here.
    """
    if exact := [c for c in before if c.method == "complex step"]:
        analytic, size = _derivative(gradient, direction)
        slope, _ = _complex_step(point.line(i, direction))
        found = replace(exact[0], direction=direction, analytic=analytic, numeric=slope)
        found = replace(found, tolerance=point.precision * size, limit=CONCLUSIVE * size)
        if found.agrees:
            return [found]
    comparisons = _judge(point, i, direction, gradient, [CENTRAL_STEP])
    if _settled(comparisons) or (len(comparisons) == 2 and comparisons[0].conclusive):
        return comparisons  # where difference and complex step agree, the gradient is right or wrong
    return _judge(point, i, direction, gradient, LADDER if np.any(point.arrays[i]) else LONG_LADDER)


def _derivative(gradient: Array, direction: Array) -> tuple[float, float]:
    """The sum of g_j d_j, and the sum of what is finite of |g_j d_j|."""
    products = gradient * direction
    return float(np.sum(products)), float(np.sum(np.abs(products), where=np.isfinite(products)))


def _judge(point: _Point, i: int, direction: Array, gradient: Array, steps: Sequence[float]) -> list[Comparison]:
    s, (analytic, size) = point.line(i, direction), _derivative(gradient, direction)
    numeric, error, scale = _difference(s, steps, 10 * EPS * size if np.any(point.arrays[i]) else 0.0)
    tight, conclusive = point.precision * size, max(CONCLUSIVE, 200 * point.precision) * max(size, scale)
    central = Comparison(
        order=point.order,
        input=point.names[i],
        method="central difference",
        direction=direction,
        analytic=analytic,
        numeric=numeric,
        tolerance=error + tight,
        limit=conclusive,
        computed_by=point.computed_by,
    )
    stepped, reason = _complex_step(s)
    exact = replace(central, method="complex step", numeric=stepped, tolerance=tight)
    apart = abs(stepped - numeric)
    if not apart <= (max(conclusive, error) if exact.agrees else error) or (not central.conclusive and _has_kink(s)):
        return [replace(central, note=f"; no complex step: {reason or 'f is not analytic'}")]
    if not exact.agrees and abs(analytic - stepped) <= conclusive:  # it may be round-off
        exact = replace(exact, tolerance=tight + 3 * _jitter(point, i, direction))
    if not exact.agrees:
        exact = replace(exact, tolerance=exact.tolerance + 0.01 * point.precision * abs(point.here()))
    return [replace(central, tolerance=max(error + exact.tolerance, 2 * apart)), exact]


def _difference(s: Line, steps: Sequence[float], input_rounding: float) -> tuple[float, float, float]:
    """The slope s'(0) by s(±h) and s(±h/2), its uncertainty, and its scale; of the steps h, the one that knows most.

    D(h) and D(h/2) are combined so that the h² term of their errors cancels (Richardson). The uncertainty is the sum of

    - truncation: |D(h) - D(h/2)| / 3, which is that term in D(h/2);
    - round-off: (10 ε |s| + that of x + noise) / h. The noise is the fourth difference of the five values: if s is
      smooth, that is the fourth derivative times (h/2)⁴, far below round-off, so it shows how rough s is. It is at
      least the smallest change seen with smaller steps.

    Two steps that contradict each other know less than that: one of them is wrong by the gap.
    """
    with np.errstate(all="ignore"):
        h, center = np.array(steps), s(0.0)
        values = np.array([[s(t) for t in (step, -step, step / 2, -step / 2)] for step in steps])  # (steps, 4)
        up, down, half_up, half_down = values.T
        coarse, fine = (up - down) / (2 * h), (half_up - half_down) / h
        changes = abs(values - center)
        slopes, change = fine + (fine - coarse) / 3, changes.max(1)
        noise = np.fmax.accumulate(abs(up + down - 4 * (half_up + half_down) + 6 * center))
        noise[1:] = np.maximum(noise[1:], np.nan_to_num(changes.min(where=changes > 0, initial=np.inf), posinf=0.0))
        rounding = input_rounding + 10 * EPS * (abs(center) + change)
        rounding[input_rounding + change == 0] = 0.0  # neither f nor the gradient knows of x
        seen = np.maximum(abs(fine), change / h)
        error = (rounding + noise) / h + abs(coarse - fine) / 3
        error = np.where(error > 0.03 * seen, 100 * error, error)  # Taylor's series has hardly begun to converge
        gaps, credible = abs(slopes[:, None] - slopes), error < 0.01 * seen
        pairs = credible[1:] & credible[:-1] & (abs(np.diff(slopes)) < 0.001 * seen[1:])
        witness = np.append(pairs, False) | np.append(False, pairs)  # agrees with the step before or after it
        contradicted = witness & (gaps > error[:, None] + error)
        error = np.maximum(error, gaps.max(1, where=contradicted, initial=0.0))
        best = np.lexsort((error, error / seen))[0]  # NaN comes last
        return float(slopes[best]), float(error[best]), float(seen[best])


def _complex_step(s: Line) -> tuple[float, str]:
    """Im s(i h) / h; NaN and the reason if f does not take complex numbers or drops the imaginary part."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            value = s(1j * COMPLEX_STEP)
    except Exception as error:  # f is the caller's, and may refuse complex numbers in any way
        return np.nan, f"{type(error).__name__}: {error}"
    if not np.iscomplexobj(value):
        return np.nan, "f drops the imaginary part"
    return float(np.imag(value)) / COMPLEX_STEP, ""


def _jitter(point: _Point, i: int, direction: Array) -> float:
    """How irregular the gap between the gradient and the complex step is at close neighbors of x.

    A wrong gradient has a gap that is smooth in x. That of a right one is round-off, and jumps.
    """
    rng, gaps = np.random.default_rng(0), []
    moves = [_direction(x, rng) for x in point.arrays]
    for t in (0.0, 1e-9, 1e-7, 1e-5, 1e-3):
        near = replace(point, arrays=[np.asarray(x + t * move) for x, move in zip(point.arrays, moves, strict=True)])
        gaps.append(np.sum(near.gradient(near.arrays)[i] * direction) - _complex_step(near.line(i, direction))[0])
    return float(np.nan_to_num(np.ptp(gaps)))


# ---- What the numbers suggest ----------------------------------------------------------------------------------------


def _suspicion(failure: _CheckError) -> str:
    """A sentence on what may be wrong."""
    point, i, c = failure.point, failure.i, failure.comparisons[0]
    if not np.isfinite(c.analytic):
        return "The gradient is not finite."
    if _has_kink(point.line(i, c.direction)):
        return "f has a kink here, with another slope at x + h than at x - h: check it at another x."
    if not failure.wrong:
        return "f hardly changes beside its round-off: subtract constants from it, or check it where it does change."
    if c.order > 1:
        return "It is right at order 1: the VJP is not written in ops, or in ops that are wrong at order 2."
    if point.names[-1] == COTANGENT:
        ones = replace(point, arrays=[*point.arrays[:-1], np.ones_like(point.arrays[-1])])
        if _settled(_compare(ones, i, c.direction, ones.gradient(ones.arrays)[i])):
            return "It is right with g = 1: the VJP does not multiply by g."
    rng, gradient = np.random.default_rng(0), point.gradient(point.arrays)[i]
    others = [_compare(point, i, _direction(point.arrays[i], rng), gradient)[0] for _ in range(2)]
    with np.errstate(all="ignore"):
        ratios = np.array([np.divide(other.analytic, other.numeric) for other in (c, *others)])
    if np.ptp(ratios) <= 1e-3 * np.max(np.abs(ratios)):
        ratio = float(ratios[0])
        if abs(ratio - 1) < 0.005:
            return f"It is off by a relative {ratio - 1:.1e} along other directions, too."
        meaning = {-1.0: "the sign", 0.0: "no gradient arrives"}.get(round(ratio, 3), "a factor")
        return f"It is {ratio:.2f} times the difference: {meaning}."
    return f"Along other directions the ratio is {ratios[1]:.3g} or {ratios[2]:.3g}: some elements are wrong."


def _has_kink(s: Line) -> bool:
    """Whether the slopes on both sides differ as much after a hundredth of the step.

    If f is smooth, the difference shrinks with the step; if it is round-off, it grows.
    """
    with np.errstate(all="ignore"):
        wide, narrow = (abs(s(h) - 2 * s(0.0) + s(-h)) / h for h in KINK_STEPS)
        slope = abs(s(KINK_STEPS[0]) - s(0.0)) / KINK_STEPS[0]
    return bool(wide / 2 < narrow < 2 * wide and narrow > CONCLUSIVE * slope)


def _wrong_op(f: Function, inputs: Any, failure: _CheckError, dtype: np.dtype[Any]) -> str:
    """A sentence on the first op of the computation that is wrong by itself, at the arrays that it met."""
    tensors = [Tensor(x) for x in failure.point.arrays[: len(leaves_of(inputs))]]
    for node in reversed(list(backward_order(_call(f, inputs, tensors))) if failure.wrong else []):
        if node.op is None:
            continue
        places = dict(node.parents)
        try:
            alone = partial(_applied, node, list(places))
            _check_orders(alone, [x.value for x in places.values()], failure.point.order, 0, dtype)
        except _CheckError as found:
            if found.wrong:
                return f" The op {node.op.__name__}, here of shape {node.shape}, is wrong by itself."
    return ""


def _applied(node: Tensor, places: list[int], *xs: Any) -> Any:
    """The op of a node, with the x's in place of the Tensors that it was given."""
    given = dict(zip(places, xs, strict=True))
    return node.op(*(given.get(j, value_of(arg)) for j, arg in enumerate(node.args)), **node.metadata)  # type: ignore[misc]


# ---- Orders: a gradient is a function, too ---------------------------------------------------------------------------


def _check_orders(f: Function, inputs: Any, order: int, seed: int, dtype: np.dtype[Any]) -> list[Comparison]:
    arrays, rng = _float_arrays("check_grads", inputs, dtype), np.random.default_rng(seed)
    tensors = [Tensor(x.astype(dtype)) for x in arrays]
    out = _tensor("check_grads", _call(f, inputs, tensors))
    if not {id(x) for x in tensors} & {id(node) for node in backward_order(out)}:
        raise ValueError("check_grads: f does not depend on any of its inputs, but on a Tensor from outside")
    cotangent = _direction(np.ones(out.shape), rng).astype(dtype).astype(np.float64)

    def contracted(xs: list[Any]) -> Any:  # with a random cotangent: one of ones would hide a wrong transposition
        return ops.sum(ops.multiply(_call(f, inputs, xs[:-1]), xs[-1]))

    scalar: Scalar = contracted
    report = []
    for k in range(1, order + 1):
        point = _Point(
            value=partial(_value, scalar),
            gradient=partial(_gradients_in, dtype, scalar),
            arrays=[*arrays, cotangent],
            names=[*_names(inputs), COTANGENT],
            order=k,
            precision=PRECISION[dtype],
        )
        report += _check_point(point, rng, len(arrays) if k == 1 else None)
        scalar = _slope(scalar, [_direction(x, rng) for x in arrays])
    return report


def _slope(scalar: Scalar, directions: list[Array]) -> Scalar:
    """(x, u) -> ⟨∇s(x, u), v⟩, where ∇ is by x."""

    def slope(xs: list[Any]) -> Any:
        gradients = _gradients(scalar, xs, create_graph=True)
        products = [ops.sum(g * v.astype(value_of(g).real.dtype)) for g, v in zip(gradients, directions, strict=False)]
        return sum(products[1:], start=products[0])

    return slope


def _value(scalar: Scalar, arrays: list[Array]) -> Any:
    return value_of(scalar([Tensor(x) for x in arrays]))


def _gradients_in(dtype: np.dtype[Any], scalar: Scalar, arrays: list[Array]) -> list[Any]:
    return _gradients(scalar, [Tensor(x.astype(dtype)) for x in arrays])


def _gradients(scalar: Scalar, tensors: list[Tensor], create_graph: bool = False) -> list[Any]:
    """Gradients by every input; zero where the scalar does not depend on it."""
    out = scalar(tensors)
    found = backward(out, tensors, create_graph) if isinstance(out, Tensor) else [None] * len(tensors)
    return [np.zeros_like(x.value) if g is None else g for g, x in zip(found, tensors, strict=True)]


# ---- Functions of arrays ---------------------------------------------------------------------------------------------


def value_and_grad(f: Function, inputs: Any) -> tuple[Any, Any]:
    """f(inputs), which is a number, and its gradient in the structure of the inputs.

    >>> value_and_grad(lambda x: (x * x).sum(), np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    tensors = [Tensor(x) for x in leaves_of(inputs)]
    out = _tensor("value_and_grad", _call(f, inputs, tensors))
    return out.value[()], _in_structure(inputs, grad(out, tensors))


def jacobian(f: Function, inputs: Any) -> Any:
    """All derivatives of all elements of f(inputs), in the structure of the inputs.

    An input of shape (3,) and an f of shape (2,) make an array of shape (2, 3), one backward pass for each row.

    >>> jacobian(lambda x: x * x, np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    tensors = [Tensor(x) for x in leaves_of(inputs)]
    out = _tensor("jacobian", _call(f, inputs, tensors))
    rows = [_gradients(lambda _, j=j: ops.take(out, j), tensors) for j in np.ndindex(out.shape)]  # type: ignore[misc]
    found = [np.array([row[i] for row in rows]).reshape(out.shape + x.shape) for i, x in enumerate(tensors)]
    return _in_structure(inputs, found)


def _call(f: Function, inputs: Any, xs: list[Any]) -> Any:
    """F of one argument, several or a dict, as `inputs` are."""
    return f(_in_structure(inputs, xs)) if isinstance(inputs, dict) else f(*xs)


def _in_structure(inputs: Any, xs: list[Any]) -> Any:
    if isinstance(inputs, dict):
        return dict(zip(inputs, xs, strict=True))
    return xs if isinstance(inputs, list | tuple) else xs[0]


def _names(inputs: Any) -> list[str]:
    if isinstance(inputs, list | tuple):
        return [f"input {i}" for i in range(len(inputs))]
    return [f"input {key!r}" for key in inputs] if isinstance(inputs, dict) else ["the input"]


def _literal(inputs: Any) -> str:
    """The inputs as they can be pasted; if they are large, their name."""
    arrays = [np.asarray(value_of(x)) for x in leaves_of(inputs)]
    words = [f"np.array({x.tolist()})" for x in arrays]
    if sum(x.size for x in arrays) > 40:
        return "inputs"
    pairs = [f"{key!r}: {word}" for key, word in zip(inputs, words, strict=True)] if isinstance(inputs, dict) else []
    return (
        f"{{{', '.join(pairs)}}}"
        if pairs
        else f"[{', '.join(words)}]"
        if isinstance(inputs, list | tuple)
        else words[0]
    )


def _name(f: Function, otherwise: str) -> str:
    """The name that a `def` gave; other names, as that of a lambda or an op, may mean something else to the caller."""
    return f.__name__ if isinstance(f, FunctionType) and f.__name__.isidentifier() else otherwise


# ---- What is refused -------------------------------------------------------------------------------------------------


def _check_callable(call: str, **functions: Any) -> None:
    for name, f in functions.items():
        if not callable(f):
            raise TypeError(f"{call}: {name} is a {type(f).__name__}, expected a function: pass {name}, not {name}(x)")


def _checked_dtype(caller: str, dtype: npt.DTypeLike) -> np.dtype[Any]:
    if (found := np.dtype(dtype)) in PRECISION:
        return found
    raise ValueError(f"{caller}: dtype is {found}, expected np.float32 or np.float64")


def _float_arrays(caller: str, inputs: Any, dtype: np.dtype[Any]) -> list[Array]:
    """The inputs in float64, rounded to the dtype."""
    leaves = leaves_of(inputs)
    if not leaves:
        raise ValueError(f"{caller}: no inputs: pass an array, or a list or dict of arrays")
    if isinstance(inputs, list | tuple) and all(isinstance(x, int | float) for x in leaves):
        raise TypeError(
            f"{caller}: the inputs are a list of numbers: pass np.array({leaves}) for one vector, or a list of arrays, "
            "one for each argument of f"
        )
    arrays = [np.asarray(value_of(x)) for x in leaves]
    for name, x in zip(_names(inputs), arrays, strict=True):
        if x.dtype.kind not in "fiub":
            raise TypeError(f"{caller}: {name} has dtype {x.dtype}, expected an array of real numbers")
    return [x.astype(dtype).astype(np.float64) for x in arrays]


def _tensor(caller: str, out: Any) -> Tensor:
    if isinstance(out, Tensor):
        return out
    raise TypeError(
        f"{caller}: f was given Tensors and answered with a {type(out).__name__}: it must be made of "
        "minisnip.ops and Tensor's operators, all the way from its inputs to its answer"
    )


def _number(out: Any) -> Any:
    array = np.asarray(out)
    if array.size == 1:
        return array.reshape(())[()]
    raise ValueError(
        f"check_gradient: f gives shape {array.shape}, and a gradient is of one number: weight it at random and sum, "
        "or make it an op and use check_grads(primitive(f, vjp), x)"
    )


def _gradients_given(found: Any, arrays: list[Array]) -> list[Array]:
    """What df gave, as an array for each input."""
    gradients = [np.asarray(g) for g in leaves_of(found)]
    shapes, expected = [g.shape for g in gradients], [x.shape for x in arrays]
    if shapes != expected or any(g.dtype.kind not in "fiub" for g in gradients):
        given = ", ".join(f"shape {g.shape} and dtype {g.dtype}" for g in gradients) or "nothing"
        raise ValueError(
            f"check_gradient: df gives {given}; expected real numbers of the shapes {expected} of the inputs"
        )
    return [g.astype(np.float64) for g in gradients]

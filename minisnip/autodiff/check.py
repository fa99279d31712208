"""Prove a gradient: compare it with differences of the function itself.

    >>> import numpy as np
    >>> from minisnip import check_grads, ops
    >>> report = check_grads(lambda x, y: ops.tanh(x @ y), [np.ones((2, 3)), np.ones((3, 2))])

Order 1 compares the gradient of s(x) = ⟨f(x), u⟩, u a random cotangent, with differences of s along random directions.
`directions.py` says which, `comparison.py` how, `differences.py` how exact a difference is, and `diagnosis.py` what a
disagreement suggests.

Order 2 is order 1 of the gradient, as in HIPS autograd. It takes the function ⟨∇s(x), v⟩ of x and of the cotangent u,
and compares its derivatives: those by x are Hessian-vector products; those by u show that every VJP is linear in its
cotangent. Order 3 is order 2 of the gradient, and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from minisnip.autodiff import ops
from minisnip.autodiff.comparison import COTANGENT, PRECISION, Comparison, Point, random_direction
from minisnip.autodiff.diagnosis import CheckError
from minisnip.autodiff.directions import check_point
from minisnip.autodiff.engine import Array, Tensor, backward_order, leaves_of, value_of
from minisnip.autodiff.functions import Function, call, check_callable, gradients, tensor_of

ROUNDED = " To the digits of float32 it is right: if df computes in float32, pass dtype=np.float32."

Scalar: TypeAlias = Callable[[list[Tensor], bool], Any]  # Tensors, and whether to record -> one number, or its Tensor


def check_grads(
    f: Function, inputs: Any, order: int = 2, *, seed: int = 0, dtype: npt.DTypeLike = np.float64
) -> list[Comparison]:
    """Check the derivatives of f against central differences and, where f allows it, the complex step.

    Parameters
    ----------
    f : callable
        A function made of ops. It takes Tensors, and returns one of any shape. Written with a VJP in plain NumPy, it
        has order 1 only.
    inputs : array, or list or tuple of arrays, or dict of arrays
        The point to check at: f(array), f(*arrays) or f(dict). It must not be a kink, or a place where f changes in its
        last digits only, as a softmax does with a logit of 36. An element of the gradient is not seen if it is 1e-12 of
        the largest, or 1e-7 without the complex step: of exp at [0, 28], only the second is checked. Where the gradient
        is zero, as at a minimum, no factor can be seen.
    order : int
        1 for gradients, 2 for Hessian-vector products as well, and so on.
    seed : int
        Seed of the random directions and cotangents.
    dtype : float64 or float32
        The precision in which `grad` computes. The differences are always computed in float64. In float32, a tolerance
        up to 1e-2 of the derivative is conclusive, so one wrong element of more than a thousand may not be seen; and f
        itself is compared with f in float64, to 1e-3 of its largest element.

    Returns
    -------
    list of Comparison
        One for each order, input and method ("central difference" or "complex step"). From order 2 on, the cotangent
        is an input too. Of several directions, the one that comes closest to its tolerance is listed. That -u gives the
        negative gradient is checked too, without an entry.

    Raises
    ------
    AssertionError
        At the first disagreement, or where no method can decide: names the input, the direction, both numbers and the
        tolerance, says what they suggest, and ends with a line that repeats the check.
    TypeError
        If f is not a function or does not return a Tensor, or an input is not an array of real numbers.
    ValueError
        If there is no input, f depends on none, or an input is not finite; if `order` or `dtype` is none of these.
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    check_callable("check_grads(f, inputs)", f=f)
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or order < 1:
        raise ValueError(f"check_grads: order is {order}, expected 1 for gradients, 2 for their derivatives too, ...")
    precision = _checked_dtype("check_grads", dtype)
    try:
        return _check_orders(f, inputs, order, seed, precision)
    except CheckError as error:
        message = error.found + (_inside(f, inputs, error, precision) or error.advice)
        repeat = f"{_name(f, 'f')}, {_literal(inputs)}, order={error.point.order}, seed={_seed(seed)}"
    raise _failed("check_grads", message, repeat, precision)


def check_gradient(
    f: Function, df: Function, x: Any, *, seed: int = 0, dtype: npt.DTypeLike = np.float64
) -> list[Comparison]:
    """Check a gradient from anywhere: written by hand in NumPy, or computed by another library.

    Parameters
    ----------
    f : callable
        Takes arrays, returns one number. It gets float64, and complex numbers for the complex step, which it may
        refuse.
    df : callable
        Takes the same arrays, returns the gradient of f: an array of the shape of x, or one for each input.
    x : array, or list or tuple of arrays, or dict of arrays
        The point to check at: f(array), f(*arrays) or f(dict).
    seed : int
        Seed of the random directions.
    dtype : float64 or float32
        The precision in which df computes, and f too if it is a float32 program.

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
    check_callable("check_gradient(f, df, x)", f=f, df=df)
    precision = _checked_dtype("check_gradient", dtype)
    arrays = _float_arrays("check_gradient", x, precision)
    point = Point(
        value=lambda xs: _number(call(f, x, [np.array(a) for a in xs])),
        gradient=lambda xs: _gradients_given(call(df, x, [a.astype(precision) for a in xs]), x, xs),
        arrays=arrays,
        names=_names(x),
        dtype=precision,
        computed_by=_name(df, "df"),
    )
    try:
        return check_point(point, _generator("check_gradient", seed))
    except CheckError as error:
        message = str(error) + (ROUNDED if error.wrong and _rounded(point) else "")
    repeat = f"{_name(f, 'f')}, {_name(df, 'df')}, {_literal(x)}, seed={_seed(seed)}"
    raise _failed("check_gradient", message, repeat, precision)


# ---- Orders: a gradient is a function, too ---------------------------------------------------------------------------


def _check_orders(f: Function, inputs: Any, order: int, seed: int, dtype: np.dtype[Any]) -> list[Comparison]:
    arrays, rng = _float_arrays("check_grads", inputs, dtype), _generator("check_grads", seed)
    cotangent = random_direction(np.ones(_shape_of_output(f, inputs, arrays, dtype)), rng).astype(dtype)

    def contracted(xs: list[Tensor], record: bool) -> Any:
        return ops.sum(ops.multiply(call(f, inputs, xs[:-1]), xs[-1]))

    scalar: Scalar = contracted
    report = []
    for k in range(1, order + 1):
        point = Point(
            value=partial(_value, scalar),
            gradient=partial(_gradient, scalar, dtype),
            arrays=[*arrays, cotangent.astype(np.float64)],
            names=[*_names(inputs), COTANGENT],
            dtype=dtype,
            order=k,
        )
        if k == 1 and dtype == np.float32:
            _check_float32(f, inputs, point)
        report += _checked(point, rng, len(arrays) if k == 1 else None)
        if k == 1:
            _check_odd(point)
        scalar = _slope(scalar, [random_direction(x, rng) for x in arrays])
    return report


def _check_float32(f: Function, inputs: Any, point: Point) -> None:
    """Refuse an f whose values in float32 are others than in float64."""
    arrays = point.arrays[:-1]
    single, double = (
        value_of(call(f, inputs, [Tensor(x.astype(t)) for x in arrays])) for t in (np.float32, np.float64)
    )
    size = float(np.max(np.abs(double), initial=0.0, where=np.isfinite(double)))
    if not np.allclose(single, double, rtol=0.0, atol=1e-3 * size, equal_nan=True):
        place = np.unravel_index(np.argmax(np.nan_to_num(abs(single - double), nan=np.inf)), np.shape(double))
        sentence = f"f gives {single[place]:.6g} in float32 and {double[place]:.6g} in float64"
        raise CheckError(point, f"{sentence}: f itself is wrong in float32.")


def _check_odd(point: Point) -> None:
    """Refuse a gradient that is not linear in the cotangent g: -g must give its negative, to the last digits."""
    *arrays, cotangent = point.arrays
    opposite = point._replace(arrays=[*arrays, -cotangent])
    for name, g, other in zip(point.names[:-1], point.slopes(), opposite.slopes(), strict=False):
        if not np.allclose(-other, g, rtol=0.0, atol=PRECISION[point.dtype] * np.max(np.abs(g), initial=0.0)):
            sentence = f"The gradient by {name} is not linear in the cotangent g: -g does not give its negative."
            raise CheckError(point, sentence, wrong=True)


def _checked(point: Point, rng: np.random.Generator, count: int | None) -> list[Comparison]:
    try:
        return check_point(point, rng, count)
    except TypeError as error:
        if point.order == 1:
            raise
        sentence = (
            f"The gradient is right at order {point.order - 1}, but it cannot be differentiated again ({error}): "
        )
        raise CheckError(point, sentence + "write the VJP in ops, or check with order=1.") from error


def _shape_of_output(f: Function, inputs: Any, arrays: list[Array], dtype: np.dtype[Any]) -> tuple[int, ...]:
    tensors = [Tensor(x.astype(dtype)) for x in arrays]
    out = tensor_of("check_grads", call(f, inputs, tensors))
    if not {id(x) for x in tensors} & {id(node) for node in backward_order(out)}:
        raise ValueError("check_grads: f does not depend on any of its inputs, but on a Tensor from outside")
    return out.value.shape


def _slope(scalar: Scalar, directions: list[Array]) -> Scalar:
    """(x, u) -> ⟨∇s(x, u), v⟩, where ∇ is by x."""

    def slope(xs: list[Tensor], record: bool) -> Any:
        slopes = gradients(scalar(xs, True), xs[:-1], create_graph=record)
        terms = [ops.sum(g * v.astype(value_of(g).real.dtype)) for g, v in zip(slopes, directions, strict=True)]
        return sum(terms[1:], start=terms[0])

    return slope


def _value(scalar: Scalar, arrays: list[Array]) -> Any:
    return value_of(scalar([Tensor(x) for x in arrays], False))


def _gradient(scalar: Scalar, dtype: np.dtype[Any], arrays: list[Array]) -> list[Any]:
    tensors = [Tensor(x.astype(dtype)) for x in arrays]
    return gradients(scalar(tensors, True), tensors)


def _rounded(point: Point) -> bool:
    """Whether the gradient has the digits of float32, and is right to these."""
    try:
        single = all(np.array_equal(g, g.astype(np.float32)) for g in point.slopes())
        return single and bool(check_point(point._replace(dtype=np.dtype(np.float32)), np.random.default_rng(0)))
    except CheckError:
        return False


# ---- What the message says -------------------------------------------------------------------------------------------


def _inside(f: Function, inputs: Any, failure: CheckError, dtype: np.dtype[Any]) -> str:
    """A sentence on the first op of the computation that rounds, or is wrong by itself at the arrays that it met."""
    if not failure.wrong:
        return ""
    tensors = [Tensor(x) for x in failure.point.arrays[: len(leaves_of(inputs))]]
    for node in reversed(list(backward_order(call(f, inputs, tensors)))):
        if node.op is None:
            continue
        if node.dtype.itemsize < max(parent.dtype.itemsize for _, parent in node.parents):
            return f"f computes in {node.dtype} from the op {node.op.__name__} on, so it rounds: pass dtype=np.float32."
        try:
            alone, values = partial(_applied, node), [parent.value for _, parent in node.parents]
            _check_orders(alone, values, failure.point.order, 0, dtype)
        except CheckError as found:
            if found.wrong:
                return f"The op {node.op.__name__}, here of shape {node.shape}, is wrong by itself. {found.advice}"
    return ""


def _applied(node: Any, *xs: Any) -> Any:
    """The op of a node, with the x's in place of its parents."""
    args = [*map(value_of, node.args)]
    for (i, _), x in zip(node.parents, xs, strict=True):
        args[i] = x
    return node.op(*args, **node.metadata)


def _failed(caller: str, message: str, call: str, dtype: np.dtype[Any]) -> AssertionError:
    precision = ", dtype=np.float32" if dtype == np.float32 else ""
    return AssertionError(f"{caller}: {message}\nrepeat: {caller}({call}{precision})")


def _names(inputs: Any) -> list[str]:
    if isinstance(inputs, list | tuple):
        return [f"input {i}" for i in range(len(inputs))]
    return [f"input {key!r}" for key in inputs] if isinstance(inputs, dict) else ["the input"]


def _literal(inputs: Any) -> str:
    """The inputs as they can be pasted; if they are large, their name."""
    arrays = [np.asarray(value_of(x)) for x in leaves_of(inputs)]
    if sum(x.size for x in arrays) > 40:
        return "inputs"
    words = [f"np.array({x.tolist()})" if x.size else f"np.zeros({x.shape})" for x in arrays]
    if isinstance(inputs, dict):
        return "{" + ", ".join(f"{key!r}: {word}" for key, word in zip(inputs, words, strict=True)) + "}"
    return f"[{', '.join(words)}]" if isinstance(inputs, list | tuple) else words[0]


def _seed(seed: Any) -> Any:
    return seed if isinstance(seed, int | np.integer) else "seed"


def _name(f: Function, otherwise: str) -> str:
    """The name that a `def` gave; other names, as that of a lambda or an op, may mean something else to the caller."""
    return f.__name__ if isinstance(f, FunctionType) and f.__name__.isidentifier() else otherwise


# ---- What is refused -------------------------------------------------------------------------------------------------


def _checked_dtype(caller: str, dtype: npt.DTypeLike) -> np.dtype[Any]:
    try:
        if (found := np.dtype(dtype)) in PRECISION:
            return found
    except TypeError:
        pass
    raise ValueError(f"{caller}: dtype is {dtype!r}, expected np.float32 or np.float64")


def _generator(caller: str, seed: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        expected = "expected a whole number, 0 or more, or a np.random.Generator"
        raise type(error)(f"{caller}: {seed!r} is no seed: {expected}") from None


def _float_arrays(caller: str, inputs: Any, dtype: np.dtype[Any]) -> list[Array]:
    """The inputs in float64, rounded to the dtype."""
    leaves = leaves_of(inputs)
    if not leaves:
        raise ValueError(f"{caller}: no inputs: pass an array, or a list or dict of arrays")
    if isinstance(inputs, list | tuple) and all(isinstance(x, int | float | list | tuple) for x in leaves):
        raise TypeError(
            f"{caller}: the inputs are a list of numbers: pass np.array({_plain(leaves)}) for one array, or a list of "
            "arrays, one for each argument of f"
        )
    arrays = [np.asanyarray(value_of(x)) for x in leaves]
    for name, x in zip(_names(inputs), arrays, strict=True):
        if np.ma.isMaskedArray(x):
            raise TypeError(f"{caller}: {name} is a masked array, whose mask would be lost: fill it, x.filled(0.0)")
        if x.dtype.kind not in "fiub":
            raise TypeError(f"{caller}: {name} has dtype {x.dtype}, expected an array of real numbers")
        if not np.all(np.isfinite(x)):
            raise ValueError(f"{caller}: {name} is not finite: check where f has a derivative")
    return [np.asarray(x.astype(dtype), np.float64) for x in arrays]


def _plain(numbers: list[Any]) -> list[Any]:
    return [x.item() if isinstance(x, np.generic) else x for x in numbers]


def _number(out: Any) -> Any:
    array = _as_array("f", out)
    if array.size == 1:
        return array.reshape(())[()]
    raise ValueError(
        f"check_gradient: f gives shape {array.shape}, and a gradient is of one number: weight it at random and sum, "
        "or make it an op and use check_grads(primitive(f, vjp), x)"
    )


def _as_array(function: str, out: Any) -> Array:
    reason: Exception | None = None
    try:
        array = np.asarray(out)
        if array.dtype.kind in "fiubc":
            return array
    except Exception as error:  # another library's own
        reason = error
    raise TypeError(
        f"check_gradient: {function} answered with a {type(out).__name__}, expected numbers: return a NumPy array or a "
        "float"
    ) from reason


def _gradients_given(found: Any, inputs: Any, arrays: list[Array]) -> list[Array]:
    """What df gave, as an array for each input; by name if the inputs are a dict."""
    if isinstance(inputs, dict) != isinstance(found, dict) or (isinstance(inputs, dict) and {*found} != {*inputs}):
        names = f"a dict with the keys {[*inputs]}" if isinstance(inputs, dict) else "no dict, as the inputs are none"
        given = f"the keys {[*found]}" if isinstance(found, dict) else f"a {type(found).__name__}"
        raise ValueError(f"check_gradient: df gives {given}, expected {names}")
    numbers = isinstance(found, list | tuple) and found and all(isinstance(g, int | float) for g in found)
    if numbers and not isinstance(inputs, list | tuple):
        raise TypeError(
            f"check_gradient: df gives a {type(found).__name__} of {len(found)} numbers, expected an array of shape "
            f"{arrays[0].shape}: return np.array(...)"
        )
    gradients = [
        _as_array("df", g) for g in ([found[key] for key in inputs] if isinstance(inputs, dict) else leaves_of(found))
    ]
    shapes, expected = [g.shape for g in gradients], [x.shape for x in arrays]
    if shapes != expected or any(g.dtype.kind not in "fiub" for g in gradients):
        given = ", ".join(f"shape {g.shape} and dtype {g.dtype}" for g in gradients) or "nothing"
        raise ValueError(
            f"check_gradient: df gives {given}; expected real numbers of the shapes {expected} of the inputs"
        )
    return [g.astype(np.float64) for g in gradients]

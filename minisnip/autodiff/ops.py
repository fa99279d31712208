"""The op table: each forward beside its derivative. Read it top to bottom.

An op takes Tensors, arrays and numbers in any mix. A VJP is `vjp(g, out, *args)`: g is the gradient of the loss with
respect to the op's output `out`; the answer is the gradient with respect to one argument. It is written in the ops of
this table, so it can be differentiated in turn. Two ops that are each other's adjoint, ⟨A x, y⟩ = ⟨x, Aᵀ y⟩, are each
other's VJP, and are next to each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial, wraps
from string import ascii_letters
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.array_utils import normalize_axis_tuple

from minisnip.autodiff.engine import VJP, Array, Op, Tensor, Value, primitive, shape_of, value_of

# Named as in NumPy; abs, max, min and sum are Python's own elsewhere, so write ops.sum.
__all__ = """abs add astype broadcast_to clip concatenate cos cumsum divide dot einsum elementwise exp expm1 linear log
log1p log_softmax logaddexp logsumexp matmul max maximum mean min minimum multiply negative outer pad power prod put
relu reshape sigmoid sign sin sqrt square squeeze stack std subtract sum sum_to take tanh transpose var where""".split()

Axis = int | tuple[int, ...] | None

# ---- Movement: adjoint pairs -----------------------------------------------------------------------------------------


def _broadcast_to(x: Array, shape: tuple[int, ...]) -> Any:
    return x if shape_of(x) == shape else np.broadcast_to(x, shape)


def _sum_to(x: Array, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which `shape` was stretched or to which axes were added."""
    if shape_of(x) == shape:
        return x
    added = x.ndim - len(shape)
    stretched = [added + i for i, n in enumerate(shape) if n == 1 and x.shape[added + i] != 1]
    return x.sum(axis=(*range(added), *stretched)).reshape(shape)


broadcast_to: Op = primitive(_broadcast_to, lambda g, out, x, shape: sum_to(g, x.shape))
sum_to: Op = primitive(_sum_to, lambda g, out, x, shape: broadcast_to(g, x.shape))

reshape: Op = primitive(np.reshape, lambda g, out, x, shape: reshape(g, x.shape))


def _inverse(axes: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if axes is None else tuple(int(i) for i in np.argsort(np.mod(axes, len(axes))))


transpose: Op = primitive(np.transpose, lambda g, out, x, axes=None: transpose(g, _inverse(axes)))


squeeze: Op = primitive(np.squeeze, lambda g, out, x, axis=None: reshape(g, x.shape))


def _take(x: Array, index: Any) -> Any:
    return x[index]


def _put(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros, with x added at the index; where an index is repeated, all its contributions are summed."""
    out = np.zeros(shape, np.asarray(x).dtype)
    if _has_integer_array(index):
        np.add.at(out, index, x)
    else:
        out[index] = x
    return out


def _has_integer_array(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(i, list | tuple | np.ndarray) and np.asarray(i).dtype != bool for i in parts)


take: Op = primitive(_take, lambda g, out, x, index: put(g, index, x.shape))
put: Op = primitive(_put, lambda g, out, x, index, shape: take(g, index))


def pad(x: Value, widths: Sequence[tuple[int, int]]) -> Any:
    """Zeros around x: `widths` is (before, after) for each axis. Made of `put`, whose VJP cuts the same part out of g.

    Shapes: (n, m) -> (before + n + after, before + m + after), each axis with its own widths.
    """
    shape = shape_of(x)
    if len(widths) != len(shape) or any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad of shape {shape}: widths are {widths}, expected (before, after), not negative, per axis")
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))
    return put(x, inner, tuple(a + n + b for n, (a, b) in zip(shape, widths, strict=True)))


def concatenate(parts: Sequence[Value], axis: int = 0) -> Any:
    """Join along an axis; each part's gradient is its slice of g.

    Shapes: parts (n, k) and (m, k) -> (n + m, k) along axis 0.
    """

    def _concatenate(*arrays: Array) -> Array:
        return np.concatenate(arrays, axis)

    parts = [*parts]
    if not parts:
        raise ValueError("concatenate of no parts: pass at least one array")
    (axis,) = normalize_axis_tuple(axis, len(shape_of(parts[0])))
    stops = np.cumsum([shape_of(part)[axis] for part in parts]).tolist()
    before = (slice(None),) * axis
    slices = [(*before, slice(start, stop)) for start, stop in zip([0, *stops], stops, strict=False)]
    vjps = [lambda g, out, *arrays, index=index: take(g, index) for index in slices]
    return primitive(_concatenate, *vjps, remedy="All sizes but that of the joined axis must be equal.")(*parts)


def stack(parts: Sequence[Value], axis: int = 0) -> Any:
    """Join along a new axis. Made of `reshape` and `concatenate`.

    Shapes: k parts (n, m) -> (k, n, m) along axis 0, (n, m, k) along axis -1.
    """
    parts = [*parts]
    (axis,) = normalize_axis_tuple(axis, 1 + len(shape_of(parts[0]))) if parts else (0,)
    shapes = map(shape_of, parts)
    return concatenate([reshape(x, (*n[:axis], 1, *n[axis:])) for x, n in zip(parts, shapes, strict=True)], axis)


def _astype(x: Array, dtype: npt.DTypeLike) -> Array:
    x = np.asarray(x)
    return x.astype(np.result_type(dtype, np.complex64) if np.iscomplexobj(x) else dtype)  # complex stays complex


astype: Op = primitive(_astype, lambda g, out, x, dtype: astype(g, x.dtype))

# ---- Element by element ----------------------------------------------------------------------------------------------


def elementwise(forward: Op, *partials: VJP | None) -> Op:
    """An op on broadcast arguments: whatever was stretched in the forward pass is summed back, here and only here."""

    def summed(i: int, partial: VJP) -> VJP:
        @wraps(partial)
        def vjp(g: Any, out: Any, *args: Any) -> Any:
            contribution, shape = partial(g, out, *args), shape_of(args[i])
            return contribution if shape_of(contribution) == shape else sum_to(contribution, shape)

        return vjp

    vjps = [partial and summed(i, partial) for i, partial in enumerate(partials)]
    return primitive(forward, *vjps, remedy="Shapes must be equal or broadcast: trailing sizes equal, or 1.")


def selected(x: Array, keep: Array) -> Any:
    """x where `keep` is true, elsewhere 0. A product of bits: 0 · ∞ is NaN, and `where` takes four times as long."""
    if np.iscomplexobj(x) or x.itemsize > 8:
        return np.where(keep, x, 0)
    return (x.view(f"i{x.itemsize}") * keep).view(x.dtype)


def _relu(x: Array) -> Any:
    return np.maximum(x, 0)


def _abs(x: Array) -> Any:
    # no modulus of a complex number: |x| continued along the real axis, as the complex step needs
    return x * np.sign(x.real) if np.iscomplexobj(x) else np.abs(x)


def _sign(x: Array) -> Any:
    return np.sign(np.real(x)).astype(np.result_type(x))  # continued along the real axis, as abs


def _logaddexp(a: Array, b: Array) -> Any:
    if not (np.iscomplexobj(a) or np.iscomplexobj(b)):
        return np.logaddexp(a, b)
    top = np.maximum(np.real(a), np.real(b))
    return np.log(np.exp(a - top) + np.exp(b - top)) + top


def _sigmoid(x: Array) -> Any:
    positive = np.real(x) > 0
    z = np.exp(np.where(positive, -x, x))  # 1 / (1 + exp(-x)) with exp of negative numbers only: no overflow
    return np.where(positive, 1, z) / (1 + z)


def _log_base(x: Any) -> Any:
    """log x for d(x**p)/dp = x**p log x; 0 where x <= 0. A number stays a number, so that float32 stays float32."""
    if isinstance(x, int | float):
        return math.log(x) if x > 0 else 0.0
    return log(where(x > 0, x, 1.0))


def _less_one(p: Any, x: Any) -> Any:
    """p - 1 for d(x**p)/dx = p x**(p-1); but 0 at x = p = 0, where the factor p has to win over 1/x."""
    return p - (p != 0) if isinstance(p, int | float) else p - ((p != 0) | (x != 0))


add = elementwise(np.add, lambda g, out, a, b: g, lambda g, out, a, b: g)
subtract = elementwise(np.subtract, lambda g, out, a, b: g, lambda g, out, a, b: -g)
multiply = elementwise(np.multiply, lambda g, out, a, b: g * b, lambda g, out, a, b: g * a)
divide = elementwise(np.divide, lambda g, out, a, b: g / b, lambda g, out, a, b: -g * out / b)
power = elementwise(
    np.power,
    lambda g, out, x, p: g * p * x ** _less_one(p, x),
    lambda g, out, x, p: g * out * _log_base(x),
)
logaddexp: Op = elementwise(
    _logaddexp, lambda g, out, a, b: g * sigmoid(a - b), lambda g, out, a, b: g * sigmoid(b - a)
)
where: Op = elementwise(np.where, None, lambda g, out, c, a, b: where(c, g, 0), lambda g, out, c, a, b: where(c, 0, g))
_select: Op = elementwise(selected, lambda g, out, x, keep: _select(g, keep))
# a wins ties; NaN beats every number, and passes g on to both
maximum = elementwise(np.maximum, lambda g, out, a, b: _select(g, ~(a < b)), lambda g, out, a, b: _select(g, ~(a >= b)))
minimum = elementwise(np.minimum, lambda g, out, a, b: _select(g, ~(a > b)), lambda g, out, a, b: _select(g, ~(a <= b)))

negative = elementwise(np.negative, lambda g, out, x: -g)
exp = elementwise(np.exp, lambda g, out, x: g * out)
expm1 = elementwise(np.expm1, lambda g, out, x: g * exp(x))
log = elementwise(np.log, lambda g, out, x: g / x)
log1p = elementwise(np.log1p, lambda g, out, x: g / (1.0 + x))
sin: Op = elementwise(np.sin, lambda g, out, x: g * cos(x))
cos: Op = elementwise(np.cos, lambda g, out, x: -g * sin(x))
square = elementwise(np.square, lambda g, out, x: g * 2.0 * x)
sqrt = elementwise(np.sqrt, lambda g, out, x: g * 0.5 / out)
tanh = elementwise(np.tanh, lambda g, out, x: g * (1.0 - out * out))
sigmoid: Op = elementwise(_sigmoid, lambda g, out, x: g * out * (1.0 - out))
relu = elementwise(_relu, lambda g, out, x: _select(g, ~(x <= 0)))  # ReLU'(0) = 0
abs = elementwise(_abs, lambda g, out, x: g * np.sign(value_of(x).real))
sign = elementwise(_sign, lambda g, out, x: where(True, 0, g))  # NaN of NaN, as in NumPy; 0 in PyTorch


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Any:
    """min(max(x, low), high); None for no bound. At a bound the derivative is 1, as in PyTorch.

    NaN passes the gradient on; in PyTorch it gets 0.

    Shapes: x, low and high broadcast. Made of `maximum` and `minimum`.
    """
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


# ---- Reductions ------------------------------------------------------------------------------------------------------


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The reduced axes, counted from the front."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def _with_axes(reduced: Any, axis: Axis, shape: tuple[int, ...]) -> Any:
    """Give a reduced array its axes back, with size 1, so that it broadcasts against the original `shape`."""
    axes = _axes(axis, len(shape))
    return reshape(reduced, tuple(1 if i in axes else n for i, n in enumerate(shape)))


_add_reduce: Op = np.add.reduce  # np.sum without its overhead


def _sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    return _add_reduce(x, axis=axis, keepdims=keepdims)


sum: Op = primitive(
    _sum, lambda g, out, x, axis=None, keepdims=False: broadcast_to(_with_axes(g, axis, x.shape), x.shape)
)


def mean(x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    """1/n Σ x over the n terms along the axes, all of them by default. Made of `sum`: the VJP is g / n, broadcast.

    Shapes: (n, m) -> () for all axes, (m,) for axis 0, (1, m) with keepdims.
    """
    shape = shape_of(x)
    return sum(x, axis, keepdims) / math.prod(shape[i] for i in _axes(axis, len(shape)))


def var(x: Value, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """1/(n - ddof) Σ (x - mean)² over the n terms along the axes, all of them by default. Made of `mean` and `sum`.

    Shapes: as `mean`. Complex numbers are squared as they are, as the complex step needs.
    """
    shape = shape_of(x)
    n = math.prod(shape[i] for i in _axes(axis, len(shape)))
    return sum(square(x - mean(x, axis, True)), axis, keepdims) / ((n - ddof) * (n > ddof))


def std(x: Value, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """√`var`. Where it is 0, the root has no derivative; it is taken as 0, as in PyTorch.

    Shapes: as `mean`.
    """
    squared = var(x, axis, keepdims, ddof)
    return where(squared == 0, 0, sqrt(where(squared == 0, 1, squared)))  # no 0 reaches the root


def _along_rows(reduce: Op, x: Value, axis: Axis, keepdims: bool) -> Any:
    """Reduce the rows of a matrix, each of which has the numbers to reduce: (kept, reduced) -> (kept,)."""
    shape = shape_of(x)
    axes = _axes(axis, len(shape))
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    sizes = tuple(math.prod(shape[i] for i in group) for group in (kept, axes))
    out = reduce(reshape(transpose(x, kept + axes), sizes))
    return reshape(out, tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i in kept))


def _extreme(find: Op, x: Value, axis: Axis, keepdims: bool) -> Any:
    """What `find`, np.argmax or np.argmin, finds in each row: the first of equals."""

    def found(rows: Value) -> Any:
        n, size = shape_of(rows)
        if not size:
            raise ValueError(f"{find.__name__[3:]} of shape {shape_of(x)}, axis {axis}: there is no number to choose")
        return take(rows, (np.arange(n), find(value_of(rows), axis=1)))

    return _along_rows(found, x, axis, keepdims)


def max(x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    """The maximum over axes. The first of several equal maxima counts as the maximum: it gets the whole gradient.

    Shapes: (n, m) -> () for all axes, (m,) for axis 0, (1, m) with keepdims. Made of `take`, whose VJP is `put`.
    """
    return _extreme(np.argmax, x, axis, keepdims)


def min(x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    """The minimum over axes; otherwise as `max`.

    Shapes: as `max`.
    """
    return _extreme(np.argmin, x, axis, keepdims)


def _product(rows: Value) -> Any:
    """Multiply the left half of each row by its right half until one column is left."""
    while (size := shape_of(rows)[1]) > 1:
        left, right = (take(rows, (slice(None), slice(i, i + size // 2))) for i in (size % 2, size % 2 + size // 2))
        rows = concatenate([take(rows, (slice(None), slice(size % 2))), multiply(left, right)], 1)
    return take(rows, (slice(None), 0)) if size else sum(rows, 1) + 1.0  # a product of nothing is 1


def prod(x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product over axes. Made of `multiply`, so its derivatives are right where factors are 0, to any order.

    Shapes: as `max`.
    """
    return _along_rows(_product, x, axis, keepdims) if isinstance(x, Tensor) else np.prod(x, axis, keepdims=keepdims)


def _flip(x: Value, axis: int) -> Any:
    (axis,) = normalize_axis_tuple(axis, len(shape_of(x)))
    return take(x, (*[slice(None)] * axis, slice(None, None, -1)))


_cumsum: Op = primitive(np.cumsum, lambda g, out, x, axis: _flip(_cumsum(_flip(g, axis), axis), axis), name="cumsum")


def cumsum(x: Value, axis: int | None = None) -> Any:
    """The sum of each element and those before it along an axis; of the flat array by default. VJP: from the end.

    Shapes: (n, m) -> (n·m,) for no axis, (n, m) for axis 0 or 1.
    """
    return _cumsum(reshape(x, (-1,)), 0) if axis is None else _cumsum(x, axis)


def _shifted(x: Array, axis: Axis) -> tuple[Array, Array]:
    """x minus its largest number, to prevent overflow in exp, and that number; 0 if it is infinite."""
    x = np.asarray(x, np.result_type(x, 0.0))  # integers as floats
    top = np.max(x.real, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    return x - top, top


def _logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    shifted, top = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # log 0 = -∞: the sum of nothing, or of exp(-∞) alone
        out = np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis=_axes(axis, np.ndim(x)))


def _logsumexp_vjp(g: Any, out: Any, x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    g, out = (_with_axes(a, axis, shape_of(x)) for a in (g, out))
    return g * exp(x - out)  # the softmax


logsumexp: Op = primitive(_logsumexp, _logsumexp_vjp)


def _log_softmax(x: Array, axis: int = -1) -> Any:
    shifted, _ = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # log 0 = -∞, as in logsumexp
        shifted -= np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    return shifted


# exp(out) is the softmax
_log_softmax_op: Op = primitive(_log_softmax, lambda g, out, x, axis=-1: g - exp(out) * sum(g, axis, True))


def log_softmax(x: Value, axis: int = -1) -> Any:
    """Logarithm of the softmax, x - logsumexp(x), finite for logits of any size and exact to the last digits.

    Shapes: out has the shape of x; the softmax is taken along one axis. VJP: g - softmax(x) Σ g.
    """
    return _log_softmax_op(x, axis=axis)


# ---- Matrix multiplication -------------------------------------------------------------------------------------------


def _swap(x: Value) -> Any:
    """The matrix transpose: the last two axes exchanged."""
    ndim = len(shape_of(x))
    return transpose(x, (*range(ndim - 2), ndim - 1, ndim - 2))


_matmul: Op = primitive(
    np.matmul,
    lambda g, out, a, b: sum_to(_matmul(g, _swap(b)), a.shape),  # stacks of matrices may broadcast
    lambda g, out, a, b: sum_to(_matmul(_swap(a), g), b.shape),
    remedy="The inner sizes must be equal: (n, k) @ (k, m); the leading ones must be equal or broadcast.",
)


def matmul(a: Value, b: Value) -> Any:
    """Matrix product of the last two axes. A vector is a row on the left and a column on the right, as in NumPy.

    Shapes: (…, n, k) @ (…, k, m) -> (…, n, m); leading axes broadcast. VJPs: g bᵀ for a, aᵀ g for b.
    """
    a_shape, b_shape = shape_of(a), shape_of(b)
    if len(a_shape) > 1 and len(b_shape) > 1:
        return _matmul(a, b)
    row = reshape(a, (1, -1)) if len(a_shape) == 1 else a
    column = reshape(b, (-1, 1)) if len(b_shape) == 1 else b
    out = _matmul(row, column)
    n, m = shape_of(out)[-2:]
    return reshape(out, (*shape_of(out)[:-2], *((n,) if row is a else ()), *((m,) if column is b else ())))


def dot(a: Value, b: Value) -> Any:
    """Σ_k a_…k b_…k…, as np.dot: `multiply` if one is a number, else a matrix product.

    Shapes: (…, k) and (k,) -> (…,); (…, k) and (*more, k, m) -> (…, *more, m). No axes broadcast.
    """
    a_shape, b_shape = shape_of(a), shape_of(b)
    if () in (a_shape, b_shape):
        return multiply(a, b)
    if len(b_shape) < 3:
        return matmul(a, b)
    last = len(b_shape) - 1
    columns = reshape(transpose(b, (last - 1, *range(last - 1), last)), (b_shape[-2], -1))  # (k, *more, m)
    return reshape(matmul(a, columns), (*a_shape[:-1], *b_shape[:-2], b_shape[-1]))


def outer(a: Value, b: Value) -> Any:
    """a_i b_j of two vectors; other arrays are made flat. Made of `multiply`.

    Shapes: (n,) and (m,) -> (n, m).
    """
    return multiply(reshape(a, (-1, 1)), reshape(b, (1, -1)))


def einsum(subscripts: str, *operands: Value) -> Any:
    """A sum of products, by the labels of axes: einsum("ij,jk->ik", a, b) is the matrix product. As in NumPy.

    Repeated labels (a diagonal), "..." and the output left out are all allowed. VJP for an operand: an einsum again, of
    g and the other operands, with the operand's labels for its output.

    Shapes: an axis with the same label in two operands has the same size in both.
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: the first argument is a {type(subscripts).__name__}, expected labels: 'ij,jk->ik'")
    vjps = [partial(_einsum_vjp, i, subscripts) for i in range(len(operands))]
    return primitive(partial(np.einsum, subscripts), *vjps, name="einsum")(*operands)


def _einsum_vjp(i: int, subscripts: str, g: Any, out: Any, *operands: Value) -> Any:
    """The gradient of operand i: g and the others give an array with its labels, whose sizes may still differ."""
    inputs, output = _labels(subscripts, [len(shape_of(x)) for x in operands])
    labels, shape = inputs[i], shape_of(operands[i])
    size, unique = dict(zip(labels, shape, strict=True)), "".join(dict.fromkeys(labels))
    terms, factors = [output, *inputs[:i], *inputs[i + 1 :]], [g, *operands[:i], *operands[i + 1 :]]
    known = {pair for term, x in zip(terms, factors, strict=True) for pair in zip(term, shape_of(x), strict=True)}
    if summed := "".join(label for label in unique if (label, size[label]) not in known):
        terms, factors = [*terms, summed], [*factors, np.ones([size[label] for label in summed], bool)]
    spread = einsum(f"{','.join(terms)}->{unique}", *factors)
    contribution = sum_to(spread, tuple(size[label] for label in unique))  # what had size 1 may have been stretched
    if unique == labels:
        return contribution
    mesh = dict(zip(unique, np.ix_(*(np.arange(size[label]) for label in unique)), strict=True))
    return put(contribution, tuple(mesh[label] for label in labels), shape)  # on the diagonal


def _labels(subscripts: str, ndims: Iterable[int]) -> tuple[list[str], str]:
    """The labels of each operand, and of the output, with letters of their own for the axes of an ellipsis."""
    before, arrow, output = subscripts.replace(" ", "").replace("...", ".").partition("->")
    terms = before.split(",")
    once = "".join(sorted(c for c in {*before} - {*",."} if before.count(c) == 1))
    letters = [c for c in ascii_letters if c not in subscripts]
    extra = [(ndim - len(term) + 1) * ("." in term) for term, ndim in zip(terms, ndims, strict=True)]
    widest = "".join(letters[: sorted(extra)[-1]])
    inputs = [term.replace(".", widest[len(widest) - n :]) for term, n in zip(terms, extra, strict=True)]
    return inputs, (output if arrow else "." + once).replace(".", widest)


def plus_bias(out: Array, bias: Array | None) -> Array:
    """A bias for each row of a fresh matrix, added in place unless it is of a wider type."""
    if bias is None:
        return out
    wider = np.result_type(out, bias) != out.dtype
    return np.add(out, bias[:, None], out=None if wider else out)


def _linear(x: Array, weight: Array, bias: Array) -> Array:
    """(W xᵀ + b)ᵀ: the samples stay last in memory, and the gradient of W comes out in W's own order."""
    if np.ndim(x) != 2 or np.shape(bias) != np.shape(weight)[:1]:
        raise ValueError("the shapes do not fit")
    return plus_bias(np.matmul(weight, x.T), bias).T


linear: Op = primitive(
    _linear,
    lambda g, out, x, w, b: (w.T @ g.T).T,
    lambda g, out, x, w, b: g.T @ x,
    lambda g, out, x, w, b: sum(g, 0),
    remedy="y = x Wᵀ + b takes x of (n, k), W of (m, k) and b of (m,).",
)

# ---- The operators and methods of a Tensor ---------------------------------------------------------------------------


def _reflected(op: Op) -> Op:
    """`__radd__` from add: the Tensor is on the right."""
    return lambda self, other: op(other, self)


def _on_values(compare: np.ufunc) -> Op:
    """A comparison is piecewise constant: it answers with plain booleans."""
    return lambda a, b: compare(value_of(a), value_of(b))


def _axes_of(op: Op) -> Op:
    """A method that takes its sizes or axes one by one or as a tuple: t.reshape(2, 3), t.reshape((2, 3))."""
    return lambda self, *sizes: op(self, sizes[0] if len(sizes) == 1 else sizes or None)


def _flat(self: Tensor) -> Any:
    return reshape(self, (-1,))


Tensor.__add__, Tensor.__radd__ = add, _reflected(add)
Tensor.__sub__, Tensor.__rsub__ = subtract, _reflected(subtract)
Tensor.__mul__, Tensor.__rmul__ = multiply, _reflected(multiply)
Tensor.__truediv__, Tensor.__rtruediv__ = divide, _reflected(divide)
Tensor.__pow__, Tensor.__rpow__ = power, _reflected(power)
Tensor.__matmul__, Tensor.__rmatmul__ = matmul, _reflected(matmul)
Tensor.__lt__, Tensor.__le__ = _on_values(np.less), _on_values(np.less_equal)
Tensor.__gt__, Tensor.__ge__ = _on_values(np.greater), _on_values(np.greater_equal)
Tensor.__eq__, Tensor.__ne__ = _on_values(np.equal), _on_values(np.not_equal)
Tensor.__neg__, Tensor.__abs__, Tensor.__getitem__ = negative, abs, take
Tensor.sum, Tensor.mean, Tensor.max, Tensor.min, Tensor.prod = sum, mean, max, min, prod
Tensor.var, Tensor.std, Tensor.clip, Tensor.squeeze, Tensor.astype = var, std, clip, squeeze, astype
Tensor.reshape, Tensor.transpose = _axes_of(reshape), _axes_of(transpose)
Tensor.ravel = Tensor.flatten = _flat

Tensor.ufuncs = {np.add: add, np.subtract: subtract, np.multiply: multiply, np.divide: divide, np.power: power}
Tensor.ufuncs[np.matmul] = matmul
_COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
Tensor.ufuncs |= {compare: _on_values(compare) for compare in _COMPARISONS}

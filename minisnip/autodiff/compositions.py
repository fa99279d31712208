"""More ops, made of those in `ops.py`; they and their derivatives need no more than is there.

`minisnip.ops` has both files. Each name means what it means in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minisnip.autodiff.describe import composition
from minisnip.autodiff.engine import Array, Op, Tensor, Value, primitive, shape_of, value_of
from minisnip.autodiff.ops import (
    Axis,
    elementwise,
    matmul,
    maximum,
    mean,
    minimum,
    multiply,
    put,
    reduced_axes,
    reshape,
    sigmoid,
    sqrt,
    square,
    sum,
    sum_to,
    take,
    transpose,
    where,
)

# Named as in NumPy; max and min are Python's own elsewhere, so write ops.max.
__all__ = "clip concatenate cumsum dot einsum logaddexp max min outer pad prod stack std var".split()

# ---- Movement --------------------------------------------------------------------------------------------------------


@composition
def pad(x: Value, widths: Sequence[tuple[int, int]]) -> Any:
    """Zeros around x: `widths` is (before, after) for each axis. Made of `put`, whose VJP cuts the same part out of g.

    Shapes: (n, m) -> (before + n + after, before + m + after), each axis with its own widths.
    """
    shape = shape_of(x)
    if np.shape(widths) != ((len(shape), 2) if shape else (0,)) or np.min(widths, initial=0) < 0:
        raise ValueError(f"widths are {widths}, expected (before, after), not negative, for each axis")
    inner = tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))
    return put(x, inner, tuple(a + n + b for n, (a, b) in zip(shape, widths, strict=True)))


@composition
def concatenate(parts: Sequence[Value], axis: int = 0) -> Any:
    """Join along an axis; each part's gradient is its slice of g.

    Shapes: parts (n, k) and (m, k) -> (n + m, k) along axis 0.
    """

    def _concatenate(*arrays: Array) -> Array:
        return np.concatenate(arrays, axis)

    parts = [*parts]
    if not parts:
        raise ValueError("there are no parts: pass at least one array")
    (axis,) = normalize_axis_tuple(axis, len(shape_of(parts[0])))
    stops = np.cumsum([shape_of(part)[axis] for part in parts]).tolist()
    before = (slice(None),) * axis
    slices = [(*before, slice(start, stop)) for start, stop in zip([0, *stops], stops, strict=False)]
    vjps = [lambda g, out, *arrays, index=index: take(g, index) for index in slices]
    return primitive(_concatenate, *vjps, remedy="All sizes but that of the joined axis must be equal.")(*parts)


@composition
def stack(parts: Sequence[Value], axis: int = 0) -> Any:
    """Join along a new axis. Made of `reshape` and `concatenate`.

    Shapes: k parts (n, m) -> (k, n, m) along axis 0, (n, m, k) along axis -1.
    """
    parts = [*parts]
    (axis,) = normalize_axis_tuple(axis, 1 + len(shape_of(parts[0]))) if parts else (0,)
    shapes = map(shape_of, parts)
    return concatenate([reshape(x, (*n[:axis], 1, *n[axis:])) for x, n in zip(parts, shapes, strict=True)], axis)


# ---- Element by element ----------------------------------------------------------------------------------------------


def _logaddexp(a: Array, b: Array) -> Any:
    if not (np.iscomplexobj(a) or np.iscomplexobj(b)):
        return np.logaddexp(a, b)
    top = np.maximum(np.real(a), np.real(b))
    return np.log(np.exp(a - top) + np.exp(b - top)) + top


logaddexp: Op = elementwise(
    _logaddexp, lambda g, out, a, b: g * sigmoid(a - b), lambda g, out, a, b: g * sigmoid(b - a)
)


@composition
def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Any:
    """min(max(x, low), high); None for no bound. At a bound the derivative is 1, as in PyTorch.

    NaN passes the gradient on; in PyTorch it gets 0.

    Shapes: x, low and high broadcast. Made of `maximum` and `minimum`.
    """
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


# ---- Reductions ------------------------------------------------------------------------------------------------------


@composition
def var(x: Value, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """1/(n - ddof) Σ (x - mean)² over the n terms along the axes, all of them by default. Made of `mean` and `sum`.

    Shapes: as `mean`. Complex numbers are squared as they are, as the complex step needs.
    """
    shape = shape_of(x)
    n = math.prod(shape[i] for i in reduced_axes(axis, len(shape)))
    return sum(square(x - mean(x, axis, True)), axis, keepdims) / ((n - ddof) * (n > ddof))


@composition
def std(x: Value, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """√`var`. At a standard deviation of 0 the root has no derivative; ours is 0, as in PyTorch.

    Shapes: as `mean`.
    """
    squared = var(x, axis, keepdims, ddof)
    return where(squared == 0, 0, sqrt(where(squared == 0, 1, squared)))  # no 0 reaches the root


def _along_rows(reduce: Op, x: Value, axis: Axis, keepdims: bool) -> Any:
    """Reduce the rows of a matrix, each of which has the numbers to reduce: (kept, reduced) -> (kept,)."""
    shape = shape_of(x)
    axes = reduced_axes(axis, len(shape))
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    sizes = tuple(math.prod(shape[i] for i in group) for group in (kept, axes))
    out = reduce(reshape(transpose(x, kept + axes), sizes))
    return reshape(out, tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i in kept))


def _extreme(find: Op, x: Value, axis: Axis, keepdims: bool) -> Any:
    """What `find`, np.argmax or np.argmin, finds in each row: the first of equals."""

    def found(rows: Value) -> Any:
        n, size = shape_of(rows)
        if not size:
            raise ValueError(f"there is no number to choose along axis {axis}")
        return take(rows, (np.arange(n), find(value_of(rows), axis=1)))

    return _along_rows(found, x, axis, keepdims)


@composition
def max(x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    """The maximum over axes. The first of several equal maxima counts as the maximum: it gets the whole gradient.

    Shapes: (n, m) -> () for all axes, (m,) for axis 0, (1, m) with keepdims. Made of `take`, whose VJP is `put`.
    """
    return _extreme(np.argmax, x, axis, keepdims)


@composition
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


@composition
def prod(x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product over axes. Made of `multiply`, so its derivatives are right where factors are 0, to any order.

    They are NaN where ∞ meets 0. In PyTorch they are NaN at each infinite factor too, and all of them if one is NaN.

    Shapes: as `max`.
    """
    return _along_rows(_product, x, axis, keepdims) if isinstance(x, Tensor) else np.prod(x, axis, keepdims=keepdims)


def _flip(x: Value, axis: int) -> Any:
    (axis,) = normalize_axis_tuple(axis, len(shape_of(x)))
    return take(x, (*[slice(None)] * axis, slice(None, None, -1)))


_cumsum: Op = primitive(np.cumsum, lambda g, out, x, axis: _flip(_cumsum(_flip(g, axis), axis), axis))


@composition
def cumsum(x: Value, axis: int | None = None) -> Any:
    """The sum of each element and those before it along an axis; of the flat array by default. VJP: from the end.

    Shapes: (n, m) -> (n·m,) for no axis, (n, m) for axis 0 or 1.
    """
    return _cumsum(reshape(x, (-1,)), 0) if axis is None else _cumsum(x, axis)


# ---- Products --------------------------------------------------------------------------------------------------------


@composition
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
    size = math.prod(b_shape[:-2]) * b_shape[-1]
    columns = reshape(transpose(b, (last - 1, *range(last - 1), last)), (b_shape[-2], size))  # (k, *more, m)
    return reshape(matmul(a, columns), (*a_shape[:-1], *b_shape[:-2], b_shape[-1]))


@composition
def outer(a: Value, b: Value) -> Any:
    """a_i b_j of two vectors; other arrays are made flat. Made of `multiply`.

    Shapes: (n,) and (m,) -> (n, m).
    """
    return multiply(reshape(a, (-1, 1)), reshape(b, (1, -1)))


@composition
def einsum(subscripts: str, *operands: Value, optimize: bool = False) -> Any:
    """A sum of products, by the labels of axes: einsum("ij,jk->ik", a, b) is the matrix product. As in NumPy.

    Repeated labels (a diagonal), "..." and the output left out are allowed. `optimize` lets NumPy choose the order of
    the products. VJP for an operand: an einsum again, of g and the other operands, with the operand's labels for its
    output.

    Shapes: an axis with the same label in two operands has the same size in both.
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"the first argument is a {type(subscripts).__name__}, expected labels: 'ij,jk->ik'")
    vjps = [partial(_einsum_vjp, i, subscripts, optimize) for i in range(len(operands))]
    return primitive(partial(np.einsum, subscripts, optimize=optimize), *vjps, name="einsum")(*operands)


def _einsum_vjp(i: int, subscripts: str, optimize: bool, g: Any, out: Any, *operands: Value) -> Any:
    """The gradient of operand i: g and the others give an array with its labels, whose sizes may still differ."""
    inputs, output = _labels(subscripts, [len(shape_of(x)) for x in operands])
    labels, shape = inputs[i], shape_of(operands[i])
    size, unique = dict(zip(labels, shape, strict=True)), "".join(dict.fromkeys(labels))
    terms, factors = [output, *inputs[:i], *inputs[i + 1 :]], [g, *operands[:i], *operands[i + 1 :]]
    known = {pair for term, x in zip(terms, factors, strict=True) for pair in zip(term, shape_of(x), strict=True)}
    if summed := "".join(label for label in unique if (label, size[label]) not in known):
        terms, factors = [*terms, summed], [*factors, np.ones([size[label] for label in summed], bool)]
    spread = einsum(f"{','.join(terms)}->{unique}", *factors, optimize=optimize)
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


# ---- Methods of a Tensor ---------------------------------------------------------------------------------------------

Tensor.max, Tensor.min, Tensor.prod = max, min, prod
Tensor.var, Tensor.std, Tensor.clip = var, std, clip

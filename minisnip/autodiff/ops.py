"""The op table: each forward beside its derivative. Read it top to bottom.

An op takes Tensors, arrays and numbers in any mix. A VJP is `vjp(g, out, *args)`: g is the gradient of the loss with
respect to the op's output `out`; the answer is the gradient with respect to one argument. It is written in the ops of
this table, so it can be differentiated in turn. Two ops that are each other's adjoint, ⟨A x, y⟩ = ⟨x, Aᵀ y⟩, are each
other's VJP, and are next to each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import wraps
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.array_utils import normalize_axis_tuple

from minisnip.autodiff.describe import composition
from minisnip.autodiff.engine import VJP, Array, Op, Tensor, Value, primitive, shape_of, value_of
from minisnip.autodiff.threads import product

# Named as in NumPy; abs and sum are Python's own elsewhere, so write ops.sum. More ops are in compositions.py.
__all__ = """abs add astype broadcast_to cos divide elementwise exp expm1 linear log log1p log_softmax logsumexp matmul
maximum mean minimum multiply negative power put relu reshape sigmoid sign sin sqrt square squeeze subtract sum sum_to
take tanh transpose where""".split()

Axis = int | tuple[int, ...] | None

# ---- Movement: adjoint pairs -----------------------------------------------------------------------------------------


def _broadcast_to(x: Array, shape: tuple[int, ...]) -> Any:
    return x if shape_of(x) == shape else np.broadcast_to(x, shape)


def _sum_to(x: Array, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which `shape` was stretched or to which axes were added."""
    if shape_of(x) == shape:
        return x
    x = np.asarray(x)
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
    return np.asarray(x)[index]


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
    if x.itemsize > 8:
        return np.where(keep, x, 0)
    return (x.view(f"i{x.itemsize}") * keep).view(x.dtype)


def _relu(x: Array) -> Any:
    return np.maximum(x, 0)


def _abs(x: Array) -> Any:
    # no modulus of a complex number: |x| continued along the real axis, as the complex step needs
    return x * np.sign(x.real) if np.iscomplexobj(x) else np.abs(x)


def _sign(x: Array) -> Any:
    return np.sign(np.real(x)).astype(np.asarray(x).dtype)  # continued along the real axis, as abs


def _sigmoid(x: Array) -> Any:
    positive = np.real(x) > 0
    z = np.exp(np.where(positive, np.negative(x), x))  # 1 / (1 + exp(-x)) with exp of negative numbers: no overflow
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
# d(x**p)/dp: log x counts as 0 where x <= 0, so it is NaN at x = 0 > p; in PyTorch it is -∞ there, and NaN where x < 0
power = elementwise(
    np.power,
    lambda g, out, x, p: g * p * x ** _less_one(p, x),
    lambda g, out, x, p: g * out * _log_base(x),
)
where: Op = elementwise(np.where, None, lambda g, out, c, a, b: where(c, g, 0), lambda g, out, c, a, b: where(c, 0, g))
_select: Op = elementwise(selected, lambda g, out, x, keep: _select(g, keep))
# At a tie all of g goes to a (in PyTorch ½ to each). NaN beats every number, and passes g on to both.
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
abs = elementwise(_abs, lambda g, out, x: g * np.sign(value_of(x).real))  # at NaN it is NaN; in PyTorch it is 0
sign = elementwise(_sign, lambda g, out, x: where(True, 0, g))  # sign(NaN) is NaN, as in NumPy; in PyTorch it is 0


# ---- Reductions ------------------------------------------------------------------------------------------------------


def reduced_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The reduced axes, counted from the front."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def _with_axes(reduced: Any, axis: Axis, shape: tuple[int, ...]) -> Any:
    """Give a reduced array its axes back, with size 1, so that it broadcasts against the original `shape`."""
    axes = reduced_axes(axis, len(shape))
    return reshape(reduced, tuple(1 if i in axes else n for i, n in enumerate(shape)))


_add_reduce: Op = np.add.reduce  # np.sum without its overhead


def _sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    return _add_reduce(x, axis=axis, keepdims=keepdims)


sum: Op = primitive(
    _sum, lambda g, out, x, axis=None, keepdims=False: broadcast_to(_with_axes(g, axis, x.shape), x.shape)
)


@composition
def mean(x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    """1/n Σ x over the n terms along the axes, all of them by default. Made of `sum`: the VJP is g / n, broadcast.

    Shapes: (n, m) -> () for all axes, (m,) for axis 0, (1, m) with keepdims.
    """
    shape = shape_of(x)
    return sum(x, axis, keepdims) / math.prod(shape[i] for i in reduced_axes(axis, len(shape)))


def _shifted(x: Array, axis: Axis) -> tuple[Array, Array]:
    """x minus its largest number, to prevent overflow in exp, and that number; 0 if it is infinite."""
    x = np.multiply(x, 1.0)  # integers and lists as floats
    top = np.maximum.reduce(np.asarray(x.real), axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    return x - top, top


def _logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    shifted, top = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # log 0 = -∞: the sum of nothing, or of exp(-∞) alone
        out = np.log(_add_reduce(np.exp(shifted), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis=reduced_axes(axis, np.ndim(x)))


def _logsumexp_vjp(g: Any, out: Any, x: Value, axis: Axis = None, keepdims: bool = False) -> Any:
    g, out = (_with_axes(a, axis, shape_of(x)) for a in (g, out))
    return g * exp(x - out)  # the softmax


logsumexp: Op = primitive(_logsumexp, _logsumexp_vjp)


def _log_softmax(x: Array, axis: int) -> Any:
    shifted, _ = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # log 0 = -∞, as in logsumexp
        shifted -= np.log(_add_reduce(np.exp(shifted), axis=axis, keepdims=True))
    return shifted


# exp(out) is the softmax
_log_softmax_op: Op = primitive(_log_softmax, lambda g, out, x, axis: g - exp(out) * sum(g, axis, True))


@composition
def log_softmax(x: Value, axis: int = -1) -> Any:
    """Logarithm of the softmax, x - logsumexp(x), finite for logits of any size and exact to the last digits.

    Shapes: out has the shape of x; the softmax is taken along one axis. VJP: g - softmax(x) Σ g. The answer is NaN
    at a logit of ∞, and -∞ at the others (in PyTorch NaN at all).
    """
    return _log_softmax_op(x, axis=axis)


# ---- Matrix multiplication -------------------------------------------------------------------------------------------


def _swap(x: Value) -> Any:
    """The matrix transpose: the last two axes exchanged."""
    ndim = len(shape_of(x))
    return transpose(x, (*range(ndim - 2), ndim - 1, ndim - 2))


_matmul: Op = primitive(
    product,
    lambda g, out, a, b: sum_to(_matmul(g, _swap(b)), a.shape),  # stacks of matrices may broadcast
    lambda g, out, a, b: sum_to(_matmul(_swap(a), g), b.shape),
    remedy="The inner sizes must be equal: (n, k) @ (k, m); the leading ones must be equal or broadcast.",
)


@composition
def matmul(a: Value, b: Value) -> Any:
    """Matrix product of the last two axes. A vector is a row on the left and a column on the right, as in NumPy.

    Shapes: (…, n, k) @ (…, k, m) -> (…, n, m); leading axes broadcast. VJPs: g bᵀ for a, aᵀ g for b.
    """
    if len(shape_of(b)) == 1:
        return squeeze(matmul(a, reshape(b, (-1, 1))), -1)
    if len(shape_of(a)) == 1:
        return squeeze(_matmul(reshape(a, (1, -1)), b), -2)
    return _matmul(a, b)


def plus_bias(out: Array, bias: Array | None) -> Array:
    """A bias for each row of a fresh matrix, added in place unless it is of a wider type."""
    if bias is None:
        return out
    wider = np.result_type(out, bias) != out.dtype
    return np.add(out, bias[:, None], out=None if wider else out)


def _linear(x: Array, weight: Array, bias: Array) -> Array:
    """(W xᵀ + b)ᵀ: the samples stay last in memory, and the gradient of W comes out in W's own order."""
    x, weight, bias = np.asarray(x), np.asarray(weight), np.asarray(bias)
    if x.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError("the shapes do not fit")
    return plus_bias(product(weight, x.T), bias).T


# `_matmul` in place of @: threads share it where it is large
linear: Op = primitive(
    _linear,
    lambda g, out, x, w, b: _matmul(w.T, g.T).T,
    lambda g, out, x, w, b: _matmul(g.T, x),
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
Tensor.sum, Tensor.mean, Tensor.squeeze, Tensor.astype = sum, mean, squeeze, astype
Tensor.reshape, Tensor.transpose = _axes_of(reshape), _axes_of(transpose)
Tensor.ravel = Tensor.flatten = _flat

Tensor.ufuncs = {np.add: add, np.subtract: subtract, np.multiply: multiply, np.divide: divide, np.power: power}
Tensor.ufuncs[np.matmul] = matmul
_COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
Tensor.ufuncs |= {compare: _on_values(compare) for compare in _COMPARISONS}

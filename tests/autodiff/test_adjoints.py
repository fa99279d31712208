"""⟨A x, y⟩ = ⟨x, Aᵀ y⟩: the VJP of a linear op is its transpose, whose own VJP is the op again."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, grad, ops
from minisnip.autodiff import max_pool2d
from minisnip.autodiff.conv import col2im, correlate, correlate_input, correlate_weight, im2col
from minisnip.autodiff.engine import Array
from minisnip.testing import Shape, arrays
from tests.autodiff import op_arguments as args
from tests.autodiff.budget import examples


@dataclass(frozen=True)
class Pair:
    """op(x, **metadata), linear in x, and its transpose(y, x.shape, **metadata)."""

    name: str
    op: Any
    transpose: Any
    arguments: args.ArgumentStrategy


def transposed_back(y: Any, shape: Any, axes: Any) -> Any:
    return ops.transpose(y, axes and tuple(np.argsort([axis % len(axes) for axis in axes])))


def cut(y: Any, shape: Any, widths: Any) -> Any:
    return y[tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))]


def put_back(y: Any, shape: Any, index: Any) -> Any:
    return ops.put(y, index, shape)


def folded(y: Any, shape: Any, kernel: Any, stride: int) -> Any:
    return col2im(y, kernel, stride, shape)


PAIRS = [
    Pair("broadcast_to and sum_to", ops.broadcast_to, lambda y, s, shape: ops.sum_to(y, s), args.stretched()),
    Pair("sum_to and broadcast_to", ops.sum_to, lambda y, s, shape: ops.broadcast_to(y, s), args.summed()),
    Pair("reshape and back", ops.reshape, lambda y, s, shape: ops.reshape(y, s), args.new_shape()),
    Pair("transpose and back", ops.transpose, transposed_back, args.permuted()),
    Pair("take and put, slices", ops.take, put_back, args.taken(args.slices)),
    Pair("take and put, integer arrays", ops.take, put_back, args.taken(args.integer_arrays)),
    Pair("take and put, a boolean mask", ops.take, put_back, args.taken(args.boolean_mask)),
    *[Pair(f"take and put, {index}", ops.take, put_back, args.taken_at(index)) for index in args.MIXED],
    Pair("pad and cut", ops.pad, cut, args.padded()),
    Pair("im2col and col2im", im2col, folded, args.images_to_columns()),
]


def pulled_back(op: Any, x: Array, cotangent: Any) -> Any:
    """The transpose of op as the engine has it: the gradient of ⟨op(x), cotangent⟩ by x."""
    variable = Tensor(x)
    return grad(ops.sum(op(variable) * cotangent), variable)


def assert_equal_to_1e_12(a: Any, b: Any, scale: float = 1.0) -> None:
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * max(1.0, scale))


@pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])
@examples(25)
@given(data=st.data())
def test_the_vjp_of_a_linear_op_is_its_transpose(pair: Pair, data: Any) -> None:
    (x,), metadata = data.draw(pair.arguments)
    forward = np.asarray(pair.op(x, **metadata))
    y = data.draw(arrays(forward.shape))
    backward = np.asarray(pair.transpose(y, x.shape, **metadata))

    assert_equal_to_1e_12(np.sum(forward * y), np.sum(x * backward), scale=float(np.sum(np.abs(forward * y))))
    assert_equal_to_1e_12(pulled_back(lambda t: pair.op(t, **metadata), x, y), backward)
    assert_equal_to_1e_12(pulled_back(lambda t: pair.transpose(t, x.shape, **metadata), y, x), forward)


def coarse(shape: Shape) -> Any:
    """Ties in almost every window."""
    return arrays(shape).map(np.round)


@pytest.mark.parametrize(("kernel", "stride"), args.WINDOWS)
@examples(25)
@given(data=st.data())
def test_max_pooling_picks_and_its_vjp_puts_back_where_it_picked(kernel: int, stride: int, data: Any) -> None:
    (x,), metadata = data.draw(args.pooling(coarse, kernel, stride))
    forward = max_pool2d(x, **metadata)
    y = data.draw(arrays(forward.shape))
    images, cotangent = Tensor(x), Tensor(y)
    backward = grad(ops.sum(max_pool2d(images, **metadata) * cotangent), images, create_graph=True)

    # max(x) = J x with J the choice of a winner per window, so that the pair (J, Jᵀ) can be had from the op itself
    assert_equal_to_1e_12(np.sum(forward * y), np.sum(x * backward.value), scale=float(np.sum(np.abs(forward * y))))
    assert_equal_to_1e_12(grad(ops.sum(backward * x), cotangent), forward)


@examples(25)
@given(data=st.data())
def test_correlation_and_its_two_adjoints_are_the_derivatives_of_one_trilinear_form(data: Any) -> None:
    """⟨correlate(x, w), g⟩ = ⟨x, correlate_input(g, w)⟩ = ⟨w, correlate_weight(g, x)⟩, in values and as the VJPs."""
    (x, w), metadata = data.draw(args.correlation())
    forward, stride = correlate(x, w, **metadata), metadata["stride"]
    g = data.draw(arrays(forward.shape))
    by_x, by_w = correlate_input(g, w, stride, x.shape), correlate_weight(g, x, stride, w.shape)

    scale = float(np.sum(np.abs(forward * g)))
    assert_equal_to_1e_12(np.sum(x * by_x), np.sum(forward * g), scale)
    assert_equal_to_1e_12(np.sum(w * by_w), np.sum(forward * g), scale)
    assert_equal_to_1e_12(pulled_back(lambda t: correlate(t, w, **metadata), x, g), by_x)
    assert_equal_to_1e_12(pulled_back(lambda t: correlate(x, t, **metadata), w, g), by_w)
    assert_equal_to_1e_12(pulled_back(lambda t: correlate_input(t, w, stride, x.shape), g, x), forward)
    assert_equal_to_1e_12(pulled_back(lambda t: correlate_input(g, t, stride, x.shape), w, x), by_w)
    assert_equal_to_1e_12(pulled_back(lambda t: correlate_weight(t, x, stride, w.shape), g, w), forward)
    assert_equal_to_1e_12(pulled_back(lambda t: correlate_weight(g, t, stride, w.shape), x, w), by_x)

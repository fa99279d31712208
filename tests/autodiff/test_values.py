"""The forward pass computes what NumPy, or a loop that anyone can read, computes."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, grad, ops
from minisnip.autodiff import max_pool2d
from minisnip.autodiff.conv import _winners, col2im, im2col, unpick
from minisnip.autodiff.engine import Array
from tests.autodiff import op_arguments as args
from tests.autodiff.budget import examples
from tests.autodiff.op_cases import CASES, Case


def looped_conv2d(x: Array, weight: Array, *bias: Array, stride: int, padding: int) -> Array:
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    (n, _, height, width), (filters, _, kh, kw) = x.shape, weight.shape
    out = np.zeros((n, filters, (height - kh) // stride + 1, (width - kw) // stride + 1))
    for i, f, row, column in np.ndindex(out.shape):
        top, left = row * stride, column * stride
        out[i, f, row, column] = np.sum(x[i, :, top : top + kh, left : left + kw] * weight[f])
    return out + bias[0].reshape(-1, 1, 1) if bias else out


def looped_correlate_input(g: Array, weight: Array, stride: int, shape: Any) -> Array:
    """Each number of g goes, times its filter, to the window that it was computed from."""
    images = np.zeros(shape)
    for i, f, row, column in np.ndindex(g.shape):
        rows, columns = (
            slice(stride * j, stride * j + k) for j, k in zip((row, column), weight.shape[2:], strict=True)
        )
        images[i, :, rows, columns] += g[i, f, row, column] * weight[f]
    return images


def looped_correlate_weight(g: Array, x: Array, stride: int, shape: Any) -> Array:
    """Each number of g goes, times the window that it was computed from, to its filter."""
    weight = np.zeros(shape)
    for i, f, row, column in np.ndindex(g.shape):
        rows, columns = (slice(stride * j, stride * j + k) for j, k in zip((row, column), shape[2:], strict=True))
        weight[f] += g[i, f, row, column] * x[i, :, rows, columns]
    return weight


def looped_pool(reduce: Any) -> Any:
    def pool(x: Array, kernel: int, stride: int | None) -> Array:
        step = stride or kernel
        n, channels, height, width = x.shape
        out = np.zeros((n, channels, (height - kernel) // step + 1, (width - kernel) // step + 1))
        for i, c, row, column in np.ndindex(out.shape):
            top, left = row * step, column * step
            out[i, c, row, column] = reduce(x[i, c, top : top + kernel, left : left + kernel])
        return out

    return pool


def looped_im2col(x: Array, kernel: Any, stride: int) -> Array:
    """Rows: channel, then place in the window; columns: window, then image."""
    (n, channels, height, width), (kh, kw) = x.shape, kernel
    oh, ow = (height - kh) // stride + 1, (width - kw) // stride + 1
    columns = np.zeros((channels, kh, kw, oh, ow, n))
    for c, i, j, row, column, image in np.ndindex(columns.shape):
        columns[c, i, j, row, column, image] = x[image, c, row * stride + i, column * stride + j]
    return columns.reshape(channels * kh * kw, oh * ow * n)


def looped_put(x: Array, index: Any, shape: Any) -> Array:
    """Through the numbers of the places, one by one."""
    out = np.zeros(shape).ravel()
    for place, value in zip(np.arange(out.size).reshape(shape)[index].ravel(), x.ravel(), strict=True):
        out[place] += value
    return out.reshape(shape)


def logsumexp(x: Array, axis: Any, keepdims: bool) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def summed(x: Array, shape: Any) -> Array:
    """Each element of x goes to the place of the small array that broadcasting would read it from."""
    places = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), x.shape)
    return np.bincount(places.ravel(), x.ravel(), minlength=int(np.prod(shape))).reshape(shape)


REFERENCES: dict[str, Any] = {
    **{name: getattr(np, name) for name in "add subtract multiply divide maximum power matmul".split()},
    **{name: getattr(np, name) for name in "minimum logaddexp dot outer squeeze cumsum prod var std min sign".split()},
    **{name: getattr(np, name) for name in "negative exp log sqrt tanh abs sum mean max broadcast_to".split()},
    **{name: getattr(np, name) for name in "expm1 log1p sin cos square".split()},
    "clip": lambda x, low, high=np.inf: np.clip(x, low, high),
    "astype": lambda x: x,
    "stack": lambda *parts, axis: np.stack(parts, axis),
    "einsum": lambda *operands, subscripts: np.einsum(subscripts, *operands),
    "where": lambda a, b, c: np.where(c, a, b),
    "relu": lambda x: np.where(x > 0, x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "logsumexp": logsumexp,
    "log_softmax": lambda x, axis: x - logsumexp(x, axis, True),
    "linear": lambda x, weight, bias: x @ weight.T + bias,
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x, axes: x.transpose(axes),
    "sum_to": summed,
    "take": lambda x, index: x[index],
    "put": looped_put,
    "concatenate": lambda *parts, axis: np.concatenate(parts, axis),
    "pad": lambda x, widths: np.pad(x, widths) if widths else x,
    "im2col": looped_im2col,
    "conv2d": looped_conv2d,
    "correlate": lambda x, weight, stride: looped_conv2d(x, weight, stride=stride, padding=0),
    "correlate_input": looped_correlate_input,
    "correlate_weight": looped_correlate_weight,
    "max_pool2d": looped_pool(np.max),
    "avg_pool2d": looped_pool(np.mean),
}
NUMBERED = [case for case in CASES if case.name.startswith("power ")]
COMPARED = [case for case in CASES if case not in NUMBERED and case.name != "col2im"]


@pytest.mark.parametrize("case", COMPARED, ids=[case.name for case in COMPARED])
@examples(10)
@given(data=st.data())
def test_values_are_those_of_numpy_or_of_a_plain_loop(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)
    expected = REFERENCES[case.name.split(" ")[0]](*arrays, **metadata)

    found = case.op(*arrays, **metadata)
    recorded = case.op(*map(Tensor, arrays), **metadata)

    assert isinstance(recorded, Tensor)
    for value in (found, recorded.value):
        assert np.shape(value) == np.shape(expected)
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)


ON_LISTS = [case for case in CASES[: [case.name for case in CASES].index("im2col")] if case.name != "astype"]


@pytest.mark.parametrize("case", ON_LISTS, ids=[case.name for case in ON_LISTS])
@examples(5)
@given(data=st.data())
def test_a_list_is_as_good_as_an_array_of_its_numbers(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments.filter(lambda arguments: all(x.size for x in arguments[0])))
    lists = [x.tolist() for x in arrays]

    np.testing.assert_array_equal(case.op(*lists, **metadata), case.op(*arrays, **metadata))
    for i, x in enumerate(arrays):
        variable = Tensor(x)
        of_lists, of_arrays = (
            grad(ops.sum(ops.square(case.op(*others[:i], variable, *others[i + 1 :], **metadata))), variable)
            for others in (lists, arrays)
        )
        np.testing.assert_array_equal(of_lists, of_arrays)


@examples(10)
@given(args.images_to_columns())
def test_col2im_counts_each_pixel_once_per_window_it_is_in(arguments: args.Arguments) -> None:
    (x,), metadata = arguments
    ones = np.ones_like(x)

    windows = col2im(im2col(ones, **metadata), **metadata, shape=x.shape)

    np.testing.assert_array_equal(col2im(im2col(x, **metadata), **metadata, shape=x.shape), x * windows)


@pytest.mark.parametrize(("x", "p"), [(0.0, 0), (-2.0, 3), (4.0, 0.5), (2.0, -2), (2, np.array([1.0, 3.0]))])
def test_powers_are_those_of_numpy(x: Any, p: Any) -> None:
    np.testing.assert_array_equal(ops.power(x, p), np.power(x, p))


def test_dot_of_nothing_is_zeros() -> None:
    found = ops.dot(np.ones((2, 0)), np.ones((4, 0, 3)))

    np.testing.assert_array_equal(found, np.zeros((2, 4, 3)))


def test_einsum_may_choose_the_order_of_its_products() -> None:
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(shape) for shape in [(2, 3), (3, 4), (4, 2)])

    gradients = []
    for optimize in (False, True):
        x = Tensor(b)
        out = ops.einsum("ij,jk,kl->il", a, x, c, optimize=optimize)
        np.testing.assert_allclose(out.value, a @ b @ c)
        gradients.append(grad(ops.sum(out), x))
    np.testing.assert_allclose(*gradients)


def test_einsum_hands_its_choice_of_the_order_to_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    einsum = np.einsum

    def watched(*args: Any, optimize: bool = False) -> Any:
        asked.append(optimize)
        return einsum(*args, optimize=optimize)

    monkeypatch.setattr(np, "einsum", watched)
    x = Tensor(np.ones((2, 2)))
    for optimize in (False, True):
        asked.clear()
        grad(ops.sum(ops.einsum("ij,jk->ik", x, x, optimize=optimize)), x)
        assert asked == [optimize] * 3  # the product and its two VJPs


def test_a_product_of_nothing_is_one() -> None:
    np.testing.assert_array_equal(ops.prod(Tensor(np.ones((2, 0))), 1).value, [1.0, 1.0])
    assert ops.prod(Tensor(np.ones(0))).value == 1


@pytest.mark.parametrize("widths", [[(1, 1), (1, 1)], [(2, 1), (1, 3)], [(0, 0), (0, 2)], [(1, 0), (0, 0)]])
def test_padding_is_that_of_numpy(widths: list[tuple[int, int]]) -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)

    np.testing.assert_array_equal(ops.pad(x, widths), np.pad(x, widths))


def test_a_list_is_summed_to_a_shape_and_cast() -> None:
    np.testing.assert_array_equal(ops.sum_to([[1.0, 2.0], [3.0, 4.0]], (2,)), [4.0, 6.0])
    for numbers in ([1, 2], 3):
        found = ops.astype(numbers, np.float32)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, numbers)


@pytest.mark.parametrize("x", [-2.0, 0.0, -2, 0, np.array(-2.0), np.array([0.0])])
def test_a_power_of_what_is_not_positive_has_no_slope_in_the_exponent(x: Any) -> None:
    p = Tensor(np.array([2.0, 1.0]))

    np.testing.assert_array_equal(grad((x**p).sum(), p), [0.0, 0.0])


@pytest.mark.parametrize("sizes", [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2))])
def test_a_vector_is_a_row_on_the_left_and_a_column_on_the_right(sizes: Any) -> None:
    a, b = (np.arange(1.0, 1 + np.prod(size)).reshape(size) for size in sizes)
    x, y = Tensor(a), Tensor(b)

    out = ops.matmul(x, y)

    assert out.shape == np.matmul(a, b).shape
    np.testing.assert_array_equal(out.value, np.matmul(a, b))
    assert [g.shape for g in grad(out.sum(), [x, y])] == [*sizes]


@pytest.mark.parametrize(("stride", "room"), [(2, 0.5), (1, 1.5)])
def test_where_no_windows_overlap_the_gradient_of_pooling_is_written_in_place(stride: int, room: float) -> None:
    """Apart from the gradient itself, which has the size of the images; `room` is in sizes of g."""
    x = np.random.default_rng(0).standard_normal((50, 4, 40, 40))
    out = max_pool2d(x, 2, stride)
    winners, g = _winners(x, out, (2, 2), stride), np.ones_like(out)
    tracemalloc.start()
    unpick(g, winners, (2, 2), stride, x.shape)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (room - 1) * g.nbytes < most - x.nbytes < room * g.nbytes

"""Convolution, every window of the images as a column times the weight; and pooling, over the same windows.

Images are (N, C, H, W), as in PyTorch. Inside, the batch is the last axis in memory: every window copy, pooling
slice and col2im addition then runs over contiguous rows of N numbers. Ops on elements keep that order, so from
the first convolution on nothing big is transposed; `transpose` only renames the axes of a view.

The sum T(x, w, g) = ⟨conv2d(x, w), g⟩ is linear in images, weight and cotangent, and three ops are its derivatives:

    correlate(x, w) = ∂T/∂g        correlate_input(g, w) = ∂T/∂x        correlate_weight(g, x) = ∂T/∂w

So the VJPs of each are the other two, and derivatives of any order are made of these three. None keeps the columns,
which take k² times the memory of the images: making them again costs no more than reading them back. Where they are
large, they are made and used a part at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.compositions import pad
from minisnip.autodiff.describe import composition
from minisnip.autodiff.engine import Array, Op, Value, primitive, shape_of, value_of
from minisnip.autodiff.threads import equal_parts, in_pieces, in_turn

Pair: TypeAlias = tuple[int, int]


def border(sizes: Sequence[int], kernel: Pair, stride: int, padding: int | str) -> list[Pair]:
    """The zeros (before, after) along the height and along the width.

    "same" makes ⌈n / stride⌉ windows of n numbers, as in TensorFlow: as few zeros as that needs, of an odd number one
    more after than before. ValueError for another word.
    """
    if not isinstance(padding, str):
        return [(padding, padding)] * 2
    if padding != "same":
        raise ValueError(f'padding {padding!r} must be a whole number, or "same" for ⌈size / stride⌉ windows')
    needed = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(sizes, kernel, strict=True)]
    return [(zeros // 2, zeros - zeros // 2) for zeros in needed]


def out_sizes(sizes: Sequence[int], kernel: Pair, stride: int, padding: int | str = 0) -> Pair:
    """How many windows fit along the height and along the width.

    Raises
    ------
    ValueError
        If none does, or a number makes no sense.
    """
    zeros = 0 if isinstance(padding, str) else padding
    if not all(isinstance(n, int | np.integer) for n in (*kernel, stride, zeros)):
        raise TypeError(f"kernel {kernel}, stride {stride} and padding {padding} must be whole numbers, not pairs")
    if stride < 1 or zeros < 0 or min(kernel) < 1:
        raise ValueError(f"kernel {kernel} and stride {stride} must be at least 1, padding {padding} not negative")
    borders = border(sizes, kernel, stride, padding)
    oh, ow = ((n + sum(b) - k) // stride + 1 for n, b, k in zip(sizes, borders, kernel, strict=True))
    if oh < 1 or ow < 1:
        raise ValueError(
            f"a window of {kernel} does not fit an image of {tuple(sizes)} with padding {padding}: "
            "make the kernel smaller or the padding larger"
        )
    return oh, ow


def windows(shape: tuple[int, ...], kernel: Pair, stride: int) -> Iterator[tuple[int, tuple[slice, ...]]]:
    """For each position inside the window, the slice of (C, H, W, N) that holds it for all windows at once."""
    oh, ow = out_sizes(shape[1:3], kernel, stride)
    for k, (i, j) in enumerate(np.ndindex(kernel)):
        rows, columns = slice(i, i + stride * oh, stride), slice(j, j + stride * ow, stride)
        yield k, (slice(None), rows, columns)


def _batch_last(x: Array) -> Array:
    return x.transpose(1, 2, 3, 0)  # (N, C, H, W) -> (C, H, W, N), a view


def _batch_first(images: Array) -> Array:
    return images.transpose(3, 0, 1, 2)  # (C, H, W, N) -> (N, C, H, W), a view


def _im2col(x: Array, kernel: Pair, stride: int) -> Array:
    """Every window as a column: (N, C, H, W) -> (C·kh·kw, oh·ow·N)."""
    images = _batch_last(x)
    views = np.lib.stride_tricks.sliding_window_view(images, kernel, axis=(1, 2))[:, ::stride, ::stride]
    return views.transpose(0, 4, 5, 1, 2, 3).reshape(len(images) * kernel[0] * kernel[1], -1)


def _add_columns(images: Array, columns: Array, kernel: Pair, stride: int) -> None:
    """Add every column back to where its window is in (C, H, W, N), in place: the adjoint of `_im2col`."""
    oh, ow = out_sizes(images.shape[1:3], kernel, stride)
    stacked = columns.reshape(len(images), kernel[0] * kernel[1], oh, ow, -1)
    for k, window in windows(images.shape, kernel, stride):
        images[window] += stacked[:, k]


def _col2im(columns: Array, kernel: Pair, stride: int, shape: tuple[int, ...]) -> Array:
    n, channels, height, width = shape
    images = np.zeros((channels, height, width, n), columns.dtype)
    _add_columns(images, columns, kernel, stride)
    return _batch_first(images)


im2col: Op = primitive(_im2col, lambda g, out, x, kernel, stride: col2im(g, kernel, stride, x.shape))
col2im: Op = primitive(_col2im, lambda g, out, columns, kernel, stride, shape: im2col(g, kernel, stride))


COLUMNS = 2**24  # bytes of columns at a time; threads that share large products share out the parts


def _parts(n: int, size: int) -> list[slice]:
    """n things in order, whose columns take `size` bytes, in parts of at most COLUMNS bytes if one thing is no more."""
    return equal_parts(n, max(1, min(n, -(-size // COLUMNS))))  # no image has no bytes


def _in_parts(f: Callable[[slice], Any], parts: list[slice]) -> list[Any]:
    return (in_pieces.get() or in_turn)(f, parts)


def _bands(x: Array, kernel: Pair, stride: int) -> list[slice]:
    """Rows of windows."""
    n, channels, *sizes = x.shape
    oh, ow = out_sizes(sizes, kernel, stride)
    return _parts(oh, channels * kernel[0] * kernel[1] * oh * ow * n * x.itemsize)


def _band_of(x: Array, rows: slice, kernel: Pair, stride: int) -> Array:
    """The columns of some rows of windows: (C·kh·kw, rows·ow·N)."""
    return _im2col(x[:, :, rows.start * stride : (rows.stop - 1) * stride + kernel[0]], kernel, stride)


def _correlate(x: Array, weight: Array, bias: Array | None = None, *, stride: int) -> Array:
    filters, kernel = len(weight), weight.shape[2:]
    (oh, ow), matrix = out_sizes(x.shape[2:], kernel, stride), weight.reshape(len(weight), -1)
    out = np.empty((filters, oh * ow * len(x)), np.result_type(x, weight))

    def band(rows: slice) -> None:
        positions = slice(rows.start * ow * len(x), rows.stop * ow * len(x))
        np.matmul(matrix, _band_of(x, rows, kernel, stride), out=out[:, positions])

    _in_parts(band, _bands(x, kernel, stride))
    return _batch_first(ops.plus_bias(out, bias).reshape(filters, oh, ow, len(x)))


def _correlate_input(g: Array, weight: Array, stride: int, shape: tuple[int, ...]) -> Array:
    """The gradient with respect to the images; one row of the kernel at a time, so that its columns are near."""
    (n, channels, height, width), (filters, _, kh, kw) = shape, weight.shape
    cotangent = _batch_last(g).reshape(filters, -1)  # (F, oh·ow·N)
    images = np.zeros((channels, height, width, n), np.result_type(g, weight))

    def part(c: slice) -> None:
        for i in range(kh):
            columns = weight[:, c, i].reshape(filters, -1).T @ cotangent  # (C·kw, oh·ow·N)
            _add_columns(images[c, i : i + stride * (g.shape[2] - 1) + 1], columns, (1, kw), stride)

    _in_parts(part, _parts(channels, channels * kw * cotangent[0].nbytes))
    return _batch_first(images)


def _correlate_weight(g: Array, x: Array, stride: int, shape: tuple[int, ...]) -> Array:
    """The gradient with respect to the weight, of the given shape."""
    (filters, _, kh, kw), cotangent = shape, _batch_last(g)  # (F, oh, ow, N)

    def band(rows: slice) -> Array:
        return np.asarray(cotangent[:, rows].reshape(filters, -1) @ _band_of(x, rows, (kh, kw), stride).T)

    first, *others = _in_parts(band, _bands(x, (kh, kw), stride))
    for other in others:
        first += other
    return np.asarray(first.reshape(shape))


correlate: Op = primitive(
    _correlate,
    lambda g, out, x, w, b=None, *, stride: correlate_input(g, w, stride, x.shape),
    lambda g, out, x, w, b=None, *, stride: correlate_weight(g, x, stride, w.shape),
    lambda g, out, x, w, b, *, stride: ops.sum(g, (0, 2, 3)),
)
correlate_input: Op = primitive(
    _correlate_input,
    lambda h, out, g, w, stride, shape: correlate(h, w, stride=stride),
    lambda h, out, g, w, stride, shape: correlate_weight(g, h, stride, w.shape),
)
correlate_weight: Op = primitive(
    _correlate_weight,
    lambda h, out, g, x, stride, shape: correlate(x, h, stride=stride),
    lambda h, out, g, x, stride, shape: correlate_input(g, h, stride, x.shape),
)


@composition
def conv2d(x: Value, weight: Value, stride: int = 1, padding: int | str = 0, bias: Value | None = None) -> Any:
    """Cross-correlation, what the field calls convolution.

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (F, C, kh, kw)
    stride : int
        The same along both axes.
    padding : int or "same"
        Zeros on each side; "same" makes ⌈H / stride⌉ × ⌈W / stride⌉ windows, as in TensorFlow.
    bias : (F,), or None for none

    Returns
    -------
    (N, F, oh, ow) with oh = (H + 2·padding - kh) // stride + 1

    Raises
    ------
    ValueError
        If the numbers of channels differ, or the kernel does not fit the padded image.
    """
    _, channels, *size = image_shape(x)
    filters, weight_channels, kh, kw = image_shape(weight, "the weight", "(F, C, kh, kw)")
    if channels != weight_channels:
        raise ValueError(
            f"the images have {channels} channels, the weight takes {weight_channels}: the second sizes must be equal"
        )
    if bias is not None and shape_of(bias) != (filters,):
        raise ValueError(f"the bias has shape {shape_of(bias)}, expected ({filters},): one number per filter")
    out_sizes(size, (kh, kw), stride, padding)  # refuses a kernel that does not fit
    x = padded(x, (kh, kw), stride, padding)
    return correlate(x, weight, stride=stride) if bias is None else correlate(x, weight, bias, stride=stride)


def padded(x: Value, kernel: Pair, stride: int, padding: int | str) -> Any:
    """Zeros around the images, put there with the batch last, which so remains last in memory."""
    borders = border(shape_of(x)[2:], kernel, stride, padding)
    if not any(map(any, borders)):
        return x
    images = pad(ops.transpose(x, (1, 2, 3, 0)), [(0, 0), *borders, (0, 0)])
    return ops.transpose(images, (3, 0, 1, 2))


def image_shape(x: Value, name: str = "the images", axes: str = "(N, C, H, W)") -> tuple[int, ...]:
    """The four sizes of a batch of images, or a ValueError."""
    shape = shape_of(x)
    if len(shape) != 4:
        raise ValueError(f"the shape of {name} is {shape}, expected four axes {axes}: reshape to add what is missing")
    return shape


# ---- Pooling ---------------------------------------------------------------------------------------------------------


def _max_pool2d(x: Array, kernel: Pair, stride: int) -> Array:
    images = _batch_last(x)
    (_, first), *others = windows(images.shape, kernel, stride)
    out = images[first].copy()
    for _, window in others:
        np.maximum(out, images[window], out=out)
    return _batch_first(out)


def _winners(x: Array, out: Array, kernel: Pair, stride: int) -> Array:
    """For each position in the window, true where it holds the window's first maximum: (kh·kw, C, oh, ow, N)."""
    images, best = _batch_last(x), _batch_last(out)
    winners = np.empty((kernel[0] * kernel[1], *best.shape), bool)
    undecided = np.ones(best.shape, bool)
    for k, window in windows(images.shape, kernel, stride):
        np.equal(images[window], best, out=winners[k])
        winners[k] &= undecided  # the first of equals stays
        undecided ^= winners[k]
    if undecided.any():  # NaN equals nothing: the first NaN of the window is its maximum
        for k, window in windows(images.shape, kernel, stride):
            winners[k] |= undecided & np.isnan(images[window])
            undecided &= ~winners[k]
    return winners


def _pick(x: Array, winners: Array, kernel: Pair, stride: int) -> Array:
    images, out = _batch_last(x), np.zeros(winners.shape[1:], x.dtype)
    for k, window in windows(images.shape, kernel, stride):
        out += ops.selected(images[window], winners[k])
    return _batch_first(out)


def _unpick(g: Array, winners: Array, kernel: Pair, stride: int, shape: tuple[int, ...]) -> Array:
    n, channels, height, width = shape
    images, rows = np.zeros((channels, height, width, n), g.dtype), _batch_last(g)
    in_place = stride >= max(kernel) and np.isfinite(rows).all()  # no two windows overlap, and no product is NaN
    for k, window in windows(images.shape, kernel, stride):
        if in_place:
            np.multiply(rows, winners[k], out=images[window])
        else:
            images[window] += ops.selected(rows, winners[k])
    return _batch_first(images)


pick: Op = primitive(_pick, lambda g, out, x, winners, kernel, stride: unpick(g, winners, kernel, stride, x.shape))
unpick: Op = primitive(_unpick, lambda g, out, x, winners, kernel, stride, shape: pick(g, winners, kernel, stride))


def _max_pool2d_vjp(g: Any, out: Any, x: Any, kernel: Pair, stride: int) -> Any:
    return unpick(g, _winners(value_of(x), value_of(out), kernel, stride), kernel, stride, x.shape)


_max_pool2d_op = primitive(_max_pool2d, _max_pool2d_vjp)


@composition
def max_pool2d(x: Value, kernel: int, stride: int | None = None) -> Any:
    """The largest number of each window, (N, C, H, W) -> (N, C, oh, ow).

    Among equals the first counts, in reading order, and gets the whole gradient: MNIST's flat background ties whole
    windows. NaN counts as the largest number; of several, the first gets the gradient (in PyTorch the last). The stride
    is the kernel's size if it is not given; rows and columns that fill no window are left out.
    """
    image_shape(x)
    return _max_pool2d_op(x, (kernel, kernel), kernel if stride is None else stride)


@composition
def avg_pool2d(x: Value, kernel: int, stride: int | None = None) -> Any:
    """The mean of each window, (N, C, H, W) -> (N, C, oh, ow); windows as in `max_pool2d`."""
    n, channels, *sizes = image_shape(x)
    square, step = (kernel, kernel), kernel if stride is None else stride
    oh, ow = out_sizes(sizes, square, step)
    columns = ops.reshape(im2col(x, square, step), (channels, kernel * kernel, oh, ow, n))
    return ops.transpose(ops.mean(columns, axis=1), (3, 0, 1, 2))  # (C, oh, ow, N) -> (N, C, oh, ow)

"""Convolution: every window of the images as a column, times the weight.

Images are (N, C, H, W), as in PyTorch. Inside, the batch is the last axis in memory: every window copy, pooling
slice and col2im addition then runs over contiguous rows of N numbers. Ops on elements keep that order, so from
the first convolution on nothing big is transposed; `transpose` only renames the axes of a view.

The sum T(x, w, g) = ⟨conv2d(x, w), g⟩ is linear in images, weight and cotangent, and three ops are its derivatives:

    correlate(x, w) = ∂T/∂g        correlate_input(g, w) = ∂T/∂x        correlate_weight(g, x) = ∂T/∂w

So the VJPs of each are the other two, and derivatives of any order are made of these three. None keeps the columns,
which are k² times the images: to make them again costs no more than to read them back from far memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Op, Value, primitive, shape_of

Pair: TypeAlias = tuple[int, int]


def out_sizes(sizes: Sequence[int], kernel: Pair, stride: int = 1, padding: int = 0) -> Pair:
    """How many windows fit along the height and along the width.

    Raises
    ------
    ValueError
        If none does, or a number makes no sense.
    """
    if stride < 1 or padding < 0 or min(kernel) < 1:
        raise ValueError(f"kernel {kernel} and stride {stride} must be at least 1, padding {padding} not negative")
    oh, ow = ((n + 2 * padding - k) // stride + 1 for n, k in zip(sizes, kernel, strict=True))
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


def _columns(images: Array, kernel: Pair, stride: int) -> Array:
    """Every window as a column: (C, H, W, N) -> (C·kh·kw, oh·ow·N)."""
    views = np.lib.stride_tricks.sliding_window_view(images, kernel, axis=(1, 2))[:, ::stride, ::stride]
    return views.transpose(0, 4, 5, 1, 2, 3).reshape(len(images) * kernel[0] * kernel[1], -1)


def _add_columns(images: Array, columns: Array, kernel: Pair, stride: int) -> None:
    """Add every column back to where its window is: the adjoint of `_columns`, in place."""
    oh, ow = out_sizes(images.shape[1:3], kernel, stride)
    stacked = columns.reshape(len(images), kernel[0] * kernel[1], oh, ow, -1)
    for k, window in windows(images.shape, kernel, stride):
        images[window] += stacked[:, k]


def _batch_last(x: Array) -> Array:
    return x.transpose(1, 2, 3, 0)  # (N, C, H, W) -> (C, H, W, N), a view


def _batch_first(images: Array) -> Array:
    return images.transpose(3, 0, 1, 2)  # (C, H, W, N) -> (N, C, H, W), a view


def _im2col(x: Array, kernel: Pair, stride: int) -> Array:
    return _columns(_batch_last(x), kernel, stride)


def _col2im(columns: Array, kernel: Pair, stride: int, shape: tuple[int, ...]) -> Array:
    n, channels, height, width = shape
    images = np.zeros((channels, height, width, n), columns.dtype)
    _add_columns(images, columns, kernel, stride)
    return _batch_first(images)


im2col: Op = primitive(_im2col, lambda g, out, x, kernel, stride: col2im(g, kernel, stride, x.shape))
col2im: Op = primitive(_col2im, lambda g, out, columns, kernel, stride, shape: im2col(g, kernel, stride))


def _correlate(x: Array, weight: Array, bias: Array | None = None, *, stride: int) -> Array:
    filters, kernel = len(weight), weight.shape[2:]
    columns = _columns(_batch_last(x), kernel, stride)  # (C·kh·kw, oh·ow·N)
    out = ops.plus_bias(weight.reshape(filters, -1) @ columns, bias)  # (F, oh·ow·N)
    return _batch_first(out.reshape(filters, *out_sizes(x.shape[2:], kernel, stride), len(x)))


def _correlate_input(g: Array, weight: Array, stride: int, shape: tuple[int, ...]) -> Array:
    """The gradient by the images, of the given shape; one row of the kernel at a time, so that its columns are near."""
    (n, channels, height, width), (filters, _, kh, kw) = shape, weight.shape
    cotangent = _batch_last(g).reshape(filters, -1)  # (F, oh·ow·N)
    images = np.zeros((channels, height, width, n), np.result_type(g, weight))
    for i in range(kh):
        columns = weight[:, :, i].reshape(filters, -1).T @ cotangent  # (C·kw, oh·ow·N)
        _add_columns(images[:, i : i + stride * (g.shape[2] - 1) + 1], columns, (1, kw), stride)
    return _batch_first(images)


def _correlate_weight(g: Array, x: Array, stride: int, shape: tuple[int, ...]) -> Array:
    """The gradient by the weight, of the given shape."""
    filters, _, *kernel = shape
    columns = _columns(_batch_last(x), (kernel[0], kernel[1]), stride)  # (C·kh·kw, oh·ow·N)
    return (_batch_last(g).reshape(filters, -1) @ columns.T).reshape(shape)


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


def conv2d(x: Value, weight: Value, stride: int = 1, padding: int = 0, bias: Value | None = None) -> Any:
    """Cross-correlation, what the field calls convolution.

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (F, C, kh, kw)
    stride, padding : int
        The same along both axes; the padding is zeros.
    bias : (F,), or None for none

    Returns
    -------
    (N, F, oh, ow) with oh = (H + 2·padding - kh) // stride + 1

    Raises
    ------
    ValueError
        If the numbers of channels differ, or the kernel does not fit the padded image.
    """
    _, channels, *size = image_shape("conv2d", x)
    filters, weight_channels, kh, kw = image_shape("conv2d (weight)", weight)
    if channels != weight_channels:
        raise ValueError(
            f"conv2d: images of shape {shape_of(x)} have {channels} channels, the weight of shape {shape_of(weight)} "
            f"takes {weight_channels}: the second sizes must be equal"
        )
    if bias is not None and shape_of(bias) != (filters,):
        raise ValueError(f"conv2d: the bias has shape {shape_of(bias)}, expected ({filters},): one number per filter")
    out_sizes(size, (kh, kw), stride, padding)  # refuses a kernel that does not fit
    arguments = (_padded(x, padding), weight) if bias is None else (_padded(x, padding), weight, bias)
    return correlate(*arguments, stride=stride)


def _padded(x: Value, padding: int) -> Any:
    """Zeros around the images, put there with the batch last, which so remains last in memory."""
    if not padding:
        return x
    images = ops.pad(ops.transpose(x, (1, 2, 3, 0)), [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    return ops.transpose(images, (3, 0, 1, 2))


def image_shape(op: str, x: Value) -> tuple[int, ...]:
    """The four sizes of a batch of images, or a ValueError."""
    shape = shape_of(x)
    if len(shape) != 4:
        raise ValueError(f"{op}: got shape {shape}, expected four axes (N, C, H, W): add the missing ones with reshape")
    return shape

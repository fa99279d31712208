"""Convolution, built from ops: conv2d is im2col, a matrix product and a reshape, and nothing else.

Images are (N, C, H, W), as in PyTorch. Inside, the batch is the last axis in memory: every window copy, pooling
slice and col2im addition then runs over contiguous rows of N numbers. Ops on elements keep that order, so from
the first convolution on nothing big is transposed; `transpose` only renames the axes of a view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.tensor import Array, Op, Value, primitive, shape_of

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


def _im2col(x: Array, kernel: Pair, stride: int) -> Array:
    images = x.transpose(1, 2, 3, 0)  # (N, C, H, W) -> (C, H, W, N)
    views = np.lib.stride_tricks.sliding_window_view(images, kernel, axis=(1, 2))[:, ::stride, ::stride]
    return views.transpose(0, 4, 5, 1, 2, 3).reshape(x.shape[1] * kernel[0] * kernel[1], -1)  # (C·kh·kw, oh·ow·N)


def _col2im(columns: Array, kernel: Pair, stride: int, shape: tuple[int, ...]) -> Array:
    """Add along the width first, then what has become of it along the height: kw + kh additions, not kh·kw."""
    (n, channels, height, width), (kh, kw) = shape, kernel
    oh, ow = out_sizes((height, width), kernel, stride)
    stacked = columns.reshape(channels, kh, kw, oh, ow, n)
    rows = np.zeros((channels, kh, oh, width, n), columns.dtype)
    for j in range(kw):
        rows[:, :, :, j : j + stride * ow : stride] += stacked[:, :, j]
    images = np.zeros((channels, height, width, n), columns.dtype)
    for i in range(kh):
        images[:, i : i + stride * oh : stride] += rows[:, i]
    return images.transpose(3, 0, 1, 2)  # (C, H, W, N) -> (N, C, H, W)


im2col: Op = primitive(_im2col, lambda g, out, x, kernel, stride: col2im(g, kernel, stride, x.shape))
col2im: Op = primitive(_col2im, lambda g, out, columns, kernel, stride, shape: im2col(g, kernel, stride))


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
    n, channels, *size = image_shape("conv2d", x)
    filters, weight_channels, kh, kw = image_shape("conv2d (weight)", weight)
    if channels != weight_channels:
        raise ValueError(
            f"conv2d: images of shape {shape_of(x)} have {channels} channels, the weight of shape {shape_of(weight)} "
            f"takes {weight_channels}: the second sizes must be equal"
        )
    oh, ow = out_sizes(size, (kh, kw), stride, padding)
    columns = im2col(_padded(x, padding), (kh, kw), stride)  # (C·kh·kw, oh·ow·N)
    matrix = ops.reshape(weight, (filters, -1))  # (F, C·kh·kw)
    bias = np.zeros(filters, columns.dtype) if bias is None else bias
    out = ops.transpose(ops.linear(ops.transpose(columns), matrix, bias))  # (F, oh·ow·N)
    return ops.transpose(ops.reshape(out, (filters, oh, ow, n)), (3, 0, 1, 2))  # (N, F, oh, ow)


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

"""Pooling: the largest, or the mean, of each window."""

from __future__ import annotations

from typing import Any

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.conv import Pair, im2col, image_shape, out_sizes, windows
from minisnip.autodiff.engine import Array, Op, Value, primitive, value_of


def _max_pool2d(x: Array, kernel: Pair, stride: int) -> Array:
    images = x.transpose(1, 2, 3, 0)  # (N, C, H, W) -> (C, H, W, N)
    (_, first), *others = windows(images.shape, kernel, stride)
    out = images[first].copy()
    for _, window in others:
        np.maximum(out, images[window], out=out)
    return out.transpose(3, 0, 1, 2)  # (C, oh, ow, N) -> (N, C, oh, ow)


def _winners(x: Array, out: Array, kernel: Pair, stride: int) -> Array:
    """For each position in the window, true where it holds the window's first maximum: (kh·kw, C, oh, ow, N)."""
    images, best = x.transpose(1, 2, 3, 0), out.transpose(1, 2, 3, 0)
    winners = np.empty((kernel[0] * kernel[1], *best.shape), bool)
    undecided = np.ones(best.shape, bool)
    for k, window in windows(images.shape, kernel, stride):
        np.equal(images[window], best, out=winners[k])
        winners[k] &= undecided  # the first of equals stays
        undecided ^= winners[k]
    return winners


def _pick(x: Array, winners: Array, kernel: Pair, stride: int) -> Array:
    images = x.transpose(1, 2, 3, 0)
    out = np.zeros(winners.shape[1:], x.dtype)
    for k, window in windows(images.shape, kernel, stride):
        out += images[window] * winners[k]
    return out.transpose(3, 0, 1, 2)


def _unpick(g: Array, winners: Array, kernel: Pair, stride: int, shape: tuple[int, ...]) -> Array:
    n, channels, height, width = shape
    images, rows = np.zeros((channels, height, width, n), g.dtype), g.transpose(1, 2, 3, 0)
    for k, window in windows(images.shape, kernel, stride):
        if stride >= max(kernel):  # no two windows overlap: write in place
            np.multiply(rows, winners[k], out=images[window])
        else:
            images[window] += rows * winners[k]
    return images.transpose(3, 0, 1, 2)


pick: Op = primitive(_pick, lambda g, out, x, winners, kernel, stride: unpick(g, winners, kernel, stride, x.shape))
unpick: Op = primitive(_unpick, lambda g, out, x, winners, kernel, stride, shape: pick(g, winners, kernel, stride))


def _max_pool2d_vjp(g: Any, out: Any, x: Any, kernel: Pair, stride: int) -> Any:
    return unpick(g, _winners(value_of(x), value_of(out), kernel, stride), kernel, stride, x.shape)


_max_pool2d_op = primitive(_max_pool2d, _max_pool2d_vjp)


def max_pool2d(x: Value, kernel: int, stride: int | None = None) -> Any:
    """The largest number of each window, (N, C, H, W) -> (N, C, oh, ow).

    Among equals the first counts, in reading order, and gets the whole gradient: MNIST's flat background ties whole
    windows. The stride is the kernel's size if it is not given; rows and columns that fill no window are left out.
    """
    image_shape("max_pool2d", x)
    return _max_pool2d_op(x, (kernel, kernel), kernel if stride is None else stride)


def avg_pool2d(x: Value, kernel: int, stride: int | None = None) -> Any:
    """The mean of each window, (N, C, H, W) -> (N, C, oh, ow); windows as in `max_pool2d`."""
    n, channels, *sizes = image_shape("avg_pool2d", x)
    square, step = (kernel, kernel), kernel if stride is None else stride
    oh, ow = out_sizes(sizes, square, step)
    columns = ops.reshape(im2col(x, square, step), (channels, kernel * kernel, oh, ow, n))
    return ops.transpose(ops.mean(columns, axis=1), (3, 0, 1, 2))  # (C, oh, ow, N) -> (N, C, oh, ow)

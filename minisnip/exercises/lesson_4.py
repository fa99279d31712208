"""Lesson 4: read an idx file, normalize, count the parameters of a layer, and the weights that get no gradient."""

from __future__ import annotations

import math
import struct
import textwrap
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.exercises.checks import GRADIENTS, Trial, exercise, format_value
from minisnip.nn import Conv2d, Layer, Linear

SHAPES: tuple[tuple[int, ...], ...] = ((1,), (3,), (1, 1, 1), (2, 2, 3), (0, 2, 2), (258,), (1, 28, 28))


@exercise(
    "4.1",
    "read an idx file",
    "what do the first bytes say, and where do the elements begin?",
    "byte 3 is the number of axes n; then come n sizes of 4 bytes each, big end first ('>u4'), then the elements, "
    "the last axis running fastest; np.frombuffer reads either",
    "axes = content[3]; np.frombuffer(content, '>u4', axes, offset=4) is the shape; the elements begin at 4 + 4 * axes",
    own=("minisnip.data",),
)
def idx(answer: Any) -> Iterator[Trial]:
    """The answer is a function of the bytes of a file that returns its array."""
    for shape in SHAPES:
        values = (np.arange(math.prod(shape)) * 7 % 256).astype(np.uint8).reshape(shape)
        content = idx_bytes(values)
        start = textwrap.shorten(content.hex(" "), 73, placeholder=" …")
        given = f"{len(content)} bytes, of shape {shape}: {start}"
        kind = "empty arrays" if not values.size else "labels" if len(shape) == 1 else "images"
        yield Trial(given, partial(_check_uint8, answer, content), values, kind=kind)


def idx_bytes(values: Array) -> bytes:
    """The content of an idx file: 0, 0, the type 8, the number of axes, the shape, then one byte per element."""
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def _check_uint8(answer: Any, content: bytes) -> Any:
    got = answer(content)
    if isinstance(got, np.ndarray) and got.dtype != np.uint8:
        return f"an array of {got.dtype}, where each element is one byte: uint8"
    return got


@exercise(
    "4.2",
    "normalize",
    "from which images do mean and std come, and which images are mapped with them?",
    "one mean and one std, of all pixels of the training images; the test images go through the same map",
    "mean, std = train.mean(), train.std(); then (images - mean) / std for both",
    own=("minisnip.data",),
)
def normalize(answer: Any) -> Iterator[Trial]:
    """The answer is a function (train, test) that maps both so that `train` has mean 0 and std 1."""
    rng = np.random.default_rng(0)
    pairs = [
        (np.array([[0.0, 2.0]]), np.array([[1.0, 4.0]])),
        (np.array([[0, 0], [0, 200]], np.uint8), np.array([[0, 100]], np.uint8)),
        (rng.random((5, 3)) * [0, 1, 10], rng.random((2, 3))),
    ]
    for train, test in pairs:
        mean, std = train.mean(), train.std()
        given = f"train = {format_value(train)}\ntest = {format_value(test)}"
        expected = (train - mean) / std, (test - mean) / std
        yield Trial(given, partial(answer, train.copy(), test.copy()), expected, kind=f"images of {train.dtype}")


@exercise(
    "4.3",
    "the parameters of a layer",
    "how many numbers does one output of the layer need?",
    "each of the shape[0] outputs has one weight for each number that it reads, and one bias",
    "multiply all sizes of the shape, and add shape[0] for the biases",
    own=("minisnip.nn",),
)
def parameters(answer: Any) -> Iterator[Trial]:
    """The answer is a function of a weight's shape that returns the number of parameters of the layer."""
    layers: list[Layer] = [Linear(1, 1), Linear(2, 3), Linear(784, 300)]
    layers += [Conv2d(1, 1, 1), Conv2d(2, 3, 1), Conv2d(20, 50, 5)]
    for layer in layers:
        shape = layer.shapes()["weight"]
        expected, kind = sum(map(math.prod, layer.shapes().values())), f"{type(layer).__name__} layers"
        yield Trial(f"{layer}, weight {shape}", partial(answer, shape), expected, kind=kind)


@exercise(
    "4.4",
    "the weights without a gradient",
    "when is one term of the sum ∂L/∂W[u, p], the term of one image, exactly 0?",
    "∂L/∂W[u, p] is a sum over the images of (what unit u gets back) · (pixel p). A term is 0 if the pixel is exactly "
    "0 or if the ReLU of u is off; count the pairs u, p of which all terms are",
    "with images != 0 and active as integers, (images != 0).T @ active counts the terms other than 0: count its zeros",
    own=GRADIENTS,
)
def dead(answer: Any) -> Iterator[Trial]:
    """The answer is a function (images, active) that returns the number of weights whose gradient is exactly 0."""
    for images, active in _batches():
        given = f"images = {np.round(images, 2).tolist()}\nactive = {active.tolist()}"
        expected, kind = (
            zero_gradients(images, active),
            "images with zeros" if (images == 0).any() else "images without zeros",
        )
        yield Trial(given, partial(answer, images.copy(), active.copy()), expected, kind=kind)


def _batches() -> Iterator[tuple[Array, Array]]:
    """Images (N, P) and the units that are on (N, U), the smallest first; the fourth is normalized: no pixel is 0."""
    yield np.array([[0.0, 1.0]]), np.array([[True]])
    yield np.array([[0.0, 1.0]]), np.array([[True, False]])
    yield np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[True, False], [True, True]])
    yield np.array([[-0.4, 2.8]]), np.array([[True, True]])
    rng = np.random.default_rng(0)
    for n in (3, 6, 9):
        yield rng.random((n, 5)) * (rng.random((n, 5)) < 0.4), rng.random((n, 4)) < 0.4


def zero_gradients(images: Array, active: Array) -> int:
    """The number of weights of a first layer whose gradient is exactly 0; what is active passes the ReLU as it is."""
    weight = Tensor(np.zeros((images.shape[1], active.shape[1])))
    loss = (images @ weight * active).sum()
    return int(np.count_nonzero(grad(loss, weight) == 0))

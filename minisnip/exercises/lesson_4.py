"""Lesson 4: read an idx file, normalize, count the parameters of a layer, and the weights that get no gradient."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.exercises.checks import Trial, exercise
from minisnip.nn import Conv2d, Layer, Linear, ReLU, Sequential, cross_entropy

SHAPES: tuple[tuple[int, ...], ...] = ((1,), (3,), (1, 1, 1), (2, 2, 3), (0, 2, 2), (258,), (1, 28, 28))


@exercise(
    "4.1",
    "read an idx file",
    "byte 3 is the number of axes n; then come n sizes of 4 bytes each, big end first ('>u4'), then the elements, "
    "the last axis running fastest; np.frombuffer reads either",
)
def idx(answer: Any) -> Iterator[Trial]:
    """The answer is a function of the bytes of a file that returns its array."""
    for shape in SHAPES:
        values = (np.arange(math.prod(shape)) * 7 % 256).astype(np.uint8).reshape(shape)
        content = idx_bytes(values)
        start = content[:24].hex(" ") + (" …" if len(content) > 24 else "")
        yield Trial(f"{len(content)} bytes, of shape {shape}: {start}", partial(_check_uint8, answer, content), values)


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
    "one mean and one std, of all pixels of the training images; the test images go through the same map",
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
        given = f"train = {train.tolist()}, test = {test.tolist()}" if train.size < 9 else "5 and 2 images of 3 pixels"
        yield Trial(given, partial(answer, train.copy(), test.copy()), ((train - mean) / std, (test - mean) / std))


@exercise(
    "4.3",
    "the parameters of a layer",
    "each of the shape[0] outputs has one weight for each number that it reads, and one bias",
)
def parameters(answer: Any) -> Iterator[Trial]:
    """The answer is a function of a weight's shape that returns the number of parameters of the layer."""
    layers: list[Layer] = [Linear(1, 1), Linear(2, 3), Linear(784, 300)]
    layers += [Conv2d(1, 1, 1), Conv2d(2, 3, 1), Conv2d(20, 50, 5)]
    for layer in layers:
        shape = layer.shapes()["weight"]
        image = (shape[1], 7, 7) if len(shape) == 4 else (shape[1],)
        yield Trial(f"{layer}, weight {shape}", partial(answer, shape), Sequential(image, layer=layer).size)


@exercise(
    "4.4",
    "the weights without a gradient",
    "∂L/∂W[u, p] is a sum over the images of (what unit u gets back) · (pixel p). A term is 0 if the pixel is exactly "
    "0 or if the ReLU of u is off; count the pairs u, p of which all terms are",
)
def dead(answer: Any) -> Iterator[Trial]:
    """The answer is a function (images, active) that returns the number of weights whose gradient is exactly 0."""
    for images, weight in _batches():
        active = images @ weight.T > 0
        given = f"images = {np.round(images, 2).tolist()}\nactive = {active.tolist()}"
        yield Trial(given, partial(_count, answer, images, active), zero_gradients(images, weight))


def _batches() -> Iterator[tuple[Array, Array]]:
    """Images (N, P) and first-layer weights (U, P), the smallest first; the fourth is normalized: no pixel is 0."""
    yield np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]])
    yield np.array([[0.0, 1.0]]), np.array([[1.0, 1.0], [1.0, -1.0]])
    yield np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [1.0, -1.0]])
    yield np.array([[-0.4, 2.8]]), np.array([[1.0, 1.0], [1.0, 2.0]])
    rng = np.random.default_rng(0)
    for n in (3, 6, 9):
        yield rng.random((n, 5)) * (rng.random((n, 5)) < 0.4), rng.normal(size=(4, 5))


def _count(answer: Any, images: Array, active: Array) -> Any:
    got = answer(images.copy(), active.copy())
    return got if isinstance(got, str | Sequence) or np.ndim(got) else int(got)


def zero_gradients(images: Array, weight: Array) -> int:
    """The number of weights (U, P) of a first layer, followed by ReLU, whose gradient is exactly 0."""
    (units, pixels), rng = weight.shape, np.random.default_rng(1)
    net = Sequential((pixels,), fc1=Linear(pixels, units), relu=ReLU(), fc2=Linear(units, 3))
    params = net.init(rng, dtype=np.float64) | {"fc1.weight": Tensor(weight)}
    loss = cross_entropy(net(params, images), rng.integers(0, 3, len(images)))
    return int(np.count_nonzero(grad(loss, params["fc1.weight"]) == 0))

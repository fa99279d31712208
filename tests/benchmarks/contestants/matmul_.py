"""The floor: the matrix multiplications of a step alone, as bare np.matmul calls into arrays that are there already.

It has as many workers as minisnip's step, and each has one thread of BLAS.

A linear layer of weight W (F, D) multiplies W x, g xᵀ and Wᵀ g, with x (D, N) and g (F, N); a convolution does the
same with W (F, C·k·k) and the columns x (C·k·k, oh·ow·N). The first layer needs no gradient of its input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.autodiff.threads import PIECE, equal_parts, in_pieces, in_turn
from minisnip.nn import Conv2d, Linear, Sequential
from minisnip.nn.threads import cores, sharding
from tests.benchmarks.problem import Problem


def shapes(net: Sequential, batch: int) -> Iterator[tuple[int, int, int]]:
    """(F, D, columns) of each layer with weights."""
    for name, layer in net.layers.items():
        if isinstance(layer, Linear):
            yield layer.out_features, layer.in_features, batch
        if isinstance(layer, Conv2d):
            windows = math.prod(net.out_shapes[name][1:])
            yield layer.out_channels, layer.in_channels * layer.kernel**2, windows * batch


def products(net: Sequential, batch: int) -> Iterator[tuple[Array, Array, Array]]:
    """The two factors of each product, and where it goes."""
    rng = np.random.default_rng(0)
    for i, (f, d, n) in enumerate(shapes(net, batch)):
        w, x, g = (rng.standard_normal(shape, np.float32) for shape in ((f, d), (d, n), (f, n)))
        yield w, x, np.empty_like(g)
        yield g, x.T, np.empty_like(w)
        if i > 0:
            yield w.T, g, np.empty_like(x)


def pieces(a: Array, b: Array, out: Array, count: int) -> list[tuple[Array, Array, Array]]:
    """A large product as so many, along its longer side: `minisnip.autodiff.threads` shares it so."""
    if a.size * b.shape[1] < 2 * PIECE:
        return [(a, b, out)]
    if len(a) >= b.shape[1]:
        return [(a[rows], b, out[rows]) for rows in equal_parts(len(a), count)]
    return [(a, b[:, columns], out[:, columns]) for columns in equal_parts(b.shape[1], count)]


def step(problem: Problem) -> Callable[[], float]:
    """In the shards and threads of minisnip's step. There is no loss: the result is NaN."""
    opened, images = sharding(problem.net), len(problem.labels)
    shards = opened.__enter__()
    spread = in_pieces.get() or in_turn
    count = 1 if spread is in_turn else cores()

    def planned(part: slice) -> list[list[tuple[Array, Array, Array]]]:
        return [pieces(*factors, count) for factors in products(problem.net, part.stop - part.start)]

    calls = {(part.start, part.stop): planned(part) for part in shards(lambda part: part, images)}

    def multiply(part: slice) -> None:
        for product in calls[part.start, part.stop]:
            (spread if len(product) > 1 else in_turn)(lambda factors: np.matmul(*factors), product)

    def work(_: object = opened) -> float:  # a context that nobody holds is left
        shards(multiply, images)
        return math.nan

    return work

"""A profile of forward and backward: how long each op takes, and the VJPs of each.

    python -m tests.benchmarks.op_times [repeats=100]

LeNet-300-100 on a batch of 100 MNIST images with BLAS's threads, LeNet-5-Caffe on one shard of 50 in one thread, which
is what one of two threads does in a step. Medians, in microseconds.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
from threadpoolctl import threadpool_limits

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array, Primitive
from minisnip.nn import LENETS, Sequential, cross_entropy
from minisnip.nn.models import TITLES
from minisnip.nn.threads import keep_freed_memory
from tests.benchmarks.problem import first, mnist_or_glyphs
from tests.benchmarks.table import line, print_table

CASES = (("lenet-300-100", 100, None), ("lenet-5-caffe", 50, 1))  # images, and threads of BLAS
Times = dict[tuple[str, str], float]  # seconds, by op and "forward" or "backward"


@contextmanager
def stopwatch(times: Times) -> Iterator[None]:
    """Note what ops take while this lasts; what an op or a VJP calls is part of it."""
    inside = False

    def timed(method: Any, which: str) -> Any:
        def call(self: Primitive, *args: Any, **metadata: Any) -> Any:
            nonlocal inside
            if inside:
                return method(self, *args, **metadata)
            inside, started = True, time.perf_counter()
            try:
                return method(self, *args, **metadata)
            finally:
                inside = False
                times[self.__name__, which] += time.perf_counter() - started

        return call

    with (
        patch.object(Primitive, "__call__", timed(Primitive.__call__, "forward")),
        patch.object(Primitive, "vjp", timed(Primitive.vjp, "backward")),
    ):
        yield


def once(net: Sequential, params: dict[str, Array], images: Array, labels: Array) -> Times:
    """One forward and backward pass."""
    times: Times = defaultdict(float)
    with stopwatch(times):
        started = time.perf_counter()
        weights = {name: Tensor(w) for name, w in params.items()}
        grad(cross_entropy(net(weights, images), labels), weights)
        times["all", "with the walk"] = time.perf_counter() - started
    return times


def rows(model: str, batch: int, repeats: int) -> Iterator[list[str]]:
    """A row for each op, in the order of the forward pass."""
    net, split = LENETS[model](), first(mnist_or_glyphs().train, batch)
    params = net.init(np.random.default_rng(0))
    keep_freed_memory()
    found = [once(net, params, split.images, split.labels) for _ in range(repeats + 5)][5:]
    medians = {key: 1e6 * float(np.median([times[key] for times in found])) for key in found[0]}
    for op in dict.fromkeys(op for op, _ in medians if op != "all"):
        yield [TITLES[model], op, *(f"{medians.get((op, which), 0):,.0f}" for which in ("forward", "backward"))]
    yield [TITLES[model], "all, with the walk", f"{medians['all', 'with the walk']:,.0f}", ""]


def main(repeats: int = 100) -> None:
    """Print the table."""
    print_table([f"network, {mnist_or_glyphs().label}", "op", "forward, µs", "backward, µs"], [])
    for model, batch, threads in CASES:
        with threadpool_limits(threads):
            for row in rows(model, batch, repeats):
                print(line(row), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""A profile of forward and backward: how long each op takes, and the VJPs of each.

    python -m tests.benchmarks.op_times [--steps 50]

LeNet-300-100 on a batch of 100 MNIST images, LeNet-5-Caffe on a shard of 50, which is what one of two threads does in a
step. Medians, in microseconds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array, Primitive
from minisnip.nn import MODELS, Sequential, cross_entropy
from minisnip.nn.models import TITLES
from minisnip.nn.threads import sharding
from tests.benchmarks import command
from tests.benchmarks.problem import first, mnist_or_glyphs
from tests.benchmarks.race import Row
from tests.benchmarks.table import table
from tests.benchmarks.turns import Effort

CASES = {"lenet-300-100": 100, "lenet-5-caffe": 50}  # images
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


def medians(model: str, batch: int, repeats: int) -> Times:
    """Microseconds of each op, in the order of the forward pass."""
    net, split = MODELS[model](), first(mnist_or_glyphs().train, batch)
    params = net.init(np.random.default_rng(0))
    with sharding(net):
        found = [once(net, params, split.images, split.labels) for _ in range(repeats + 5)][5:]
    return {key: 1e6 * float(np.median([times[key] for times in found])) for key in found[0]}


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each op of each network."""
    for model, batch in CASES.items():
        found = medians(model, batch, effort.steps)
        for op in dict.fromkeys(op for op, _ in found if op != "all"):
            forward, backward = (found.get((op, which), 0.0) for which in ("forward", "backward"))
            yield {"network": TITLES[model], "op": op, "forward": forward, "backward": backward}
        yield {"network": TITLES[model], "op": "all, with the walk", "both": found["all", "with the walk"]}


def section(rows: Sequence[Row]) -> str:
    """The table, in Markdown."""
    return f"""\
How long each op takes, and its VJPs, in microseconds: LeNet-300-100 on a batch of 100
images, LeNet-5-Caffe on a shard of 50, which is what one of two threads does in a step.

{table(["network", "op", "forward, µs", "backward, µs", "both, µs"], map(_cells, rows))}
"""


def _cells(row: Row) -> list[str]:
    both = row["both"] if "both" in row else row["forward"] + row["backward"]
    return [
        row["network"],
        row["op"],
        *(f"{row[w]:,.0f}" if w in row else "" for w in ("forward", "backward")),
        f"{both:,.0f}",
    ]


if __name__ == "__main__":
    command.main(measure, section, __doc__)

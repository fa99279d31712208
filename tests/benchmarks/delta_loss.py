"""Time and memory of ΔL for every connection, against one forward pass for each; and how both grow.

    python -m tests.benchmarks.delta_loss

Float64, a batch of 100 MNIST images (glyphs where MNIST cannot be had). The plain loop would take hours: its time is
that of a sample of its passes, times the number of connections. Writes results/delta_loss.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator

import numpy as np

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.nn import LENETS, Flatten, Linear, ReLU, Sequential, cross_entropy
from minisnip.pruning import delta_loss
from tests.benchmarks.problem import mnist_or_glyphs
from tests.benchmarks.table import RESULTS, print_table, write_result

PASSES = 60
Batch = tuple[Array, Array]


def seconds_of_all(net: Sequential, params: dict[str, Array], batch: Batch) -> float:
    """Of ΔL for every connection."""
    started = time.perf_counter()
    delta_loss(net, params, *batch, title=None)
    return time.perf_counter() - started


def peak_bytes(net: Sequential, params: dict[str, Array], batch: Batch) -> int:
    """The most memory that the same call holds at once, in a run of its own: counting takes time."""
    tracemalloc.start()
    delta_loss(net, params, *batch, title=None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def seconds_of_loop(net: Sequential, params: dict[str, Array], batch: Batch) -> float:
    """Of one forward pass for each connection, extrapolated from PASSES of them."""
    times = []
    for _ in range(PASSES):
        started = time.perf_counter()
        cross_entropy(net(params, batch[0]), batch[1])
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * net.size


def models(dataset: data.Dataset) -> Iterator[tuple[str, ...]]:
    """The header and the rows of the main table."""
    yield f"network, {dataset.label}", "connections", "all ΔL", "plain loop (extrapolated)", "ratio", "peak memory"
    batch = first(dataset, 100)
    for model, make in LENETS.items():
        net = make()
        params = net.init(np.random.default_rng(0), dtype=np.float64)
        fast, loop, peak = (f(net, params, batch) for f in (seconds_of_all, seconds_of_loop, peak_bytes))
        numbers = f"{fast:.1f} s", f"{loop:,.0f} s", f"{loop / fast:.0f}×", f"{peak / 2**20:.0f} MiB"
        yield model, f"{net.size:,}", *numbers


def growth(dataset: data.Dataset) -> Iterator[tuple[str, ...]]:
    """The same of time against the batch and against the width of LeNet-300-100."""
    yield "LeNet-300-100 of width", "batch", "connections", "all ΔL", "a connection and image"
    for width, size in [(1, 25), (1, 50), (1, 100), (1, 200), (0.25, 100), (0.5, 100), (2, 100)]:
        hidden = int(300 * width), int(100 * width)
        net = Sequential(
            (1, 28, 28),
            flatten=Flatten(),
            fc1=Linear(784, hidden[0]),
            relu1=ReLU(),
            fc2=Linear(hidden[0], hidden[1]),
            relu2=ReLU(),
            fc3=Linear(hidden[1], 10),
        )
        params = net.init(np.random.default_rng(0), dtype=np.float64)
        s = seconds_of_all(net, params, first(dataset, size))
        yield f"×{width:g}", f"{size}", f"{net.size:,}", f"{s:.1f} s", f"{1e9 * s / net.size / size:.0f} ns"


def first(dataset: data.Dataset, size: int) -> Batch:
    """The first images of the training split, in float64."""
    return dataset.train.images[:size].astype(np.float64), dataset.train.labels[:size]


def main() -> None:
    """Print both tables, write the result."""
    dataset, tables = mnist_or_glyphs(), {}
    for name, rows in {"1_models": models(dataset), "2_growth": growth(dataset)}.items():
        tables[name] = print_table(next(rows), rows)
        print()
    write_result(RESULTS / "delta_loss", tables)


if __name__ == "__main__":
    main()

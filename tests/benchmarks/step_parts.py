"""Where the time of a training step goes: LeNet-300-100 dense, pruned, and compacted.

    python -m tests.benchmarks.step_parts [steps=500]

The parts of `train_step`, timed one by one on a batch of 100 MNIST images; medians, in microseconds. The last columns
have the matrix products of forward and backward alone, and the rest of the step. Writes results/step_parts.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.nn import cross_entropy, lenet_300_100
from minisnip.nn.threads import keep_freed_memory
from minisnip.pruning import cut
from minisnip.training import SGD
from minisnip.training.loop import kept_connections, live, precompute_head
from tests.benchmarks.compaction import COMPACTED, problems
from tests.benchmarks.contestants import matmul_
from tests.benchmarks.problem import MOMENTUM, WEIGHT_DECAY, Problem, first, mnist_or_glyphs, problem
from tests.benchmarks.table import RESULTS, print_table, write_result

PARTS = ("wrap", "forward", "loss", "gradient", "choose kept", "SGD", "put back")


def one_step(given: Problem, params: dict[str, Array], rate: float) -> Iterator[str]:
    """Steps without end, in parts: the name of each as soon as it is done.

    What `train_step` does with an uncut batch, but for the count of errors and the look at the loss.
    """
    kept = kept_connections(given.masks)
    net, (images,) = precompute_head(given.net, given.images)
    optimizer = SGD(MOMENTUM, WEIGHT_DECAY)
    state = optimizer.start(live(params, kept))
    while True:
        weights = {name: Tensor(w) for name, w in params.items()}
        yield "wrap"
        logits = net(weights, images)
        yield "forward"
        loss = cross_entropy(logits, given.labels)
        yield "loss"
        gradients = grad(loss, weights)
        yield "gradient"
        variables, slopes = live(params, kept), live(gradients, kept)
        yield "choose kept"
        optimizer.step(variables, slopes, state, rate)
        yield "SGD"
        for name, index in kept.items():
            params[name].reshape(-1)[index] = variables[name]
        yield "put back"


def microseconds(given: Problem, steps: int) -> list[float]:
    """The median of each part, of the whole, and of the matrix products alone."""
    keep_freed_memory()
    took, parts = defaultdict[str, list[float]](list), one_step(given, dict(given.params), rate=0.0)
    for _ in range((steps + 10) * len(PARTS)):
        started = time.perf_counter()
        took[next(parts)].append(time.perf_counter() - started)
    whole = np.sum([took[name][10:] for name in PARTS], axis=0)
    floor, times = matmul_.step(given), []
    for _ in range(steps):
        started = time.perf_counter()
        floor()
        times.append(time.perf_counter() - started)
    return [1e6 * float(np.median(seconds)) for seconds in [*(took[name][10:] for name in PARTS), whole, times]]


def rows(steps: int) -> Iterator[list[object]]:
    """A row for each network."""
    batch = first(mnist_or_glyphs().train, 100)
    cases = {
        "dense": problem(lenet_300_100(), batch),
        "95 % pruned": problem(lenet_300_100(), batch, 0.95),
        "98 % SNIPped, compacted": problems("lenet-300-100", 0.98, batch, cut)[COMPACTED],
        "99.5 % SNIPped, compacted": problems("lenet-300-100", 0.995, batch, cut)[COMPACTED],
    }
    for name, given in cases.items():
        *parts, whole, floor = microseconds(given, steps)
        yield [name, *(f"{t:,.0f}" for t in (*parts, whole, floor, whole - floor))]


def main(steps: int = 500) -> None:
    """Print the table, write the result."""
    header = [f"microseconds, {mnist_or_glyphs().label}", *PARTS, "step", "matmul alone", "all else"]
    write_result(RESULTS / "step_parts", {"table": print_table(header, rows(steps))})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""Where the time of a training step goes: LeNet-300-100 dense, pruned, and compacted.

    python -m tests.benchmarks.step_parts [--steps 50]

The parts of `train_step`, timed one by one on a batch of 100 MNIST images; medians of ten times so many steps, in
microseconds. The last columns have the matrix products of forward and backward alone, and the rest of the step.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.nn import cross_entropy, lenet_300_100
from minisnip.nn.threads import sharding
from minisnip.pruning import cut
from minisnip.training import SGD
from minisnip.training.loop import kept_connections, live, precompute_head
from tests.benchmarks import command
from tests.benchmarks.compaction import COMPACTED, problems
from tests.benchmarks.contestants import matmul_
from tests.benchmarks.problem import BATCH, MOMENTUM, WEIGHT_DECAY, Problem, first, mnist_or_glyphs, problem
from tests.benchmarks.race import FLOOR, Row
from tests.benchmarks.table import table
from tests.benchmarks.turns import Effort

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
    """The median of each part, of the whole, and of the matrix products alone, with the threads of `train`."""
    took, parts = defaultdict[str, list[float]](list), one_step(given, dict(given.params), rate=0.0)
    floor, times = matmul_.step(given), []
    with sharding(given.net):
        for _ in range((steps + 10) * len(PARTS)):
            started = time.perf_counter()
            took[next(parts)].append(time.perf_counter() - started)
        for _ in range(steps):
            started = time.perf_counter()
            floor()
            times.append(time.perf_counter() - started)
    whole = np.sum([took[name][10:] for name in PARTS], axis=0)
    return [1e6 * float(np.median(seconds)) for seconds in [*(took[name][10:] for name in PARTS), whole, times]]


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each network."""
    batch = first(mnist_or_glyphs().train, BATCH)
    cases = {
        "dense": problem(lenet_300_100(), batch),
        "95 % pruned": problem(lenet_300_100(), batch, 0.95),
        "98 % SNIPped, compacted": problems("lenet-300-100", 0.98, batch, cut)[COMPACTED],
        "99.5 % SNIPped, compacted": problems("lenet-300-100", 0.995, batch, cut)[COMPACTED],
    }
    for name, given in cases.items():
        yield {"weights": name, "microseconds": microseconds(given, 10 * effort.steps)}


def section(rows: Sequence[Row]) -> str:
    """The table, in Markdown, and how much of the smallest network's step is no product."""
    header = ["weights", *PARTS, "step", FLOOR, "all else"]
    *_, step, _, rest = _cells(rows[-1])
    return f"""\
The parts of a training step of LeNet-300-100 on {BATCH} images, in microseconds. *{FLOOR}*
is the time of the matrix products and nothing else; *all else* is the rest of the step. In the smallest network it is
{rest} of {step} microseconds, nearly all of it Python.

{table(header, map(_cells, rows))}
"""


def _cells(row: Row) -> list[str]:
    *parts, whole, floor = row["microseconds"]
    return [row["weights"], *(f"{t:,.0f}" for t in (*parts, whole, floor, whole - floor))]


if __name__ == "__main__":
    command.main(measure, section, __doc__)

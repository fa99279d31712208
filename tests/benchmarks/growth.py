"""How the time and the memory of minisnip's training step grow with the batch, the width and the depth.

    python -m tests.benchmarks.growth [--pairs 5] [--steps 50]

Each point has a process of its own; those of a table take turns. The exponent is the slope of a straight line through
the logarithms: 1 is proportional, 2 quadratic. Peak memory (tracemalloc, in a step that is not timed) counts
parameters, momentum and buffers, not the batch. Last, what importing the package costs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from minisnip.data import Split
from minisnip.nn import Flatten, Layer, Linear, ReLU, Sequential, lenet_5_caffe, lenet_300_100
from tests.benchmarks import import_time
from tests.benchmarks.problem import Problem, first, mnist_or_glyphs, problem
from tests.benchmarks.table import milliseconds, print_table
from tests.benchmarks.turns import Entry, Turns, take_turns

BATCHES, WIDTHS, DEPTHS = (10, 30, 100, 300, 1000), (0.5, 1, 2, 4, 8), (1, 2, 4, 8, 16)
MINISNIP = "tests.benchmarks.contestants.minisnip_"


def mlp(hidden: Sequence[int]) -> Sequential:
    """Like LeNet-300-100, with hidden layers of these sizes."""
    layers: dict[str, Layer] = {"flatten": Flatten()}
    for i, (inputs, outputs) in enumerate(pairwise((784, *hidden, 10)), start=1):
        layers |= {f"fc{i}": Linear(inputs, outputs), f"relu{i}": ReLU()}
    layers.popitem()  # no ReLU after the logits
    return Sequential((1, 28, 28), **layers)


def series(split: Split) -> Iterator[tuple[str, dict[float, Problem]]]:
    """What grows, and the problem at each of its values."""
    for title, net in (("LeNet-300-100", lenet_300_100()), ("LeNet-5-Caffe", lenet_5_caffe())):
        yield f"{title}: batch", {n: problem(net, first(split, n)) for n in BATCHES}
    batch = first(split, 100)
    yield (
        "LeNet-300-100: width ×",
        {f: problem(mlp([int(300 * f), int(100 * f)]), batch) for f in WIDTHS},
    )
    yield "hidden layers of 300", {d: problem(mlp([300] * d), batch) for d in DEPTHS}


def measure(problems: Mapping[float, Problem], pairs: int, steps: int) -> tuple[dict[str, Turns], dict[str, float]]:
    """The turns of every point, and the bytes of its peak."""
    turns = take_turns({str(x): Entry(f"{MINISNIP}:step", (p,)) for x, p in problems.items()}, pairs, steps)
    peaks = take_turns({str(x): Entry(f"{MINISNIP}:peak_bytes", (p,)) for x, p in problems.items()}, 0, 1)
    return turns, {x: peak.first[-1] for x, peak in peaks.items()}


def exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The slope of log y against log x, by least squares."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0])


def rows(problems: Mapping[float, Problem], pairs: int, steps: int) -> Iterator[list[str]]:
    """One row for each point, and the exponents: over all points, and from the last to the one before."""
    turns, peaks = measure(problems, pairs, steps)
    seconds, peak_bytes = [t.median for t in turns.values()], list(peaks.values())
    for (x, p), s, peak in zip(problems.items(), seconds, peak_bytes, strict=True):
        yield [f"{x:g}", f"{p.net.size:,}", milliseconds(s), f"{peak / 2**20:.1f}"]
    xs = list(problems)
    for name, part in (("exponent", slice(None)), ("exponent, last two", slice(-2, None))):
        yield [name, "", *(f"{exponent(xs[part], ys[part]):.2f}" for ys in (seconds, peak_bytes))]


def main(argv: list[str] | None = None) -> None:
    """Print a table for each series, and that of the imports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="rounds, in each of which every point has a turn")
    parser.add_argument("--steps", type=int, default=50, help="of which a turn is the median; slow ones do a fifth")
    options = parser.parse_args(argv)
    for title, problems in series(mnist_or_glyphs().train):
        print_table((title, "parameters", "step, ms", "peak memory, MiB"), rows(problems, options.pairs, options.steps))
        print()
    print_table(import_time.HEADER, import_time.rows())


if __name__ == "__main__":
    main()

"""How time and memory grow with the batch, the width, the depth, and the number m of connections.

    python -m tests.benchmarks.growth [--pairs 5] [--steps 20]

Each point has a process of its own; those of a series take turns. The exponent is the slope of a straight line through
the logarithms, by least squares: 1 is proportional, 2 quadratic. Peak memory (tracemalloc, in a run that is not timed)
counts what the work allocates, for a step also parameters and momentum; the batch and the arguments do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from minisnip.data import Split
from minisnip.nn import Flatten, Layer, Linear, ReLU, Sequential, lenet_5_caffe, lenet_300_100
from tests.benchmarks import command
from tests.benchmarks.problem import BATCH, Problem, first, mnist_or_glyphs, problem
from tests.benchmarks.race import Row
from tests.benchmarks.table import ms_cell, spread, table
from tests.benchmarks.turns import SLOW, Effort, Entry, take_turns

BATCHES, WIDTHS, DEPTHS = (10, 30, 100, 300, 1000), (0.5, 1, 2, 4, 8), (1, 2, 4, 8, 16)
SCORES, SPARSITY = (10_000, 100_000, 1_000_000, 10_000_000), 0.95
DELETED, DELETED_WIDTHS = (25, 50, 100, 200), (0.25, 0.5, 1, 2)  # images, and widths of LeNet-300-100
STEPS, ROUNDS, FEW_ROUNDS = 20, 5, 3
MINISNIP = "tests.benchmarks.contestants.minisnip_"
STEP, SCORING, SELECTION, DELETIONS = "step", "scoring", "selection", "deletions"


@dataclass(frozen=True)
class Series:
    """A work, and its arguments at each value of what grows."""

    title: str
    grows: str
    work: str
    points: Mapping[Any, tuple[Any, ...]]

    def entries(self, peak: bool) -> dict[str, Entry]:
        """The work at each point, or its peak memory."""
        make, more = ("peak_bytes", ()) if self.work == STEP else ("extra_bytes", (self.work,))
        return {
            str(x): Entry(f"{MINISNIP}:{make}", (*more, *point)) if peak else Entry(f"{MINISNIP}:{self.work}", point)
            for x, point in self.points.items()
        }


def mlp(hidden: Sequence[int]) -> Sequential:
    """Like LeNet-300-100, with hidden layers of these sizes."""
    layers: dict[str, Layer] = {"flatten": Flatten()}
    for i, (inputs, outputs) in enumerate(pairwise((784, *hidden, 10)), start=1):
        layers |= {f"fc{i}": Linear(inputs, outputs), f"relu{i}": ReLU()}
    layers.popitem()  # no ReLU after the logits
    return Sequential((1, 28, 28), **layers)


def wide(factor: float) -> Sequential:
    """LeNet-300-100 with hidden layers so many times as wide."""
    return mlp([int(300 * factor), int(100 * factor)])


def series(split: Split, fewer: int = 1) -> Iterator[Series]:
    """What is measured; `fewer` divides the images of delta_loss."""
    batch, mlps, small = first(split, BATCH), [wide(f) for f in WIDTHS], [wide(f) for f in DELETED_WIDTHS]
    for title, net in (("LeNet-300-100", lenet_300_100()), ("LeNet-5-Caffe", lenet_5_caffe())):
        yield Series(f"a step of {title}", "batch", STEP, {n: (problem(net, first(split, n)),) for n in BATCHES})
    widths = {f: (problem(net, batch),) for f, net in zip(WIDTHS, mlps, strict=True)}
    yield Series("a step of LeNet-300-100", "width ×", STEP, widths)
    depths = {d: (problem(mlp([300] * d), batch),) for d in DEPTHS}
    yield Series("a step of an MLP", "hidden layers of 300", STEP, depths)
    yield Series("keep_top", "m", SELECTION, {m: (m, SPARSITY) for m in SCORES})
    yield Series("connection_sensitivity, MLPs", "m", SCORING, {net.size: (problem(net, batch),) for net in mlps})
    images = {n: (exact(lenet_300_100(), first(split, n // fewer)),) for n in DELETED}
    yield Series("delta_loss of LeNet-300-100", "batch", DELETIONS, images)
    yield Series(
        "delta_loss, MLPs", "m", DELETIONS, {net.size: (exact(net, first(split, BATCH // fewer)),) for net in small}
    )


def exact(net: Sequential, split: Split) -> Problem:
    """In float64."""
    return problem(net, split, dtype=np.float64)


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each point of each series."""
    for each in series(mnist_or_glyphs().train, fewer=25 if effort.smoke else 1):
        given = replace(each, points=dict(list(each.points.items())[:2])) if effort.smoke else each
        yield from points(given, effort)


def points(given: Series, effort: Effort) -> Iterator[Row]:
    """The turns of every point, and the bytes of its peak."""
    rounds, steps = (FEW_ROUNDS, 1) if given.work == DELETIONS else (ROUNDS, STEPS)
    how = replace(effort, pairs=min(rounds, effort.pairs), steps=min(steps, effort.steps))
    turns = take_turns(given.entries(peak=False), how, SLOW)
    peaks = take_turns(given.entries(peak=True), replace(how, pairs=0, steps=1))
    for x in given.points:
        done, peak = turns[str(x)].milliseconds, peaks[str(x)].first[0]
        yield {"series": given.title, "grows": given.grows, "x": x, "turns_ms": done, "peak_bytes": peak}


def exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The slope of log y against log x, by least squares."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0])


def curves(rows: Sequence[Row]) -> Iterator[tuple[str, str, list[Row]]]:
    """Title, what grows, and the points of each series."""
    for (title, grows), found in groupby(rows, key=lambda row: (row["series"], row["grows"])):
        yield title, grows, list(found)


def section(rows: Sequence[Row]) -> str:
    """The exponents, the figure, and every point, in Markdown."""
    fitted = ["work", "grows", "from", "to", "exponent of time", "its last two points", "exponent of memory"]
    every = ["work", "grows", "value", "ms", "peak memory, MiB"]
    return f"""\
The exponent is the slope of a straight line through the logarithms, by least squares: 1 is proportional, 2 is
quadratic.
Peak memory is what the work allocates, for a step also parameters and momentum; the batch and other arguments do not
count.

![Milliseconds against what grows, on logarithmic axes, with the fitted lines](growth.png)

{table(fitted, (_exponents(*curve) for curve in curves(rows)))}

{table(every, map(_point, rows))}
"""


def _exponents(title: str, grows: str, found: Sequence[Row]) -> list[str]:
    xs = [row["x"] for row in found]
    times, peaks = [spread(row["turns_ms"])[0] for row in found], [row["peak_bytes"] for row in found]
    fits = exponent(xs, times), exponent(xs[-2:], times[-2:]), exponent(xs, peaks)
    return [title, grows, f"{xs[0]:,g}", f"{xs[-1]:,g}", *(f"{fit:.2f}" for fit in fits)]


def _point(row: Row) -> list[str]:
    time = ms_cell({"": row["turns_ms"]}, "")
    return [row["series"], row["grows"], f"{row['x']:,g}", time, f"{row['peak_bytes'] / 2**20:.1f}"]


if __name__ == "__main__":
    command.main(measure, section, __doc__)

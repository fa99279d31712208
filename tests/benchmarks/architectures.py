"""Recurrent, deep and residual networks beside PyTorch: a step of an LSTM, scoring VGG-D and WRN-16-8, peak memory.

    python -m tests.benchmarks.architectures [--pairs 7] [--steps 50]

A step is forward, backward and SGD with momentum on 100 images of MNIST, scoring takes 100 random images of CIFAR-10's
shape; all in float32. Peak memory (tracemalloc, in a run that is not timed) is what the work allocates beyond its
arguments; of a step, parameters and momentum count. Writes tests/benchmarks/results/architectures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from minisnip import data
from minisnip.nn import MODELS
from minisnip.nn.models import TITLES
from tests.benchmarks.command import told
from tests.benchmarks.growth import MINISNIP
from tests.benchmarks.page import Goal
from tests.benchmarks.problem import BATCH, first, mnist_or_glyphs, problem
from tests.benchmarks.race import PEER, US, Row, entries, race
from tests.benchmarks.table import RESULTS, lines, ms_cell, ratio, ratio_cell, write_result
from tests.benchmarks.turns import SLOW, Effort, Entry, take_turns
from tests.table2 import SMALL

OUT = RESULTS / "architectures"
GIB = 2**30


@dataclass(frozen=True)
class Work:
    """What is measured: the function of the contestants, the network, how often in a turn, and what is asked."""

    name: str
    make: str
    model: str
    smoke: str
    steps: int
    ratio: float
    gibibytes: float | None = None


WORKS = (
    Work("a step", "step", "lstm-s", "lstm", 50, 1.3),
    Work("a step", "step", "lstm-b", "lstm", 50, 1.3, 1.0),
    Work("score", "scoring", "vgg-d", "vgg", 1, 2.0, 4.0),
    Work("score", "scoring", "wrn-16-8", "wrn", 1, 2.0, 4.0),
)


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each work."""
    for work in WORKS:
        net = SMALL[work.smoke]() if effort.smoke else MODELS[work.model]()
        dataset = data.load("noise") if len(net.input_shape) == 3 and net.input_shape[0] == 3 else mnist_or_glyphs()
        given = problem(net, first(dataset.train, 10 if effort.smoke else BATCH))
        contestants = {US: f"minisnip_:{work.make}", PEER: f"torch_:{work.make}"}
        found = race(entries(contestants, (given,)), replace(effort, steps=min(work.steps, effort.steps)), SLOW)
        make, more = ("peak_bytes", ()) if work.make == "step" else ("extra_bytes", (work.make,))
        entry = Entry(f"{MINISNIP}:{make}", (*more, given))
        peak = take_turns({US: entry}, replace(effort, pairs=0, steps=1))[US].first[0]
        yield {"work": work.name, "network": TITLES[work.model], "images": dataset.label, **found, "peak_bytes": peak}


def goals(rows: Sequence[Row]) -> Iterator[Goal]:
    """Every goal: time against PyTorch's, then memory."""
    for work, row in zip(WORKS, rows, strict=True):
        what, turns = f"{work.name}, {row['network']}", row["turns_ms"]
        yield Goal(f"{what}: {US} / {PEER}", work.ratio, "×", ratio(turns[US], turns[PEER]) if PEER in turns else None)
        if work.gibibytes is not None:
            memory = row["peak_bytes"] / GIB
            yield Goal(f"{what}: peak memory", work.gibibytes, " GiB", (memory, memory, memory))


def tables(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The measurements, and the goals."""
    header = ["work", "network", "images", f"{US}, ms", f"{PEER}, ms", f"{US} / {PEER}", "peak memory, MiB"]
    return {
        "table": [*lines(header, map(_cells, rows))],
        "goals": [
            *lines(["what", "goal", "measured: median (least–greatest)", "outcome"], (g.cells() for g in goals(rows)))
        ],
    }


def _cells(row: Row) -> list[str]:
    times = [ms_cell(row["turns_ms"], name) for name in (US, PEER)]
    memory = f"{row['peak_bytes'] / 2**20:,.0f}"
    return [row["work"], row["network"], row["images"], *times, ratio_cell(row["turns_ms"], US, PEER), memory]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write them, unless it is a smoke run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--beside", default="nothing", help="what else ran meanwhile, for the record")
    beside, effort = parser.parse_known_args(argv)[0].beside, Effort.parse(argv, parser)
    rows = [*told(measure(effort))]
    for lines_of in tables(rows).values():
        print("\n".join(lines_of), end="\n\n")
    if not effort.smoke:
        write_result(OUT, tables(rows), rows=rows, pairs=effort.pairs, beside=beside)


if __name__ == "__main__":
    main()

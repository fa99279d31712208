"""Time of a training step, of evaluation, scoring and selection: minisnip beside PyTorch, autograd and MyGrad.

    python -m tests.benchmarks.training_step [--pairs 7] [--steps 50] [--out runs/training_step]

A step is forward, backward and SGD with momentum on a batch of 100 MNIST images in float32. Every contestant has a
process of its own, and they take turns (`turns.py`). The floor is the matrix multiplications of the step alone.
Prints one table; writes training_step.json and training_step.png.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.data import Dataset
from minisnip.nn import LENETS
from minisnip.nn.models import TITLES
from tests.benchmarks.facts import facts
from tests.benchmarks.problem import first, mnist_or_glyphs, problem
from tests.benchmarks.table import line, milliseconds, print_table
from tests.benchmarks.turns import SLOW, Entry, Turns, ratio, take_turns

BATCH, SPARSITY, TEST_IMAGES, SCORES = 100, 0.95, 10_000, 15_000_000
US, PEER, FLOOR = "minisnip", "PyTorch", "matmul alone"
ONE_THREAD, SORT = "PyTorch, 1 thread", "np.argsort"
STEP = {  # the column and who does it; neighbors in time are who is compared
    FLOOR: "matmul_:step",
    US: "minisnip_:step",
    PEER: "torch_:step",
    ONE_THREAD: "torch_:step_in_one_thread",
    "autograd": "autograd_:step",
    "MyGrad": "mygrad_:step",
}
PACKAGES = {PEER: "torch", ONE_THREAD: "torch", "autograd": "autograd", "MyGrad": "mygrad"}
COLUMNS = [*STEP, SORT]
Row = tuple[str, str, str, dict[str, Turns]]  # work, network, weights; and the turns of those who are installed


def race(
    contestants: Mapping[str, str], arguments: tuple[Any, ...], pairs: int, steps: int, slow: float = math.inf
) -> dict[str, Turns]:
    """Let those who are installed take turns, and check that they did the same work; `slow` as in `take_turns`."""
    entries = {
        name: Entry(f"tests.benchmarks.contestants.{make}", arguments)
        for name, make in contestants.items()
        if installed(name)
    }
    turns = take_turns(entries, pairs, steps, slow)
    for name, theirs in turns.items():
        if name != FLOOR and not np.allclose(theirs.first, turns[US].first, rtol=1e-3):
            raise ArithmeticError(f"{name} got {theirs.first} where {US} got {turns[US].first}: not the same work")
    return turns


@cache
def installed(name: str) -> bool:
    return name not in PACKAGES or find_spec(PACKAGES[name]) is not None


def training_rows(data: Dataset, pairs: int, steps: int) -> Iterator[Row]:
    """Both networks, dense and pruned."""
    for model, make in LENETS.items():
        for kind, sparsity in (("dense", 0.0), (f"{100 * SPARSITY:g} % pruned", SPARSITY)):
            given = problem(make(), first(data.train, BATCH), sparsity)
            yield "a step", TITLES[model], kind, race(STEP, (given,), pairs, steps)


def other_rows(data: Dataset, pairs: int, steps: int) -> Iterator[Row]:
    """Evaluation and scoring of both networks, and selection; what is slow is done a fifth as often in a turn."""
    evaluation = f"evaluate {TEST_IMAGES:,} images"
    for work, title, split in (
        ("evaluation", evaluation, first(data.test, TEST_IMAGES)),
        ("scoring", f"score a batch of {BATCH}", first(data.train, BATCH)),
    ):
        for model, make in LENETS.items():
            contestants = {US: f"minisnip_:{work}", PEER: f"torch_:{work}"}
            yield title, TITLES[model], "dense", race(contestants, (problem(make(), split),), pairs, steps, SLOW)
    contestants = {US: "minisnip_:selection", PEER: "torch_:selection", SORT: "argsort_:selection"}
    yield f"keep_top of {SCORES:,} scores", "–", "–", race(contestants, (SCORES, SPARSITY), pairs, steps, SLOW)


def cell(turns: Mapping[str, Turns], name: str, usual_steps: int) -> str:
    """Milliseconds; with the steps of a turn, if they are fewer than usual."""
    if name not in turns:
        return "–" if installed(name) else "not installed"
    fewer = f" ({turns[name].steps} a turn)" if turns[name].steps < usual_steps else ""
    return milliseconds(turns[name].median) + fewer


def ratio_cell(turns: Mapping[str, Turns], other: str) -> str:
    """The median of the ratios of pairs, with the least and the greatest."""
    if other not in turns:
        return "–" if installed(other) else "not installed"
    middle, least, greatest = ratio(turns[US], turns[other])
    return f"{middle:.2f} ({least:.2f}–{greatest:.2f})"


def cells(row: Row, usual_steps: int) -> list[str]:
    """A line of the table: milliseconds, then ratios."""
    *words, turns = row
    times = [cell(turns, name, usual_steps) for name in COLUMNS]
    return [*words, *times, *(ratio_cell(turns, other) for other in (PEER, FLOOR))]


def as_json(row: Row) -> dict[str, Any]:
    """Every turn in milliseconds, and the first results."""
    *words, turns = row
    raw = {
        name: {
            "steps": t.steps,
            "turns_ms": [round(1000 * s, 4) for s in t.seconds],
            "first": [r if math.isfinite(r) else None for r in t.first],
        }
        for name, t in turns.items()
    }
    ratios = {name: ratio(turns[US], t) for name, t in turns.items() if name != US}
    return {"row": words, "turns": raw, "ratio_median_least_greatest": ratios}


def draw(rows: list[Row], path: Path) -> None:
    from tests.benchmarks.bars import step_bars  # matplotlib is of no use to the contestants, who import this file

    panels = {
        f"{network}, {kind}": {name: turns[name].median if name in turns else None for name in STEP}
        for work, network, kind, turns in rows
        if work == "a step"
    }
    step_bars(panels, f"A training step on {BATCH} images, float32").savefig(path, dpi=110)


def main(argv: list[str] | None = None) -> None:
    """Print the table, write the JSON and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7, help="rounds, in each of which everybody has a turn")
    parser.add_argument("--steps", type=int, default=50, help="of which a turn is the median")
    parser.add_argument("--out", type=Path, default=Path("runs/training_step"))
    options = parser.parse_args(argv)
    data, how = mnist_or_glyphs(), (options.pairs, options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    names = [*(f"{name}, ms" for name in COLUMNS), *(f"{US} / {other}" for other in (PEER, FLOOR))]
    print_table([f"work, {data.label}", "network", "weights", *names], [])
    rows = list[Row]()
    for row in chain(training_rows(data, *how), other_rows(data, *how)):
        rows.append(row)
        print(line(cells(row, options.steps)), flush=True)
    record = {**facts(), "data": data.label, "pairs": options.pairs, "rows": [as_json(row) for row in rows]}
    (options.out / "training_step.json").write_text(json.dumps(record, indent=1) + "\n")
    draw(rows, options.out / "training_step.png")


if __name__ == "__main__":
    main()

"""Time of a training step, of evaluation, scoring and selection: minisnip beside PyTorch, autograd and MyGrad.

    python -m tests.benchmarks.training_step [--pairs 7] [--steps 50] [--out runs/training_step]

A step is forward, backward and SGD with momentum on a batch of 100 MNIST images in float32. Every contestant has a
process of its own, and they take turns (`turns.py`). The floor is the matrix multiplications of the step alone.
Prints one table, then a second for what is not a step; writes training_step.json and training_step.png.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.data import Dataset
from minisnip.experiments.run_folder import TITLES
from minisnip.nn import MODELS
from tests.benchmarks.facts import facts
from tests.benchmarks.problem import first, mnist_or_glyphs, problem
from tests.benchmarks.table import milliseconds, print_table
from tests.benchmarks.turns import Entry, Turns, ratio, take_turns

BATCH, SPARSITY, TEST_IMAGES, SCORES = 100, 0.95, 10_000, 15_000_000
US, PEER, FLOOR = "minisnip", "PyTorch", "matmul alone"
ONE_THREAD, SORT = "PyTorch, 1 thread", "np.argsort"
STEP = {  # the column and who does it; neighbours in time are who is compared
    FLOOR: "matmul_:step",
    US: "minisnip_:step",
    PEER: "torch_:step",
    ONE_THREAD: "torch_:step_in_one_thread",
    "autograd": "autograd_:step",
    "MyGrad": "mygrad_:step",
}
PACKAGES = {PEER: "torch", ONE_THREAD: "torch", "autograd": "autograd", "MyGrad": "mygrad"}
Row = tuple[str, str, dict[str, Turns]]  # two words for what is measured, and the turns of those who are installed


def race(contestants: Mapping[str, str], arguments: tuple[Any, ...], pairs: int, steps: int) -> dict[str, Turns]:
    """Let those who are installed take turns, and check that they did the same work."""
    entries = {
        name: Entry(f"tests.benchmarks.contestants.{make}", arguments)
        for name, make in contestants.items()
        if installed(name)
    }
    turns = take_turns(entries, pairs, steps)
    for name, theirs in turns.items():
        if name != FLOOR and not np.allclose(theirs.first, turns[US].first, rtol=1e-3):
            raise ArithmeticError(f"{name} got {theirs.first} where {US} got {turns[US].first}: not the same work")
    return turns


@cache
def installed(name: str) -> bool:
    return name not in PACKAGES or find_spec(PACKAGES[name]) is not None


def training_rows(data: Dataset, pairs: int, steps: int) -> Iterator[Row]:
    """Both networks, dense and pruned."""
    for model, make in MODELS.items():
        for kind, sparsity in (("dense", 0.0), (f"{100 * SPARSITY:g} % pruned", SPARSITY)):
            given = problem(make(), first(data.train, BATCH), sparsity)
            yield TITLES[model], kind, race(STEP, (given,), pairs, steps)


def other_rows(data: Dataset, pairs: int, steps: int) -> Iterator[Row]:
    """Evaluation and scoring of both networks, and selection."""
    evaluation = f"evaluate {TEST_IMAGES:,} images"
    for work, title, split in (
        ("evaluation", evaluation, first(data.test, TEST_IMAGES)),
        ("scoring", f"score a batch of {BATCH}", first(data.train, BATCH)),
    ):
        for model, make in MODELS.items():
            contestants = {US: f"minisnip_:{work}", PEER: f"torch_:{work}"}
            yield title, TITLES[model], race(contestants, (problem(make(), split),), pairs, steps)
    contestants = {US: "minisnip_:selection", PEER: "torch_:selection", SORT: "argsort_:selection"}
    yield f"keep_top of {SCORES:,} scores", "–", race(contestants, (SCORES, SPARSITY), pairs, steps)


def cell(turns: Mapping[str, Turns], name: str, usual_steps: int) -> str:
    """Milliseconds; with the steps of a turn, if they are fewer than usual."""
    if not installed(name):
        return "not installed"
    if name not in turns:
        return "–"
    fewer = f" ({turns[name].steps} a turn)" if turns[name].steps < usual_steps else ""
    return milliseconds(turns[name].median) + fewer


def ratio_cell(turns: Mapping[str, Turns], other: str) -> str:
    """The median of the ratios of pairs, with the least and the greatest."""
    if other not in turns:
        return "not installed"
    middle, least, greatest = ratio(turns[US], turns[other])
    return f"{middle:.2f} ({least:.2f}–{greatest:.2f})"


def print_rows(header: list[str], names: list[str], others: list[str], rows: Iterator[Row], steps: int) -> list[Row]:
    """Print a table with a column for each name, then one for the ratio to each of the others; give the rows back."""
    done: list[Row] = []

    def cells() -> Iterator[list[str]]:
        for row in rows:
            done.append(row)
            *words, turns = row
            yield [*words, *(cell(turns, name, steps) for name in names), *(ratio_cell(turns, o) for o in others)]

    ratios = [f"{US} / {other}" for other in others]
    print_table([*header, *(f"{name}, ms" for name in names), *ratios], cells())
    return done


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
        for network, kind, turns in rows
    }
    step_bars(panels, PEER, f"A training step on {BATCH} images, float32").savefig(path, dpi=110)


def main(argv: list[str] | None = None) -> None:
    """Print both tables, write the JSON and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7, help="rounds, in each of which everybody has a turn")
    parser.add_argument("--steps", type=int, default=50, help="of which a turn is the median; slow ones do a fifth")
    parser.add_argument("--out", type=Path, default=Path("runs/training_step"))
    options = parser.parse_args(argv)
    data, how = mnist_or_glyphs(), (options.pairs, options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    header = [f"a step, {data.label}", "weights"]
    steps = print_rows(header, list(STEP), [PEER, FLOOR], training_rows(data, *how), options.steps)
    print()
    header = [f"not a step, {data.label}", "network"]
    others = print_rows(header, [US, PEER, SORT], [PEER], other_rows(data, *how), options.steps)
    record = {**facts(), "data": data.label, "pairs": options.pairs, "rows": [as_json(row) for row in steps + others]}
    (options.out / "training_step.json").write_text(json.dumps(record, indent=1) + "\n")
    draw(steps, options.out / "training_step.png")


if __name__ == "__main__":
    main()

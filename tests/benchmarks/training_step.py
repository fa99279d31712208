"""Time of a training step, of evaluation and of scoring: minisnip beside PyTorch, autograd and MyGrad.

    python -m tests.benchmarks.training_step [--pairs 7] [--steps 50]

A step is forward, backward and SGD with momentum on a batch of 100 MNIST images in float32. Every contestant has a
process of its own, and they take turns (`turns.py`). The floor is the matrix multiplications of the step alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from minisnip.data import Dataset
from minisnip.nn.models import TITLES
from tests.benchmarks import command
from tests.benchmarks.problem import BATCH, PAPERS, first, mnist_or_glyphs, problem
from tests.benchmarks.race import FLOOR, ONE_THREAD, PEER, US, Row, entries, race
from tests.benchmarks.table import ms_cell, ratio_cell, table
from tests.benchmarks.turns import SLOW, Effort

SPARSITY, PRUNED, TEST_IMAGES, EVALUATIONS = 0.95, "95 % pruned", 10_000, 5
STEP = {  # the column and who does it; neighbors in time are who is compared
    FLOOR: "matmul_:step",
    US: "minisnip_:step",
    PEER: "torch_:step",
    ONE_THREAD: "torch_:step_in_one_thread",
    "autograd": "autograd_:step",
    "MyGrad": "mygrad_:step",
}
WORKS = ("a step", "evaluate", "score")


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each work, network and kind of weights."""
    data = mnist_or_glyphs()
    yield from training_rows(data, effort)
    yield from other_rows(data, effort)


def training_rows(data: Dataset, effort: Effort) -> Iterator[Row]:
    """Both networks, dense and pruned."""
    for model, make in PAPERS.items():
        for kind, sparsity in (("dense", 0.0), (PRUNED, SPARSITY)):
            given = entries(STEP, (problem(make(), first(data.train, BATCH), sparsity),))
            yield {"work": WORKS[0], "network": TITLES[model], "weights": kind, **race(given, effort, SLOW)}


def other_rows(data: Dataset, effort: Effort) -> Iterator[Row]:
    """Evaluation and scoring of both networks."""
    few = replace(effort, steps=min(EVALUATIONS, effort.steps))
    evaluated = first(data.test, BATCH if effort.smoke else TEST_IMAGES)
    for work, make, split, how in (
        (WORKS[1], "evaluation", evaluated, few),
        (WORKS[2], "scoring", first(data.train, BATCH), effort),
    ):
        for model, net in PAPERS.items():
            given = entries({US: f"minisnip_:{make}", PEER: f"torch_:{make}"}, (problem(net(), split),))
            yield {"work": work, "network": TITLES[model], "weights": "dense", **race(given, how, SLOW)}


def section(rows: Sequence[Row]) -> str:
    """The tables, in Markdown."""
    steps = [row for row in rows if row["work"] == WORKS[0]]
    others = [row for row in rows if row["work"] != WORKS[0]]
    words = {WORKS[1]: f"evaluate {TEST_IMAGES:,} images", WORKS[2]: f"score a batch of {BATCH}"}
    return f"""\
A step is forward, backward and SGD with momentum on {BATCH} images in float32. *{FLOOR}* is the floor: the
matrix products of the step and nothing else, with as many workers as minisnip has, each with one thread of BLAS. The
pruned networks have random masks; PyTorch's are those of `torch.nn.utils.prune`.

![Milliseconds of a training step, each library](steps.png)

{table(["network", "weights", *(f"{name}, ms" for name in STEP)], (_times(row, STEP) for row in steps))}

{table(["network", "weights", f"{US} / {PEER}", f"{US} / {ONE_THREAD}", f"{US} / floor"], map(_ratios, steps))}

{table(["work", "network", f"{US}, ms", f"{PEER}, ms", f"{US} / {PEER}"], (_other(words, row) for row in others))}
"""


def _times(row: Row, names: Sequence[str] | dict[str, Any]) -> list[str]:
    return [row["network"], row["weights"], *(ms_cell(row["turns_ms"], name) for name in names)]


def _ratios(row: Row) -> list[str]:
    turns = row["turns_ms"]
    return [row["network"], row["weights"], *(ratio_cell(turns, US, name) for name in (PEER, ONE_THREAD, FLOOR))]


def _other(words: dict[str, str], row: Row) -> list[str]:
    times = [ms_cell(row["turns_ms"], name) for name in (US, PEER)]
    return [words[row["work"]], row["network"], *times, ratio_cell(row["turns_ms"], US, PEER)]


if __name__ == "__main__":
    command.main(measure, section, __doc__)

"""The page of speed, made of nothing but the record in results/speed/speed.json.

    python -m tests.benchmarks.page    write page.md and the figures again, after a change of their words or looks

The site includes page.md; the README and lesson 8 quote what is made here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from minisnip.lab.report import save
from minisnip.nn.models import TITLES
from tests.benchmarks import (
    big,
    busy,
    compaction,
    delta_loss,
    figures,
    growth,
    import_time,
    op_times,
    sharding,
    step_parts,
    training_step,
)
from tests.benchmarks.compaction import COMPACTED
from tests.benchmarks.problem import PAPERS
from tests.benchmarks.race import FLOOR, PEER, US, Row
from tests.benchmarks.table import RESULTS, Spread, in_words, ratio, table

FOLDER = RESULTS / "speed"
MLP, CONVNET = (TITLES[model] for model in PAPERS)

SMOKE = (
    "**This page is a smoke run: it shows that everything works, and its numbers mean nothing.** Replace it: "
    "`python -m tests.benchmarks.all && python -m tests.readme --write`."
)
LINK = "[{}](tests/benchmarks/results/speed/page.md)"
PAIR = f"{US} / {PEER}"
STEPS = {
    (MLP, "dense"): 0.85,
    (MLP, training_step.PRUNED): 0.6,
    (CONVNET, "dense"): 0.85,
    (CONVNET, training_step.PRUNED): 0.85,
}  # what is asked
OTHERS = {training_step.WORKS[1]: {MLP: 0.9, CONVNET: 0.45}, training_step.WORKS[2]: {MLP: 0.8, CONVNET: 0.8}}
COMPACT = {"98 %": 0.35, "99 %": 0.25}
DELETIONS = {MLP: 3.0, CONVNET: 4.0}  # seconds
SLOWER = {MLP: 1.5, CONVNET: 2.2}  # beside a busy process
OF_FLOOR, OF_PEER_BUSY = 1.7, 0.5
Record = dict[str, Any]
Parts = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Part:
    """What is measured in one go: its heading, its functions, and the minutes that it may take on two quiet cores."""

    title: str
    minutes: float
    module: Any  # with `measure(effort)` and `section(rows)`


PARTS = {
    "busy": Part("Alone and beside a busy process", 17, busy),
    "steps": Part("Training steps, evaluation and scoring", 6, training_step),
    "compaction": Part("Size and speed after compaction", 9, compaction),
    "delta_loss": Part("All exact deletions", 2, delta_loss),
    "big": Part("Fifteen million parameters", 2, big),
    "growth": Part("How cost grows", 5, growth),
    "step_parts": Part("Where the time of a step goes", 0.5, step_parts),
    "op_times": Part("How long each op takes", 0.5, op_times),
    "sharding": Part("When to cut a batch", 1.5, sharding),
    "imports": Part("What importing costs", 0.5, import_time),
}
FIGURES: dict[str, tuple[str, Callable[[Sequence[Row]], Figure]]] = {  # the part that each shows
    "busy.png": ("busy", figures.beside_busy),
    "steps.png": ("steps", figures.steps),
    "compaction.png": ("compaction", figures.compaction),
    "growth.png": ("growth", figures.growing),
}


@dataclass(frozen=True)
class Goal:
    """What was asked, and what was measured; None if nobody was there to compare with."""

    what: str
    limit: float
    unit: str
    measured: Spread | None

    def cells(self) -> list[str]:
        """A row of the table."""
        found = "not measured" if self.measured is None else in_words(self.measured) + self.unit
        return [self.what, f"≤ {self.limit:g}{self.unit}", found, self.outcome]

    @property
    def outcome(self) -> str:
        """Whether the median reached it, and by how much it did not."""
        if self.measured is None:
            return "–"
        over = self.measured[0] / self.limit - 1
        return "reached" if over <= 0 else f"**missed** by {100 * over:.0f} %"


def goals(parts: Parts) -> Iterator[Goal]:
    """Every goal of speed."""
    yield from _of_steps([row for row in parts["steps"] if row["work"] == training_step.WORKS[0]])
    for row in (row for row in parts["steps"] if row["work"] in OTHERS):
        limit, what = OTHERS[row["work"]][row["network"]], f"{row['work']}, {row['network']}"
        yield Goal(f"{what}: {PAIR}", limit, "×", _ratio(row["turns_ms"], US, PEER))
    for row in (row for row in parts["compaction"] if row["network"] == MLP and row["sparsity"] in COMPACT):
        what = f"a step of {MLP}, compacted at {row['sparsity']}: {PAIR}'s dense step"
        yield Goal(what, COMPACT[row["sparsity"]], "×", _ratio(row["step_ms"], COMPACTED, PEER))
    yield from _of_busy(parts["busy"])
    for row in parts["delta_loss"]:
        yield Goal(f"all ΔL of {row['network']}", DELETIONS[row["network"]], " s", delta_loss.seconds(row))


def _of_steps(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        limit, what = STEPS[row["network"], row["weights"]], f"a step of {row['network']}, {row['weights']}"
        yield Goal(f"{what}: {PAIR}", limit, "×", _ratio(row["turns_ms"], US, PEER))
        yield Goal(f"{what}: {US} / floor", OF_FLOOR, "×", _ratio(row["turns_ms"], US, FLOOR))


def _of_busy(rows: Sequence[Row]) -> Iterator[Goal]:
    for row in rows:
        what = f"{busy.title(row)}, {row['network']}"
        yield Goal(f"{what}: busy / alone", SLOWER[row["network"]], "×", busy.slowdown(row, US))
        if row["work"] != busy.AGREE:
            yield Goal(f"{what}, busy: {PAIR}", OF_PEER_BUSY, "×", busy.against(row, PEER))


def _ratio(turns: Mapping[str, Sequence[float]], ours: str, theirs: str) -> Spread | None:
    return ratio(turns[ours], turns[theirs]) if theirs in turns else None


def page(record: Record) -> str:
    """The whole page, in Markdown."""
    parts = record["parts"]
    sections = "\n".join(f"## {part.title}\n\n{part.module.section(parts[name])}" for name, part in PARTS.items())
    header = ["what", "goal", "measured: median (least–greatest)", "outcome"]
    return f"""\
{SMOKE * record["smoke"]}

{busy.verdict(parts["busy"])}

Everything here was measured in one go, in {record["minutes"]:.0f} minutes with nothing else running, on
{record["data"]} with {record["cpus"]} cores ({record["processor"]}), at commit `{record["commit"][:12]}`:
{_versions(record)}.
Each contestant has a process of its own, and they take turns, because the speed of a machine drifts. Times are medians
of {record["pairs"]} turns (fewer for the growth), ratios are medians over pairs of turns, both with the least and the
greatest. PyTorch has its default threads where nothing else is said.

## Goals

{table(header, (goal.cells() for goal in goals(parts)))}

{sections}""".lstrip()


def _versions(record: Record) -> str:
    return ", ".join(f"{name} {version}" for name, version in record["versions"].items())


def sentence(record: Record) -> str:
    """What the README says."""
    if record["smoke"]:
        return f"Speed of this version: {LINK.format('not measured yet')}."
    found = {goal.what: f"{goal.measured[0]:.2f}" for goal in goals(record["parts"]) if goal.measured}
    step, loop = (
        [ratio for what, ratio in found.items() if words in what and what.endswith(f"{US} / {PEER}")]
        for words in (", dense", busy.EPOCH)
    )
    return (
        f"{LINK.format('Speed')}: a step takes {' and '.join(step)} of PyTorch's time (LeNet-300-100, LeNet-5-Caffe), "
        f"an epoch beside a busy process {' and '.join(loop)}."
    )


def shipped() -> Record:
    """The record that the page, the README and lesson 8 quote."""
    record: Record = json.loads((FOLDER / "speed.json").read_text(encoding="utf-8"))
    return record


def files(record: Record) -> dict[str, str | Figure]:
    """What belongs into the folder of the result."""
    drawn = {name: draw(record["parts"][part]) for name, (part, draw) in FIGURES.items()}
    return {"speed.json": json.dumps(record, indent=1) + "\n", "page.md": page(record), **drawn}


if __name__ == "__main__":
    save(FOLDER, files(shipped()))

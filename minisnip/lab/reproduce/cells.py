"""What stands in the cells, captions and footnotes of all results: one rule for runs that diverged, everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minisnip.lab.run_folder import TITLES
from minisnip.lab.tables import Row, mean_and_std


def select(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    """The rows that have these values."""
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def by_case(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of all seeds, for each case."""
    return {case: select(rows, case=case) for case in dict.fromkeys(row["case"] for row in rows)}


def errors(rows: Sequence[Row], which: str = "test_error_percent") -> list[float]:
    """Of all seeds whose loss stayed finite: one that diverged, be it in its last epoch, is never averaged."""
    return [row[which] for row in rows if not row["diverged"]]


def score(rows: Sequence[Row], which: str = "test_error_percent") -> str:
    """The errors as a cell."""
    return cell(errors(rows, which), len(rows))


def cell(numbers: Sequence[float], seeds: int) -> str:
    """Mean ± standard deviation, and how many of the seeds that is, if not all."""
    if seeds and not numbers:
        return "diverged"
    return mean_and_std(numbers) + (f" ({len(numbers)} of {seeds})" if len(numbers) < seeds else "")


def where(rows: Sequence[Row]) -> str:
    """Data set, iterations and seeds, for the title of a figure or the caption of a table."""
    seeds, steps = len({row["seed"] for row in rows}), sorted({row["iterations"] for row in rows})
    return f"{rows[0]['label']}, {' or '.join(f'{n:,}' for n in steps)} iterations, {plural(seeds, 'seed')}"


def plural(number: int, noun: str) -> str:
    """1 seed, 2 seeds."""
    return f"{number} {noun}{'s' if number > 1 else ''}"


def percent(sparsity: float) -> str:
    """The sparsity as it stands in a table."""
    return f"{100 * sparsity:g} %" if sparsity else "dense"


def diverged(rows: Sequence[Row]) -> str:
    """A sentence on the runs whose loss became infinite; nothing if there are none."""
    bad = "; ".join(map(_name, found := [row for row in rows if row["diverged"]]))
    return f"\n\nNot averaged, as the loss became infinite, in {plural(len(found), 'run')}: {bad}." if found else ""


def _name(row: Row) -> str:
    """Network, sparsity, case and seed; what the case repeats stands there once."""
    parts = [TITLES[row["model"]], percent(row["sparsity"]), *row["case"].split(", "), f"seed {row['seed']}"]
    return ", ".join(dict.fromkeys(parts))

"""Rows as CSV and as markdown, and what stands in their cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Row = Mapping[str, Any]


def as_csv(rows: Sequence[Row]) -> str:
    """One line for each row; the first tells the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_csv(path: Path) -> list[dict[str, Any]]:
    """The rows of `as_csv`: numbers as numbers, an empty cell as None."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: _value(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


def _value(cell: str) -> Any:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            pass
    return {"": None, "True": True, "False": False}.get(cell, cell)


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of cells."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *lines])


def mean_and_std(numbers: Sequence[float]) -> str:
    """Mean ± standard deviation (n - 1) with two decimals; of one number, itself; of none, a dash."""
    if len(numbers) < 2:
        return f"{numbers[0]:.2f}" if numbers else "–"
    return f"{np.mean(numbers):.2f} ± {np.std(numbers, ddof=1):.2f}"

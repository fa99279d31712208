"""Markdown tables, printed row by row as the measurements come in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from minisnip.lab.report import save
from tests.benchmarks.facts import facts

RESULTS = Path(__file__).parent / "results"  # the site shows what is here


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Print the header at once and every row as soon as it is there; the lines that were printed."""
    return list(_printed(header, rows))


def _printed(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for text in (line(header), "|" + "---|" * len(header)):
        print(text)
        yield text
    for row in rows:
        print(line(row), flush=True)
        yield line(row)


def write_result(out: Path, tables: dict[str, list[str]], **numbers: Any) -> None:
    """Write the tables as Markdown, and a JSON with the numbers and where they come from, into the folder `out`."""
    record = json.dumps({**facts(), **numbers}, indent=1) + "\n"
    save(out, {f"{out.name}.json": record, **{f"{name}.md": "\n".join(t) + "\n" for name, t in tables.items()}})


def line(cells: Sequence[object]) -> str:
    """One row of a markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def milliseconds(seconds: float) -> str:
    """Three figures, without an exponent; the unit stands in the table's header."""
    ms = 1000 * seconds
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}"

"""Markdown tables and the words in their cells."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from minisnip.lab.report import save
from tests.benchmarks.facts import facts

RESULTS = Path(__file__).parent / "results"  # the site shows what is here
Spread = tuple[float, float, float]  # median, least, greatest


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Print the header at once and every row as soon as it is there; the lines that were printed."""
    return list(_printed(header, rows))


def _printed(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for text in lines(header, rows):
        print(text, flush=True)
        yield text


def lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a table."""
    yield line(header)
    yield "|" + "---|" * len(header)
    yield from map(line, rows)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A whole table."""
    return "\n".join(lines(header, rows))


def write_result(out: Path, tables: dict[str, list[str]], **numbers: Any) -> None:
    """Write the tables as Markdown, and a JSON with the numbers and where they come from, into the folder `out`."""
    record = json.dumps({**facts(), **numbers}, indent=1) + "\n"
    save(out, {f"{out.name}.json": record, **{f"{name}.md": "\n".join(t) + "\n" for name, t in tables.items()}})


def line(cells: Sequence[object]) -> str:
    """One row of a markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def spread(values: Iterable[float]) -> Spread:
    """The median, the least and the greatest."""
    found = list(values)
    return statistics.median(found), min(found), max(found)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """The spread of the ratios of pairs: two turns of the same round."""
    return spread(a / b for a, b in zip(ours, theirs, strict=True))


def ratio_cell(turns: Mapping[str, Sequence[float]], ours: str, theirs: str) -> str:
    """The ratio of two contestants with its range, or a dash if one of them had no turn."""
    return in_words(ratio(turns[ours], turns[theirs])) if ours in turns and theirs in turns else "–"


def in_words(found: Spread) -> str:
    """A median with its range."""
    return "{:.2f} ({:.2f}–{:.2f})".format(*found)


def milliseconds(ms: float) -> str:
    """Three figures, without an exponent; the unit is in the header of the table."""
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}"


def ms_cell(turns: Mapping[str, Sequence[float]], name: str) -> str:
    """The median of the turns with its range, or a dash if there was no turn."""
    if name not in turns:
        return "–"
    middle, least, most = map(milliseconds, spread(turns[name]))
    return f"{middle} ({least}–{most})"

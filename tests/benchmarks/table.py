"""Markdown tables, printed row by row as the measurements come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print the header at once and every row as soon as it is there."""
    print(line(header))
    print("|" + "---|" * len(header))
    for row in rows:
        print(line(row), flush=True)


def line(cells: Sequence[object]) -> str:
    """One row of a markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def milliseconds(seconds: float) -> str:
    """Three figures, without an exponent; the unit stands in the table's header."""
    ms = 1000 * seconds
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}"

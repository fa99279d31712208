"""The command line of a part: measure it, and print its section of the page."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from tests.benchmarks.race import Row
from tests.benchmarks.turns import Effort


def main(
    measure: Callable[[Effort], Iterable[Row]],
    section: Callable[[Sequence[Row]], str],
    about: str | None,
    argv: Sequence[str] | None = None,
) -> None:
    """Print each row's name when it is measured, then the section."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    print(section(list(told(measure(Effort.parse(argv, parser))))))


def told(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows; the words and the seconds of each are printed as it comes."""
    started = time.perf_counter()
    for row in rows:
        words = ", ".join(value for value in row.values() if isinstance(value, str))
        print(f"  {time.perf_counter() - started:5.0f} s  {words}", flush=True)
        yield row

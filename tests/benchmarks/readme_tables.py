"""The reproduction in the README, made of the shipped CSV files, so that the two cannot drift apart.

    python -m tests.benchmarks.readme_tables            print it
    python -m tests.benchmarks.readme_tables --write    put it into the README

The shipped files are those of `minisnip reproduce all` and `minisnip reproduce search`, in tests/benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from minisnip.lab.report import numerics, read_csv
from minisnip.lab.reproduce import ALL, search, seconds, tables

ROOT = Path(__file__).parents[2]
FOLDER = "tests/benchmarks/results"
README, RESULTS = ROOT / "README.md", ROOT / FOLDER
SECTION = re.compile(r"(?<=<!-- table: reproduce -->\n).*?(?=<!-- /table -->)", re.DOTALL)
TABLES = {"table1": ("Table 1", tables.table1), "table3": ("Table 3", tables.table3)}
FIGURES = {
    "figure1": "test error against the connections kept",
    "figure2": "the pixels that the first layer reads, for each class, with true labels and with random ones",
    "figure3": "test error, and the pixels that are read, against the images to score",
    "figure4": "training loss and error on true and on shuffled labels",
}
NOT_YET = "No results are shipped yet: `minisnip reproduce all` computes them."


def section(results: Path = RESULTS) -> str:
    """What stands between the marks."""
    return "\n\n".join(_parts(results) if (results / "table1.csv").exists() else [NOT_YET]) + "\n"


def replaced(readme: str, results: Path = RESULTS) -> str:
    """The README with the section as it should be."""
    return SECTION.sub(lambda _: section(results), readme)


def _parts(results: Path) -> Iterator[str]:
    for name, (title, table) in TABLES.items():
        if _shipped(results, name):
            yield f"**{title}.** {table(read_csv(results / f'{name}.csv'))}"
    shipped = [name for name in ALL if _shipped(results, name)]
    for name in shipped:
        yield from _figures(results, name)
    yield _origin(results, shipped)
    if _shipped(results, "search"):
        yield f"**What the difference is made of.** {search.table(read_csv(results / 'search.csv'))}"
        yield _origin(results, ["search"])


def _figures(results: Path, name: str) -> Iterator[str]:
    for file in _record(results, name)["files"]:
        if file.endswith(".png"):
            title = f"**{name.replace('figure', 'Figure ')}**: {FIGURES[name]} ([numbers]({FOLDER}/{name}.md))."
            yield f"{title}\n\n![{FIGURES[name]}]({FOLDER}/{file})"


def _shipped(results: Path, name: str) -> bool:
    return (results / f"{name}.json").exists()


def _record(results: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((results / f"{name}.json").read_text())
    return record


def _origin(results: Path, names: Sequence[str]) -> str:
    """Commands, commits, and the time of all runs, those that two results share counted once."""
    records = [_record(results, name) for name in names]
    runs = [line for name in names for line in read_csv(results / f"{name}.csv")]
    reported = ", ".join(dict.fromkeys(short(record["commit"]) for record in records))
    computed = ", ".join(sorted({short(commit) for record in records for commit in record["commits"]}))
    commands = ", ".join(dict.fromkeys(f"`{record['command']}`" for record in records))
    count = len({run["run"] for run in runs})
    return (
        f"Printed by {commands} at commit {reported}, of runs computed at {computed}: "
        f"{count:,} runs, {seconds(runs) / 3600:.1f} core hours, {numerics(runs)}."
    )


def short(commit: str) -> str:
    """Twelve digits, and "-dirty" where it was."""
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28}\b", r"\1", commit)


def main() -> None:
    """Print the section, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into the README")
    if parser.parse_args().write:
        README.write_text(replaced(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(section(), end="")


if __name__ == "__main__":
    main()

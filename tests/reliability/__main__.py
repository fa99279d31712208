"""Print the figures, and write the page's tables; see `tests.reliability`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.table import RESULTS, print_table, write_result

STORED = Path(__file__).parent / "stored"  # what the test runs and the mutation runs have written
VERSIONS = ("python", "numpy", "matplotlib", "hypothesis", "torch")
COUNTED = {
    "properties": "properties, each a claim that Hypothesis tries to break",
    "cases": "cases that Hypothesis drew",
    "right gradients": "random right gradients, none called wrong",
    "wrong gradients": "random wrong gradients, none passed",
    "damaged files": "files damaged at random, each refused in a sentence or read as it was",
    "kills survived": "runs killed at a random moment, each resumed to the same bytes",
}


def stored(prefix: str) -> list[dict[str, Any]]:
    """The records whose file names begin with the prefix."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(STORED.glob(f"{prefix}*.json"))]


def environments() -> Iterator[list[object]]:
    """A row for each set of versions that the tests passed under."""
    for run in stored("python-"):
        outcomes = run["outcomes"]
        counts = (f"{outcomes.get(name, 0):,}" for name in ("passed", "failed", "skipped"))
        yield [*(run["versions"][name] for name in VERSIONS), *counts, run["commit"][:12]]


def totals() -> Iterator[list[object]]:
    """A row for each thing that is counted, from the run that counted most."""
    for name, words in COUNTED.items():
        yield [words, f"{max((run['totals'].get(name, 0) for run in stored('python-')), default=0):,}"]


def mutants() -> Iterator[list[object]]:
    """A row for each group of each sample of mutants."""
    for sample in stored("mutants-"):
        for name, group in sample["groups"].items():
            share = "{:.1f} % ({:.1f} to {:.1f})".format(*group["percent_low_high"])
            numbers = (group[key] for key in ("tried", "equivalent", "killed"))
            yield [sample["seed"], name, *numbers, share, sample["commit"][:12]]


def main() -> None:
    """Print the three tables, write the result."""
    tables = {"1_tried": print_table(["tried in one run of all tests", "number"], totals())}
    header = [*VERSIONS, "tests passed", "failed", "skipped", "commit"]
    tables["2_versions"] = print_table(header, environments())
    header = ["seed", "mutants of", "tried", "equivalent", "killed", "of those not equivalent", "commit"]
    if stored("mutants-"):
        tables["3_mutants"] = print_table(header, mutants())
    write_result(RESULTS / "reliability", tables)


if __name__ == "__main__":
    main()

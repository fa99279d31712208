"""Which tests run a line, and how long each takes: measured once, by one run of all tests under coverage."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from coverage import CoverageData

COVERED, TIMES = ".coverage", "times.xml"
OVERHEAD = 0.005  # seconds that pytest itself takes for a test


def measure(tree: Path, jobs: int) -> None:
    """Run all tests in this folder, and note there which lines each test runs and how long it takes."""
    options = [
        "--cov=minisnip",
        "--cov-context=test",
        "--cov-report=",
        f"--junitxml={TIMES}",
        "-o",
        "junit_family=xunit1",  # takes the properties of a test
        "-q",
        f"-n{jobs if jobs > 1 else 0}",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tree, check=False)
    if done.returncode > 1:
        raise RuntimeError(f"the tests could not be run in {tree}: pytest ended with {done.returncode}")


def passing_tests(times: Path) -> dict[str, float]:
    """The seconds of each test that passed."""
    cases = [case for case in ElementTree.parse(times).iter("testcase") if {e.tag for e in case} <= {"properties"}]
    names = (f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}" for case in cases)
    return {name: OVERHEAD + float(case.get("time", 0)) for name, case in zip(names, cases, strict=True)}


class Cover:
    """The tests that run each line of each file."""

    def __init__(self, tree: Path) -> None:
        self.seconds = passing_tests(tree / TIMES)
        self.data = CoverageData(str(tree / COVERED))
        self.data.read()
        self.tree = tree

    def tests(self, file: Path, line: int, budget: float) -> list[str]:
        """The tests to run for a mutant, those of its own package first, then the fastest; `budget` seconds of them."""
        contexts = self.data.contexts_by_lineno(str((self.tree / file).resolve()))
        source = (self.tree / file).read_text(encoding="utf-8")
        by_line = {n: {c.rpartition("|")[0] for c in names} & self.seconds.keys() for n, names in contexts.items()}
        own = f"tests/{file.parts[1].removesuffix('.py')}"
        found = next((t for t in map(set, _widening(by_line, source, line)) if t), set())
        ranked = sorted(found, key=lambda test: (not test.startswith(own), self.seconds[test], test))
        return within(ranked, self.seconds, budget)


def _widening(by_line: Mapping[int, set[str]], source: str, line: int) -> Iterable[set[str]]:
    """The tests of the line, of ever larger statements around it, at last of the whole file."""
    yield by_line.get(line, set())
    around = [
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.stmt) and n.lineno <= line <= (n.end_lineno or 0)
    ]
    for statement in sorted(around, key=lambda n: (n.end_lineno or 0) - n.lineno):
        yield set().union(*(by_line.get(n, set()) for n in range(statement.lineno, (statement.end_lineno or 0) + 1)))
    yield set().union(*by_line.values())


def within(tests: Sequence[str], seconds: Mapping[str, float], budget: float) -> list[str]:
    """The first tests that take `budget` seconds together; one that takes longer than what is left is passed over."""
    chosen, left = [], budget
    for test in tests:
        if seconds[test] <= left:
            chosen.append(test)
            left -= seconds[test]
    return chosen or [*tests[:1]]

"""A pytest plugin that stores a test run: how many tests and cases passed, under which versions.

    python -m pytest -n 2 -p tests.reliability.record --record=FOLDER

Write the equals sign: pytest takes a path after a space for a test, and looks for its settings there.
A case is one set of arguments that Hypothesis drew for a property. What a test counts itself, by
`record_property("damaged files", 100)`, is stored too.
"""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from collections.abc import Iterator
from functools import wraps
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from minisnip.lab.runs import commit

PACKAGES = ("numpy", "matplotlib", "hypothesis", "pytest", "torch")
CASES = "cases"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record", metavar="FOLDER", type=Path, help="store what was run, for python -m tests.reliability"
    )


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--record")
    if folder is not None and not hasattr(config, "workerinput"):  # workers of pytest-xdist report to this process
        config.pluginmanager.register(Record(folder, " ".join(config.invocation_params.args)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count how often Hypothesis calls the body of a property."""
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    if handle is None:
        return (yield)
    body, calls = handle.inner_test, Counter[str]()

    @wraps(body)
    def counted(*args: Any, **keywords: Any) -> Any:
        calls[CASES] += 1
        return body(*args, **keywords)

    handle.inner_test = counted
    try:
        return (yield)
    finally:
        handle.inner_test = body
        item.user_properties.append((CASES, calls[CASES]))


class Record:
    """Counts the reports, and writes the file at the end."""

    def __init__(self, folder: Path, command: str) -> None:
        self.folder, self.command, self.started = folder, command, time.time()
        self.outcomes: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1
        if report.when == "call" and report.passed:
            for name, value in report.user_properties:
                self.totals[name] += int(str(value))
                self.totals["properties"] += name == CASES

    def pytest_sessionfinish(self) -> None:
        versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
        found: dict[str, Any] = {"command": f"-m pytest {self.command}", "commit": commit(), "versions": versions}
        found |= {"platform": platform.platform(), "seconds": int(time.time() - self.started)}
        found |= {"outcomes": self.outcomes, "totals": self.totals}
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"python-{versions['python']}-numpy-{versions['numpy']}.json"
        (self.folder / name).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "–"

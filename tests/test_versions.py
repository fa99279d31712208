"""What pyproject.toml says of versions is what the README and the nightly run say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NIGHTLY = (ROOT / ".ci" / "nightly").read_text(encoding="utf-8")
LISTED = README.partition("## Dependencies")[2].partition("\n## ")[0]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[=<>~!\[]", requirement)[0].lower() for requirement in requirements}


def test_the_readme_lists_each_dependency_and_each_extra() -> None:
    assert names(PROJECT["dependencies"]) == {
        name.lower() for name in re.findall(r"^- (\w+):", LISTED, re.MULTILINE)
    } - {"extras"}
    assert {*PROJECT["optional-dependencies"]} - {"dev"} == set(re.findall(r"`(\w+)`", LISTED))


def test_every_dependency_has_a_lower_bound() -> None:
    extras = [requirement for extra in PROJECT["optional-dependencies"].values() for requirement in extra]
    assert [r for r in (*PROJECT["dependencies"], *extras) if not re.search(r"[>=]=\d", r)] == []


def test_the_lowest_python_is_the_same_everywhere() -> None:
    lowest = PROJECT["requires-python"].removeprefix(">=")
    assert f"Python {lowest} or later" in README
    assert f"with_versions {lowest} --resolution lowest-direct" in NIGHTLY

"""The sample of mutants is seeded and in proportion; each mutant meets the tests of its line; the score is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cosmic_ray", reason="cosmic-ray is not installed: pip install '.[dev]'")

from cosmic_ray.mutating import mutate_code

from tests.mutation.cover import Cover, passing_tests, within
from tests.mutation.operators import DeleteStatement, DropKeyword
from tests.mutation.report import Mutant, changed, report, verdict, wilson
from tests.mutation.sample import shares

GROUPS: dict[str, dict[str, Any]] = {"core": {"paths": ["minisnip/nn"], "mutants": 4, "least": 50}}
SOURCE = """
def f(x: int | None = 3) -> int:
    y = g(x, scale=2,
          shift=1)
    print(sum(i for i in y))
    return y
"""


def mutants(operator: Any) -> list[str]:
    """All that an operator makes of the source."""
    found: list[str] = []
    while (mutant := mutate_code(SOURCE, operator(), len(found))) is not None:
        found.append(mutant)
    return found


def test_statements_and_keywords_are_left_out() -> None:
    first, second = mutants(DeleteStatement)
    assert first == SOURCE.replace("y = g(x, scale=2,\n          shift=1)", "pass")
    assert second == SOURCE.replace("print(sum(i for i in y))", "pass")
    first, second = mutants(DropKeyword)
    assert "g(x,\n          shift=1)" in first
    assert "g(x, scale=2,)" in second


def test_the_shares_are_whole_numbers_in_proportion() -> None:
    assert shares({"a": 1, "b": 1, "c": 1}, 8) == {"a": 3, "b": 3, "c": 2}
    assert shares({"a": 90, "b": 10, "c": 0}, 20) == {"a": 18, "b": 2, "c": 0}


def test_the_tests_of_a_mutant_take_no_longer_than_they_may() -> None:
    seconds = {"fast": 1.0, "slow": 15.0, "also fast": 2.0}
    assert within(["fast", "slow", "also fast"], seconds, 5) == ["fast", "also fast"]
    assert within(["slow"], seconds, 5) == ["slow"]  # better too long than none
    assert within([], seconds, 5) == []


def test_tests_that_failed_or_were_skipped_are_no_judges(tmp_path: Path) -> None:
    inside = {
        "passed": "",
        "counted": "<properties/>",
        "failed": "<failure/>",
        "broken": "<error/>",
        "left": "<skipped/>",
    }
    cases = (f'<testcase classname="tests.test_a" name="{n}" time="2">{c}</testcase>' for n, c in inside.items())
    (tmp_path / "times.xml").write_text(f"<testsuite>{''.join(cases)}</testsuite>")
    assert set(passing_tests(tmp_path / "times.xml")) == {"tests/test_a.py::passed", "tests/test_a.py::counted"}


def test_a_mutant_meets_the_tests_of_its_line_or_of_the_statement_around_it(tmp_path: Path) -> None:
    from coverage import CoverageData

    file = Path("minisnip/nn/module.py")
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("SIZE = 3\n\ndef f(size=SIZE):\n    return size\n\ndef g():\n    return 1\n")
    data = CoverageData(str(tmp_path / ".coverage"))
    for context, lines in {
        "": [1, 3, 6],
        "tests/nn/test_f.py::test_f|run": [4],
        "tests/test_g.py::test_g|run": [7],
    }.items():
        data.set_context(context)
        data.add_lines({str(tmp_path / file): lines})
    data.write()
    cases = "".join(
        f'<testcase classname="tests.{c}" name="{n}" time="1"/>'
        for c, n in (("nn.test_f", "test_f"), ("test_g", "test_g"))
    )
    (tmp_path / "times.xml").write_text(f"<testsuite>{cases}</testsuite>")
    covered = Cover(tmp_path)
    f, g = "tests/nn/test_f.py::test_f", "tests/test_g.py::test_g"
    assert [covered.tests(file, line, 9) for line in (4, 7)] == [[f], [g]]
    assert covered.tests(file, 3, 9) == [f]  # a default is evaluated at import: the tests of the function
    assert covered.tests(file, 1, 9) == [f, g]  # a constant: all tests of the file, its own package first


def test_a_report_counts_by_package_and_group_and_shows_who_survived() -> None:
    diff = changed("--- a\n+++ b\n@@\n context\n-    x = 1\n+    x = 2")
    assert diff == "- x = 1\n+ x = 2"
    file = Path("minisnip/nn/init.py")
    found = [
        Mutant(file, diff, killed, equivalent, "")
        for killed, equivalent in ((True, False), (False, True), (False, False))
    ]
    text = report(found, GROUPS)
    assert text.startswith("minisnip/nn/init.py: survived\n- x = 1\n+ x = 2\n")
    assert "1 of 2      50.0 %  (9.5 to 90.5), equivalent 1" in text
    assert verdict(found, GROUPS) == "core: more than a tenth is called equivalent"
    assert verdict(found[:1], GROUPS) is None
    assert verdict(5 * found[2:], GROUPS) == "core: less than 50 % is killed"


def test_the_interval_is_wilsons() -> None:
    assert wilson(0, 10) == pytest.approx((0, 27.75), abs=0.01)
    assert wilson(90, 100) == pytest.approx((82.56, 94.48), abs=0.01)

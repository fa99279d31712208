"""A result has a yardstick beside it: other runs with the same settings, and whether this one is among them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from minisnip.lab import report
from minisnip.lab.cli import main
from minisnip.lab.experiment import Experiment
from minisnip.lab.reproduce import BUDGETS, RESULTS, yardstick
from tests import readme
from tests.lab.fakes import rows

ERRORS = {"dense": 1.5, "random masks": 7.0, "SNIP": 2.0}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seeds; SNIP at 95 % has 1.9, 2.0 and 2.1 %."""
    found = rows(yardstick.plan(BUDGETS["long"].with_seeds(3), "mnist"))
    for row in found:
        row["test_error_percent"] = ERRORS[row["case"]] + (row["seed"] - 1) / 10 + (row["sparsity"] == 0.98)
    path = tmp_path_factory.mktemp("yardstick") / "yardstick.csv"
    path.write_text(report.as_csv(RESULTS["yardstick"].lines(found)))
    return path


def beside(file: Path, error: float, **options: Any) -> str:
    result = {"config": asdict(Experiment(**options)), "test_error_percent": error}
    return yardstick.beside(result, file)


def test_a_run_has_the_errors_of_dense_random_and_snip_beside_it(file: Path) -> None:
    text = beside(file, 2.15)
    assert "on 3 seeds: dense 1.50 ± 0.10; random masks 7.00 ± 0.10; SNIP 2.00 ± 0.10." in text
    assert "2.15 is inside the range of SNIP, 1.80 to 2.20 (mean ± 2 standard deviations)" in text


@pytest.mark.parametrize(("error", "word"), [(1.81, "inside"), (2.19, "inside"), (1.79, "below"), (2.21, "above")])
def test_it_says_whether_a_run_lies_inside(file: Path, error: float, word: str) -> None:
    assert f"{error:.2f} is {word} the range of SNIP" in beside(file, error)


def test_a_run_is_compared_with_its_own_sparsity_and_kind(file: Path) -> None:
    assert "inside the range of SNIP, 2.80 to 3.20" in beside(file, 3.0, sparsity=0.98)
    assert "inside the range of dense, 1.30 to 1.70" in beside(file, 1.5, sparsity=0.0)
    assert "inside the range of random masks, 6.80 to 7.20" in beside(file, 7.0, criterion="random")
    assert "below the range of SNIP" in beside(file, 1.0, criterion="force")
    assert "inside the range of SNIP, 1.80" in beside(file, 2.0, seed=7, compact=True)


@pytest.mark.parametrize(
    "other",
    [{"sparsity": 0.5}, {"epochs": 5}, {"dataset": "glyphs"}, {"augment": "shift"}, {"trained_init": "glorot"}],
)
def test_it_says_nothing_where_there_is_no_yardstick(file: Path, other: dict[str, Any]) -> None:
    assert beside(file, 2.0, **other) == ""
    assert beside(file.with_name("missing.csv"), 2.0) == ""


def test_it_says_nothing_of_a_run_without_a_test_error(file: Path) -> None:
    assert yardstick.beside({"config": asdict(Experiment()), "test_error_percent": None}, file) == ""


def test_the_command_prints_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(yardstick, "beside", lambda result: f"Yardstick of {result['sparsity']}")
    assert main(["train", "--dataset", "glyphs", "--epochs", "1", "--compact", "--out", str(tmp_path)]) == 0
    assert "\n\nYardstick of 0.95\n\nFiles in" in capsys.readouterr().out


def test_the_table_has_a_line_for_each_sparsity() -> None:
    text = RESULTS["yardstick"].text(rows(yardstick.plan(BUDGETS["long"].with_seeds(3), "glyphs")))
    assert "| 98 % | 0.10 ± 0.10 | 5.00 ± 0.10 | 5.00 ± 0.10 |" in text
    assert "glyphs (not MNIST), 30 epochs, 3 seeds" in text
    smoke = RESULTS["yardstick"].text(rows(yardstick.plan(BUDGETS["smoke"], "glyphs")))
    assert "100 iterations, 1 seed" in smoke


@pytest.mark.skipif(not yardstick.FILE.exists(), reason="no yardstick is shipped yet")
def test_what_the_command_reads_is_what_is_shown_on_the_site() -> None:
    assert yardstick.FILE.read_bytes() == (readme.RESULTS / "yardstick.csv").read_bytes()

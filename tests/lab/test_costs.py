"""Before a reproduction starts, its plan says what it will take, from runs that are finished or from short ones."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from minisnip.lab import cli, runs
from minisnip.lab.cli import main
from minisnip.lab.experiment import Experiment
from minisnip.lab.report import locked
from minisnip.lab.reproduce import costs
from tests.lab.fakes import fake

SECOND = Experiment(dataset="glyphs", iterations=10_000, compact=True)  # 1 ms a step: see `finished`

ODD = ["{", "{}", '{"config": 3}', '{"config": [], "result": []}', '{"config": {"iterations": "a"}, "result": {}}']
ODD += [json.dumps({"config": {"model": [], "iterations": 10_000}, "result": {"diverged": None, "seconds": 1.0}})]


def finished(folder: Path, experiment: Experiment, seconds: float) -> None:
    runs.save(folder, experiment, {**fake(experiment), "seconds": seconds})


def total(text: str) -> tuple[int, float]:
    """The runs and the core hours of the last line."""
    found = re.search(r"In all ([\d,]+) runs?; ([\d.]+) core hours", text)
    assert found
    return int(found[1].replace(",", "")), float(found[2])


def test_a_plan_takes_the_time_of_a_step_from_finished_runs_of_the_same_kind(tmp_path: Path) -> None:
    for seed, seconds in enumerate((9.0, 10.0, 90.0)):
        finished(tmp_path, replace(SECOND, seed=seed), seconds)  # the median is 1 ms a step
    long = [replace(SECOND, iterations=3_600_000, seed=seed, schedule="step") for seed in range(4)]
    text = costs.table({"first": [("a case", e) for e in long], "second": [("b", long[0]), ("c", SECOND)]}, tmp_path)
    assert "| first | LeNet-300-100 | 3,600,000 | 4 | 4 | 1.0 | 4.00 |" in text
    assert "| second | LeNet-300-100 | 10,000 | 1 | 0 | – | 0.00 |" in text  # shared with the first, or finished
    assert total(text) == (5, 4.0)


def test_runs_of_another_network_sparsity_or_compaction_do_not_tell_the_time() -> None:
    others = ({"model": "lenet-5-caffe"}, {"sparsity": 0.5}, {"compact": False}, {"augment": "shift"})
    kinds = {costs.kind(vars(replace(SECOND, **other))) for other in others}
    assert len(kinds | {costs.kind(vars(SECOND))}) == 5
    assert costs.kind(vars(replace(SECOND, seed=3, schedule="step", iterations=5))) == costs.kind(vars(SECOND))


def test_short_runs_diverged_ones_and_damaged_files_do_not_tell_the_time(tmp_path: Path) -> None:
    finished(tmp_path, replace(SECOND, iterations=100), 90.0)
    runs.save(tmp_path, replace(SECOND, seed=1), {**fake(SECOND), "seconds": 90.0, "diverged": "inf"})
    for number, text in enumerate(ODD):
        (tmp_path / f"{number}.json").write_text(text)
    assert costs.finished(tmp_path) == {}


def test_where_nothing_is_finished_short_runs_are_timed(tmp_path: Path) -> None:
    small = replace(SECOND, training_images=300, iterations=3_000)
    seconds = costs.predicted(small, known := costs.finished(tmp_path))
    assert 0.3 < seconds < 600  # 0.1 to 200 ms a step, its part of the evaluations included
    assert [*known] == [costs.kind(vars(small))]
    assert costs.predicted(replace(small, iterations=6_000), known) == pytest.approx(2 * seconds)


def test_the_command_prints_the_plan_and_computes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "run_all", lambda *_, **__: pytest.fail("work was begun"))
    monkeypatch.setattr(costs, "_timed", lambda experiment: (0.001, 0.1))
    arguments = ["reproduce", "all", "--budget", "long", "--plan", "--dataset", "glyphs", "--out", str(tmp_path)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert total(out)[0] > 500
    assert max(map(len, out.splitlines())) <= 80
    assert not any((tmp_path / "runs").glob("*.json"))


def test_a_plan_can_be_asked_for_while_the_runs_are_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_timed", lambda experiment: (0.001, 0.1))
    arguments = ["reproduce", "table3", "--plan", "--dataset", "glyphs", "--out", str(tmp_path)]
    with locked(tmp_path, "another command"), locked(tmp_path / "runs", "another command"):
        assert main(arguments) == 0
    assert main([*arguments[:-1], str(tmp_path / "new")]) == 0  # no folder of runs is there yet

"""A comparison: each trial does what its name says, no run is computed twice, tables and figure tell what was run."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip import data
from minisnip.lab import cli, compare, experiment, report, runs
from minisnip.lab.cli import main
from minisnip.lab.experiment import CONTROLS, TICKETS, Experiment, record
from minisnip.pruning import METHODS
from minisnip.training import train
from tests.networks import first_images

TINY = Experiment(dataset="glyphs", epochs=1, compact=True)


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    glyphs = first_images(data.load("glyphs"), 300)
    monkeypatch.setattr(experiment, "load", lambda name: glyphs)


def seen(monkeypatch: pytest.MonkeyPatch, trial: Experiment) -> Any:
    """The parameters and masks that are trained."""
    found: dict[str, Any] = {}

    def watched(net: Any, params: Any, dataset: Any, *, masks: Any, **options: Any) -> Any:
        found.update(params=params, masks=masks)
        return train(net, params, dataset, masks=masks, **options)

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "train", watched)
        found["row"] = record(trial)
    return found


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("delta-loss", "obd")])
def test_every_method_keeps_exactly_kappa_and_is_trained(method: str) -> None:
    row = record(replace(TINY, criterion=method))
    assert row["kept"] == 13_331
    assert 0 < row["effective"] <= row["kept"]
    assert 0 <= row["test_error_percent"] <= 100
    assert report.rows_of([(method, TINY)], [row])[0]["label"] == "glyphs (not MNIST)"


@pytest.mark.parametrize("method", [name for name in TICKETS if name != "lottery-ticket"])
def test_methods_that_train_first_are_compared_too(method: str) -> None:
    row = record(replace(TINY, criterion=method, sparsity=0.9))
    assert 0.8 * 26_661 < row["kept"] <= 26_661  # from-scratch keeps whole units
    assert row["collapse_sparsity"] is None


def test_every_control_replaces_what_it_names_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = {control: seen(monkeypatch, replace(TINY, control=control)) for control in CONTROLS}
    plain = trials["none"]

    def same(what: str, control: str) -> bool:
        return all(np.array_equal(plain[what][name], trials[control][what][name]) for name in plain[what])

    def counts(control: str) -> list[int]:
        return [int(np.count_nonzero(c)) for c in trials[control]["masks"].values()]

    for control in CONTROLS:
        assert same("params", control) == (control != "redrawn"), control
        assert same("masks", control) == (control in ("none", "redrawn")), control
    for control in ("shuffled", "same-counts"):
        assert counts(control) == counts("none")
    for control in ("inverted", "random-labels", "noise-images"):
        assert sum(counts(control)) == sum(counts("none"))
        assert counts(control) != counts("none")


def test_the_same_trial_gives_the_same_row_but_for_the_seconds() -> None:
    first, second = record(TINY), record(TINY)
    for row in (first, second):
        del row["seconds"], row["seconds_to_prune"], row["seconds_to_train"]
    assert first == second


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "snap"}, "unknown criterion 'snap': choose one of snip"),
        ({"control": "shaken"}, "unknown control 'shaken': choose one of none, shuffled"),
        ({"criterion": "random", "control": "shuffled"}, "controls are of snip"),
        ({"sparsity": 1.0}, r"sparsity 1\.0 is not in \[0, 1\)"),
        ({"epochs": 0}, "epochs 0 must be above 0"),
    ],
)
def test_trials_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **options)


def fake(trial: Experiment) -> dict[str, Any]:
    return {
        "kept": 1000,
        "effective": 900 + trial.seed,
        "emptied_layers": "",
        "collapse_sparsity": 0.99 if trial.criterion == "snip" else None,
        "diverged": "",
        "seconds_to_prune": 0.5,
        "seconds_to_train": 1.0,
        "best_epoch": 1,
        "validation_error_percent": 3.0,
        "test_error_percent": 100 * (trial.sparsity - 0.85) + trial.seed,
    }


TRIALS = [
    replace(TINY, criterion=m, sparsity=s, seed=i) for m in ("snip", "random") for s in (0.9, 0.95) for i in (0, 1)
]


def test_finished_runs_are_not_computed_again(tmp_path: Path) -> None:
    first = runs.run_all(tmp_path, TRIALS[:5], fake, jobs=1, title=None)
    written = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    everything = runs.run_all(tmp_path, TRIALS, fake, jobs=1, title=None)
    assert everything[:5] == first
    assert len(list(tmp_path.iterdir())) == len(TRIALS)
    assert {file: file.stat().st_mtime_ns for file in written} == written


def test_a_result_file_holds_configuration_and_versions(tmp_path: Path) -> None:
    runs.run_all(tmp_path, TRIALS[:1], fake, jobs=1, title=None)
    content = json.loads(runs.file_of(tmp_path, TRIALS[0]).read_text())
    assert content["config"] == vars(TRIALS[0])
    assert {"minisnip", "numpy", "python"} <= set(content["versions"])
    assert [file.suffix for file in tmp_path.iterdir()] == [".json"]


def test_configurations_have_files_of_their_own(tmp_path: Path) -> None:
    assert len({runs.file_of(tmp_path, trial) for trial in TRIALS}) == len(TRIALS)


def test_tables_and_csv_tell_what_was_run() -> None:
    rows = report.rows_of([(trial.criterion, trial) for trial in TRIALS], map(fake, TRIALS))
    table = compare.error_table(rows).splitlines()
    assert table[0] == "| test error, % | 90 % | 95 % |"
    assert table[2] == "| snip | 5.50 ± 0.71 | 10.50 ± 0.71 |"
    cost = compare.cost_table(rows).splitlines()
    assert cost[2] == "| snip | 0.50 | 99.00 % | 900 of 1,000 | 900 of 1,000 |"
    assert "not at 95 %" in cost[3]
    lines = list(csv.DictReader(report.as_csv(rows).splitlines()))
    assert [line["criterion"] for line in lines] == [trial.criterion for trial in TRIALS]
    assert {line["label"] for line in lines} == {"glyphs (not MNIST)"}


def test_the_chance_line_is_the_error_of_one_answer() -> None:
    glyphs = data.load("glyphs")
    most = np.bincount(glyphs.train.labels).argmax()
    assert compare.chance_error(glyphs) == pytest.approx(100 - 100 * np.mean(glyphs.test.labels == most))


def test_the_command_writes_csv_tables_and_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "record", fake)
    arguments = ["compare", "--criteria", "snip,random", "--controls", "shuffled", "--sparsities", "0.9,0.95"]
    assert main([*arguments, "--seeds", "2", "--dataset", "glyphs", "--jobs", "1", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    tables = (tmp_path / "tables.md").read_text()
    assert "| snip, shuffled |" in tables
    assert "LeNet-300-100 on glyphs (not MNIST), 10 epochs, 2 seeds" in out
    assert {file.name for file in tmp_path.iterdir()} == {"results.csv", "tables.md", "error.png", "runs"}
    assert report.for_terminal(tables) in out
    assert f"by `minisnip {' '.join(arguments)} --seeds 2 --dataset glyphs --jobs 1 --out {tmp_path}`" in tables


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--criteria", "snap"], "unknown criterion 'snap'"),
        (["--sparsities", "0.9,much"], "'0.9,much' is not a list of numbers"),
        (["--seeds", "0"], "0 seeds: at least 1"),
        (["--controls", "shaken"], "unknown control 'shaken'"),
    ],
)
def test_wrong_options_get_a_sentence(option: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["compare", "--dataset", "glyphs", *option])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err

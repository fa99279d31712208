"""The fields of an experiment make the options, the checks, the names of files and the columns, for every command."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip import pruning
from minisnip.lab import cli, experiment, report, runs
from minisnip.lab.cli import main
from minisnip.lab.experiment import TICKETS, Experiment, option
from minisnip.lab.reproduce import BUDGETS
from minisnip.lab.reproduce.recipes import MLP, over_seeds
from minisnip.training import SGD, Adam, Ticket, TrainingInterrupted, loop
from tests.lab.fakes import fake
from tests.lab.jobs import interrupted

NONSENSE = [
    ("learning_rate", "-1", "learning_rate -1.0 must be above 0 and finite"),
    ("batch_size", "0", "batch_size 0 must be above 0 and finite"),
    ("weight_decay", "nan", "weight_decay nan must be finite and not negative"),
    ("schedule", "linear", "unknown schedule 'linear': choose one of constant, step, cosine, warmup, warmup_cosine"),
]


@pytest.mark.parametrize(("field", "value", "message"), NONSENSE)
@pytest.mark.parametrize("command", ["train", "compare"])
def test_commands_refuse_what_makes_no_sense(
    command: str, field: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--dataset", "glyphs", f"--{field.replace('_', '-')}", value])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("field", "value", "message"), NONSENSE)
def test_reproductions_and_agreements_refuse_it_too(field: str, value: str, message: str) -> None:
    made = {f.name: f.metadata["kind"] for f in fields(Experiment)}[field](value)
    with pytest.raises(ValueError, match=message):
        over_seeds(BUDGETS["smoke"], "glyphs", [("a case", MLP, {field: made})])
    with pytest.raises(ValueError, match=message):
        replace(Experiment(dataset="glyphs", scoring_images=20), **{field: made})


@pytest.mark.parametrize("command", ["train", "compare", "agree"])
def test_the_same_sentence_for_a_model_that_nobody_knows(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--dataset", "glyphs", "--model", "vgg"])
    assert "unknown model 'vgg': choose one of lenet-300-100, lenet-5-caffe" in capsys.readouterr().err


def test_the_usual_rate_and_decay_are_those_of_the_model_and_the_optimizer() -> None:
    made = [Experiment(model, optimizer=o) for model in ("lenet-300-100", "lenet-5-caffe") for o in ("sgd", "adam")]
    assert [e.learning_rate for e in made] == [0.1, 1e-3, 0.02, 1e-3]
    assert [e.weight_decay for e in made] == [5e-4, 0.0, 5e-4, 0.0]
    assert Experiment(weight_decay=0.0).weight_decay == 0


def test_compare_trains_each_network_at_its_own_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "record", fake)
    arguments = ["compare", "--dataset", "glyphs", "--model", "lenet-5-caffe", "--criteria", "snip", "--seeds", "1"]
    assert main([*arguments, "--sparsities", "0.9", "--out", str(tmp_path)]) == 0
    (row,) = report.read_csv(tmp_path / "results.csv")
    assert row["learning_rate"] == 0.02


def test_every_field_is_a_column_beside_the_results(tmp_path: Path) -> None:
    experiment = Experiment(dataset="glyphs", seed=3)
    (row,) = report.rows_of([("a case", experiment)], [fake(experiment)])
    (line,) = csv.DictReader(report.as_csv(report.cells_of([row])).splitlines())
    assert {*asdict(experiment), "case", "run", "kept", "label", "numerics"} <= set(line)
    assert line["label"] == "glyphs (not MNIST)"


@dataclass(frozen=True)
class OtherDefault(Experiment):
    batch_size: int = option(50, "images in a training step")


@dataclass(frozen=True)
class OneMoreField(Experiment):
    dropout: float = option(0.0, "a field of a later version", zero=True)


def test_a_result_that_was_computed_with_another_default_is_not_reused(tmp_path: Path) -> None:
    runs.save(tmp_path, Experiment(), {"kept": 5})
    assert runs.read(tmp_path, Experiment()) == {"kept": 5}
    assert runs.digest(OtherDefault()) == runs.digest(Experiment())
    assert runs.read(tmp_path, OtherDefault()) is None
    with pytest.warns(UserWarning, match="is damaged or of another configuration: it is computed again"):
        assert runs.run_all(tmp_path, [OtherDefault()], fake, 1, None)[0]["kept"] == 5


def test_a_later_field_leaves_stored_results_as_they_are(tmp_path: Path) -> None:
    runs.save(tmp_path, Experiment(sparsity=0.9), {"kept": 5})
    assert runs.read(tmp_path, OneMoreField(sparsity=0.9)) == {"kept": 5}
    assert runs.read(tmp_path, OneMoreField(sparsity=0.9, dropout=0.5)) is None
    assert runs.digest(OneMoreField(dropout=0.5)) != runs.digest(Experiment())


def test_results_with_other_numerics_are_not_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.save(tmp_path, Experiment(), {"kept": 5})
    file = runs.file_of(tmp_path, Experiment())
    monkeypatch.setattr(runs, "NUMERICS", 3)
    assert runs.file_of(tmp_path, Experiment()) != file
    file.rename(runs.file_of(tmp_path, Experiment()))
    assert runs.read(tmp_path, Experiment()) is None


def test_a_run_that_was_interrupted_is_never_stored(tmp_path: Path) -> None:
    experiment = Experiment(dataset="glyphs", epochs=3)
    with pytest.raises(runs.LostRunError, match="TrainingInterrupted"):
        runs.run_all(tmp_path, [experiment], interrupted, 1, None)
    assert runs.read(tmp_path, experiment) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("seconds", [0.3, 3])
def test_ctrl_c_ends_a_comparison_and_stores_nothing_unfinished(tmp_path: Path, seconds: float) -> None:
    arguments = ["--dataset", "glyphs", "--criteria", "snip", "--epochs", "1000", "--seeds", "1", "--jobs", "1"]
    command = [sys.executable, "-m", "minisnip.lab.cli", "compare", *arguments, "--out", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not (tmp_path / "runs").exists():
            time.sleep(0.05)
        time.sleep(seconds)  # the worker imports, or has begun
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    ours = [
        line for line in error.strip().splitlines() if "resource_tracker" not in line and "warnings.warn" not in line
    ]
    assert ours == [
        "minisnip: interrupted"
    ]  # a helper process of Python's may warn, if it is stopped at the wrong moment
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_comparison_goes_on_when_a_run_diverges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", "--dataset", "glyphs", "--criteria", "snip,random", "--seeds", "1", "--epochs", "1"]
    sure = ["--sparsities", "0.5", "--learning-rate", "1e30", "--jobs", "2", "--out", str(tmp_path)]
    assert main([*arguments, *sure]) == 0
    assert "\nsnip           diverged\n" in capsys.readouterr().out
    assert "| snip | diverged |" in (tmp_path / "tables.md").read_text()


def test_a_collapse_is_warned_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "1", "--criterion", "magnitude", "--sparsity", "0.99"]
    assert main([*arguments, "--compare-dense", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err.count("no connection of") == 1


def test_the_command_trains_what_a_method_found_that_trains_first(tmp_path: Path) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "1", "--criterion", "magnitude-after-training"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    assert [row["epoch"] for row in report.read_csv(tmp_path / "history.csv")] == [1]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 1.5}, "epochs 1.5 must be a whole number"),
        ({"seed": True}, "seed True must be a whole number"),
        ({"epochs": "3"}, "epochs '3' must be a whole number"),
        ({"compact": "yes"}, "compact 'yes' must be True or False"),
        ({"sparsity": "95%"}, "sparsity '95%' must be a number"),
        ({"epochs": None}, "epochs None must be a whole number"),
        ({"model": 3}, "model 3 must be text"),
    ],
)
def test_a_value_of_another_type_gets_a_sentence(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Experiment(**setting)


def test_equal_experiments_have_one_name() -> None:
    seed: Any = np.int64(3)
    assert runs.digest(Experiment(sparsity=0)) == runs.digest(Experiment(sparsity=0.0))
    assert runs.digest(Experiment(seed=seed)) == runs.digest(Experiment(seed=3))


def test_the_l1_penalty_trains_with_the_optimizer_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def watched(net: Any, params: Any, *_: Any, optimizer: Any, **__: Any) -> Any:
        seen.append(optimizer)
        return Ticket(pruning.ones(params), params)

    monkeypatch.setitem(TICKETS, "l1-penalty", watched)
    for optimizer in ("sgd", "adam"):
        experiment.run(Experiment(criterion="l1-penalty", optimizer=optimizer, iterations=0, dataset="glyphs"))
    assert seen == [SGD(weight_decay=0.0), Adam(weight_decay=0.0)]


def test_ctrl_c_before_the_pruning_says_that_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt, match="in the training before the pruning; nothing is kept") as raised:
        experiment.run(Experiment(criterion="magnitude-after-training", epochs=1, dataset="glyphs"))
    assert not isinstance(raised.value, TrainingInterrupted)


def test_what_is_off_unless_somebody_asks_for_it() -> None:
    experiment = Experiment()
    assert experiment.compact is False
    assert experiment.average == 0
    assert (experiment.augment, experiment.trained_init, experiment.scoring_class, experiment.iterations) == (None,) * 4
    assert (experiment.control, experiment.training_labels, experiment.test_split) == ("none", "true", "once")

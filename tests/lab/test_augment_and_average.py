"""`--augment` and `--average` are parts of the experiment: of its checks, its name, its training and its result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minisnip import pruning, training
from minisnip.lab import experiment, report, runs
from minisnip.lab.cli import main
from minisnip.lab.experiment import TICKETS, Experiment, run
from minisnip.training import Ticket
from tests.lab.test_numerics import images

BOTH: dict[str, Any] = {"augment": "shift:2,flip", "average": 0.9}
SHORT = Experiment(dataset="glyphs", epochs=1, batch_size=50, scoring_images=50)


def test_without_the_options_the_name_of_a_result_is_as_before_and_with_them_each_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "NUMERICS", 2)
    off, shift, average = Experiment(), Experiment(augment="shift"), Experiment(average=0.999)
    assert (off.augment, off.average) == (None, 0.0)
    assert runs.digest(off) == "5ad26fe3c27daf3c"
    assert len({runs.digest(e) for e in (off, shift, average, Experiment(augment="shift:2"))}) == 4
    assert runs.digest(Experiment(augment="flip, shift:1")) == runs.digest(Experiment(augment="shift,flip"))
    assert runs.digest(Experiment(average=0)) == runs.digest(off)


def test_a_result_that_was_stored_before_there_were_the_options_is_found(tmp_path: Path) -> None:
    runs.save(tmp_path, Experiment(), {"kept": 5})
    file = runs.file_of(tmp_path, Experiment())
    content = json.loads(file.read_text())
    del content["config"]["augment"], content["config"]["average"]
    file.write_text(json.dumps(content))
    assert runs.read(tmp_path, Experiment()) == {"kept": 5}


def test_a_run_trains_with_both_and_with_neither_as_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append({name: options[name] for name in BOTH})
        return training.train(*arguments, **options)

    monkeypatch.setattr(experiment, "train", watched)
    losses = [run(replace(SHORT, **options), images()).trained.history for options in ({}, BOTH)]
    assert seen == [{"augment": None, "average": 0.0}, BOTH]
    assert losses[0] != losses[1]


def test_a_training_before_the_pruning_has_both_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TICKETS:
        seen: dict[str, Any] = {}

        def watched(net: Any, params: Any, *_: Any, _seen: dict[str, Any] = seen, **options: Any) -> Any:
            _seen.update(options)
            return Ticket(pruning.ones(params), params)

        monkeypatch.setitem(TICKETS, name, watched)
        run(replace(SHORT, criterion=name, **BOTH, iterations=0), images())
        assert {key: seen[key] for key in BOTH} == BOTH, name


def test_the_command_trains_with_both_and_says_so_only_then(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "1", "--compact", "--out", str(tmp_path)]
    assert main([*arguments, "--augment", "flip,shift:2", "--average", "0.9"]) == 0
    assert "trained with augment shift:2,flip\ntrained with average 0.9\n" in capsys.readouterr().out
    result = json.loads((tmp_path / "result.json").read_text())
    assert {name: result["config"][name] for name in BOTH} == BOTH
    result["config"] |= {"augment": None, "average": 0.0}
    assert "trained with" not in report.summary(result)
    del result["config"]["augment"], result["config"]["average"]  # a result that an older version stored
    assert "trained with" not in report.summary(result)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--augment", "shfit"], "unknown augmentation 'shfit': choose one of shift, flip; did you mean 'shift'?"),
        (["--augment", "flip:3"], "augment 'flip:3': expected each name once, and pixels for shift only"),
        (["--average", "1.5"], "average 1.5 is no decay: expected a number from 0"),
        (["--average", "1"], "average 1.0 is no decay"),
        (["--average", "nan"], "average nan must be finite and not negative"),
        (["--average", "99%"], "'99%' is not a number such as 0.95"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "--dataset", "glyphs", *options])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_shift_out_of_sight_is_refused_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "--dataset", "glyphs", "--augment", "shift:28", "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert list(tmp_path.iterdir()) == []
    assert "augment shift:28 moves images of 28 x 28 pixels out of sight" in capsys.readouterr().err

"""A run that was stopped resumes, and says how."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minisnip import data
from minisnip.lab import report
from minisnip.lab.cli import main
from minisnip.lab.experiment import Experiment, run
from minisnip.training import loop
from tests.test_cli import COMMAND, read

OF_EACH_RUN = {"seconds": None, "sha256": None}  # the checksum is that of the seconds too


@pytest.mark.parametrize("attempt", range(int(os.environ.get("MINISNIP_KILLS", "2"))))
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bytes(
    tmp_path: Path, attempt: int, record_property: Callable[[str, object], None]
) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "12", "--compare-dense"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*COMMAND, *arguments, "--out", str(whole)], check=True, capture_output=True)

    process = subprocess.Popen([*COMMAND, *arguments, "--out", str(killed)], stdout=subprocess.DEVNULL)
    while not list(killed.glob("*.checkpoint.npz")) and process.poll() is None:
        time.sleep(0.01)
    seconds = read(whole)["seconds"]
    delay = random.uniform(0, 0.9 * (seconds["train_pruned"] + seconds["train_dense"]))
    print(f"killed {delay:.3f} s after the first checkpoint")  # shown if the test fails
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    record_property("kills survived", 1)

    again = [*COMMAND, *arguments, "--out", str(killed)]
    if not (killed / "result.json").exists():
        refused = subprocess.run(again, capture_output=True, text=True)
        assert refused.returncode == 2
        assert "holds an unfinished run: add --resume" in refused.stderr
    subprocess.run([*again, "--resume"], check=True, capture_output=True)
    for name in ("params.npz", "masks.npz", "history.csv", "dense_params.npz", "dense_history.csv"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    errors = [{**read(folder), **OF_EACH_RUN} for folder in (whole, killed)]
    assert errors[0] == errors[1]


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_says_how_to_go_on_and_ends_with_130(tmp_path: Path) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "1000", "--out", str(tmp_path)]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("*.checkpoint.npz")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130
    assert "of 1000 epochs" in error
    assert "--resume" in error
    assert "Traceback" not in error
    assert (tmp_path / "pruned.checkpoint.npz").exists()


@pytest.mark.parametrize("content", [b"", b"text", b"PK half of a zip"])
def test_resuming_from_a_damaged_or_another_runs_checkpoint_ends_with_a_sentence_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (tmp_path / "pruned.checkpoint.npz").write_bytes(content)
    assert main(["train", "--dataset", "glyphs", "--resume", "--out", str(tmp_path)]) == 1
    assert "pruned.checkpoint.npz" in capsys.readouterr().err


def test_resuming_with_other_options_says_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--dataset", "glyphs", "--out", str(tmp_path)]
    assert main([*arguments, "--epochs", "1"]) == 0
    train_one_epoch_of_two(tmp_path)
    assert main([*arguments, "--resume", "--epochs", "3"]) == 1
    assert "epochs was 2, now 3" in capsys.readouterr().err


def train_one_epoch_of_two(folder: Path) -> None:
    """Leave the checkpoint of an unfinished run, and no result."""
    for file in folder.iterdir():
        file.unlink()
    run(Experiment(dataset="glyphs", epochs=2), data.load("glyphs"), checkpoint=folder / "pruned.checkpoint.npz")


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_rerun_that_does_not_end_leaves_the_finished_result_whole(tmp_path: Path, how: signal.Signals) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "4", "--out", str(tmp_path)]
    assert main(arguments) == 0
    finished = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("*.checkpoint.npz")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(how)
    assert process.wait() != 0
    assert {name: (tmp_path / name).read_bytes() for name in finished} == finished
    experiment = Experiment(dataset="glyphs", epochs=4)
    for resume in (True, False):  # a checkpoint is newer than the result
        assert report.open_folder(tmp_path, experiment, compare_dense=False, resume=resume) is None


def test_a_rerun_that_was_stopped_is_resumed_and_then_replaces_the_finished_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "3", "--out", str(tmp_path)]
    assert main(arguments) == 0
    before, written = read(tmp_path), (tmp_path / "result.json").stat().st_mtime_ns
    train_epoch, begun = loop.train_epoch, list[int]()

    def stopped(run: Any, state: Any, *others: Any) -> None:
        if state.history:
            raise KeyboardInterrupt
        train_epoch(run, state, *others)

    def noted(run: Any, state: Any, *others: Any) -> None:
        begun.append(len(state.history) + 1)
        train_epoch(run, state, *others)

    monkeypatch.setattr(loop, "train_epoch", stopped)
    assert main(arguments) == 130
    assert read(tmp_path) == before
    monkeypatch.setattr(loop, "train_epoch", noted)
    assert main([*arguments, "--resume"]) == 0
    assert begun == [2, 3]
    assert (tmp_path / "result.json").stat().st_mtime_ns > written
    assert {**read(tmp_path), **OF_EACH_RUN} == {**before, **OF_EACH_RUN}
    assert list(tmp_path.glob("*.checkpoint.npz")) == []


def test_ctrl_c_before_the_training_says_that_it_was_interrupted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "load", interrupt)
    assert main(["train", "--dataset", "glyphs"]) == 130
    assert "minisnip: interrupted" in capsys.readouterr().err

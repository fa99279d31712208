"""The command does what its help says, in files, figures, sentences and exit codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minisnip import data
from minisnip.files import load_arrays
from minisnip.lab.cli import main
from minisnip.nn.threads import cores

COMMAND = [sys.executable, "-m", "minisnip.lab.cli"]
FILES = {"history.csv", "kept_per_layer.png", "kept_pixels.png", "masks.npz", "params.npz", "result.json"}
FILES |= {"training_curves.png"}
KEYS = {"dataset", "model", "criterion", "sparsity", "seed", "m", "kappa", "kept", "kept_per_layer"}
KEYS |= {"validation_error_percent", "test_error_percent", "seconds", "config", "versions"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assert main(["train", "--dataset", "glyphs", "--epochs", "2", "--compare-dense", "--out", str(folder)]) == 0
    return folder


def read(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def test_a_run_writes_every_file_and_leaves_no_other(finished: Path) -> None:
    assert {f.name for f in finished.iterdir()} == FILES | {"dense_params.npz", "dense_history.csv"}


def test_the_result_has_its_keys_and_exactly_kappa_connections(finished: Path) -> None:
    result, masks = read(finished), load_arrays(finished / "masks.npz")
    assert set(result) >= KEYS
    assert result["m"] == 266_610
    assert result["kept"] == result["kappa"] == 13_331 == sum(int(c.sum()) for c in masks.values())
    assert {row["kept"] for row in result["kept_per_layer"].values()} == {int(c.sum()) for c in masks.values()}
    assert 0 < result["test_error_percent"] < 60
    assert result["dense"]["test_error_percent"] < 60
    assert all(s >= 0 for s in result["seconds"].values())


def test_the_parameters_are_zero_where_the_mask_is(finished: Path) -> None:
    params, masks = load_arrays(finished / "params.npz"), load_arrays(finished / "masks.npz")
    assert all((params[name][c == 0] == 0).all() for name, c in masks.items())


def test_the_history_has_a_row_for_each_epoch(finished: Path) -> None:
    rows = list(csv.DictReader((finished / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]


def test_what_is_not_mnist_says_so_everywhere(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read(finished)["dataset"] == "glyphs (not MNIST)"
    for name in ("history.csv", "dense_history.csv", "masks.npz", "params.npz", "dense_params.npz"):
        assert b"glyphs (not MNIST)" in (finished / name).read_bytes(), name
    main(["train", "--dataset", "glyphs", "--epochs", "2", "--compare-dense", "--out", str(finished), "--resume"])
    assert "glyphs (not MNIST)" in capsys.readouterr().out


def test_figures_of_glyphs_say_so_in_their_titles(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minisnip.lab import plots

    titles: list[str] = []

    def spied(draw: Callable[..., Any]) -> Callable[..., Any]:
        def draw_and_note(*arguments: Any) -> Any:
            titles.append(arguments[-1])
            return draw(*arguments)

        return draw_and_note

    for name in ("training_curves", "kept_per_layer", "kept_pixels"):
        monkeypatch.setattr(plots, name, spied(getattr(plots, name)))
    main(["train", "--dataset", "glyphs", "--epochs", "2", "--compare-dense", "--out", str(finished)])
    assert len(titles) == 3
    assert all("glyphs (not MNIST)" in title for title in titles)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sparsity", "1.2"], "sparsity 1.2 is not in [0, 1)"),
        (["--model", "vgg"], "unknown model 'vgg': choose one of lenet-300-100, lenet-5-caffe"),
        (["--criterion", "luck"], "unknown criterion 'luck'"),
        (["--dataset", "imagenet"], "invalid choice: 'imagenet'"),
        (["--epochs", "many"], "invalid int value: 'many'"),
        (["--out", "/dev/null/folder"], "cannot write to the folder /dev/null/folder"),
    ],
)
def test_a_wrong_option_gets_one_sentence_and_exit_code_2_before_any_work(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "load", lambda *_, **__: pytest.fail("work was begun"))
    with pytest.raises(SystemExit) as caught:
        main(["train", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_a_folder_with_another_run_is_not_overwritten(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (finished / "result.json").read_bytes()
    with pytest.raises(SystemExit) as caught:
        main(["train", "--dataset", "glyphs", "--epochs", "3", "--out", str(finished)])
    assert caught.value.code == 2
    assert "holds the result of another run" in capsys.readouterr().err
    assert (finished / "result.json").read_bytes() == before


def without_mnist(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where there is neither a file of MNIST nor a network."""
    environment = {k: v for k, v in os.environ.items() if k != "MINISNIP_DATA" and "proxy" not in k.lower()}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "https_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [*COMMAND, "train", "--epochs", "1", *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True
    )


def test_the_default_goes_on_with_glyphs_after_a_warning_that_cannot_be_missed(tmp_path: Path) -> None:
    done = without_mnist(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "MNIST IS NEITHER HERE NOR REACHABLE" in done.stderr
    assert "glyphs (not MNIST)" in done.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    assert read(folder)["dataset"] == "glyphs (not MNIST)"
    assert folder.name.startswith("glyphs-")


def test_mnist_that_was_asked_for_and_cannot_be_had_fails(tmp_path: Path) -> None:
    done = without_mnist(tmp_path, "--dataset", "mnist")
    assert done.returncode == 1
    assert "storage.googleapis.com" in done.stderr
    assert "MINISNIP_DATA" in done.stderr
    assert "glyphs" not in done.stdout


def test_a_loss_that_is_not_finite_ends_with_a_sentence_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "2", "--learning-rate", "1e9", "--out", str(tmp_path)]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "loss became" in error
    assert "try a lower learning rate (say 1e+08)" in error


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--batch-size", "100000"], "batch_size 100000, but there are 10,800 training images"),
        (["--scoring-images", "100000"], "scoring_images 100000, but there are 10,800 training images"),
    ],
)
def test_more_images_at_a_time_than_there_are_is_a_wrong_option(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "--dataset", "glyphs", *arguments, "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["data", "--help"]])
def test_help_names_every_choice_and_exits_with_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "None" not in text
    if arguments[0] == "train":
        for word in ("lenet-5-caffe", "snip", "glyphs", "--resume", "truncated_normal", "cosine", "0.95"):
            assert word in text


def test_the_data_command_names_every_file_and_its_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data"]) == 0
    text = capsys.readouterr().out
    rows = [line.split() for line in text.splitlines() if "ubyte" in line]
    assert [row[0] for row in rows] == ["mnist"] * 4 + ["fashion-mnist"] * 4
    assert {row[2] for row in rows} <= {"verified", "missing"}
    assert [line.split()[:2] for line in text.splitlines() if ".tar" in line] == [
        ["cifar-10", "cifar-10-binary.tar.gz"]
    ]


def test_the_data_command_fails_if_a_file_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>")
    monkeypatch.setenv("MINISNIP_DATA", str(tmp_path))
    assert main(["data"]) == 1
    assert "is a web page" in capsys.readouterr().out


def test_train_compact_says_what_it_trained_and_keeps_the_full_shapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "1", "--sparsity", "0.98", "--compact"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    assert "trained as 784-300-100-10 -> " in capsys.readouterr().out
    assert json.loads((tmp_path / "result.json").read_text())["compact"].startswith("784-300-100-10 -> ")
    assert load_arrays(tmp_path / "params.npz")["fc1.weight"].shape == (300, 784)


def test_the_number_of_threads_changes_no_byte_of_the_result(tmp_path: Path) -> None:
    for threads in ("1", "3"):
        train = [
            "train",
            "--dataset",
            "glyphs",
            "--epochs",
            "1",
            "--threads",
            threads,
            "--out",
            str(tmp_path / threads),
        ]
        assert main([*train, "--out", str(tmp_path / threads)]) == 0
    for name in ("params.npz", "masks.npz", "history.csv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()


class StopError(Exception):
    """Ends a command where the work would begin."""


@pytest.mark.parametrize("command", [["train"], ["agree"]])
def test_as_many_threads_work_as_the_command_is_told(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def stop(*_: Any, **__: Any) -> None:
        seen.append(cores())
        raise StopError

    monkeypatch.setattr(data, "load", stop)
    with pytest.raises(StopError):
        main([*command, "--dataset", "glyphs", "--threads", "3"])
    assert seen == [3]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1


@pytest.mark.parametrize("threads", ["0", "-1"])
def test_no_threads_are_refused(threads: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["agree", "--threads", threads])
    assert f"{threads} threads: give 1 or more" in capsys.readouterr().err

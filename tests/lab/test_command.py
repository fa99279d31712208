"""What the command says, when it says it, how it ends, and where it writes: without the work."""

from __future__ import annotations

import io
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

from minisnip import data
from minisnip.files import UnreadableFileError
from minisnip.lab import agree, cli, report, reproduce
from minisnip.lab.cli import main
from minisnip.lab.runs import ClusterError, LostRunError, OtherVersionError
from minisnip.pruning import LayerCollapseWarning
from minisnip.training import DivergenceError
from tests.lab.test_numerics import images


class StopError(OSError):
    """Ends a command where the work would begin."""


def does(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> None:
    """From now on `minisnip data` does this."""

    def command(options: Any) -> Any:
        """Do it."""
        return work()

    monkeypatch.setattr(cli, "data_command", command)


def raises(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def test_what_is_begun_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, said = io.BytesIO(), []

    def work(*_: Any, **__: Any) -> None:
        said.append(shown.getvalue().decode())
        raise StopError

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="utf-8"))
    monkeypatch.setattr(cli, "run", work)
    monkeypatch.setattr(data, "load", lambda name: images())
    assert main(["train", "--dataset", "glyphs", "--batch-size", "10", "--out", str(tmp_path)]) == 1
    assert said == ["Pruning lenet-300-100 to 95 % by snip on patterns, then training ...\n"]


def test_each_command_shows_each_warning_of_an_emptied_layer_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn() -> None:
        for text in ("fc1 is empty", "fc1 is empty", "fc2 is empty"):
            warnings.warn(text, LayerCollapseWarning, stacklevel=1)

    does(monkeypatch, warn)
    for _ in range(2):  # the second command in a process warns as the first
        assert main(["data"]) == 0
        assert capsys.readouterr().err == "warning: fc1 is empty\nwarning: fc2 is empty\n"


ENDS: list[tuple[BaseException, int, str]] = [
    *(
        (kind("what happened"), 1, "minisnip: what happened\n")
        for kind in (data.DataError, UnreadableFileError, OtherVersionError, report.InUseError, ClusterError)
    ),
    *((kind("what happened"), 1, "minisnip: what happened\n") for kind in (LostRunError, OSError)),
    (DivergenceError("the loss became inf", None), 1, "minisnip: the loss became inf\n"),  # type: ignore[arg-type]
    (BrokenPipeError("nobody reads"), 1, ""),
    (KeyboardInterrupt(), 130, "\nminisnip: interrupted\n"),
    (KeyboardInterrupt("interrupted in epoch 3"), 130, "\nminisnip: interrupted in epoch 3\n"),
]


@pytest.mark.parametrize(("error", "code", "said"), ENDS, ids=[f"{type(e).__name__}-{c}" for e, c, _ in ENDS])
def test_a_failure_is_a_sentence_and_an_exit_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    does(monkeypatch, raises(error))
    assert main(["data"]) == code
    assert capsys.readouterr() == ("", said)


def test_a_command_that_returns_a_code_ends_with_it_and_a_bug_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for code in (None, 0, 1, 3):
        does(monkeypatch, lambda code=code: code)  # type: ignore[misc]
        assert main(["data"]) == (code or 0)
    does(monkeypatch, raises(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["data"])


REPRODUCED = "runs/reproduce-glyphs"


@pytest.mark.parametrize(
    ("arguments", "folders"),
    [
        ("compare --jobs 1", ["runs/compare-glyphs-lenet-300-100"]),
        ("compare --model lenet-5-caffe", ["runs/compare-glyphs-lenet-5-caffe"]),
        ("compare --out here", ["here"]),
        ("reproduce table1", [f"{REPRODUCED}/short", f"{REPRODUCED}/runs"]),
        ("reproduce table1 --budget long --seeds 2", [f"{REPRODUCED}/long-2-seeds", f"{REPRODUCED}/runs"]),
        ("reproduce table1 --out here", ["here", "here/runs"]),
        ("agree --batch 20", ["runs/agree-glyphs-lenet-300-100-batch20-seed0"]),
        ("agree --seed 3 --scoring-images 9", ["runs/agree-glyphs-lenet-300-100-batch9-seed3"]),
        ("agree --out 'a folder'", ["a folder"]),
        ("train --out here", ["here"]),
    ],
)
def test_each_command_locks_the_folders_that_it_writes_to(
    arguments: str, folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[tuple[str, str]] = []

    @contextmanager
    def note(folder: Path, command: str) -> Iterator[None]:
        locked.append((str(folder), command))
        yield

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "locked", note)
    monkeypatch.setattr(data, "load", lambda name: images())
    monkeypatch.setattr(agree, "compare_scores", raises(StopError()))
    for work in ("run", "run_all", "refuse_other_versions"):
        monkeypatch.setattr(cli, work, raises(StopError()))
    small = [] if arguments.startswith(("reproduce", "agree")) else ["--batch-size", "10"]
    typed = [*shlex.split(arguments), "--dataset", "glyphs", *small]
    assert main(typed) == 1
    assert locked == [
        (folder, f"minisnip {arguments} --dataset glyphs {' '.join(small)}".rstrip()) for folder in folders
    ]


@pytest.mark.parametrize("command", ["train", "compare", "agree"])
def test_more_images_than_there_are_end_a_command_before_it_locks_a_folder(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "load", lambda name: images())
    monkeypatch.setattr(report, "locked", raises(AssertionError("locked")))
    with pytest.raises(SystemExit) as caught:
        main([command, "--dataset", "glyphs", "--scoring-images", "101", "--out", str(tmp_path)])
    assert caught.value.code == 2
    sentence = "scoring_images 101, but there are 100 training images: take fewer"
    assert capsys.readouterr().err == f"minisnip {command}: {sentence} (see minisnip {command} --help)\n"


def test_without_arguments_the_command_reads_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, lambda: 3)
    monkeypatch.setattr(sys, "argv", ["minisnip", "data"])
    assert main() == 3


DATA = """\
data set  file      state         bytes
mnist     train.gz  verified  1,234,567
mnist     t10k.gz   missing           0

mnist: /somewhere
cache: /cache
"""


def test_the_data_command_shows_each_file_its_state_and_where_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        SimpleNamespace(
            dataset="mnist", file="train.gz", state="verified", size=1234567, path=Path("/somewhere/train.gz")
        ),
        SimpleNamespace(dataset="mnist", file="t10k.gz", state="missing", size=0, path=None),
    ]
    monkeypatch.setattr(data, "status", lambda: rows)
    monkeypatch.setattr(data, "cache_folder", lambda: Path("/cache"))
    assert main(["data"]) == 0
    assert capsys.readouterr().out == DATA
    rows[1].state = "damaged"
    assert main(["data"]) == 1


def test_a_lock_that_another_program_wrote_is_told_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    with FileLock(tmp_path / report.LOCK):
        for content, told in ((b"a \xff", "a \ufffd"), (b"", "another command")):
            (tmp_path / report.LOCK).write_bytes(content)
            with pytest.raises(report.InUseError) as caught, report.locked(tmp_path, "minisnip train"):
                pass
            words = "wait until that ends, or choose another with --out"
            assert str(caught.value) == f"the folder {tmp_path} is in use by {told}: {words}"


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ([], {"pruned": (0.95, None)}),
        (["--fresh-init", "--init", "he"], {"pruned": (0.95, "he")}),
        (["--compare-dense", "--sparsity", "0.5"], {"pruned": (0.5, None), "dense": (0.0, None)}),
    ],
)
def test_train_trains_what_it_is_told(
    options: list[str], trained: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Any] = {}

    def note(experiment: Any, dataset: Any, *, checkpoint: Path, resume: bool, title: str) -> Any:
        found[title] = (experiment.sparsity, experiment.trained_init)
        assert (checkpoint, resume) == (tmp_path / f"{title}.checkpoint.npz", False)
        return SimpleNamespace(divergence=None)

    monkeypatch.setattr(data, "load", lambda name: images())
    monkeypatch.setattr(cli, "run", note)
    monkeypatch.setattr(report, "write_folder", raises(StopError()))
    assert main(["train", "--dataset", "glyphs", "--batch-size", "10", "--out", str(tmp_path), *options]) == 1
    assert found == trained


def test_reproduce_computes_one_result_or_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def note(name: str, *_: Any) -> tuple[str, list[Path]]:
        names.append(name)
        return "", []

    monkeypatch.setattr(data, "load", lambda name: images())
    monkeypatch.setattr(reproduce, "compute_and_write", note)
    for result, expected in (("figure2", ["figure2"]), ("all", list(reproduce.RESULTS))):
        names.clear()
        assert main(["reproduce", result, "--dataset", "glyphs", "--out", str(tmp_path)]) == 0
        assert names == expected

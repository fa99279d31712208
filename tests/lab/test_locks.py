"""One command at a time writes to a folder; the second is told who does."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minisnip import data
from minisnip.lab import report
from minisnip.lab.cli import main
from tests.data.files import few_digits

HOLDER = """
import sys
from minisnip.lab.report import locked

with locked(__import__("pathlib").Path(sys.argv[1]), "minisnip train --epochs 9"):
    print("locked", flush=True)
    sys.stdin.read()
"""
COMMANDS = [["train"], ["compare", "--jobs", "1"], ["reproduce", "table1"], ["agree"]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda name: few_digits())


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process has the lock."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "locked\n"
        yield process


def test_a_second_command_is_told_at_once_who_holds_the_folder_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path) as process:
        (tmp_path / ".params.npz.1.tmp").write_text("half a file of the first")
        before = sorted(tmp_path.rglob("*"))
        for command in COMMANDS:
            assert main([*command, "--dataset", "glyphs", "--out", str(tmp_path)]) == 1
            assert re.fullmatch(
                rf"minisnip: the folder {tmp_path} is in use by process {process.pid} "
                r"\(minisnip train --epochs 9\) since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: "
                r"wait until that ends, or choose another with --out\n",
                capsys.readouterr().err,
            )
        assert sorted(tmp_path.rglob("*")) == before


def test_the_lock_of_a_process_that_was_killed_does_not_block(tmp_path: Path) -> None:
    with held(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [file.name for file in tmp_path.iterdir()] == [report.LOCK]
    (tmp_path / f".masks.npz.{process.pid}.tmp").touch()
    with report.locked(tmp_path, "minisnip agree"):
        assert f"process {os.getpid()} (minisnip agree) since" in (tmp_path / report.LOCK).read_text()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_the_lock_ends_with_the_command_however_that_ends(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), report.locked(tmp_path, "minisnip train"):
        raise error
    with report.locked(tmp_path, "minisnip train"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_reproductions_with_another_budget_share_the_runs_and_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with report.locked(Path("runs/reproduce-glyphs/runs"), "minisnip reproduce table1 --budget paper"):
        assert main(["reproduce", "table3", "--dataset", "glyphs"]) == 1
    assert "(minisnip reproduce table1 --budget paper)" in capsys.readouterr().err
    assert [str(path) for path in Path("runs").rglob("*") if path.is_file()] == []


def test_two_folders_side_by_side_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with report.locked(tmp_path / "a", "minisnip train"), report.locked(tmp_path / "b", "minisnip train"):
        assert all((tmp_path / name / report.LOCK).exists() for name in "ab")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_gets_a_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(SystemExit) as caught:
        main(["agree", "--dataset", "glyphs", "--out", str(tmp_path)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert (
        f"the folder {tmp_path} cannot be locked ({os.strerror(number)}): choose one on a disk of this machine" in error
    )
    assert error.count("\n") == 1


def test_a_read_only_file_system_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with (
        pytest.raises(ValueError, match=r"cannot write to the folder .* .Read-only file system.: choose another"),
        report.locked(tmp_path, "minisnip train"),
    ):
        pass


def test_a_damaged_lock_file_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content in (b"", b"\xff\x00\xff"):
        with report.locked(tmp_path, "minisnip train"):
            (tmp_path / report.LOCK).write_bytes(content)
            assert main(["agree", "--dataset", "glyphs", "--out", str(tmp_path)]) == 1
        assert "is in use by" in capsys.readouterr().err

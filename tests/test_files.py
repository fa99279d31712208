"""A file is written completely or not at all; what interrupts a save leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.files import delete_abandoned, load_arrays, save_arrays, save_text


def raising(error: BaseException) -> Any:
    def interrupted(*_: Any, **__: Any) -> None:
        raise error

    return interrupted


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), MemoryError(), OSError(28, "No space left")])
@pytest.mark.parametrize("where", ["numpy.savez", "os.fsync", "os.replace"])
@pytest.mark.parametrize("name", ["grad.npz", "masks.npz", "params.npz"])
def test_a_save_that_is_interrupted_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, where: str, name: str
) -> None:
    save_text(tmp_path / "params.npz", "the file of an earlier run")
    monkeypatch.setattr(where, raising(error))
    with pytest.raises(type(error)):
        save_arrays(tmp_path / name, {"fc1.weight": np.ones((2, 3))})
    assert [file.name for file in tmp_path.iterdir()] == ["params.npz"]
    assert (tmp_path / "params.npz").read_text() == "the file of an earlier run"


def test_what_is_saved_is_read_by_numpy_too(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.npz", {"w": np.arange(3)})
    with np.load(tmp_path / "a.npz") as found:
        assert list(found) == list(load_arrays(tmp_path / "a.npz")) == ["w"]


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_temporary_files_of_processes_that_ended_are_deleted(tmp_path: Path) -> None:
    theirs = [f".params.npz.{os.getppid()}.tmp", f".params.npz.{os.getpid()}.tmp", ".notes.tmp", "a.tmp", ".a.b.tmp"]
    for name in (*theirs, f".params.npz.{ended_process()}.tmp", f".result.json.{ended_process()}.tmp"):
        (tmp_path / name).touch()
    delete_abandoned(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(theirs)

"""Runs are computed once and never lost: not to a full disk, another version, a damaged file or a dead worker."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from minisnip.experiments import cluster, run_files
from minisnip.experiments.runs import LostRunError, run_all


@dataclass(frozen=True)
class Job:
    number: int
    log: str
    dies: int = 0  # so often, before it is done
    seconds: float = 0.0


def work(job: Job) -> dict[str, Any]:
    """What processes compute; the log tells how often."""
    note(job, "begin")
    time.sleep(job.seconds)
    if times(job, "begin") <= job.dies:
        os._exit(1)
    note(job, "end")
    return {"square": job.number**2}


def note(job: Job, what: str) -> None:
    with open(job.log, "a") as file:
        file.write(f"{what} {job.number} in {os.getpid()}\n")


def times(job: Job, what: str) -> int:
    return Path(job.log).read_text().count(f"{what} {job.number} in ")


@pytest.fixture
def log(tmp_path: Path) -> str:
    return str(tmp_path / "log")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_equal_configurations_are_one_run(folder: Path, log: str) -> None:
    job = Job(3, log)
    assert run_all(folder, [job, job, Job(4, log)], work, 1, None) == [{"square": 9}, {"square": 9}, {"square": 16}]
    assert times(job, "begin") == 1


def test_a_worker_that_dies_once_loses_nothing(folder: Path, log: str) -> None:
    jobs = [Job(n, log, dies=int(n == 2)) for n in range(6)]
    assert run_all(folder, jobs, work, 2, None) == [{"square": n**2} for n in range(6)]
    assert times(jobs[2], "begin") == 2
    assert sum(times(job, "begin") for job in jobs) <= 8  # the pool dies whole: its other worker may begin again too
    assert list(folder.glob(".*")) == []


def test_a_run_that_kills_its_worker_twice_is_named_when_all_others_are_finished(folder: Path, log: str) -> None:
    jobs = [Job(n, log, dies=9 * (n == 2)) for n in range(6)]
    with pytest.raises(LostRunError, match=r"1 run\(s\) killed the worker that computed them, twice.*number=2"):
        run_all(folder, jobs, work, 2, None)
    assert times(jobs[2], "begin") == 2
    found = [run_files.read(folder, job) for job in jobs]
    assert found == [None if n == 2 else {"square": n**2} for n in range(6)]


@pytest.mark.parametrize("theirs", [{"minisnip": "0.0.1"}, {"minisnip": None}])
def test_a_folder_of_another_version_is_refused_and_left_as_it_is(folder: Path, log: str, theirs: Any) -> None:
    run_all(folder, [Job(1, log)], work, 1, None)
    file = run_files.file_of(folder, Job(1, log))
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "versions": {**content["versions"], **theirs}}))
    before = file.read_text()
    with pytest.raises(run_files.OtherVersionError, match=r"was written by minisnip .*: choose another folder"):
        run_all(folder, [Job(2, log)], work, 1, None)
    assert file.read_text() == before
    assert times(Job(2, log), "begin") == 0


def test_another_format_of_the_files_is_another_version(
    folder: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_all(folder, [Job(1, log)], work, 1, None)
    monkeypatch.setattr(run_files, "FORMAT", 2)
    with pytest.raises(run_files.OtherVersionError, match=r"\(result format 1\), this is .*\(result format 2\)"):
        run_all(folder, [Job(1, log)], work, 1, None)


def test_a_full_disk_leaves_nothing_half_written(folder: Path, log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_all(folder, [Job(1, log)], work, 1, None)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left on device"):
            run_all(folder, [Job(1, log), Job(2, log)], work, 1, None)
    assert [file.name for file in folder.glob("*.json")] == [run_files.file_of(folder, Job(1, log)).name]
    assert list(folder.glob("*.tmp")) == list(folder.glob(".*.tmp")) == []
    assert run_all(folder, [Job(1, log), Job(2, log)], work, 1, None) == [{"square": 1}, {"square": 4}]
    assert times(Job(1, log), "begin") == 1


def test_without_a_scheduler_at_the_address_a_sentence_says_so(
    folder: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="distributed is not installed: pip install '.[cluster]'")
    monkeypatch.setattr(cluster, "TIMEOUT", "500ms")
    with pytest.raises(cluster.ClusterError, match="no Dask scheduler answers at tcp://127"):
        run_all(folder, [Job(1, log)], work, 1, None, scheduler="tcp://127.0.0.1:9")


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_whose_worker_is_killed_loses_nothing_and_does_nothing_twice(folder: Path, log: str) -> None:
    distributed = pytest.importorskip("distributed", reason="distributed is not installed: pip install '.[cluster]'")
    jobs = [Job(n, log, seconds=0.5) for n in range(16)]
    killed: list[int] = []

    def kill_one_in_the_middle() -> None:
        while not os.path.exists(log) or "end" not in Path(log).read_text():
            time.sleep(0.01)
        seen = len(Path(log).read_text().splitlines())
        while not (new := [line for line in Path(log).read_text().splitlines()[seen:] if line.startswith("begin")]):
            time.sleep(0.01)
        _, number, _, process = new[0].split()
        killed.append(int(number))
        os.kill(int(process), signal.SIGKILL)

    with distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=":0") as local:
        killer = threading.Thread(target=kill_one_in_the_middle)
        killer.start()
        results = run_all(folder, jobs, work, -1, None, scheduler=local.scheduler_address)
        killer.join()
    assert results == [{"square": n**2} for n in range(16)]
    assert [times(job, "end") for job in jobs] == [1] * 16
    assert [n for n in range(16) if times(jobs[n], "begin") > 1] == killed  # only what was under way began again
    assert list(folder.glob(".*")) == []

"""A real Dask cluster of two workers on this machine: what they compute is neither lost nor done twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minisnip.lab import runs
from minisnip.lab.experiment import Experiment, record
from minisnip.lab.runs import LostRunError, run_all
from tests.lab.jobs import Job, times, where, work

distributed: Any = pytest.importorskip("distributed", reason="distributed is not installed: pip install '.[cluster]'")
pytestmark = pytest.mark.filterwarnings("default")
PATIENCE = 60.0  # seconds, after which a test gives up


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    """Dask sets variables for its workers in this process too, and leaves them: threads and memory of later tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Of a cluster that gives up a run when it has killed two workers, for the sake of time."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as local:
        local.scheduler.allowed_failures = 1
        yield local.scheduler_address


def lines_of(log: str) -> list[str]:
    return Path(log).read_text().splitlines() if os.path.exists(log) else []


def first_line(log: str, word: str, after: int = 0) -> str:
    """Of the lines after so many, the first that begins with the word; wait for it, but not for ever."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := [line for line in lines_of(log)[after:] if line.startswith(word)]:
            return found[0]
        time.sleep(0.01)
    raise TimeoutError(f"no run wrote {word!r} within {PATIENCE:g} seconds")


def test_a_worker_that_is_killed_in_the_middle_loses_nothing_and_does_nothing_twice(
    folder: Path, log: str, scheduler: str
) -> None:
    jobs = [Job(n, log, seconds=0.5) for n in range(16)]
    killed: list[int] = []

    def kill_one_in_the_middle() -> None:
        first_line(log, "end")
        _, number, _, process = first_line(log, "begin", after=len(lines_of(log))).split()
        killed.append(int(number))
        os.kill(int(process), signal.SIGKILL)

    killer = threading.Thread(target=kill_one_in_the_middle, daemon=True)
    killer.start()
    results = run_all(folder, jobs, work, -1, None, scheduler=scheduler)
    killer.join(PATIENCE)
    assert results == [{"square": n**2} for n in range(16)]
    assert [times(job, "end") for job in jobs] == [1] * 16
    assert [n for n in range(16) if times(jobs[n], "begin") > 1] == killed != []  # only what was under way began again
    assert list(folder.glob(".*")) == []


@pytest.mark.parametrize(
    ("fault", "reason"), [("dies", "it killed the worker that computed it"), ("raises", "MemoryError: no room for 1")]
)
def test_a_run_that_always_fails_is_named_when_all_others_are_finished(
    folder: Path, log: str, scheduler: str, fault: str, reason: str
) -> None:
    """In a thread: were the error not to arrive, `run_all` would wait for ever."""
    jobs = [Job(n, log, **{fault: 99 * (n == 1)}) for n in range(6)]
    raised: list[str] = []

    def compute() -> None:
        with pytest.raises(LostRunError) as caught:
            run_all(folder, jobs, work, -1, None, scheduler=scheduler)
        raised.append(str(caught.value))

    thread = threading.Thread(target=compute, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert raised[0].startswith("1 run(s) failed twice")
    assert "number=1" in raised[0]
    assert reason in raised[0]
    found = [runs.read(folder, job) for job in jobs]
    assert found == [None if n == 1 else {"square": n**2} for n in range(6)]


def test_a_run_of_a_reproduction_is_the_same_on_a_cluster(folder: Path, scheduler: str) -> None:
    config = Experiment(dataset="glyphs", iterations=3, training_images=300)
    (there,) = run_all(folder, [config], record, -1, None, scheduler=scheduler)
    (again,) = run_all(folder, [replace(config)], record, 2, None)
    assert there == again
    here = record(config)
    for result in (there, here):
        for key in ("seconds", "seconds_to_prune", "seconds_to_train"):
            del result[key]
    assert there == here


def test_a_cluster_of_one_worker_computes_there_and_not_here(folder: Path, log: str) -> None:
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as local:
        (found,) = run_all(folder, [Job(1, log)], where, -1, None, scheduler=local.scheduler_address)
    assert found["process"] != os.getpid()


def test_without_a_scheduler_at_the_address_a_sentence_says_so(
    folder: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "TIMEOUT", "500ms")
    with pytest.raises(runs.ClusterError, match="no Dask scheduler answers at tcp://127"):
        run_all(folder, [Job(1, log)], work, 1, None, scheduler="tcp://127.0.0.1:9")


def test_the_same_task_is_done_as_often_as_it_is_submitted(scheduler: str) -> None:
    with runs.workers(scheduler, 1) as cluster:
        numbers = [cluster.submit(os.urandom, 8).result() for _ in range(2)]
    assert numbers[0] != numbers[1]

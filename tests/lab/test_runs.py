"""Runs are computed once and never lost: not to a full disk, another version, a damaged file or a dead worker."""

from __future__ import annotations

import json
import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from minisnip.lab import runs
from minisnip.lab.runs import ABANDONED, LostRunError, run_all
from minisnip.training import DivergenceError, TrainingInterrupted, TrainResult
from tests.lab.jobs import Job, full_disk, times, where, work


def test_equal_configurations_are_one_run(folder: Path, log: str) -> None:
    job = Job(3, log)
    assert run_all(folder, [job, job, Job(4, log)], work, 1, None) == [{"square": 9}, {"square": 9}, {"square": 16}]
    assert times(job, "begin") == 1


@pytest.mark.parametrize("count", [1, 2, -1])
def test_a_run_has_a_process_that_is_not_ours_with_one_thread(
    folder: Path, log: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    found = run_all(folder, [Job(n, log) for n in range(4)], where, count, None)
    assert os.getpid() not in {result["process"] for result in found}
    assert {result["threads"] for result in found} == {"1"}


def test_one_job_is_one_run_at_a_time(folder: Path, log: str) -> None:
    run_all(folder, [Job(n, log, seconds=0.05) for n in range(6)], work, 1, None)
    assert [line.split()[0] for line in Path(log).read_text().splitlines()] == ["begin", "end"] * 6


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("fault", ["dies", "raises"])
def test_a_run_that_fails_once_loses_nothing(folder: Path, log: str, count: int, fault: str) -> None:
    jobs = [Job(n, log, **{fault: int(n == 2)}) for n in range(6)]
    assert run_all(folder, jobs, work, count, None) == [{"square": n**2} for n in range(6)]
    assert times(jobs[2], "begin") == 2
    assert sum(times(job, "begin") for job in jobs) <= 8  # the pool dies whole: its other worker may begin again too
    assert list(folder.glob(".*")) == []


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("fault", "reason"), [("dies", "it killed the worker that computed it"), ("raises", "MemoryError: no room for 2")]
)
def test_a_run_that_fails_twice_is_named_when_all_others_are_finished(
    folder: Path, log: str, count: int, fault: str, reason: str
) -> None:
    jobs = [Job(n, log, **{fault: 9 * (n == 2)}) for n in range(6)]
    with pytest.raises(LostRunError, match=rf"1 run\(s\) failed twice.*number=2.*: {reason}"):
        run_all(folder, jobs, work, count, None)
    assert times(jobs[2], "begin") == 2
    found = [runs.read(folder, job) for job in jobs]
    assert found == [None if n == 2 else {"square": n**2} for n in range(6)]
    assert list(folder.glob(".*")) == []


@pytest.mark.parametrize("theirs", [{"minisnip": "0.0.1"}, {"minisnip": None}])
def test_a_folder_of_another_version_is_refused_and_left_as_it_is(folder: Path, log: str, theirs: Any) -> None:
    run_all(folder, [Job(1, log)], work, 1, None)
    file = runs.file_of(folder, Job(1, log))
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "versions": {**content["versions"], **theirs}}))
    before = file.read_text()
    with pytest.raises(runs.OtherVersionError, match=r"was written by minisnip .*: choose another folder"):
        run_all(folder, [Job(2, log)], work, 1, None)
    assert file.read_text() == before
    assert times(Job(2, log), "begin") == 0


def test_other_numerics_are_another_version(folder: Path, log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_all(folder, [Job(1, log)], work, 1, None)
    monkeypatch.setattr(runs, "NUMERICS", 3)
    with pytest.raises(runs.OtherVersionError, match=r"\(numerics 2\), this is .*\(numerics 3\)"):
        run_all(folder, [Job(1, log)], work, 1, None)


def test_a_folder_in_place_of_a_result_file_gets_a_sentence(folder: Path, log: str) -> None:
    runs.file_of(folder, Job(1, log)).mkdir(parents=True)
    with pytest.raises(ValueError, match="is a folder, and a result file was expected: delete it"):
        run_all(folder, [Job(1, log)], work, 1, None)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:50],
        lambda text: text.replace('"square": 1', '"square": 7'),
        lambda text: text.replace('"square": 1', ""),
        lambda text: text.replace('"number": 1', '"number": 2'),
        lambda text: "[]",
    ],
)
def test_a_damaged_file_is_computed_again(folder: Path, log: str, damage: Any) -> None:
    run_all(folder, [Job(1, log)], work, 1, None)
    file = runs.file_of(folder, Job(1, log))
    file.write_text(damage(file.read_text()))
    with pytest.warns(UserWarning, match=f"{file.name} is damaged or of another configuration: it is computed again"):
        assert run_all(folder, [Job(1, log)], work, 1, None) == [{"square": 1}]
    assert times(Job(1, log), "begin") == 2


def test_a_file_tells_the_commit_and_an_older_one_that_does_not_is_read(
    folder: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, commit in ((1, "a" * 40), (2, "b" * 40)):
        monkeypatch.setattr(runs, "commit", lambda commit=commit: commit)
        runs.save(folder, Job(number, log), {"square": number**2})
    jobs = [Job(1, log), Job(2, log), Job(1, log)]
    assert runs.commits(folder, jobs) == ["a" * 40, "b" * 40]
    file = runs.file_of(folder, Job(1, log))
    content = json.loads(file.read_text())
    file.write_text(json.dumps({key: content[key] for key in ("numerics", "config", "result", "versions")}))
    assert run_all(folder, jobs, work, 1, None) == [{"square": 1}, {"square": 4}, {"square": 1}]
    assert runs.commits(folder, jobs) == ["b" * 40, "unknown"]


def test_the_commit_is_that_of_the_checkout() -> None:
    assert runs.commit().partition("-")[0].isalnum()
    assert len(runs.commit().partition("-")[0]) == 40 or runs.commit() in ("not in a checkout", "unknown")


def test_without_git_the_commit_is_unknown_and_it_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def missing(*command: Any, **_: Any) -> Any:
        asked.append(command)
        raise FileNotFoundError("git")

    runs.commit.cache_clear()
    monkeypatch.setattr("subprocess.run", missing)
    found = {runs.commit(), runs.commit()}
    runs.commit.cache_clear()
    assert found <= {"unknown", "not in a checkout"}
    assert len(asked) <= 1


def test_a_full_disk_leaves_nothing_half_written(folder: Path, log: str) -> None:
    run_all(folder, [Job(1, log)], work, 1, None)
    with pytest.raises(OSError, match="No space left on device"):
        run_all(folder, [Job(1, log), Job(2, log)], full_disk, 1, None)
    assert [file.name for file in folder.iterdir()] == [runs.file_of(folder, Job(1, log)).name]
    assert run_all(folder, [Job(1, log), Job(2, log)], work, 1, None) == [{"square": 1}, {"square": 4}]
    assert times(Job(1, log), "begin") == 1


def test_what_killed_commands_left_goes_and_what_another_is_at_stays(folder: Path, log: str) -> None:
    folder.mkdir()
    for name in (".a.json.1.tmp", ".b.json.2.tmp"):
        (folder / name).touch()
        if ".a" in name:
            os.utime(folder / name, (0, time.time() - ABANDONED - 60))
    run_all(folder, [Job(1, log)], work, 1, None)
    assert {file.name for file in folder.glob(".*")} == {".b.json.2.tmp"}


def test_a_result_that_another_command_has_finished_meanwhile_is_kept(
    folder: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = runs.workers

    def meanwhile(*arguments: Any) -> Any:
        runs.save(folder, Job(1, log), {"square": "theirs"})
        return workers(*arguments)

    monkeypatch.setattr("minisnip.lab.runs.workers", meanwhile)
    assert run_all(folder, [Job(1, log)], work, 1, None) == [{"square": "theirs"}]
    assert not Path(log).exists()


@pytest.mark.parametrize("error", [DivergenceError, TrainingInterrupted])
def test_the_errors_of_training_can_be_raised_in_a_worker(
    error: type[DivergenceError] | type[TrainingInterrupted],
) -> None:
    result = TrainResult({}, [{"epoch": 1.0}], best_epoch=1, seconds=2.0, finished=False)
    received = pickle.loads(pickle.dumps(error("what happened", result)))
    assert (type(received), str(received), received.result) == (error, "what happened", result)


def test_after_an_error_of_ours_no_run_is_waited_for() -> None:
    def fail() -> None:
        with runs.workers(None, 1) as processes:
            processes.submit(time.sleep, 18)
            time.sleep(0.5)
            raise ZeroDivisionError

    started = time.perf_counter()
    with pytest.raises(ZeroDivisionError):
        fail()
    assert time.perf_counter() - started < 12

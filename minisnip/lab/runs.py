"""Many runs side by side, none computed twice, none lost: not when the command is killed, and not when a worker is.

Each run has a result file, named by its configuration: a frozen dataclass that determines the result. The file is
written whole or not at all, and holds the configuration, the numerics, and what computed it. A set of runs that was
killed therefore resumes. A run that raises an error or kills its worker is tried once more, alone; if it fails again,
it is named at the end, when all others are finished.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing.resource_tracker
import os
import platform
import signal
import subprocess
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import MISSING, asdict, fields
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import loky.backend.resource_tracker
import numpy as np
from loky import cpu_count, get_reusable_executor
from tqdm import tqdm

import minisnip
from minisnip import __version__
from minisnip.files import UnreadableFileError, delete_abandoned, load_json, save_text
from minisnip.lab.experiment import NUMERICS, Experiment, record

Configuration = TypeVar("Configuration")
Work = Callable[[Any], dict[str, Any]]

ABANDONED = 24 * 3600  # seconds, after which a half-written file is that of a killed command
IDLE = 60  # seconds, after which a process without work ends, whether the command lives or was killed
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1")
TIMEOUT = "10s"  # of a scheduler's answer
KILLED = "it killed the worker that computed it (memory, perhaps?)"


class OtherVersionError(ValueError):
    """A folder of runs that another version computed: this one might compute something else."""


class LostRunError(RuntimeError):
    """Runs that have no result, although each was tried twice."""


class ClusterError(RuntimeError):
    """A cluster that cannot be used."""


# Where a result comes from


@cache
def commit() -> str:
    """The commit of the checkout that this package is in; "-dirty" if something was changed. Asked once per process."""
    root = Path(minisnip.__file__).parents[1]
    if not (root / ".git").exists():
        return "not in a checkout"
    described = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(described, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> dict[str, Any]:
    """The versions and the machine that compute a result."""
    return {
        "minisnip": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }


# Result files


def digest(config: Any) -> str:
    """The name of a configuration: a hash of the numerics and of the fields that differ from their defaults.

    A field that is added later therefore leaves the names of stored runs as they are.
    """
    different = {f.name: getattr(config, f.name) for f in fields(config) if getattr(config, f.name) != f.default}
    return _hash({"numerics": NUMERICS, **different})


def file_of(folder: Path, config: Any) -> Path:
    """The result file of a configuration."""
    return folder / f"{digest(config)}.json"


def read(folder: Path, config: Any) -> dict[str, Any] | None:
    """The result of a configuration; None if there is no file, or it is damaged or of another configuration."""
    content = _content(file_of(folder, config))
    result: dict[str, Any] | None = content.get("result")
    older = not {"checksum", "commit"} & set(content)
    whole = older or content.get("checksum") == _hash(result)
    return result if result and whole and is_of(content, config) else None


def is_of(content: Mapping[str, Any], config: Any) -> bool:
    """Whether a file holds the result of a configuration, computed with these numerics.

    All fields are compared, so that a result computed with another default is not taken for this one. A field that the
    file does not know had its default.
    """
    stored, defaults = content.get("config"), {f.name: f.default for f in fields(config) if f.default is not MISSING}
    same = isinstance(stored, dict) and {**defaults, **stored} == json.loads(json.dumps(asdict(config)))
    return same and bool(content.get("numerics", 1) == NUMERICS)


def origin(config: Any) -> dict[str, Any]:
    """What a file with a result tells of it: the configuration, the numerics, and what computed it."""
    return {"numerics": NUMERICS, "config": asdict(config), "versions": versions(), "commit": commit()}


def save(folder: Path, config: Any, result: dict[str, Any]) -> None:
    """Write the result file, atomically."""
    content = {**origin(config), "result": result, "checksum": _hash(result)}
    save_text(file_of(folder, config), json.dumps(content, indent=1) + "\n")


def commits(folder: Path, configs: Iterable[Any]) -> list[str]:
    """The commits that computed the results, each once; "unknown" if an older file does not tell."""
    return sorted({str(_content(file_of(folder, config)).get("commit", "unknown")) for config in configs})


def refuse_other_versions(folder: Path) -> None:
    """Check that this version of minisnip, with these numerics, wrote all result files of a folder.

    Raises
    ------
    OtherVersionError
        Names both versions. A damaged file tells nothing and is skipped.
    ValueError
        If a result file is a folder.
    """
    ours = versions()["minisnip"], NUMERICS
    for file in sorted(folder.glob("*.json")):
        if file.is_dir():
            raise ValueError(f"{file} is a folder, and a result file was expected: delete it, or choose another --out")
        content = _content(file)
        wrote = content.get("versions")
        theirs = (wrote.get("minisnip"), content.get("numerics", 1)) if isinstance(wrote, dict) else ours
        if theirs != ours:
            raise OtherVersionError(
                f"{file} was written by minisnip {theirs[0]} (numerics {theirs[1]}), this is {ours[0]} (numerics "
                f"{ours[1]}): choose another folder with --out, or delete {folder}"
            )


def _content(file: Path) -> dict[str, Any]:
    """What the file holds; nothing if it does not exist or is damaged."""
    try:
        return load_json(file)
    except UnreadableFileError:
        return {}


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


# Many runs


def run_all(
    folder: Path,
    configs: Sequence[Configuration],
    work: Callable[[Configuration], dict[str, Any]],
    jobs: int = -1,
    title: str | None = "runs",
    scheduler: str | None = None,
) -> list[dict[str, Any]]:
    """The results of all configurations, in their order; those without a result file are computed now.

    Parameters
    ----------
    folder : Path
        For the result files.
    configs : sequence of frozen dataclasses
        Equal ones are one run.
    work : callable
        From a configuration to a result that JSON can hold; a function of a module, so that processes can find it.
    jobs : int
        Processes; -1 for one per core.
    title : str or None
        Of the progress bar, which counts runs and shows the time left; None for no bar.
    scheduler : str or None
        The address of a Dask cluster, such as tcp://host:8786, whose workers see `folder` too; None for processes here.

    Raises
    ------
    OtherVersionError
        If another version wrote in the folder.
    LostRunError
        If a run failed twice; says which, and why. All others are finished.
    ClusterError
        If no scheduler answers, Dask is not installed, or the cluster is lost.
    """
    folder = folder.resolve()
    refuse_other_versions(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _delete_abandoned(folder)
    distinct = list(dict.fromkeys(configs))
    missing = [config for config in distinct if read(folder, config) is None]
    for file in filter(Path.exists, (file_of(folder, config) for config in missing)):
        warnings.warn(f"{file} is damaged or of another configuration: it is computed again", stacklevel=2)
    hidden = None if title else True  # None: hidden unless on a terminal
    with tqdm(None, title, len(distinct), initial=len(distinct) - len(missing), unit="run", disable=hidden) as bar:
        lost = _compute(partial(_run_and_save, folder, work), missing, jobs, scheduler, bar) if missing else {}
    for config in missing:  # all of them are finished or lost; a worker may have died in the middle of writing one
        delete_abandoned(folder, file_of(folder, config).name)
    if lost:
        raise LostRunError(
            f"{len(lost)} run(s) failed twice, the second time alone, and have no result; all others are finished: "
            + "; ".join(f"{config}: {reason}" for config, reason in lost.items())
        )
    return _results(folder, configs)


def _delete_abandoned(folder: Path) -> None:
    """Delete what killed commands left; a younger file may belong to a command that is writing it."""
    for left in folder.glob(".*.tmp"):
        if left.stat().st_mtime < time.time() - ABANDONED:
            left.unlink(missing_ok=True)


def _results(folder: Path, configs: Sequence[Any]) -> list[dict[str, Any]]:
    found = {config: result for config in set(configs) if (result := read(folder, config)) is not None}
    if absent := set(configs) - set(found):
        raise LostRunError(
            f"{len(absent)} finished run(s) have no result in {folder}: do the workers of the cluster see this folder?"
        )
    return [found[config] for config in configs]


def _compute(task: Callable[[Any], str], missing: Sequence[Any], jobs: int, scheduler: str | None, bar: Any) -> Any:
    """Compute all, and once more, alone, each that failed: a dict of those that failed again, and why."""
    lost: dict[Any, str] = {}
    with workers(scheduler, jobs) as pool:
        for config in _side_by_side(task, missing, pool, bar):
            lost |= _side_by_side(task, [config], pool, bar)
    return lost


def _side_by_side(task: Callable[[Any], str], configs: Sequence[Any], pool: Workers, bar: Any) -> dict[Any, str]:
    """Compute all; what failed, and why. No more are handed out at a time than may be lost with a pool."""
    waiting, failed = deque(configs), dict[Any, str]()
    running: dict[Future[str], Any] = {}
    while waiting or running:
        while waiting and len(running) < pool.at_once:
            config = waiting.popleft()
            running[pool.submit(task, config)] = config
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            config = running.pop(future)
            try:
                reason = future.result()
            except pool.killed:
                reason = KILLED
            failed |= {config: reason} if reason else {}
            bar.update(not reason)
    return failed


def resumable(folder: Path, experiment: Experiment) -> dict[str, Any]:
    """As `record`; a run that was killed continues from its last finished epoch, which is kept in the folder."""
    checkpoint = file_of(folder, experiment).with_suffix(".checkpoint.npz")
    result = record(experiment, checkpoint)
    checkpoint.unlink(missing_ok=True)
    return result


def _run_and_save(folder: Path, work: Work, config: Any) -> str:
    """In the worker: the error of the run, or "" if it is finished.

    A cluster hands a run out again if its worker died, even just after the run was finished. An error of saving is
    raised, and stops all: on a full disk no other run could be saved either.
    """
    if read(folder, config) is None:
        try:
            result = work(config)
        except (Exception, KeyboardInterrupt) as error:
            return f"{type(error).__name__}: {error}"
        save(folder, config, result)
    return ""


# Where runs are computed


class Workers(NamedTuple):
    """An executor: how to submit a task, how many at a time, and the exception of a task whose worker died."""

    submit: Callable[..., Future[str]]
    at_once: float
    killed: type[Exception]


def workers(scheduler: str | None, jobs: int) -> AbstractContextManager[Workers]:
    """Processes of this machine, or the workers of the Dask cluster with this address.

    Each process has one thread for NumPy's BLAS, and so has each of Dask's, unless they were started otherwise. The
    workers of a cluster must have minisnip installed, and see the folder of the results under the same path.
    """
    return _processes(jobs) if scheduler is None else _cluster(scheduler)


@contextmanager
def _processes(jobs: int) -> Iterator[Workers]:
    jobs = cpu_count() if jobs == -1 else jobs
    options: dict[str, Any] = {"timeout": IDLE, "env": ONE_THREAD, "initializer": _ignore_ctrl_c}
    executor = partial(get_reusable_executor, jobs, **options)  # a new one if a worker died

    def submit(*task: Any) -> Any:
        with _ctrl_c_later():
            try:
                return executor().submit(*task)
            except BrokenExecutor:  # a worker died at this very moment
                return executor().submit(*task)

    try:
        yield Workers(submit, jobs, BrokenExecutor)
    except BaseException:
        executor().shutdown(kill_workers=True)
        raise


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Ctrl-C waits; and a process that starts meanwhile can do its imports before it ignores it."""
    for tracker in (multiprocessing.resource_tracker, loky.backend.resource_tracker):
        tracker.ensure_running()  # the start of either would end the waiting
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ignore_ctrl_c() -> None:
    """In a worker: the terminal sends Ctrl-C to all processes, and the command ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def _cluster(scheduler: str) -> Iterator[Workers]:
    try:
        distributed: Any = import_module("distributed")
        client = distributed.Client(scheduler, timeout=TIMEOUT)
    except ImportError as error:
        raise ClusterError(f"--scheduler {scheduler} needs Dask: python -m pip install 'minisnip[cluster]'") from error
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`"
        ) from error
    with client:
        try:
            yield Workers(client.get_executor(pure=False).submit, float("inf"), distributed.KilledWorker)
        except Exception as error:
            raise ClusterError(
                f"the cluster has lost a run ({error}): is its scheduler up, is minisnip installed on its workers, and "
                "can they write to the folder?"
            ) from error

"""Work for processes whose beginnings and ends can be counted: it may die, raise, or find the disk full."""

from __future__ import annotations

import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from minisnip.lab.experiment import Experiment, record
from minisnip.training import loop


@dataclass(frozen=True)
class Job:
    number: int
    log: str
    dies: int = 0  # so often, before it is done
    raises: int = 0  # so often, before it is done
    seconds: float = 0.0


def work(job: Job) -> dict[str, Any]:
    """What processes compute; the log tells how often."""
    note(job, "begin")
    time.sleep(job.seconds)
    if times(job, "begin") <= job.dies:
        os._exit(1)
    if times(job, "begin") <= job.raises:
        raise MemoryError(f"no room for {job.number}")
    note(job, "end")
    return {"square": job.number**2}


def where(job: Job) -> dict[str, Any]:
    """The process that computes it, and how many threads BLAS has there."""
    return {"process": os.getpid(), "threads": os.environ.get("OPENBLAS_NUM_THREADS")}


def full_disk(job: Job) -> dict[str, Any]:
    """From now on this process cannot write a file to the end."""

    def full(descriptor: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    os.fsync = full  # type: ignore[assignment]
    return {"square": job.number**2}


def note(job: Job, what: str) -> None:
    with open(job.log, "a") as file:
        file.write(f"{what} {job.number} in {os.getpid()}\n")


def times(job: Job, what: str) -> int:
    return Path(job.log).read_text().count(f"{what} {job.number} in ")


def interrupted(experiment: Experiment) -> dict[str, Any]:
    """Ctrl-C in the second epoch of a training."""
    whole = loop.train_epoch

    def second(run: Any, state: Any, *others: Any) -> None:
        if state.history:
            signal.raise_signal(signal.SIGINT)
        whole(run, state, *others)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    with patch.object(loop, "train_epoch", second):
        return record(experiment)

"""Many runs side by side, none computed twice, none lost: not when all is killed, and not when one worker is.

Each run has a result file (`run_files.py`), so a set of runs that was killed goes on where it was. A run that is under
way has a mark beside it. What raises an error or kills its worker leaves its mark: each of these is run once more,
alone; one that fails again is named in the end, when all others are finished.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool
from tqdm import tqdm

from minisnip.lab.cluster import workers
from minisnip.lab.run_files import file_of, read, refuse_other_versions, save

Configuration = TypeVar("Configuration")
Work = Callable[[Any], dict[str, Any]]

ABANDONED = 24 * 3600  # seconds after which a mark or a half-written file is that of a command that was killed
KILLED = "it killed the worker that computed it (memory, perhaps?)"


class LostRunError(RuntimeError):
    """Runs that have no result though all was tried."""


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
        Of the result files.
    configs : sequence of frozen dataclasses
        Those that are equal are one run.
    work : callable
        From a configuration to a result that JSON can hold; a function of a module, so that processes can find it.
    jobs : int
        Processes; -1 for one on each core.
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
    """
    folder = folder.resolve()
    refuse_other_versions(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _tidy(folder)
    distinct = list(dict.fromkeys(configs))
    missing = [config for config in distinct if read(folder, config) is None]
    for damaged in filter(Path.exists, (file_of(folder, config) for config in missing)):
        warnings.warn(f"{damaged} is damaged: it is computed again", stacklevel=2)
    hidden = None if title else True  # None: hidden unless on a terminal
    with tqdm(None, title, len(distinct), initial=len(distinct) - len(missing), unit="run", disable=hidden) as bar:
        if missing:
            with workers(scheduler, jobs) as parallel:
                _Computation(folder, work, parallel, bar, uuid4().hex[:8]).compute(missing)
    return _results(folder, configs)


def _tidy(folder: Path) -> None:
    """Delete what killed commands left; what is younger may be another command's that is at work in this folder."""
    for left in (*folder.glob(".*.started"), *folder.glob(".*.tmp")):
        if left.stat().st_mtime < time.time() - ABANDONED:
            left.unlink(missing_ok=True)


def _results(folder: Path, configs: Sequence[Any]) -> list[dict[str, Any]]:
    found = {config: result for config in set(configs) if (result := read(folder, config)) is not None}
    if absent := set(configs) - set(found):
        raise LostRunError(
            f"{len(absent)} finished run(s) have no result in {folder}: do the workers of the cluster see this folder?"
        )
    return [found[config] for config in configs]


@dataclass(frozen=True)
class _Computation:
    """What is computed where, with marks that no other command touches: their names end in its token."""

    folder: Path
    work: Work
    parallel: Mapping[str, Any]
    bar: Any
    token: str

    def compute(self, missing: Sequence[Any]) -> None:
        """Compute all; what failed is tried again alone, and named if that fails too."""
        try:
            lost = self._compute(missing)
        finally:
            for mark in self.folder.glob(f".*.{self.token}.started"):
                mark.unlink(missing_ok=True)
        if lost:
            raise LostRunError(
                f"{len(lost)} run(s) failed twice, the second time alone, and have no result; all others are finished: "
                + "; ".join(f"{config}: {reason}" for config, reason in lost.items())
            )

    def _compute(self, missing: Sequence[Any]) -> dict[Any, str]:
        """What failed twice, and why."""
        lost: dict[Any, str] = {}
        while missing and not self._side_by_side(missing):
            unfinished = [config for config in missing if read(self.folder, config) is None]
            begun = [config for config in unfinished if self._mark(config).exists()]
            lost |= self._alone(begun or unfinished)  # a worker may die before it begins anything
            missing = [c for c in unfinished if c not in lost and read(self.folder, c) is None]
        return lost

    def _alone(self, failed: Sequence[Any]) -> dict[Any, str]:
        """Run each once more, with no other beside it: what failed again, and why."""
        for config in failed:
            self._side_by_side([config])
        return {c: self._why(c) for c in failed if read(self.folder, c) is None}

    def _side_by_side(self, configs: Sequence[Any]) -> bool:
        """Whether all are finished; if a worker died and took the pool of processes with it, some have not begun."""
        tasks = (delayed(_run_and_save)(self.folder, config, self.work, self._mark(config)) for config in configs)
        failed = 0
        try:
            for finished in Parallel(**self.parallel, batch_size=1, return_as="generator_unordered")(tasks):
                self.bar.update(int(finished))
                failed += not finished
        except BrokenProcessPool:
            return False
        return not failed

    def _mark(self, config: Any) -> Path:
        return self.folder / f".{file_of(self.folder, config).stem}.{self.token}.started"

    def _why(self, config: Any) -> str:
        mark = self._mark(config)
        return (mark.exists() and mark.read_text()) or KILLED


def _run_and_save(folder: Path, config: Any, work: Work, mark: Path) -> bool:
    """In the worker: whether the run is finished; if not, its mark tells the error.

    A cluster hands a run out again if its worker died, be it just after the run was finished. An error of saving is
    raised, and stops all: on a full disk no other run could be saved either.
    """
    if read(folder, config) is None:
        mark.write_text("")
        try:
            result = work(config)
        except Exception as error:
            mark.write_text(f"{type(error).__name__}: {error}")
            return False
        save(folder, config, result)
    mark.unlink(missing_ok=True)
    return True

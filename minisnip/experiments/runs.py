"""Many runs side by side, none computed twice, none lost: not when all is killed, and not when one worker is.

Each run has a result file (`run_files.py`), so a set of runs that was killed goes on where it was. A run that is under
way has a mark beside it. When a worker dies, the marks tell which runs it may have been: each of them is run once more,
alone; one that takes its worker down again is named in the end, when all others are finished.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed
from tqdm import tqdm

from minisnip.experiments.cluster import Deaths, workers
from minisnip.experiments.run_files import file_of, read, refuse_other_versions, save

Configuration = TypeVar("Configuration")
Work = Callable[[Any], dict[str, Any]]


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
        If a run killed its worker twice; says which. All others are finished.
    """
    folder = folder.resolve()
    refuse_other_versions(folder)
    folder.mkdir(parents=True, exist_ok=True)
    distinct = list(dict.fromkeys(configs))
    missing = [config for config in distinct if read(folder, config) is None]
    for left in (*(file_of(folder, config) for config in missing), *folder.glob(".*.started")):
        left.unlink(missing_ok=True)
    hidden = None if title else True  # None: hidden unless on a terminal
    with tqdm(None, title, len(distinct), initial=len(distinct) - len(missing), unit="run", disable=hidden) as bar:
        if missing:
            _compute(folder, missing, work, jobs, scheduler, bar)
    results = [read(folder, config) for config in configs]
    return [result for result in results if result is not None]


def _compute(folder: Path, missing: Sequence[Any], work: Work, jobs: int, scheduler: str | None, bar: Any) -> None:
    """Compute all; what killed its worker is tried again alone, and named if that fails too."""
    lost: list[Any] = []
    with workers(scheduler) as deaths:
        while missing and not _side_by_side(folder, missing, work, jobs, deaths, bar):
            suspects = [config for config in missing if _mark(folder, config).exists()]
            lost += [c for c in suspects or missing if not _side_by_side(folder, [c], work, 2, deaths, bar)]
            missing = [c for c in missing if c not in lost and not file_of(folder, c).exists()]
    if lost:
        names = "; ".join(map(str, lost))
        raise LostRunError(
            f"{len(lost)} run(s) killed the worker that computed them, twice (memory, perhaps?), and have no result; "
            f"all others are finished: {names}"
        )
    if absent := [config for config in missing if not file_of(folder, config).exists()]:
        raise LostRunError(
            f"{len(absent)} finished run(s) have no result in {folder}: do the workers of the cluster see this folder?"
        )


def _side_by_side(folder: Path, configs: Sequence[Any], work: Work, jobs: int, deaths: Deaths, bar: Any) -> bool:
    """Compute the runs in so many processes; False if one of them died."""
    tasks = (delayed(_run_and_save)(folder, config, work) for config in configs)
    try:
        for _ in Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")(tasks):
            bar.update()
    except deaths:
        return False
    return True


def _run_and_save(folder: Path, config: Any, work: Work) -> None:
    """In the worker. A cluster hands a run out again if its worker died, be it just after the run was finished."""
    if file_of(folder, config).exists():
        return
    mark = _mark(folder, config)
    mark.touch()
    save(folder, config, work(config))
    mark.unlink(missing_ok=True)


def _mark(folder: Path, config: Any) -> Path:
    return folder / f".{file_of(folder, config).stem}.started"

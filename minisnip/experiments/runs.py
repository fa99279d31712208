"""Runs that are never computed twice: each has one result file, named by its configuration, and many run side by side.

A configuration is a frozen dataclass that determines the result. The file is written whole or not at all, so a set of
runs that was killed goes on where it was. Each process has one thread of its own for NumPy's BLAS.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from minisnip.experiments.run_folder import versions
from minisnip.files import save_text

Configuration = TypeVar("Configuration")


def file_of(folder: Path, config: Any) -> Path:
    """The result file of a configuration: its hash, so that another configuration has another file."""
    digest = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode()).hexdigest()[:16]
    return folder / f"{digest}.json"


def read(folder: Path, config: Any) -> dict[str, Any] | None:
    """The result of a configuration, or None if it is not there; a damaged file counts as not there, with a warning."""
    file = file_of(folder, config)
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        result: dict[str, Any] = found["result"]
        if found["config"] == json.loads(json.dumps(asdict(config))):
            return result
    except (ValueError, KeyError, TypeError):
        pass
    warnings.warn(f"{file} is damaged: it is computed again", stacklevel=2)
    return None


def run_all(
    folder: Path,
    configs: Sequence[Configuration],
    work: Callable[[Configuration], dict[str, Any]],
    jobs: int = -1,
    title: str | None = "runs",
) -> list[dict[str, Any]]:
    """The results of all configurations, in their order; those without a result file are computed now.

    Parameters
    ----------
    folder : Path
        Of the result files.
    configs : sequence of frozen dataclasses
    work : callable
        From a configuration to a result that JSON can hold; a function of a module, so that processes can find it.
    jobs : int
        Processes; -1 for one on each core.
    title : str or None
        Of the progress bar, which counts runs and shows the time left; None for no bar.
    """
    missing = [config for config in configs if read(folder, config) is None]
    with parallel_config("loky", inner_max_num_threads=1):
        tasks = (delayed(_run_and_save)(folder, config, work) for config in missing)
        done = Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
        hidden = None if title else True  # None: hidden unless on a terminal
        for _ in tqdm(done, title, len(configs), initial=len(configs) - len(missing), unit="run", disable=hidden):
            pass
    results = [read(folder, config) for config in configs]
    return [result for result in results if result is not None]


def _run_and_save(folder: Path, config: Any, work: Callable[[Any], dict[str, Any]]) -> None:
    content = {"config": asdict(config), "result": work(config), "versions": versions()}
    save_text(file_of(folder, config), json.dumps(content, indent=1) + "\n")

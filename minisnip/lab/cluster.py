"""Where runs are computed: in processes of this machine, or by the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from joblib import cpu_count, parallel_config

TIMEOUT = "10s"


class ClusterError(RuntimeError):
    """A cluster that cannot be used."""


@contextmanager
def workers(scheduler: str | None, jobs: int) -> Iterator[dict[str, Any]]:
    """Inside, joblib's `Parallel` hands its tasks to processes here, or to the cluster with this address.

    Each process has one thread for NumPy's BLAS, and so has each of Dask's, unless they were started otherwise. The
    workers of a cluster must have minisnip installed, and see the folder of the results under the same path.

    Yields
    ------
    dict
        Options for `Parallel`. For one job joblib would compute in this very process, which a run could take down with
        it: there are always two, of which one is idle if only one task is handed out at a time.

    Raises
    ------
    ClusterError
        If no scheduler answers there, or `distributed` is not installed.
    """
    if scheduler is None:
        jobs = cpu_count() if jobs == -1 else jobs
        with parallel_config("loky", inner_max_num_threads=1):
            yield {"n_jobs": max(2, jobs), "pre_dispatch": jobs}
    else:
        with _client(scheduler) as client:
            from minisnip.lab.dask_backend import DaskBackend  # here: Dask is an extra

            with parallel_config(DaskBackend(client=client)):
                yield {}


def _client(scheduler: str) -> Any:
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise ClusterError(f"--scheduler {scheduler} needs Dask: python -m pip install 'minisnip[cluster]'") from error
    try:
        return distributed.Client(scheduler, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`"
        ) from error

"""Where runs are computed: in processes of this machine, or by the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeAlias

from joblib import parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool

TIMEOUT = "10s"

Deaths: TypeAlias = tuple[type[Exception], ...]  # what is raised when a worker dies


class ClusterError(RuntimeError):
    """A cluster that cannot be used."""


@contextmanager
def workers(scheduler: str | None) -> Iterator[Deaths]:
    """Inside, joblib's `Parallel` hands its tasks to processes here, or to the cluster with this address.

    Each process has one thread for NumPy's BLAS, and so has each of Dask's, unless they were started otherwise. The
    workers of a cluster must have minisnip installed, and see the folder of the results under the same path.

    Raises
    ------
    ClusterError
        If no scheduler answers there, or `distributed` is not installed.
    """
    if scheduler is None:
        with parallel_config("loky", inner_max_num_threads=1):
            yield (BrokenProcessPool,)
        return
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise ClusterError(f"--scheduler {scheduler} needs Dask: python -m pip install 'minisnip[cluster]'") from error
    try:
        client = distributed.Client(scheduler, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`"
        ) from error
    with client, parallel_config("dask"):
        yield (distributed.KilledWorker,)

"""joblib's Dask backend, which here learns too of the tasks that have no result.

joblib 1.6 calls back only for what succeeded, so that `Parallel` waits for ever for a task that killed its worker. This
file needs Dask, and is imported where a cluster is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from distributed import KilledWorker
from joblib._dask import DaskDistributedBackend

from minisnip.lab.cluster import ClusterError

KILLED = [False]  # what a batch of one run answers if it killed its workers: not finished


class DaskBackend(DaskDistributedBackend):  # type: ignore[misc]
    """A run that killed its worker is not finished, which stops no other; without the cluster there is no going on."""

    def submit(self, func: Any, callback: Callable[[Any], None]) -> Future[Any]:
        """Call back in either case."""
        future: Future[Any] = super().submit(func, callback)
        future.add_done_callback(lambda done: callback(done.exception()) if done.exception() else None)
        return future

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Never one (be a single worker there, or left): then joblib would compute in this very process."""
        return max(2, int(super().effective_n_jobs(n_jobs)))

    def retrieve_result_callback(self, out: Any) -> Any:
        """The answer of the batch."""
        if isinstance(out, KilledWorker):
            return KILLED
        if isinstance(out, BaseException):
            raise ClusterError(
                f"the cluster has lost a run ({out}): is its scheduler up, and minisnip installed on its workers?"
            )
        return super().retrieve_result_callback(out)

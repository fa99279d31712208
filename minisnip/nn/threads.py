"""Split a batch into shards and give each to a thread, so that all cores work and none spins.

NumPy uses one core for everything but matrix products, and releases Python's lock in all operations that take long. So
where copies and element-wise work count, a batch is cut into shards. Each thread does one shard from end to end, and
the results are put together in the order of the shards. The cut does not depend on the number of threads: with one, two
or four the answer has the same bytes.

BLAS has one thread throughout. Its own threads spin while they wait, so beside any other busy process two of them are
slower than one; ours block.

The rule was measured (`python -m tests.benchmarks.sharding`): a network with a convolution is cut into shards of 50
images or fewer. An MLP is all matrix products: our threads would only wait for Python's lock, and every shard would
cost one more gradient of all the weights, so its batch is not cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from minisnip.nn.layers import Conv2d, Sequential

SHARD = 50  # images

Result = TypeVar("Result")
Shards: TypeAlias = Callable[[Callable[[slice], Any], int], list[Any]]


def cores() -> int:
    """The number of cores that this process may use; fewer if OMP_NUM_THREADS says so, as in parallel runs."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(asked)) if asked.isdecimal() and int(asked) else available


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of BLAS inside; `@one_thread()` does the same for a whole function.

    The order in which several threads add is not fixed, so with them the same seed would not give the same bytes.
    """
    with threadpool_limits(1):
        yield


@contextmanager
def sharding(net: Sequential, workers: int | None = None) -> Iterator[Shards]:
    """A function `shards(f, n)` that calls f(part) for each shard of n images and lists the answers in their order.

    Parameters
    ----------
    net : Sequential
        Whether the batch is cut depends on the layers alone.
    workers : int or None
        The number of threads; None for one on each core. With one, f runs in the thread that calls `shards`.

    Yields
    ------
    shards : callable
        It raises an exception of a thread as it is, and Ctrl-C as soon as the running shards are done.
    """
    workers = cores() if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers {workers} must be at least 1")
    keep_freed_memory()
    convolution = any(isinstance(block.layer, Conv2d) for block in net.blocks())
    with one_thread(), in_threads(workers) if convolution else nullcontext(uncut) as shards:
        yield shards


def uncut(f: Callable[[slice], Result], n: int) -> list[Result]:
    """All images as one shard, here."""
    return [f(slice(0, n))]


@contextmanager
def in_threads(workers: int) -> Iterator[Shards]:
    """Shards of at most SHARD images, each in one of the given number of threads."""
    if workers == 1:
        yield lambda f, n: [f(part) for part in shards_of(n)]
    else:
        with ThreadPoolExecutor(workers) as pool:
            yield lambda f, n: list(pool.map(in_this_context(f), shards_of(n)))


def shards_of(n: int) -> list[slice]:
    """The cut of n images: as few shards as hold at most SHARD each, of equal size give or take one."""
    count = -(-n // SHARD)
    edges = [i * n // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def in_this_context(f: Callable[[slice], Result]) -> Callable[[slice], Result]:
    """f as the calling thread would run it: `np.errstate` does not reach other threads by itself."""
    context = copy_context()
    return lambda part: context.copy().run(f, part)


LARGEST = 2**25 - 2**16  # bytes; glibc keeps no blocks of 32 MiB and more


def keep_freed_memory() -> None:
    """Free one large block, which is never written to, so that blocks up to its size are kept from now on.

    glibc's `free` gives a large block back to the system, which hands it out again, page by page and filled with
    zeros, at the next step. After the first large block has been freed, blocks up to that size are kept (mallopt(3),
    "dynamic mmap threshold"). Elsewhere this does nothing.
    """
    np.empty(LARGEST, np.uint8)

"""Spread a batch over threads, so that all cores work and none spins.

NumPy uses one core for everything but matrix products, and releases Python's lock in all operations that take long. So
where copies and element-wise work count, a batch is cut into shards. Each thread takes one shard from end to end, and
the results are put together in the order of the shards. Where matrix products are nearly all of the work, the threads
share each large product (`minisnip.autodiff.threads`). Neither cut depends on the number of threads: with one, two or
four the answer has the same bytes.

The rule was measured (`python -m tests.benchmarks.sharding`): a network with a convolution is cut into shards of 50
images or fewer. An MLP is not: our threads would only wait for Python's lock, and every shard would cost one more
gradient of all the weights. Where no gradient is asked for, it is cut too: each thread takes whole batches. A
recurrent network is cut as a convolution is: the products of one step are too small to be shared.

A network whose layers mix images, as batch normalization does, is never cut: a part of the batch has another loss.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.autodiff.threads import Map, blas, equal_parts, in_turn, one_thread, pool, products_by, shared
from minisnip.mistakes import warn
from minisnip.nn.layers import Conv2d, Sequential
from minisnip.nn.recurrent import Recurrent
from minisnip.nn.residual import Residual

SHARD = 50  # images
FORWARD = 500  # images that a thread takes through an MLP at a time, where no gradient is asked for
START = 2**25  # parameters times images: for less work of an MLP it takes longer to start a thread than it saves

Result = TypeVar("Result")
asked: ContextVar[int | None] = ContextVar("asked", default=None)  # threads; None for one per core


@contextmanager
def use_threads(threads: int | None) -> Iterator[None]:
    """Inside, this is the number of threads wherever none is given; None changes nothing."""
    token = asked.set(asked.get() if threads is None else checked(threads))
    try:
        yield
    finally:
        asked.reset(token)


def checked(threads: int) -> int:
    """The number of threads, if there can be so many."""
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer):
        raise TypeError(f"threads {threads!r} must be a whole number, or None for one thread per core")
    if threads < 1:
        raise ValueError(f"threads {threads} must be at least 1, or None for one thread per core")
    return int(threads)


def cores() -> int:
    """The number of threads where none is given: one for each core that this process may use.

    The process may use fewer cores than there are because of its affinity, the quota of its container (cgroup), or
    OMP_NUM_THREADS, as in parallel runs.
    """
    from loky import cpu_count  # here, because it takes a while

    threads, limit = asked.get(), os.environ.get("OMP_NUM_THREADS", "")
    if threads is not None:
        return threads
    return min(cpu_count(), int(limit)) if limit.isdecimal() and int(limit) else int(cpu_count())


@dataclass(frozen=True)
class Shards:
    """How threads share the work of a network.

    An exception of a thread is raised as it is, and Ctrl-C as soon as the running parts are done.

    Attributes
    ----------
    spread : callable
        Calls a function for each part, in several threads.
    size : int or None
        The most images in a shard; None for one shard of all images.
    part : int or None
        In that case, the most images that a thread takes at a time where no gradient is asked for; None for a batch.
    """

    spread: Map
    size: int | None = None
    part: int | None = FORWARD

    def __call__(self, f: Callable[[slice], Result], n: int) -> list[Result]:
        """f of each shard of n images, in their order: what a gradient takes."""
        return self.spread(f, cut(slice(0, n), self.size)) if self.size else [f(slice(0, n))]

    def forward(self, f: Callable[[slice], Array], batches: Sequence[slice]) -> Array:
        """f of all images of the batches, in one array; a thread takes a part from end to end."""
        most = self.size or self.part
        parts = [part for batch in batches for part in (cut(batch, most) if most else [batch])]
        with products_by(None):
            return np.concatenate(self.spread(f, parts))


uncut = Shards(in_turn)


def cut(images: slice, size: int) -> list[slice]:
    """As few parts as hold at most `size` images each, of equal size give or take one."""
    n = images.stop - images.start
    parts = equal_parts(n, -(-n // size))
    return [slice(images.start + part.start, images.start + part.stop) for part in parts]


@contextmanager
def sharding(net: Sequential, threads: int | None = None, images: float = math.inf) -> Iterator[Shards]:
    """How threads share the work of a network, see `Shards`; inside, they share the large products of an MLP.

    Parameters
    ----------
    net : Sequential
        Whether the batch is cut depends on the layers alone.
    threads : int or None
        The number of threads, at most; None for one per core.
    images : int
        How many images there will be, if that is known: an MLP takes a few of them in one thread.

    Yields
    ------
    Shards
    """
    long = any(isinstance(block.layer, Conv2d | Recurrent | Residual) for block in net.blocks())
    small = not long and images * net.size < START
    threads = None if threads is None else checked(threads)
    threads = 1 if small else threads or cores()
    if not blas().lib_controllers:
        warn("the threads of NumPy's BLAS cannot be limited here: the last digits may depend on how many there are")
    keep_freed_memory()
    shards = long and not net.mixes_images
    with one_thread, (pool if shards else shared)(threads) as spread:
        yield Shards(spread, SHARD if shards else None, None if net.mixes_images else FORWARD)


def batches(net: Sequential, n: int, size: int) -> list[slice]:
    """n images in order, `size` at a time, the last batch smaller; all at once if the network mixes images."""
    size = n if net.mixes_images else size
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


LARGEST = 2**25 - 2**16  # bytes; glibc keeps no blocks of 32 MiB and more


def keep_freed_memory() -> None:
    """Free one large block, which is never written to, so that blocks up to its size are kept from now on.

    glibc's `free` gives a large block back to the system, which hands it out again, page by page and filled with
    zeros, at the next step. After the first large block has been freed, blocks up to that size are kept (mallopt(3),
    "dynamic mmap threshold"). Elsewhere this does nothing.
    """
    np.empty(LARGEST, np.uint8)

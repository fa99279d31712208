"""BLAS has one thread, and several threads of ours share a large matrix product.

BLAS's own threads spin while they wait. Beside any other busy process two of them are slower than one, and the last
digits of a product depend on how many there are. So BLAS has one thread while we compute, and ours block.

    with one_thread, shared(threads=2):
        y = product(a, b)

The cut of a product depends on its shapes alone, and each piece writes its own part of the result. So the answer has
the same bytes for any number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from itertools import pairwise
from threading import local
from typing import Any, TypeAlias, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

PIECE = 2**23  # multiplications: a smaller product takes less time than it takes to wake a thread
LENGTH = 128  # rows or columns: each piece copies all of the other factor once

Part = TypeVar("Part")
Result = TypeVar("Result")
Map: TypeAlias = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


@cache
def blas() -> ThreadpoolController:
    """The BLAS libraries of this process whose threads can be limited."""
    return ThreadpoolController().select(user_api="blas")


class _OneThread(ContextDecorator, local):
    """BLAS has one thread from the outermost entrance to its exit; what is nested in it costs next to nothing."""

    depth = 0

    def __enter__(self) -> None:
        if not self.depth:
            self.limits = blas().limit(limits=1)
        self.depth += 1

    def __exit__(self, *error: object) -> None:
        self.depth -= 1
        if not self.depth:
            self.limits.restore_original_limits()


one_thread = _OneThread()
"""One thread of BLAS: `with one_thread:`, or `@one_thread` for a whole function."""


def in_turn(f: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """f of each part, here."""
    return [f(part) for part in parts]


in_pieces: ContextVar[Map | None] = ContextVar("in_pieces", default=None)  # who computes the pieces of a product


@contextmanager
def pool(threads: int) -> Iterator[Map]:
    """As `in_turn`, but this thread and `threads` - 1 others take the parts as they come.

    A thread that has not begun when the last part is taken is not waited for. An exception of a thread is raised as it
    is, and Ctrl-C as soon as the running parts are done.
    """
    if threads == 1:
        yield in_turn
        return
    with ThreadPoolExecutor(threads - 1, initializer=one_thread.__enter__) as executor:  # MKL limits each thread apart

        def spread(f: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
            results: list[Any] = [None] * len(parts)
            todo = iter(range(len(parts)))  # shared: each index is taken once

            def work() -> None:
                try:
                    for i in todo:
                        results[i] = f(parts[i])
                finally:
                    deque(todo, maxlen=0)  # after an error nobody begins another part

            others = [executor.submit(copy_context().run, work) for _ in range(min(threads, len(parts)) - 1)]
            work()
            for future in others:
                if not future.cancel():
                    future.result()
            return results

        yield spread


@contextmanager
def shared(threads: int) -> Iterator[Map]:
    """As `pool`; inside, its threads share each large product."""
    with pool(threads) as spread, products_by(spread):
        yield spread


@contextmanager
def products_by(spread: Map | None) -> Iterator[None]:
    """Inside, `spread` computes the pieces of each large product; if it is None, products are not cut."""
    token = in_pieces.set(spread)
    try:
        yield
    finally:
        in_pieces.reset(token)


def product(a: Any, b: Any) -> Any:
    """np.matmul; if threads share it, a large product of two matrices is cut along its longer side."""
    spread = in_pieces.get()
    if spread is None or not (type(a) is type(b) is np.ndarray and a.ndim == b.ndim == 2):
        return np.matmul(a, b)
    n = max(len(a), b.shape[1])
    count = min(a.size * b.shape[1] // PIECE, n // LENGTH)
    if count < 2 or a.shape[1] != len(b):
        return np.matmul(a, b)
    parts = equal_parts(n, 1 << (count.bit_length() - 1))  # a power of two: 2, 4 and 8 threads get equal shares
    out = np.empty((len(a), b.shape[1]), np.result_type(a, b))
    if n == len(a):
        spread(lambda rows: np.matmul(a[rows], b, out=out[rows]), parts)
    else:
        spread(lambda columns: np.matmul(a, b[:, columns], out=out[:, columns]), parts)
    return out


def equal_parts(n: int, count: int) -> list[slice]:
    """n things in order, cut into parts of equal size, give or take one."""
    edges = [i * n // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]

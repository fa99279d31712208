"""How long the phases of an experiment take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Note under `phase` how long the block takes, in seconds."""
    started = time.perf_counter()
    yield
    seconds[phase] = round(time.perf_counter() - started, 3)

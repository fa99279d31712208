"""One thread for each process: the tests run side by side, and two pools of BLAS threads would wait for each other."""

import os
import signal
from collections.abc import Iterator

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; commands that tests start inherit it


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, in commands that the test starts too: a shell makes what it runs with & deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

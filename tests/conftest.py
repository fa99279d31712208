"""One thread for each process: the tests run side by side, and two pools of BLAS threads would wait for each other."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; commands that tests start inherit it

# of `python -m tests.mutation`: the same examples for every mutant, and none made smaller
settings.register_profile("mutation", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, in commands that the test starts too: a shell makes what it runs with & deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

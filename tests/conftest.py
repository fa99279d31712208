"""One thread for each process: the tests run side by side, and two pools of BLAS threads would wait for each other."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; commands that tests start inherit it

# of `python -m tests.mutation`: the same examples for every mutant, and none made smaller
settings.register_profile("mutation", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])

NO_SMOKE = set(  # files that take more than about four seconds each; together they are four fifths of the time
    "test_agree test_benchmarks test_cli test_cli_resume test_compaction test_compare test_curvature test_deletion "
    "test_derivatives test_dtype test_experiment test_look test_ownership test_planted_bugs test_plots "
    "test_prune_and_train test_reproduce test_runs test_schedules test_site test_terminal".split()
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of all other files: a minute over every package."""
    for item in items:
        if item.path.stem not in NO_SMOKE:
            item.add_marker(pytest.mark.smoke)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, in commands that the test starts too: a shell makes what it runs with & deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

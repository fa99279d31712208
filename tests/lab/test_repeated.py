"""A run can be repeated and resumed: the same bytes from another process, and from one that was killed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from minisnip.lab.experiment import Experiment
from minisnip.lab.reproduce.recipes import PROTOCOL
from minisnip.lab.runs import read, resumable, run_all
from minisnip.training import loop

EXPERIMENT = Experiment(dataset="glyphs", iterations=9, training_images=300, augment="shift", average=0.9, **PROTOCOL)
TIMES = ("seconds", "seconds_to_prune", "seconds_to_train")


def without_times(result: dict[str, Any] | None) -> dict[str, Any]:
    assert result is not None
    return {key: value for key, value in result.items() if key not in TIMES}


def killed(experiment: Experiment, folder: Path) -> None:
    """The process ends without warning in the third epoch."""
    whole = loop.train_epoch

    def third(run: Any, state: Any, *others: Any) -> None:
        if len(state.history) == 2:
            os._exit(9)
        whole(run, state, *others)

    with patch.object(loop, "train_epoch", third):
        resumable(folder, experiment)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return resumable(tmp_path_factory.mktemp("once"), EXPERIMENT)


def test_a_run_that_is_repeated_in_another_process_gives_the_same_bytes(once: dict[str, Any], tmp_path: Path) -> None:
    def repeated(experiment: Experiment) -> dict[str, Any]:
        return resumable(tmp_path, experiment)

    run_all(tmp_path, [EXPERIMENT], repeated, 1, None)
    again = read(tmp_path, EXPERIMENT)
    assert repr(without_times(again)) == repr(without_times(once))
    assert len([*tmp_path.iterdir()]) == 1  # no checkpoint is left


def test_a_run_that_was_killed_resumes_and_ends_with_the_same_bytes(once: dict[str, Any], tmp_path: Path) -> None:
    if (child := os.fork()) == 0:
        killed(EXPERIMENT, tmp_path)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".checkpoint.npz")
    begun: list[int] = []

    def counted(run: Any, state: Any, *others: Any, whole: Any = loop.train_epoch) -> None:
        begun.append(len(state.history))
        whole(run, state, *others)

    with patch.object(loop, "train_epoch", counted):
        resumed = resumable(tmp_path, EXPERIMENT)
    assert begun == [2]
    assert without_times(resumed) == without_times(once)
    assert [*tmp_path.iterdir()] == []

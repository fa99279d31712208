"""What was said once is said once, whatever happens to Python's own record; the user's filters decide as ever."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from minisnip.pruning import METHODS, LayerCollapseWarning, keep_top, shuffle_masks
from tests.networks import random_batch, random_params, small_mlp

SCORES = {"a.weight": np.ones(99), "b.weight": np.zeros(1)}


@contextmanager
def told(action: Any) -> Iterator[list[Any]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        yield caught


def forget() -> None:
    """Any library may do this; it makes Python forget what it told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")


@pytest.mark.parametrize(
    ("action", "times"), [("default", 1), ("module", 1), ("once", 1), ("always", 3), ("ignore", 0)]
)
def test_a_line_is_told_the_same_thing_once(action: str, times: int) -> None:
    share = {"default": 0.9, "module": 0.91, "once": 0.92, "always": 0.93, "ignore": 0.94}[action]
    with told(action) as caught:
        for _ in range(3):
            keep_top(SCORES, share)
            forget()
    assert [warning.filename for warning in caught] == [__file__] * times


def test_another_line_and_another_sentence_are_told_too() -> None:
    with told("default") as caught:
        for sparsity in (0.5, 0.6):
            keep_top(SCORES, sparsity)
        keep_top(SCORES, 0.6)
    assert len({(str(warning.message), warning.lineno) for warning in caught}) == len(caught) == 3


def test_what_was_ignored_is_not_told_yet() -> None:
    def collapse() -> None:
        keep_top(SCORES, 0.7)

    with told("ignore"):
        collapse()
    with told("default") as caught:
        collapse()
    assert len(caught) == 1


def test_an_error_is_raised_each_time() -> None:
    for _ in range(2):
        with pytest.raises(LayerCollapseWarning), told("error"):
            keep_top(SCORES, 0.8)


def test_a_method_in_rounds_and_a_shuffle_tell_a_loop_once() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    masks = {"a.weight": np.ones((2, 2)), "b.weight": np.eye(2)}
    with told("default") as caught:
        for _ in range(3):
            METHODS["iterative-snip"](net, params, x, y, 0.995)
        for _ in range(3):
            shuffle_masks(masks, 0)
            forget()
    assert [warning.category for warning in caught] == [LayerCollapseWarning, UserWarning]

"""While a function runs without others, no name leads to them; its own code and other functions work as ever."""

from __future__ import annotations

import cProfile
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import minisnip
from minisnip import Tensor, grad, ops, pruning
from minisnip.exercises import BlockedError, without
from minisnip.pruning import METHODS, Compact
from minisnip.pruning import keep_top as aliased
from minisnip.training import SGD

SCORES = {"w": np.arange(4.0)}
IN_A_LIST, PARTIAL = [pruning.keep_top], partial(pruning.keep_top, SCORES)


def swallowed() -> None:
    with suppress(BaseException):
        aliased(SCORES, 0.5)


def reloaded() -> None:
    importlib.reload(sys.modules["minisnip.pruning.masks"]).keep_top(SCORES, 0.5)


def another_module() -> None:
    spec: Any = importlib.util.spec_from_file_location("mine", sys.modules["minisnip.pruning.masks"].__file__)
    mine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mine)
    mine.keep_top(SCORES, 0.5)


def in_a_thread() -> None:
    thread = threading.Thread(target=swallowed)
    thread.start()
    thread.join()


WAYS: dict[str, Callable[[], Any]] = {
    "by its module": lambda: pruning.keep_top(SCORES, 0.5),
    "by an alias": lambda: aliased(SCORES, 0.5),
    "from a list": lambda: IN_A_LIST[0](SCORES, 0.5),
    "as a partial": lambda: PARTIAL(0.5),
    "by importlib": lambda: importlib.import_module("minisnip.pruning.masks").keep_top(SCORES, 0.5),
    "by getattr": lambda: getattr(minisnip.pruning, "keep_" + "top")(SCORES, 0.5),
    "as a copy of the function": lambda: FunctionType(aliased.__code__, aliased.__globals__)(SCORES, 0.5),
    "by another of the package": lambda: pruning.keep_top_per_layer(SCORES, 0.5),
    "by a registry": lambda: METHODS["magnitude"](None, SCORES, None, None, 0.5, rng=None),  # type: ignore[arg-type]
    "swallowed": swallowed,
    "reloaded": reloaded,
    "as another module": another_module,
    "in a thread": in_a_thread,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["minisnip.pruning", "minisnip.pruning.masks"])
def test_no_way_leads_to_what_is_blocked(way: str, name: str) -> None:
    with pytest.raises(BlockedError), without(name):
        WAYS[way]()


def test_the_error_has_the_name() -> None:
    for name in ("minisnip.pruning", "minisnip.pruning.keep_top"):
        with pytest.raises(BlockedError, match=r"^minisnip.pruning.keep_top$"), without(name):
            swallowed()


def test_afterwards_all_is_as_before() -> None:
    with pytest.raises(BlockedError), without("minisnip.pruning"):
        swallowed()
    assert aliased(SCORES, 0.5)["w"].sum() == 2
    assert sys.getprofile() is None
    assert threading.getprofile() is None


def test_one_function_of_many_a_class_and_an_op_can_be_blocked() -> None:
    with without("minisnip.pruning.overlap", "minisnip.training.SGD", "minisnip.ops.sum_to"):
        assert aliased(SCORES, 0.5)["w"].sum() == 2
        x = Tensor(np.ones(2))
        assert grad(ops.sum(x * x), x).tolist() == [2, 2]
    for name, call in {
        "minisnip.pruning.overlap": lambda: pruning.overlap(SCORES, SCORES),
        "minisnip.training.SGD": lambda: SGD().start(SCORES),
        "minisnip.ops.sum_to": lambda: ops.sum_to(np.ones(2), ()),
        "minisnip.pruning.Compact": lambda: repr(Compact.__new__(Compact)),
    }.items():
        with pytest.raises(BlockedError, match=name), without(name):
            call()  # type: ignore[no-untyped-call]


def test_all_of_minisnip_can_be_blocked() -> None:
    with without("minisnip"):
        assert np.sum(np.ones(2)) == 2
    with pytest.raises(BlockedError, match=r"minisnip.Tensor"), without("minisnip"):
        Tensor(1.0)


def test_an_own_answer_gets_its_result_and_its_errors() -> None:
    guarded: Any = without("minisnip.pruning")(lambda x: 1 / x)
    assert guarded(2.0) == 0.5
    with pytest.raises(ZeroDivisionError):
        guarded(0)


def unwatched() -> None:
    sys.setprofile(None)
    aliased(SCORES, 0.5)


def unwatched_for_a_moment() -> None:
    watch = sys.getprofile()
    unwatched()
    sys.setprofile(watch)


def profiled() -> None:
    """The standard library's profiler takes the place of the watch, without `sys.setprofile`."""
    with cProfile.Profile():
        pruning.keep_top(SCORES, 0.5)


def test_another_profiler_must_not_take_the_place_of_the_watch() -> None:
    with pytest.raises(BlockedError), without("minisnip.pruning"):
        profiled()


@pytest.mark.parametrize("answer", [unwatched, unwatched_for_a_moment])
def test_the_watch_must_stay(answer: Callable[[], None]) -> None:
    with pytest.raises(BlockedError, match=r"sys.setprofile"), without("minisnip.pruning"):
        answer()


def test_what_cannot_be_watched_or_is_not_there_is_refused() -> None:
    for name in ("math.prod", "minisnip.ops.tanh"):
        with pytest.raises(TypeError, match=f"{name} is not written in Python"), without(name):
            pass
    with pytest.raises(AttributeError, match="keep_tops"), without("minisnip.pruning.keep_tops"):
        pass


def test_a_pasted_copy_is_not_told_from_own_code() -> None:
    """As the docstring says."""
    namespace: dict[str, Any] = {}
    exec("def keep_top(scores, sparsity):\n    return scores['w'] > 1", namespace)
    with without("minisnip.pruning"):
        assert namespace["keep_top"](SCORES, 0.5).sum() == 2

"""Lesson 10: a mask in PyTorch's words, masks that round-off makes unequal, and how to measure milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array, Arrays
from minisnip.exercises.checks import Trial, exercise

SEED = 10


@exercise(
    "10.1",
    "a mask in PyTorch's words",
    "what does PyTorch store of a parameter that has a mask, and what of one that has none?",
    "a parameter with a mask becomes two entries: the weights as they are, and the mask",
    "name_orig and name_mask where there is a mask; a parameter without one keeps its name",
    own=("minisnip.export",),
)
def state_of(answer: Any) -> Iterator[Trial]:
    """The answer is a function (params, masks): dicts of arrays -> the state dict of `torch.nn.utils.prune`."""
    rng = np.random.default_rng(SEED)
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (1, 2), "fc.bias": (1,)}
    for masked in ((), ("fc.weight",), ("fc.weight", "fc.bias")):
        params = {name: rng.standard_normal(shape).round(2) for name, shape in shapes.items()}
        masks = {name: np.arange(params[name].size).reshape(shapes[name]) % 2.0 for name in masked}
        expected: dict[str, Array] = {}
        for name, w in params.items():
            expected |= {f"{name}_orig": w, f"{name}_mask": masks[name]} if name in masks else {name: w}
        given, kind = (
            f"params = {_lists(params)}, masks = {_lists(masks)}",
            f"{len(masks)} mask{'s' * (len(masks) != 1)}",
        )
        yield Trial(given, partial(_called, answer, params, masks), _lists(expected), kind=kind)


def _called(answer: Any, params: Arrays, masks: Arrays) -> Any:
    """What the answer gives, as lists and in a fixed order."""
    found = answer(*({name: a.copy() for name, a in arrays.items()} for arrays in (params, masks)))
    return _lists(found) if isinstance(found, Mapping) else found


def _lists(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(arrays[name]).tolist() for name in sorted(arrays)}


@exercise(
    "10.2",
    "round-off, or a mistake?",
    "which connections can round-off exchange: any, or those that are about as good as the last one that is kept?",
    "the threshold is the smallest score that mask a keeps; look only where the masks differ",
    "each score there must lie within `tolerance` times the threshold of the threshold",
)
def is_round_off(answer: Any) -> Iterator[Trial]:
    """The answer is a function (scores, a, b, tolerance) -> bool; the masks are flat arrays that keep as many."""
    scores, top = np.array([2.0, 4.0, 2.015, 2.03, 1.999, 1.0]), np.array([1, 1, 1, 1, 0, 0])
    others = {
        "the same mask": top,
        "a tie that fell the other way": np.array([0, 1, 1, 1, 1, 0]),
        "a connection that is far below": np.array([0, 1, 1, 1, 0, 1]),
        "a connection that is far above, and one below": np.array([1, 0, 1, 1, 1, 0]),
        "a connection that is above by more than the tolerance": np.array([1, 1, 1, 0, 1, 0]),
        "the scores in reverse order": np.array([1, 0, 1, 0, 1, 1]),
    }
    for scale in (1.0, 1e-6):
        for what, b in others.items():
            expected = np.array_equal(top, b) or what.startswith("a tie")
            given = f"{what}: scores = {(scale * scores).tolist()}, a = {top.tolist()}, b = {b.tolist()}"
            got = partial(_truth, answer, (scale * scores, top.copy(), b.copy(), 0.01))
            yield Trial(f"{given}, tolerance = 0.01", got, expected, kind=what)


def _truth(answer: Any, arguments: tuple[Any, ...]) -> Any:
    found = answer(*arguments)
    return bool(found) if isinstance(found, bool | np.bool_) else found


class Machine:
    """A clock, and work on a machine whose first call is slow and whose neighbors sometimes are.

    Attributes
    ----------
    calls : int
    now : float
        Seconds.
    """

    def __init__(self, seconds: list[float]) -> None:
        self.seconds, self.calls, self.now = seconds, 0, 0.0

    def work(self) -> None:
        self.now += self.seconds[min(self.calls, len(self.seconds) - 1)]
        self.calls += 1

    def clock(self) -> float:
        self.now += 1e-9  # no two times are the same
        return self.now


@exercise(
    "10.3",
    "milliseconds that can be repeated",
    "which of the calls is not like the others, and which number is not moved by one slow call?",
    "call work() once before you look at the clock: the first call sets things up. Then time each call alone",
    "take the median of the `repeats` times, which one slow neighbor does not move, and times 1000",
)
def milliseconds(answer: Any) -> Iterator[Trial]:
    """The answer is a function (work, clock, repeats) -> the median milliseconds of a call, after one to warm up."""
    machines = {
        "every call takes 0.002 s": [0.002],
        "the first call takes 1 s, the others 0.002 s": [1.0, 0.002],
        "one call takes 0.5 s, the others 0.002 s": [0.002, 0.002, 0.5, 0.002],
        "the first takes 1 s; then 0.001, 0.002, 0.003, 0.004 and 0.05 s": [1.0, 0.001, 0.002, 0.003, 0.004, 0.05],
    }
    for what, seconds in machines.items():
        expected = (float(round(1000 * np.median((seconds + 6 * seconds[-1:])[1:6]), 3)), 6)
        got = partial(_timed, answer, seconds)
        yield Trial(f"{what}; repeats = 5; (ms, calls)", got, expected, kind=what)


def _timed(answer: Callable[..., Any], seconds: list[float]) -> Any:
    """The milliseconds, and how often the work was done."""
    machine = Machine(seconds)
    return round(float(answer(machine.work, machine.clock, 5)), 3), machine.calls

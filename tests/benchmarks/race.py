"""The contestants' names, and a race: they take turns, and it is checked that they did the same work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from tests.benchmarks.turns import Effort, Entry, Situations, Turns, take_turns_in

US, PEER, FLOOR = "minisnip", "PyTorch", "matmul alone"
ONE_THREAD, SORT = "PyTorch, 1 thread", "np.argsort"
PACKAGES = {PEER: "torch", ONE_THREAD: "torch", "autograd": "autograd", "MyGrad": "mygrad"}
Row = dict[str, Any]  # what was measured, as it is written to the JSON


@cache
def installed(name: str) -> bool:
    return name not in PACKAGES or find_spec(PACKAGES[name]) is not None


def entries(contestants: Mapping[str, str], arguments: tuple[Any, ...]) -> dict[str, Entry]:
    """Those who are installed, all with the same arguments."""
    made = {name: Entry(f"tests.benchmarks.contestants.{make}", arguments) for name, make in contestants.items()}
    return {name: entry for name, entry in made.items() if installed(name)}


def race(given: Mapping[str, Entry], effort: Effort, slow: float = math.inf, rtol: float = 1e-3) -> Row:
    """The milliseconds of each turn of each contestant; `slow` as in `take_turns`.

    Raises
    ------
    ArithmeticError
        If a result of somebody else differs from ours: not the same work.
    """
    return race_in({"turns_ms": nullcontext}, given, effort, slow, rtol)


def race_in(
    situations: Situations, given: Mapping[str, Entry], effort: Effort, slow: float = math.inf, rtol: float = 1e-3
) -> Row:
    """As `race`, in each situation; its name is the key of its milliseconds."""
    found = take_turns_in(situations, given, effort, slow)
    check_same_work(next(iter(found.values())), rtol)
    steps = {name: turns.steps for name, turns in next(iter(found.values())).items()}
    return {"steps": steps, **{key: {name: t.milliseconds for name, t in f.items()} for key, f in found.items()}}


def check_same_work(turns: Mapping[str, Turns], rtol: float) -> None:
    """Compare the first results; the floor has none."""
    ours = turns[US].first
    for name, theirs in turns.items():
        if name != FLOOR and not np.allclose(theirs.first, ours, rtol=rtol):
            raise ArithmeticError(f"{name} got {theirs.first} where {US} got {ours}: not the same work")

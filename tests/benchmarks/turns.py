"""Processes that take turns: each contestant lives in a process of its own and works only while it is asked to.

Two libraries in one process would spin their thread pools against each other and double both times. A process between
its turns waits on a pipe; a pause before the next turn lets the threads of the last one fall asleep. The machine may
be noisy: neighbors in time meet the same noise, so what counts is the ratio of two contestants within a round.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import statistics
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, TypeAlias, TypeVar

PAUSE = 0.3  # seconds
SLOW = 0.1  # seconds: work that takes longer is done a fifth as often in a turn
PROCESSES = multiprocessing.get_context("spawn")  # a fork would inherit the parent's thread pools
Answer = tuple[list[float], list[float]]  # the result and the seconds of each time
Ask: TypeAlias = Callable[[int, int], Answer]  # to work so many times, after so many to warm up
Situations: TypeAlias = Mapping[str, Callable[[], AbstractContextManager[object]]]
T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    pairs : int
        Rounds, in each of which everybody has a turn.
    steps : int
        How often the work is done in a turn, of which the turn is the median.
    share : float
        Of an epoch, where epochs are measured.
    smoke : bool
        Only see that everything works: one process, little work, and times that mean nothing.
    """

    pairs: int = 7
    steps: int = 50
    share: float = 1.0
    smoke: bool = False

    @classmethod
    def parse(cls, argv: Sequence[str] | None, parser: argparse.ArgumentParser, share: float = 1.0) -> Effort:
        """The effort that a command line asks for."""
        parser.add_argument("--pairs", type=int, default=7, help="rounds, in each of which everybody has a turn")
        parser.add_argument("--steps", type=int, default=50, help="of which a turn is the median")
        parser.add_argument("--share", type=float, default=share, help=f"of an epoch (default: {share:g})")
        parser.add_argument("--smoke", action="store_true", help="only see that it works; the times mean nothing")
        options = parser.parse_args(argv)
        if options.pairs < 1 or options.steps < 1 or not 0 < options.share <= 1:
            parser.error("expected at least one pair and one step, and a share above 0 and up to 1")
        if options.smoke:
            return SMOKE
        return cls(options.pairs, options.steps, options.share)


SMOKE = Effort(pairs=2, steps=1, share=0.004, smoke=True)


@dataclass(frozen=True)
class Entry:
    """What a contestant does: `make`, as "module:function", is called once in its process and returns the work.

    The work is a function without arguments that returns a float, by which contestants can be compared.
    """

    make: str
    arguments: tuple[Any, ...] = ()

    def work(self) -> Callable[[], float]:
        """The work, set up."""
        module, name = self.make.split(":")
        work: Callable[[], float] = getattr(import_module(module), name)(*self.arguments)
        return work


@dataclass
class Turns:
    """What a contestant did: its first results, and the median seconds of each of its turns."""

    first: list[float]
    steps: int  # in each turn
    seconds: list[float] = field(default_factory=list)

    @property
    def milliseconds(self) -> list[float]:
        return [round(1000 * s, 4) for s in self.seconds]


def take_turns(entries: Mapping[str, Entry], effort: Effort, slow: float = math.inf) -> dict[str, Turns]:
    """Let all contestants work in turn, in every second round in the opposite order: neighbors stay neighbors.

    A turn is the median of `steps` times after as many as 5 to warm up; of `steps` // 5 if one takes longer than
    `slow` seconds. A turn of one step is not warmed up.
    """
    return take_turns_in({"": nullcontext}, entries, effort, slow)[""]


def take_turns_in(
    situations: Situations, entries: Mapping[str, Entry], effort: Effort, slow: float = math.inf
) -> dict[str, dict[str, Turns]]:
    """As `take_turns`, in every round in each situation: what its function returns is entered for the turns."""
    with ExitStack() as stack:
        asks, turns = dict[str, Ask](), {situation: dict[str, Turns]() for situation in situations}
        for name, entry in entries.items():  # in turn: setting up would spoil another's times
            asks[name] = stack.enter_context(_here(entry) if effort.smoke else _process(entry))
            first, steps = _first(asks[name], effort.steps, slow)
            for done in turns.values():
                done[name] = Turns(first, steps)
        for i in range(effort.pairs):
            for situation in _alternately(situations, i):
                with situations[situation]():
                    for name in _alternately(entries, i):
                        _turn(asks[name], turns[situation][name], warm=effort.steps > 1)
    return turns


def _alternately(names: Iterable[T], i: int) -> list[T]:
    """Forward in even rounds, backward in odd ones."""
    return list(names)[:: -1 if i % 2 else 1]


def _turn(ask: Ask, turns: Turns, warm: bool) -> None:
    seconds = ask(turns.steps, min(5, turns.steps) if warm else 0)[1]
    turns.seconds.append(statistics.median(seconds))


def _first(ask: Ask, steps: int, slow: float) -> tuple[list[float], int]:
    """Three times, of which the first also sets up: for the results, and to see whether it is slow; once if steps is 1.

    Returns
    -------
    results, steps : list of float, int
        The steps are those of each turn.
    """
    results, seconds = ask(1 if steps == 1 else 3, 0)
    return results, steps if min(seconds) < slow else max(1, steps // 5)


@contextmanager
def _here(entry: Entry) -> Iterator[Ask]:
    """The contestant in this process, but what it sets for its context (shared threads) is set for it alone."""
    context = copy_context()
    works = [context.run(entry.work)]
    try:
        yield lambda steps, warm_up: context.run(_timed, works[0], steps, warm_up)
    finally:
        context.run(works.clear)


@contextmanager
def _process(entry: Entry) -> Iterator[Ask]:
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_serve, args=(theirs, entry), daemon=True)
    process.start()
    theirs.close()  # so that reading from a process that died is an EOFError
    try:
        yield partial(_ask, ours)
    finally:
        ours.close()  # ends the process: it reads an EOFError
        process.join()


def _ask(pipe: Connection, steps: int, warm_up: int) -> Answer:
    pipe.send((steps, warm_up))
    answer: Answer | Exception = pipe.recv()
    if isinstance(answer, Exception):
        raise answer
    time.sleep(PAUSE)
    return answer


def _serve(pipe: Connection, entry: Entry) -> None:
    """The contestant's side: work when asked, until nobody asks any more."""
    try:
        work = entry.work()
        while True:
            pipe.send(_timed(work, *pipe.recv()))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return
    except Exception as error:
        error.add_note(traceback.format_exc())
        pipe.send(error)


def _timed(work: Callable[[], float], steps: int, warm_up: int) -> Answer:
    for _ in range(warm_up):
        work()
    results, seconds = [], []
    for _ in range(steps):
        started = time.perf_counter()
        results.append(work())
        seconds.append(time.perf_counter() - started)
    return results, seconds

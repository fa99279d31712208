"""Processes that take turns: each contestant lives in a process of its own and works only while it is asked to.

Two libraries in one process would spin their thread pools against each other and double both times. A process between
its turns waits on a pipe; a pause before the next turn lets the threads of the last one fall asleep. The machine may
be noisy: neighbors in time meet the same noise, so what counts is the ratio of two contestants within a round.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

PAUSE = 0.3  # seconds
SLOW = 0.2  # seconds: work that takes longer is done a fifth as often in a turn
PROCESSES = multiprocessing.get_context("spawn")  # a fork would inherit the parent's thread pools
Answer = tuple[list[float], list[float]]  # the result and the seconds of each time


@dataclass(frozen=True)
class Entry:
    """What a contestant does: `make`, as "module:function", is called once in its process and returns the work.

    The work is a function without arguments that returns a float, by which contestants can be compared.
    """

    make: str
    arguments: tuple[Any, ...] = ()


@dataclass
class Turns:
    """What a contestant did: its first results, and the median seconds of each of its turns."""

    first: list[float]
    steps: int  # in each turn
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def take_turns(entries: Mapping[str, Entry], rounds: int, steps: int, slow: float = math.inf) -> dict[str, Turns]:
    """Let all contestants work in turn, in every second round in the opposite order: neighbors stay neighbors.

    A turn is the median of `steps` times after as many as 5 to warm up; of `steps` // 5 if one takes longer than
    `slow` seconds.
    """
    with ExitStack() as stack:
        pipes, turns = dict[str, Connection](), dict[str, Turns]()
        for name, entry in entries.items():  # in turn: setting up would spoil another's times
            pipes[name] = stack.enter_context(_process(entry))
            turns[name] = _first(pipes[name], steps, slow)
        for i in range(rounds):
            for name in list(entries)[:: -1 if i % 2 else 1]:
                seconds = _ask(pipes[name], turns[name].steps, min(5, turns[name].steps))[1]
                turns[name].seconds.append(statistics.median(seconds))
    return turns


def ratio(ours: Turns, theirs: Turns) -> tuple[float, float, float]:
    """The median, the least and the greatest of the ratios of pairs: two turns of the same round."""
    ratios = [a / b for a, b in zip(ours.seconds, theirs.seconds, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def _first(pipe: Connection, steps: int, slow: float) -> Turns:
    """Three times, of which the first also sets up: for the results, and to see whether it is slow."""
    results, seconds = _ask(pipe, 3, 0)
    return Turns(results, steps if min(seconds) < slow else max(1, steps // 5))


def _ask(pipe: Connection, steps: int, warm_up: int) -> Answer:
    pipe.send((steps, warm_up))
    answer: Answer | Exception = pipe.recv()
    if isinstance(answer, Exception):
        raise answer
    time.sleep(PAUSE)
    return answer


@contextmanager
def _process(entry: Entry) -> Iterator[Connection]:
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_serve, args=(theirs, entry), daemon=True)
    process.start()
    theirs.close()  # so that reading from a process that died is an EOFError
    try:
        yield ours
    finally:
        ours.close()  # ends the process: it reads an EOFError
        process.join()


def _serve(pipe: Connection, entry: Entry) -> None:
    """The contestant's side: work when asked, until nobody asks any more."""
    try:
        _answer(pipe, entry)
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return
    except Exception as error:
        error.add_note(traceback.format_exc())
        pipe.send(error)


def _answer(pipe: Connection, entry: Entry) -> None:
    module, name = entry.make.split(":")
    work = getattr(import_module(module), name)(*entry.arguments)
    while True:
        steps, warm_up = pipe.recv()
        for _ in range(warm_up):
            work()
        results, seconds = [], []
        for _ in range(steps):
            started = time.perf_counter()
            results.append(work())
            seconds.append(time.perf_counter() - started)
        pipe.send((results, seconds))

"""An exercise tries an answer on small inputs first, and prints the first one that shows it wrong.

>>> from functools import partial
>>> def trials(answer):
...     for x in (1, 2, 3):
...         yield Trial(f"x = {x}", partial(answer, x), x * x)
>>> square = Exercise("0.1", "a square", trials, hint="a number times itself")
>>> def answer(x):
...     ...  # your code
>>> square(answer)
Exercise 0.1, a square: not started.
>>> square(lambda x: x + x)
Exercise 0.1, a square: not yet.
  given     x = 1
  got       2
  expected  1
  hint      a number times itself
>>> square(lambda x: x**2)
Exercise 0.1, a square: passed (3 trials).
"""

from __future__ import annotations

import dis
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

WIDTH, INDENT = 96, " " * 12  # characters of a printed line, and what stands before a long one that goes on
EMPTY = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}  # what a body of `...` is made of


@dataclass(frozen=True)
class Trial:
    """One claim about an answer.

    Attributes
    ----------
    given : str
        The input as a reader would write it.
    got : callable
        Asks the answer; an exception it raises is a counterexample too.
    expected : object
        Arrays and floats are compared with a relative tolerance of 1e-6, everything else exactly.
    hint : str
        Instead of the exercise's.
    """

    given: str
    got: Callable[[], Any]
    expected: Any
    hint: str = ""


@dataclass(frozen=True)
class Exercise:
    """A check that prints: not started, a counterexample, or passed.

    Attributes
    ----------
    number, title : str
    trials : callable
        From an answer to its trials, the smallest inputs first.
    hint : str
    """

    number: str
    title: str
    trials: Callable[[Any], Iterable[Trial]]
    hint: str

    def __call__(self, answer: Any) -> None:
        """Print the verdict."""
        print(_wrapped(f"Exercise {self.number}, {self.title}: {self.verdict(answer)}"))

    def verdict(self, answer: Any) -> str:
        """The words after the title."""
        if is_stub(answer):
            return "not started."
        count = 0
        for trial in self.trials(answer):
            count += 1
            got = _asked(trial)
            if not agree(got, trial.expected):
                return _counterexample(trial, got, trial.hint or self.hint)
        return f"passed ({count} trial{'s' * (count > 1)})."


class Raised(str):
    """An exception as a line of text, which agrees with nothing."""


def _asked(trial: Trial) -> Any:
    try:
        return trial.got()
    except Exception as error:
        return Raised(f"{type(error).__name__}: {error}")


def is_stub(answer: Any) -> bool:
    """Whether it is still as the lesson gives it: `...`, or a function whose body is `...`, or some of these."""
    if isinstance(answer, Mapping):
        return any(is_stub(value) for value in answer.values())
    if isinstance(answer, tuple | list):
        return any(is_stub(value) for value in answer)
    if not isinstance(answer, FunctionType):
        return answer is ...
    code = list(dis.get_instructions(answer))
    return all(
        step.opname in EMPTY and (step.opname not in ("LOAD_CONST", "RETURN_CONST") or step.argval is None)
        for step in code
    )


def agree(got: Any, expected: Any) -> bool:
    """Equal, and floats nearly so; shapes, lengths and names must be the same."""
    if isinstance(got, Raised):
        return False
    if isinstance(expected, Mapping):
        return isinstance(got, Mapping) and set(got) == set(expected) and all(agree(got[k], expected[k]) for k in got)
    if isinstance(expected, tuple | list):
        return (
            isinstance(got, tuple | list)
            and len(got) == len(expected)
            and all(agree(g, e) for g, e in zip(got, expected, strict=True))
        )
    if isinstance(expected, float | np.floating | np.ndarray):
        return _close(got, expected)
    return bool(np.all(got == expected))


def _close(got: Any, expected: Any) -> bool:
    try:
        return np.shape(got) == np.shape(expected) and np.allclose(got, expected, rtol=1e-6, atol=1e-9)
    except (TypeError, ValueError):
        return False


def _counterexample(trial: Trial, got: Any, hint: str) -> str:
    if got is None:
        hint = "the function returned nothing: is `return` missing?"
    rows = {"given": trial.given, "got": shown(got), "expected": shown(trial.expected), "hint": hint}
    return "not yet.\n" + "\n".join(_row(name, text) for name, text in rows.items() if text)


def _row(name: str, text: str) -> str:
    return f"  {name:<10}" + text.replace("\n", "\n" + INDENT)


def _wrapped(verdict: str) -> str:
    """Lines that a notebook does not break itself."""
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=INDENT) for line in verdict.split("\n"))


def shown(value: Any) -> str:
    """Short, as a reader would write it."""
    if isinstance(value, Raised):
        return str(value)
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=6, threshold=20, edgeitems=3, separator=", ")
    if isinstance(value, tuple | list):
        return "(" + ", ".join(map(shown, value)) + ")"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {shown(v)}" for name, v in value.items()) + "}"
    return str(value)

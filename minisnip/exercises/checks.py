"""An exercise tries an answer on small inputs first, and prints the first one that shows it wrong.

>>> from functools import partial
>>> @exercise("0.1", "a square", hint="a number times itself")
... def square(answer):
...     for x in (1, 2, 3):
...         yield Trial(f"x = {x}", partial(answer, x), x * x)
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

from minisnip.autodiff.engine import Array
from minisnip.mistakes import printable

WIDTH, INDENT = 96, " " * 12  # characters of a printed line, and the start of one that continues another
EMPTY = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}  # the instructions of a body of `...`


@dataclass(frozen=True)
class Trial:
    """One claim about an answer.

    Attributes
    ----------
    given : str
        The input as a reader would write it.
    got : callable
        Calls the answer; an exception that it raises is a counterexample too.
    expected : object
        Arrays and floats are compared with a relative tolerance of 1e-6, everything else exactly.
    hint : str
        Replaces the hint of the exercise.
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
        print(printable(_wrap(f"Exercise {self.number}, {self.title}: {self.verdict(answer)}")))

    def verdict(self, answer: Any) -> str:
        """The words after the title."""
        if is_stub(answer):
            return "not started."
        count = 0
        for trial in self.trials(answer):
            count += 1
            got = _ask(trial)
            if not agree(got, trial.expected):
                return _counterexample(trial, got, trial.hint or self.hint)
        return f"passed ({count} trial{'s' * (count != 1)})."


def exercise(number: str, title: str, hint: str = "") -> Callable[[Callable[[Any], Iterable[Trial]]], Exercise]:
    """Make an `Exercise` of the function that it decorates, which yields the trials of an answer."""
    return lambda trials: Exercise(number, title, trials, hint)


class Raised(str):
    """An exception as a line of text, which agrees with nothing."""


def _ask(trial: Trial) -> Any:
    try:
        return trial.got()
    except Exception as error:
        return Raised(f"{type(error).__name__}: {error}")


def is_stub(answer: Any) -> bool:
    """Whether the answer is as the lesson gives it: `...`, a function whose body is `...`, or a collection with one."""
    if isinstance(answer, Mapping):
        return any(is_stub(value) for value in answer.values())
    if isinstance(answer, tuple | list):
        return any(is_stub(value) for value in answer)
    if not isinstance(answer, FunctionType):
        return answer is ...
    return all(
        step.opname in EMPTY and (step.opname not in ("LOAD_CONST", "RETURN_CONST") or step.argval is None)
        for step in dis.get_instructions(answer)
    )


def agree(got: Any, expected: Any) -> bool:
    """Whether the two are equal, floats up to rounding; shapes, lengths and names must be the same."""
    if isinstance(got, Raised):
        return False
    if isinstance(expected, Mapping):
        return isinstance(got, Mapping) and set(got) == set(expected) and all(agree(got[k], expected[k]) for k in got)
    if isinstance(expected, tuple | list):
        return isinstance(got, tuple | list) and len(got) == len(expected) and all(map(agree, got, expected))
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
    rows = {"given": trial.given, "got": format_value(got), "expected": format_value(trial.expected), "hint": hint}
    return "not yet.\n" + "\n".join(_row(name, text) for name, text in rows.items() if text)


def _row(name: str, text: str) -> str:
    return f"  {name:<10}" + text.replace("\n", "\n" + INDENT)


def _wrap(verdict: str) -> str:
    """Break the lines before a notebook does."""
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=INDENT) for line in verdict.split("\n"))


def format_value(value: Any) -> str:
    """A short text, as a reader would write the value."""
    if isinstance(value, Raised):
        return str(value)
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=6, threshold=20, separator=", ")
    if isinstance(value, tuple | list):
        return "(" + ", ".join(map(format_value, value)) + ")"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {format_value(v)}" for name, v in value.items()) + "}"
    return str(value)


# Derivatives without a backward pass: answers about gradients are compared with them.


def slope(f: Callable[[complex], Any], x: float) -> float:
    """f'(x) by the complex step: exact to the last digits.

    >>> slope(lambda x: x**2, 3.0)
    6.0
    """
    return float(np.imag(f(complex(x, 1e-20))) / 1e-20)


def slopes(f: Callable[[Array], Any], x: Array, g: Array | float = 1.0) -> Array:
    """∂⟨g, f(x)⟩/∂x, entry by entry, by the complex step; f takes complex numbers.

    >>> slopes(np.sum, np.ones((2, 2)))
    array([[1., 1.],
           [1., 1.]])
    """
    basis = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([np.sum(g * np.imag(f(x + 1e-20j * e))) / 1e-20 for e in basis]).reshape(x.shape)

"""An exercise tries an answer on small inputs first, and prints the first one that shows it wrong.

>>> from functools import partial
>>> @exercise("0.1", "a square", "what is 2²?", "a number times itself", own=("minisnip.ops",))
... def square(answer):
...     for x in (1, 2, 3):
...         yield Trial(f"x = {x}", partial(answer, x), x * x, kind="odd numbers" if x % 2 else "even numbers")
>>> def answer(x):
...     ...  # your code
>>> square(answer)
Exercise 0.1, a square: not started yet (or it returns nothing).
>>> square(lambda x: x + x)
Exercise 0.1, a square: not yet.
  given     x = 1
  got       2
  expected  1
  hint 1/2  what is 2²?
>>> square(lambda x: x**2)
Exercise 0.1, a square: passed, tried on odd numbers (2), even numbers (1).
"""

from __future__ import annotations

import inspect
import linecache
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import wraps
from io import StringIO
from traceback import walk_tb
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.exercises.blocking import BlockedError, without
from minisnip.mistakes import printable

GRADIENTS = ("minisnip.grad", "minisnip.value_and_grad", "minisnip.jacobian")  # as `own`: a derivative is the exercise
WIDTH, INDENT = 96, " " * 12  # characters of a printed line, and the start of one that continues another


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
        What is special about this input; shown from the second hint on.
    kind : str
        What kind of input it is, in the plural; an exercise that is passed counts the trials of each kind.
    """

    given: str
    got: Callable[[], Any]
    expected: Any
    hint: str = ""
    kind: str = "inputs"


@dataclass(frozen=True)
class Exercise:
    """A check that prints: not started, a counterexample and a hint, or passed and what was tried.

    Attributes
    ----------
    number, title : str
    trials : callable
        From an answer to its trials, the smallest inputs first.
    hints : tuple of str
        The first asks, the second helps, the third nearly tells. Each different wrong answer gets the next.
    own : tuple of str
        The answers that minisnip has, as `without` takes them: an answer that calls one is told so.
    idle : str
        What an answer that is not started does, besides returning None.
    wrong : list of str
        The counterexamples that this session has seen.
    """

    number: str
    title: str
    trials: Callable[[Any], Iterable[Trial]]
    hints: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    idle: str = "returns nothing"
    wrong: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def __call__(self, answer: Any) -> None:
        """Print the verdict."""
        print(printable(_wrap(f"Exercise {self.number}, {self.title}: {self.verdict(answer)}")))

    def verdict(self, answer: Any) -> str:
        """The words after the title."""
        if is_stub(answer):
            return "not started yet."
        returned: list[Any] = []
        tried = Counter[str]()
        for trial in self.trials(_noted(answer, returned)):
            got = _ask(trial, answer)
            if agree(got, trial.expected):
                tried[trial.kind] += 1
            elif not tried and returned and all(value is None or value is ... for value in returned):
                return f"not started yet (or it {self.idle})."
            else:
                return self._counterexample(trial, got) + self._borrowed(answer)
        kinds = ", ".join(f"{kind} ({count})" for kind, count in tried.items())
        return f"passed, tried on {kinds or 'nothing'}." + self._borrowed(answer, "right, but ")

    def _counterexample(self, trial: Trial, got: Any) -> str:
        rows = {"given": trial.given, "got": format_value(got), "expected": format_value(trial.expected)}
        text = "not yet." + "".join(_row(name, value) for name, value in rows.items() if value)
        if got is None:
            return text + _row("hint", "the function returned nothing: is `return` missing?")
        if isinstance(got, Unknown):
            return text + _row("hint", "is this name misspelled, or not defined yet?")
        if text not in self.wrong:
            self.wrong.append(text)
        step = min(len(self.wrong), len(self.hints))
        here = _row("here", trial.hint) if trial.hint and (step > 1 or not step) else ""
        return text + here + (_row(f"hint {step}/{len(self.hints)}", self.hints[step - 1]) if step else "")

    def _borrowed(self, answer: Any, but: str = "") -> str:
        """A line that says what minisnip function the answer calls, if it calls one of `own`."""
        if not (self.own and callable(answer)):
            return ""
        with suppress(Exception), redirect_stdout(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what was warned of, printed and raised is known already
            try:
                for trial in self.trials(without(*self.own)(answer)):
                    trial.got()
            except BlockedError as called:
                return _row("note", f"this calls {called}: {but}the exercise is to write it")
        return ""


def exercise(
    number: str, title: str, *hints: str, own: tuple[str, ...] = (), idle: str = "returns nothing"
) -> Callable[[Callable[[Any], Iterable[Trial]]], Exercise]:
    """Make an `Exercise` of the function that it decorates, which yields the trials of an answer."""
    return lambda trials: Exercise(number, title, trials, hints, own, idle)


class Raised(str):
    """An exception as a line of text, which agrees with nothing."""


class Unknown(Raised):
    """A name that is not defined: no wrong idea, so it uses up no hint."""


def _ask(trial: Trial, answer: Any) -> Any:
    try:
        return trial.got()
    except Exception as error:
        kind = Unknown if isinstance(error, NameError) else Raised
        return kind(f"{type(error).__name__}: {error}{_line(error, answer)}")


def _line(error: Exception, answer: Any) -> str:
    """Where in the student's code it was raised: the last line of the module, or the notebook, that has the answer."""
    own = getattr(inspect.unwrap(answer), "__globals__", None)
    lines = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__) if frame.f_globals is own]
    if not lines:
        return ""
    text = linecache.getline(*lines[-1]).strip()
    return f"\nin line {lines[-1][1]} of your code" + f": {text}" * bool(text)


def _noted(answer: Any, returned: list[Any]) -> Any:
    """The answer; what it returns, or that it raised an exception, is noted too."""
    if isinstance(answer, Mapping | list):
        return answer

    @wraps(answer)
    def ask(*args: Any, **options: Any) -> Any:
        returned.append("an exception")
        returned[-1] = answer(*args, **options)
        return returned[-1]

    return ask


def is_stub(answer: Any) -> bool:
    """Whether the answer is `...`, or a collection with one; a function that is none must be called to know."""
    if isinstance(answer, Mapping):
        return any(is_stub(value) for value in answer.values())
    if isinstance(answer, tuple | list):
        return any(is_stub(value) for value in answer)
    return answer is ...


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


def _row(name: str, text: str) -> str:
    return f"\n  {name:<10}" + text.replace("\n", "\n" + INDENT)


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

"""What the test cells of the assignment use. `nbgrader autograde` copies this file to each submission again.

A student's function is called through `alone`: as long as it runs, the functions of minisnip that would answer for it
raise an error, whichever way they were imported. A pasted copy of their source is not prevented, nor is another process
or an attack on this file or on Python itself: have a look at the answers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from copy import deepcopy
from functools import cache
from io import StringIO
from typing import Any, TypeAlias

import numpy as np

from minisnip import pruning
from minisnip.data import Split, load
from minisnip.exercises import BlockedError, seed_of, without
from minisnip.exercises.checks import Trial, agree, format_value
from minisnip.nn import Flatten, Linear, ReLU, Sequential

Parts: TypeAlias = Mapping[str, tuple[float, list[Trial]]]  # by title, the points and the trials

LARGE = 20  # numbers of an array that are printed
ANSWERS = ("minisnip.pruning", "minisnip.training", "minisnip.lab", "minisnip.exercises")

warnings.simplefilter("ignore", pruning.LayerCollapseWarning)  # a cell that prints a warning gets no points in nbgrader


@cache
def glyphs() -> Split:
    """The images to train on, drawn once."""
    return load("glyphs").train


def problem(student: str) -> tuple[Sequential, dict[str, Any], Any, Any]:
    """(net, w, x, y): a network, its initial weights, 100 images and their labels, drawn from the student's id."""
    seed = seed_of(student)
    rng = np.random.default_rng(seed)
    units = 20 + seed % 11
    layers = {"fc1": Linear(784, units), "relu1": ReLU(), "fc2": Linear(units, 15), "relu2": ReLU()}
    net = Sequential((1, 28, 28), flatten=Flatten(), **layers, fc3=Linear(15, 10))
    w = net.init(rng, dtype=np.float64)
    return net, w, *pruning.scoring_batch(glyphs().images.astype(np.float64), glyphs().labels, 100, rng)


def alone(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without the package's answers; what it returns is read before they are back.

    Its warnings are not shown: nbgrader gives no points to a cell that prints any.
    """

    def run(*arguments: Any) -> Any:
        with without(*ANSWERS), warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            return plain(function(*arguments))

    return run


def plain(answer: Any) -> Any:
    """A copy made of dicts, tuples, arrays and numbers."""
    if isinstance(answer, Mapping):
        return {name: plain(value) for name, value in answer.items()}
    if isinstance(answer, tuple | list):
        return tuple(plain(value) for value in answer)
    return np.array(answer) if isinstance(answer, np.ndarray) else answer


def case(function: Callable[..., Any], *arguments: Any, gives: Any, given: str = "", hint: str = "") -> Trial:
    """A trial of a function with a copy of these arguments; `given` is said instead of long ones."""
    given = given or ", ".join(format_value(argument) for argument in arguments)
    return Trial(given, lambda: function(*deepcopy(arguments)), gives, hint)


def sizes(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """|.| of the arrays of a dict."""
    return {name: np.abs(a) for name, a in arrays.items()}


def ones(function: Callable[..., Any]) -> Callable[..., int]:
    """How many ones the masks have that the function returns."""
    return lambda *arguments: sum(int(np.sum(c)) for c in function(*arguments).values())


def keeps_its_arguments(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether a call leaves the arrays that it is given as they were."""
    given = deepcopy(arguments)
    function(*given)
    return agree(given, arguments)


def mark(tests: Callable[[Any], Parts], function: Callable[..., Any]) -> float:
    """The points of the parts whose trials all agree. Prints the first trial of each part that does not."""
    parts = tests(alone(function))
    return float(sum(points if _passes(title, points, trials) else 0 for title, (points, trials) in parts.items()))


def _passes(title: str, points: float, trials: list[Trial]) -> bool:
    for trial in trials:
        got = _ask(trial)
        if isinstance(got, Exception) or not agree(got, trial.expected):
            got, expected = (_short(text) for text in _first_difference(got, trial.expected))
            rows = {"given": trial.given, "got": got, "expected": expected, "hint": trial.hint}
            print(f"{title}: 0 of {points:g}")
            print(
                "\n".join(
                    f"  {name:<10}" + str(text).replace("\n", "\n" + 12 * " ") for name, text in rows.items() if text
                )
            )
            return False
    print(f"{title}: {points:g} of {points:g}" if trials else f"{title}: its tests are hidden")
    return bool(trials)


def _ask(trial: Trial) -> Any:
    try:
        return trial.got()
    except BlockedError as error:
        return BlockedError(f"this calls {error}: the task is to write it")
    except Exception as error:
        return error


def _short(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]} ..."


def _first_difference(got: Any, expected: Any, at: str = "") -> tuple[str, str]:
    """Both as text; of dicts the first name with another value, of large arrays the first number."""
    if isinstance(got, Mapping) and isinstance(expected, Mapping) and set(got) == set(expected):
        name = next(name for name in got if not agree(got[name], expected[name]))
        return _first_difference(got[name], expected[name], f"{name}: ")
    if isinstance(expected, np.ndarray) and expected.size > LARGE and np.shape(got) == expected.shape:
        place = next(i for i in np.ndindex(expected.shape) if not agree(got[i], expected[i]))
        return _first_difference(got[place], expected[place], f"{at}[{', '.join(map(str, place))}]: ")
    if isinstance(got, Exception):
        return f"{type(got).__name__}: {got}", format_value(expected)
    return at + format_value(got), at + format_value(expected)

"""What an exercise asks is what it asked when answers of students were tried on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from minisnip.exercises import Exercise
from minisnip.exercises.checks import format_value
from minisnip.exercises.lesson_5 import layers

DIGESTS = {
    "1.1": "793ffca950d5",
    "1.2": "e657b7aac01b",
    "1.3": "35973f9b165a",
    "1.4": "e1835494d722",
    "2.1": "117bd2883bca",
    "2.2": "347d7a1bf8e5",
    "2.3": "0dca906db3cd",
    "2.4": "4c8d181cc772",
    "3.1": "5f6b4e6c6247",
    "3.2": "bcf8c9274ff6",
    "3.3": "feff12ba5413",
    "3.4": "1104733bcc76",
    "4.1": "833226774023",
    "4.2": "6a09aa361c60",
    "4.3": "1e5d62c5db28",
    "4.4": "40e169d64b6c",
    "5.1": "12d67401f3ce",
    "5.2": "dc999b6b415c",
    "5.3": "cd1db410ffb7",
    "6.1": "b9273be042dc",
    "6.2": "1e13631cdf3e",
    "6.3": "53707c76d9ae",
    "6.4": "1b6c178f647c",
    "7.1": "a2b2e2838ccd",
    "7.2": "d7057d032f5b",
    "7.3": "22ba474b6a30",
    "7.4": "b3aba2b69418",
    "8.1": "2b3fd3340112",
    "8.2": "b9ec8e16857e",
    "8.3": "a807da9b9fd3",
    "8.4": "8fc027d97f7a",
}
LESSONS = [import_module(f"minisnip.exercises.lesson_{number}") for number in range(1, 9)]
EXERCISES = [e for lesson in LESSONS for e in vars(lesson).values() if isinstance(e, Exercise) and e is not layers]


def asked(exercise: Exercise) -> Iterator[str]:
    """The trials of an answer that nobody calls: what is given, with what it is called, what is expected."""

    def answer(*_: Any, **__: Any) -> None: ...

    for trial in exercise.trials(answer):
        yield format_value([trial.given, trial.expected, trial.hint])
        yield format_value([a for a in getattr(trial.got, "args", ()) if not callable(a)])


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)
def test_an_exercise_asks_what_it_asked(exercise: Exercise) -> None:
    digest = hashlib.sha256("\n".join(asked(exercise)).encode()).hexdigest()[:12]
    assert digest == DIGESTS.get(exercise.number), f"other trials: look at them, then store {digest}"

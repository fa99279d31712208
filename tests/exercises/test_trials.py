"""What an exercise asks is what it asked when answers of students were tried on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from minisnip.exercises import Exercise
from minisnip.exercises.checks import format_value
from minisnip.exercises.lesson_5 import layers

DIGESTS = {
    "1.1": "4a4477f4759c",
    "1.2": "2ce94667efae",
    "1.3": "b1e02fe67157",
    "1.4": "11ea7749a1b7",
    "2.1": "e353e27dd398",
    "2.2": "c7348bfff075",
    "2.3": "2f72fd35f71b",
    "2.4": "e69247f9bae8",
    "3.1": "2e9010fb5ea2",
    "3.2": "26f6ee232698",
    "3.3": "b0c26da4da03",
    "3.4": "3d2a30bf036c",
    "4.1": "ce97fa462636",
    "4.2": "1414e0f4662c",
    "4.3": "b8a8b0a4d941",
    "4.4": "398fb51bfe98",
    "5.1": "c9c4e5fe3a72",
    "5.2": "4c3c4a3535f0",
    "5.3": "69ad89d57674",
    "6.1": "c38449dc0d56",
    "6.2": "71c30636a209",
    "6.3": "124f656b2855",
    "6.4": "0678ab1a4237",
    "7.1": "04d0aa6e3f0a",
    "7.2": "96890499423c",
    "7.3": "581271f8766e",
    "7.4": "afc22319e7f5",
    "8.1": "40b93dd9db49",
    "8.2": "ca447f756cba",
    "8.3": "2281bb9dc55f",
    "8.4": "a83ae9958d7f",
    "9.1": "c2aa63f3279c",
    "9.2": "c023067e24fe",
    "9.3": "139691a9487f",
    "10.1": "a10c645b1e7d",
    "10.2": "3475aba0e666",
    "10.3": "073e3a30bb5c",
}
LESSONS = [import_module(f"minisnip.exercises.lesson_{number}") for number in range(1, 11)]
EXERCISES = [e for lesson in LESSONS for e in vars(lesson).values() if isinstance(e, Exercise) and e is not layers]


def asked(exercise: Exercise) -> Iterator[str]:
    """Each trial: what is given, expected and said, and the numbers with which the answer is called."""
    calls: list[str] = []

    def answer(*args: Any) -> None:
        calls.append(written(args))

    for trial in exercise.trials(answer):
        yield written([trial.given, trial.expected, trial.hint])
        with suppress(Exception):  # an answer of nothing
            trial.got()
    yield from calls


def written(value: Any) -> str:
    """All of it, to six digits."""
    if isinstance(value, np.random.Generator):
        return f"rng {value.random():.6g}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{written(value.ravel().tolist())}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {written(v)}' for name, v in value.items())}}}"
    return "" if callable(value) else format_value(value)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.number)
def test_an_exercise_asks_what_it_asked(exercise: Exercise) -> None:
    digest = hashlib.sha256("\n".join(asked(exercise)).encode()).hexdigest()[:12]
    assert digest == DIGESTS.get(exercise.number), f"other trials: look at them, then store {digest}"

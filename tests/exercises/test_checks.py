"""An exercise says "not started" of a stub, shows the first counterexample, and passes a right answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from functools import partial
from typing import Any

import numpy as np
import pytest

from minisnip.exercises import Exercise, Trial, fast_or, seed_of
from minisnip.exercises.checks import agree, format_value, is_stub


def trials(answer: Any) -> Iterator[Trial]:
    yield Trial("x = 1.0", partial(answer, 1.0), 1.0)
    yield Trial("x = 2.0", partial(answer, 2.0), 4.0, "2² is 4")


SQUARE = Exercise("9.1", "a square", trials, "multiply")


def stub(x: float) -> Any:
    """What is asked."""


def fails(x: float) -> float:
    raise KeyError("no")


def test_a_stub_is_not_started(capsys: pytest.CaptureFixture[str]) -> None:
    SQUARE(stub)
    assert capsys.readouterr().out == "Exercise 9.1, a square: not started.\n"


@pytest.mark.parametrize("answer", [stub, ..., (stub, 1), {"a": ...}, [1, ...], lambda: None])
def test_what_a_stub_is(answer: Any) -> None:
    assert is_stub(answer)


@pytest.mark.parametrize("answer", [lambda x: x, lambda: 0, 0, None, (), {}, len, "..."])
def test_what_no_stub_is(answer: Any) -> None:
    assert not is_stub(answer)


def test_the_first_counterexample_is_shown_with_its_own_hint() -> None:
    assert SQUARE.verdict(lambda x: x).splitlines() == [
        "not yet.",
        "  given     x = 2.0",
        "  got       2",
        "  expected  4",
        "  hint      2² is 4",
    ]
    assert "given     x = 1.0" in SQUARE.verdict(lambda x: x + 1)
    assert "hint      multiply" in SQUARE.verdict(lambda x: x + 1)


def test_a_forgotten_return_is_named() -> None:
    assert SQUARE.verdict(lambda x: print(end="")).endswith("the function returned nothing: is `return` missing?")


def test_long_hints_are_wrapped_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    Exercise("9", "one", lambda a: [Trial("", a, 1)], "word " * 40)(lambda: 0)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 96
    assert lines[-1].startswith(" " * 12 + "word")
    Exercise("9", "one", lambda a: [Trial("", a, 1)], "x" * 300)(lambda: 0)
    assert max(map(len, capsys.readouterr().out.splitlines())) == 96


def test_an_exception_is_a_counterexample() -> None:
    assert "got       KeyError: 'no'" in SQUARE.verdict(fails)


def test_an_exercise_and_its_trials_cannot_be_changed() -> None:
    for fixed in (SQUARE, *trials(stub)):
        with pytest.raises(FrozenInstanceError):
            setattr(fixed, "hint", "another")  # noqa: B010


def test_a_right_answer_passes() -> None:
    assert SQUARE.verdict(lambda x: x * x) == "passed (2 trials)."
    assert Exercise("9", "one", lambda a: [Trial("", a, 1)], "").verdict(lambda: 1) == "passed (1 trial)."
    assert Exercise("9", "none", lambda a: [], "").verdict(lambda: 1) == "passed (0 trials)."


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1.0 + 1.0005e-6, 1.0),
        (0.9e-9, 0.0),
        (np.float32(0.5), 0.5),
        ((1.0, 2.0), (1.0, 2.0)),
        ([1.0, 2.0], (1.0, 2.0)),
        (np.ones((2, 3)), np.ones((2, 3))),
        ({"a": np.ones(2)}, {"a": np.ones(2)}),
        ("x", "x"),
        (3, 3),
        (np.int64(3), 3),
    ],
)
def test_what_agrees(got: Any, expected: Any) -> None:
    assert agree(got, expected)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1.0 + 1.002e-6, 1.0),
        (1.1e-9, 0.0),
        (np.nan, 1.0),
        ("1", 1.0),
        (None, 1.0),
        ((1.0,), (1.0, 2.0)),
        (1.0, (1.0,)),
        (np.ones((3, 2)), np.ones((2, 3))),
        (np.ones(3), 1.0),
        ({"b": 1.0}, {"a": 1.0}),
        (3.5, 3),
        (None, "x"),
    ],
)
def test_what_does_not_agree(got: Any, expected: Any) -> None:
    assert not agree(got, expected)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333"),
        (np.float32(1e6), "1e+06"),
        (np.array([1 / 3, 2.0]), "[0.333333, 2.      ]"),
        (np.ones(20, int), f"[{', '.join(20 * '1')}]"),
        (np.arange(21), "[ 0,  1,  2, ..., 18, 19, 20]"),
        ((1, [0.5, "x"]), "(1, (0.5, x))"),
        ({"a": 0.25, "b": None}, "{a: 0.25, b: None}"),
    ],
)
def test_values_are_written_shortly(value: Any, text: str) -> None:
    assert format_value(value) == text


def test_fast_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINISNIP_FAST", raising=False)
    assert fast_or(10, fast=1) == 10
    monkeypatch.setenv("MINISNIP_FAST", "1")
    assert fast_or(10, fast=1) == 1


def test_every_student_has_a_seed_of_their_own() -> None:
    assert len({seed_of(f"student {i}") for i in range(1000)}) == 1000
    assert seed_of("Ada Lovelace") == 394_233_311  # in every term
    with pytest.raises(ValueError, match="each student needs a seed"):
        seed_of("  ")

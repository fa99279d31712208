"""An exercise says "not started" of a stub, shows the first counterexample, and passes a right answer."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from minisnip.exercises import Exercise, Trial, fast_or, seed_of
from minisnip.exercises.checks import agree, format_value, is_stub
from minisnip.pruning import keep_top as keep


def trials(answer: Any) -> Iterator[Trial]:
    yield Trial("x = 1.0", partial(answer, 1.0), 1.0)
    yield Trial("x = 2.0", partial(answer, 2.0), 4.0, "2² is 4")


HINTS = ("what is 2²?", "multiply", "x * x")
SQUARE = Exercise("9.1", "a square", trials, HINTS)


def fresh() -> Exercise:
    """In a session of its own."""
    return replace(SQUARE)


def stub(x: float) -> Any:
    """What is asked."""


def ellipsis(x: float) -> Any:
    return ...


def documented(x: float) -> Any:
    """What is asked."""
    ...  # your code # noqa: PIE790


def fails(x: float) -> float:
    raise KeyError("no")


def misspelled(x: float) -> float:
    square = x * x  # noqa: F841
    return sqare  # type: ignore[name-defined,no-any-return] # noqa: F821


def through_numpy(x: float) -> Any:
    return np.reshape(
        np.ones(3),
        (2, 2),
    )


def calls_another(x: float) -> float:
    return fails(x) + 1


def says(line: str, exercise: Exercise | None = None, answer: Any = None) -> bool:
    return line in (exercise or fresh()).verdict(answer).splitlines()


NOT_STARTED = "not started yet (or it returns nothing)."


def test_a_stub_is_not_started(capsys: pytest.CaptureFixture[str]) -> None:
    SQUARE(stub)
    assert capsys.readouterr().out == f"Exercise 9.1, a square: {NOT_STARTED}\n"


@pytest.mark.parametrize("answer", [stub, documented, ellipsis, lambda x: None, lambda x: print(end="")])
def test_a_function_that_returns_nothing_is_not_started(answer: Any) -> None:
    assert fresh().verdict(answer) == NOT_STARTED


@pytest.mark.parametrize("answer", [..., (..., 1), {"a": ...}, [1, ...]])
def test_what_a_stub_is(answer: Any) -> None:
    assert is_stub(answer)
    assert fresh().verdict(answer) == "not started yet."


@pytest.mark.parametrize("answer", [lambda x: x, lambda: 0, 0, None, (), len, "..."])
def test_what_no_stub_is(answer: Any) -> None:
    assert not is_stub(answer)
    assert fresh().verdict(answer).startswith("not yet")


def test_a_function_that_returns_something_once_is_started() -> None:
    assert fresh().verdict(lambda x: 1.0 if x == 1 else None).endswith("is `return` missing?")
    assert fresh().verdict(lambda x: None if x == 1 else fails(x)) == NOT_STARTED
    raising = Exercise("9", "twice", lambda a: [Trial("", lambda: (a(1), a(2)), 1)])
    assert "KeyError" in raising.verdict(lambda x: None if x == 1 else fails(x))


def _append(answer: Any, count: int) -> list[int]:
    given: list[int] = []
    for _ in range(count):
        answer(given)
    return given


def test_a_function_that_is_right_to_return_nothing_is_started() -> None:
    """It may do its work in its argument."""

    def appended(answer: Any) -> Iterator[Trial]:
        for n in (0, 1):
            yield Trial("", partial(_append, answer, n + 1), [1] * (n + 1))

    assert Exercise("9", "append", appended).verdict(lambda x: None) == NOT_STARTED
    assert Exercise("9", "append", appended).verdict(lambda x: x.append(1)).startswith("passed")
    once = Exercise("9", "append", appended).verdict(lambda x: None if x else x.append(1))
    assert once.startswith("not yet.")


def test_the_first_counterexample_is_shown() -> None:
    assert fresh().verdict(lambda x: x).splitlines() == [
        "not yet.",
        "  given     x = 2.0",
        "  got       2",
        "  expected  4",
        "  hint 1/3  what is 2²?",
    ]
    assert "given     x = 1.0" in fresh().verdict(lambda x: x + 1)


def hint_of(verdict: str) -> str:
    return verdict.splitlines()[-1]


def test_each_different_wrong_answer_gets_the_next_hint() -> None:
    exercise = fresh()
    wrong = [lambda x: x, lambda x: x + 1, fails, lambda x: x - 1, lambda x: 3 * x]
    shown = [hint_of(exercise.verdict(answer)) for answer in wrong]
    assert shown == [f"  hint {min(n, 3)}/3  {HINTS[min(n, 3) - 1]}" for n in range(1, 6)]


def test_the_same_wrong_answer_uses_up_no_hint() -> None:
    exercise = fresh()
    for _ in range(3):
        assert hint_of(exercise.verdict(lambda x: x)) == "  hint 1/3  what is 2²?"
    for answer in (lambda x: x + 1, lambda x: x):  # neither does an earlier one
        assert hint_of(exercise.verdict(answer)) == "  hint 2/3  multiply"
    exercise.verdict(lambda x: x * x)
    exercise.verdict(stub)
    assert hint_of(exercise.verdict(lambda x: x)) == "  hint 2/3  multiply"


def test_each_exercise_counts_its_own_hints() -> None:
    one, other = fresh(), fresh()
    one.verdict(lambda x: x)
    one.verdict(lambda x: x + 1)
    assert hint_of(other.verdict(lambda x: x)) == "  hint 1/3  what is 2²?"


def test_what_is_special_about_an_input_is_said_from_the_second_hint_on() -> None:
    exercise = fresh()
    assert not says("  here      2² is 4", exercise, lambda x: x)
    assert not says("  here      2² is 4", exercise, lambda x: x + 1)
    assert says("  here      2² is 4", exercise, lambda x: x)
    assert says("  here      2² is 4", replace(SQUARE, hints=()), lambda x: x)


def test_an_exercise_may_have_any_number_of_hints() -> None:
    assert fresh().verdict(lambda x: x).count("hint") == 1
    assert "hint" not in replace(SQUARE, hints=()).verdict(lambda x: x + 1)
    assert says("  hint 1/1  one", replace(SQUARE, hints=("one",)), lambda x: x)


def test_a_forgotten_return_is_named() -> None:
    said = fresh().verdict(lambda x: x if x == 1 else None)
    assert said.endswith("the function returned nothing: is `return` missing?")


def test_long_hints_are_wrapped_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    Exercise("9", "one", lambda a: [Trial("", a, 1)], ("word " * 40,))(lambda: 0)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 96
    assert lines[-1].startswith(" " * 12 + "word")
    Exercise("9", "one", lambda a: [Trial("", a, 1)], ("x" * 300,))(lambda: 0)
    assert max(map(len, capsys.readouterr().out.splitlines())) == 96


def line_in(function: Any, text: str) -> int:
    lines, start = inspect.getsourcelines(function)
    return start + next(i for i, line in enumerate(lines) if text in line)


@pytest.mark.parametrize(
    ("answer", "error", "where", "text"),
    [
        (fails, "KeyError: 'no'", fails, 'raise KeyError("no")'),
        (misspelled, "NameError: name 'sqare' is not defined", misspelled, "return sqare"),
        (through_numpy, "ValueError: cannot reshape", through_numpy, "return np.reshape("),
        (calls_another, "KeyError", fails, 'raise KeyError("no")'),
    ],
)
def test_an_exception_is_a_counterexample_with_its_line(answer: Any, error: str, where: Any, text: str) -> None:
    first, second = fresh().verdict(answer).splitlines()[2:4]
    assert first.startswith(f"  got       {error}")
    assert second.startswith(f"            in line {line_in(where, text)} of your code: {text}")


def test_a_misspelled_name_uses_up_no_hint() -> None:
    exercise = fresh()
    assert exercise.verdict(misspelled).endswith("\n  hint      is this name misspelled, or not defined yet?")
    assert "hint 1/3" in exercise.verdict(lambda x: x)
    assert "hint 2/3" in exercise.verdict(fails)


def test_only_the_trials_that_are_told_warn() -> None:
    """The search for calls of minisnip goes on where the verdict ended, and is silent."""

    def noisy(x: float) -> float:
        if x > 1:
            warnings.warn("not asked for", stacklevel=1)
        return x

    two = Exercise("9", "twice", lambda a: [Trial("", partial(a, x), 2 * x) for x in (1, 2)], own=("minisnip.ops",))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert two.verdict(noisy).startswith("not yet")
    assert not caught


def test_a_line_of_a_cell_is_counted_in_its_cell(capsys: pytest.CaptureFixture[str]) -> None:
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    shell.push({"square": fresh()})
    shell.run_cell("# one cell\n\n\ndef half(x):\n    return y / 2", store_history=True)
    shell.run_cell("def answer(x):\n    z = x\n    return half(z)\n\n\nsquare(answer)", store_history=True)
    out = capsys.readouterr().out
    assert "  got       NameError: name 'y' is not defined\n            in line 5 of your code: return y / 2\n" in out
    assert "Traceback" not in out


def test_an_exception_of_the_check_has_no_line_of_the_student() -> None:
    strict = Exercise("9", "one", lambda a: [Trial("", lambda: float(a()), 1.0)])
    namespace: dict[str, Any] = {}
    exec("def answer():\n    return 'one'\n\n\ndef wrong():\n    return one", namespace)
    assert "ValueError: could not convert" in strict.verdict(namespace["answer"])
    assert "in line" not in strict.verdict(namespace["answer"])
    assert "in line 6 of your code\n" in strict.verdict(namespace["wrong"])  # the text is not known


def test_what_is_no_function_gets_no_traceback() -> None:
    for answer in (3, None, "x", (1, 2)):
        assert f"'{type(answer).__name__}' object is not callable" in fresh().verdict(answer)


def test_an_exercise_and_its_trials_cannot_be_changed() -> None:
    for fixed in (SQUARE, *trials(stub)):
        with pytest.raises(FrozenInstanceError):
            setattr(fixed, "given", "another")  # noqa: B010


def by_sign(answer: Any) -> Iterator[Trial]:
    for x in (-2, 0, 1, 2, -1):
        yield Trial(f"x = {x}", partial(answer, x), abs(x), kind="numbers below 0" if x < 0 else "others")


def test_a_right_answer_passes_and_is_told_what_was_tried() -> None:
    assert fresh().verdict(lambda x: x * x) == "passed, tried on inputs (2)."
    assert Exercise("9", "size", by_sign).verdict(abs) == "passed, tried on numbers below 0 (2), others (3)."
    assert Exercise("9", "none", lambda a: []).verdict(lambda: 1) == "passed, tried on nothing."


def borrowed(scores: Any) -> Any:
    return keep(scores, 0.5)


def borrowed_and_printed(scores: Any) -> Any:
    print("here")
    return borrowed(scores)


def halves(answer: Any) -> Iterator[Trial]:
    yield Trial("", partial(answer, {"w": np.arange(4.0)}), {"w": np.array([0, 0, 1, 1])})
    yield Trial("", partial(answer, {"w": np.arange(2.0)}), {"w": np.array([0, 1])})


HALF = Exercise("9.2", "the better half", halves, HINTS, ("minisnip.pruning",))
CALLS = "note      this calls minisnip.pruning.keep_top: "


def test_an_answer_that_calls_the_package_is_told_so() -> None:
    assert HALF.verdict(borrowed).splitlines() == [
        "passed, tried on inputs (2).",
        f"  {CALLS}right, but the exercise is to write it",
    ]
    assert HALF.verdict(lambda s: {"w": s["w"] >= np.sort(s["w"])[s["w"].size // 2]}) == "passed, tried on inputs (2)."
    assert CALLS not in replace(HALF, own=()).verdict(borrowed)
    wrong = replace(HALF).verdict(lambda s: {"w": 1 - borrowed(s)["w"]})
    assert wrong.startswith("not yet")
    assert wrong.endswith(f"{CALLS}the exercise is to write it")


def test_what_the_answer_prints_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    HALF.verdict(borrowed_and_printed)
    assert capsys.readouterr().out == "here\n" * 2


def test_the_check_itself_may_call_the_package() -> None:
    checked = Exercise(
        "9", "half", lambda a: [Trial("", lambda: keep(a(), 0.5), {"w": np.array([0, 1])})], own=HALF.own
    )
    assert checked.verdict(lambda: {"w": np.arange(2.0)}) == "passed, tried on inputs (1)."


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

"""The page of wrong answers has those that have a reason, and no others."""

from __future__ import annotations

import re

from minisnip.exercises import Exercise
from tests.exercises.test_trials import LESSONS
from tests.exercises.wrong import PAGE, wrong_answers


def test_the_page_has_each_mistake_once_under_its_exercise() -> None:
    """What is printed of each is compared by `assert_caught`."""
    found: list[tuple[str, str]] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## (\d+\.\d+) ", line):
            number = heading[1]
        elif mistake := re.match(r"\*\*(.+?)\.\*\* (.+)", line):
            found.append((number, f"{mistake[1]}: {mistake[2]}"))
    assert found == [(e.number, f"{name}: {reason}") for name, (e, _, _, reason) in wrong_answers() if reason]


def test_every_exercise_has_three_hints_and_wrong_answers_with_reasons() -> None:
    exercises = [e for lesson in LESSONS for e in vars(lesson).values() if isinstance(e, Exercise)]
    assert {e.number for e in exercises} == {e.number for _, (e, _, _, reason) in wrong_answers() if reason}
    for exercise in exercises:
        asks, helps, tells = exercise.hints
        assert asks.endswith("?")
        assert not tells.endswith("?"), helps

"""What the tests of all lessons ask of a wrong answer."""

from __future__ import annotations

from typing import Any

from minisnip.exercises import Exercise


def assert_caught(exercise: Exercise, answer: Any, word: str) -> None:
    """It is no pass, and what is printed has a word that helps."""
    verdict = exercise.verdict(answer)
    assert verdict.startswith("not yet")
    assert word in verdict

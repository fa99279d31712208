"""What the tests of all lessons ask of a wrong answer.

python -m tests.exercises.wrong        store what is printed of all wrong answers: read the difference
"""

from __future__ import annotations

import re
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from minisnip.exercises import Exercise

VERDICTS = Path(__file__).with_name("verdicts.txt")


def assert_caught(exercise: Exercise, answer: Any, word: str) -> None:
    """It is no pass, and what is printed has a word that helps, and is what is stored."""
    verdict = exercise.verdict(answer)
    assert verdict.startswith("not yet")
    assert word in verdict
    assert entry(exercise, verdict) in VERDICTS.read_text(encoding="utf-8")


def entry(exercise: Exercise, verdict: str) -> str:
    """A verdict as it is stored: without the words of exceptions and numbers of the size of round-off."""
    words = re.sub(r"(\w+Error): .*?(?=\n  expected)", r"\1", verdict, flags=re.DOTALL)
    return f"Exercise {exercise.number}: {re.sub(r'[0-9.]+e[-+][0-9]+', '…', words)}\n\n"


if __name__ == "__main__":
    warnings.simplefilter("error", RuntimeWarning)  # as in the tests
    wrong = [case for n in range(1, 11) for case in import_module(f"tests.exercises.test_lesson_{n}").WRONG.values()]
    VERDICTS.write_text("".join(entry(e, e.verdict(answer)) for e, answer, _ in wrong), encoding="utf-8")

"""What the tests of all lessons ask of a wrong answer, and the page that is made of these answers.

    python -m tests.exercises.wrong        store what is printed of all wrong answers: read the difference

It writes verdicts.txt, with the third hint and what is special about the input, and `tutorials/wrong_answers.md`.
A wrong answer without a reason tries a tolerance or a slip that no student makes: it is not on the page.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from minisnip.exercises import Exercise

VERDICTS = Path(__file__).with_name("verdicts.txt")
PAGE = Path(__file__).parents[2] / "tutorials" / "wrong_answers.md"
LESSONS = range(1, 1 + len([*Path(__file__).parent.glob("test_lesson_*.py")]))
Wrong = tuple[Exercise, Any, str, str]  # an answer to an exercise, a word that its verdict must have, the reason

HEAD = """# What students get wrong

Each exercise knows some wrong answers, which its tests try. Here they are with what the check prints of each: the first
input that shows it, what the answer gave, and what is right. Hints are left out: the first asks, the second helps,
the third nearly tells.

This page has the answers between its lines. It is for instructors, and for who has solved the exercises.
Made by `python -m tests.exercises.wrong`.
"""


def wrong_answers() -> Iterator[tuple[str, Wrong]]:
    """All of them by the names of the mistakes, exercise by exercise."""
    for lesson in LESSONS:
        cases = import_module(f"tests.exercises.test_lesson_{lesson}").WRONG.items()
        yield from sorted(cases, key=lambda case: case[1][0].number)


def assert_caught(exercise: Exercise, answer: Any, word: str, reason: str) -> None:
    """It is no pass, what is printed has a word that helps, and the files have what is printed."""
    verdict = said_of(exercise, answer)
    assert verdict.startswith("not yet")
    assert word in verdict or word in " ".join(exercise.hints)
    assert entry(exercise, verdict) in VERDICTS.read_text(encoding="utf-8"), "run: python -m tests.exercises.wrong"
    assert not reason or paragraph(verdict, reason) in PAGE.read_text(encoding="utf-8"), "run it, and read the page"


def said_of(exercise: Exercise, answer: Any) -> str:
    """The verdict after two other wrong answers, without what differs from machine to machine: words of exceptions,
    lines of code, and numbers of the size of round-off."""
    late = replace(exercise)
    late.wrong.extend(["one", "another"])
    words = re.sub(r"(\w+(?:Error|Warning)): .*?(?=\n  expected)", r"\1", late.verdict(answer), flags=re.DOTALL)
    return re.sub(r"[0-9.]+e[-+][0-9]+", "…", words)


def entry(exercise: Exercise, verdict: str) -> str:
    """A verdict as it is stored."""
    return f"Exercise {exercise.number}: {verdict}\n\n"


def paragraph(verdict: str, reason: str) -> str:
    """What the page has of a wrong answer below its name."""
    counterexample = re.split(r"\n  (?:here|hint)", verdict.partition("\n")[2])[0]
    return f"{reason}\n\n```text\n{counterexample}\n```\n"


def page(verdicts: list[str]) -> str:
    """The wrong answers that have a reason, by exercise."""
    parts, last = [HEAD], ""
    for (name, (exercise, _, _, reason)), verdict in zip(wrong_answers(), verdicts, strict=True):
        if not reason:
            continue
        heading = f"\n## {exercise.number} {exercise.title}\n"
        parts += [heading] * (heading != last) + [f"\n**{name}.** {paragraph(verdict, reason)}"]
        last = heading
    return "".join(parts)


def main() -> None:
    """Write both files."""
    warnings.simplefilter("error", RuntimeWarning)  # as in the tests
    verdicts = [said_of(exercise, answer) for _, (exercise, answer, _, _) in wrong_answers()]
    stored = [entry(case[0], verdict) for (_, case), verdict in zip(wrong_answers(), verdicts, strict=True)]
    VERDICTS.write_text("".join(stored), encoding="utf-8")
    PAGE.write_text(page(verdicts), encoding="utf-8")


if __name__ == "__main__":
    main()

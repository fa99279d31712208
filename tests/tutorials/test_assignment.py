"""The graded assignment: its points, its seeds, and hidden tests that see what the shown ones let pass.

`tutorials/course/mark.py` tries the same file with nbgrader, which these tests do not need.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from minisnip import data

SCRIPT = Path(__file__).parents[2] / "tutorials" / "course" / "source" / "pruning" / "pruning.py"
SOLUTION = re.compile(r"    ### BEGIN SOLUTION\n(.*?)    ### END SOLUTION\n", re.DOTALL)
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS\n", re.DOTALL)

Cells = dict[str, tuple[dict[str, Any], str]]  # by nbgrader's grade_id: its metadata, and the code


def cells() -> Cells:
    found: Cells = {}
    for part in re.split(r"^# %% ", SCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE):
        head, _, code = part.partition("\n")
        if head.startswith("nbgrader="):
            metadata = json.loads(head.removeprefix("nbgrader="))
            assert metadata["grade_id"] not in found
            found[metadata["grade_id"]] = metadata, code.rstrip() + "\n"
    return found


CELLS = cells()
GRADED = [name for name, (metadata, _) in CELLS.items() if metadata["grade"]]


@pytest.fixture(autouse=True)
def glyphs_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", load)


load = cache(data.load)


def graded(student: str, wrong: dict[str, str], hidden: bool = True) -> list[str]:
    """The tests that fail if these solutions replace the right ones."""
    namespace: dict[str, Any] = {"STUDENT": student}
    failed = []
    for name, (metadata, code) in CELLS.items():
        if not metadata["grade"]:
            exec(code + wrong.get(name, ""), namespace)
            continue
        try:
            exec(code if hidden else HIDDEN.sub("", code), namespace)
        except Exception:  # of any kind, as nbgrader has it
            failed.append(name)
    return failed


def test_twenty_points_for_tests_that_students_cannot_change() -> None:
    assert sum(CELLS[name][0]["points"] for name in GRADED) == 20
    for metadata, code in CELLS.values():
        assert bool(SOLUTION.search(code)) == metadata["solution"] == (not metadata["locked"])
        assert bool(HIDDEN.search(code)) == metadata["grade"]
    assert [name for name in GRADED if name.removesuffix("_test") not in CELLS] == []


@pytest.mark.parametrize("student", ["Ada Lovelace", "s1234567"])
def test_the_solutions_have_full_marks_whoever_the_student_is(student: str) -> None:
    assert graded(student, {}) == []


def instead(function: str, body: str) -> dict[str, str]:
    """A wrong answer, defined after the right one, which it may call `right`."""
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return {function.partition("(")[0]: f"\nright = {function.partition('(')[0]}\ndef {function}:\n{lines}\n"}


WRONG = {
    "without a sign": instead("mask_gradient(*a)", "return {n: abs(v) for n, v in right(*a).items()}"),
    "ties kept": instead(
        "keep(s, k)",
        "flat = np.concatenate([v.ravel() for v in s.values()])\n"
        "return {n: 1.0 * (v >= np.sort(flat)[-k]) for n, v in s.items()}",
    ),
    "each layer its share": instead(
        "keep(s, k)", "return pruning.keep_top_per_layer(s, 1 - k / sum(v.size for v in s.values()))"
    ),
    "the gradient masked only": instead(
        "step(w, v, g, c, rate, m, d)", "v = m * v + c * g + d * w\nreturn w - rate * v, v"
    ),
    "decay beside the velocity": instead(
        "step(w, v, g, c, rate, m, d)", "v = c * (m * v + g)\nreturn c * (w - rate * v - rate * d * w), v"
    ),
    "in place": instead("step(w, v, *a)", "new, v[:] = right(w, v, *a)\nreturn new, v"),
    "rows shuffled": instead("control(masks, rng)", "return {n: rng.permutation(c) for n, c in masks.items()}"),
    "shuffled in place": instead("control(masks, rng)", "[rng.shuffle(c) for c in masks.values()]\nreturn masks"),
    "forward only": instead(
        "effective(masks)",
        "fed, count = np.ones(masks[0].shape[1]), 0\n"
        "for c in masks:\n    count += int((c * fed).sum())\n    fed = (c @ fed > 0) * 1.0\nreturn count",
    ),
    "asked once": instead("iterate(score, w, kappa, rounds)", "return right(score, w, kappa, 1)"),
    "the removed return": instead(
        "iterate(score, w, k, T)",
        "m, masks = sum(v.size for v in w.values()), {n: np.ones_like(v) for n, v in w.items()}\n"
        "for t in range(1, T + 1):\n    masks = keep(score(masks), round(m * (k / m) ** (t / T)))\nreturn masks",
    ),
    "the bias forgotten": instead("compacted(w1, b1, w2)", "return right(w1, b1 * w1.any(axis=1), w2)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_hidden_tests_see_wrong_answers_that_the_shown_ones_let_pass(name: str) -> None:
    (task,) = WRONG[name]
    assert graded("Ada Lovelace", WRONG[name], hidden=False) == []
    assert f"{task}_test" in graded("Ada Lovelace", WRONG[name])

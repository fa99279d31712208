"""The graded assignment: its points, part by part, its seeds, and what it says of a wrong answer.

`tutorials/course/mark.py` tries the same files with nbgrader, which these tests do not need.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from minisnip.exercises import blocking

pytestmark = pytest.mark.filterwarnings("ignore::minisnip.pruning.LayerCollapseWarning")  # as marking.py has it
COURSE = Path(__file__).parents[2] / "tutorials" / "course"
FOLDER = COURSE / "source" / "pruning"
SOLUTION = re.compile(r"    ### BEGIN SOLUTION\n(.*?)    ### END SOLUTION\n", re.DOTALL)
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS\n", re.DOTALL)
TITLE = re.compile(r"^# %% (\w+): (?:([\d.]+) of)?.*\n", re.MULTILINE)
LAST = re.compile(r"\nmark\(tests, \w+\)\n\Z")

Cells = dict[str, tuple[dict[str, Any], str]]  # by nbgrader's grade_id: its metadata, and the code


def cells() -> Cells:
    found: Cells = {}
    for part in re.split(r"^# %% ", (FOLDER / "pruning.py").read_text(encoding="utf-8"), flags=re.MULTILINE):
        head, _, code = part.partition("\n")
        if head.startswith("nbgrader="):
            metadata = json.loads(head.removeprefix("nbgrader="))
            assert metadata["grade_id"] not in found
            found[metadata["grade_id"]] = metadata, code.rstrip() + "\n"
    return found


CELLS = cells()
POINTS = {name.removesuffix("_test"): float(m["points"]) for name, (m, _) in CELLS.items() if m["grade"]}


@pytest.fixture(autouse=True)
def helpers_are_in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def graded(answers: dict[str, str], student: str = "Ada Lovelace", tasks: set[str] | None = None) -> dict[str, float]:
    """The points of these answers to these tasks; where there is none, of the solution."""
    namespace: dict[str, Any] = {"STUDENT": student}
    points = {}
    for name, (metadata, code) in CELLS.items():
        task = name.removesuffix("_test")
        if not metadata["grade"]:
            exec(answers.get(name, code), namespace)
        elif tasks is None or task in tasks:
            exec(LAST.sub("\n", code), namespace)
            points[task] = eval(LAST.findall(code)[0].strip(), namespace)
    return points


def copy(name: str) -> tuple[dict[str, str], dict[str, float]]:
    """The answers of a copy of the folder `answers`, and the points that its titles state."""
    head, *parts = TITLE.split((COURSE / "answers" / f"{name}.py").read_text(encoding="utf-8"))
    found = {task: (float(stated or 0), code) for task, stated, code in zip(*[iter(parts)] * 3, strict=True)}
    return {task: head + code for task, (_, code) in found.items()}, {task: p for task, (p, _) in found.items()}


def test_twenty_points_for_tests_that_students_cannot_change() -> None:
    assert sum(POINTS.values()) == 20
    for metadata, code in CELLS.values():
        assert bool(SOLUTION.search(code)) == metadata["solution"] == (not metadata["locked"])
        assert bool(HIDDEN.search(code)) == bool(LAST.search(code)) == metadata["grade"]
    assert set(POINTS) == {name for name, (metadata, _) in CELLS.items() if metadata["solution"]}


@pytest.mark.parametrize("student", ["Ada Lovelace", "s1234567"])
def test_the_solutions_have_full_marks_whoever_the_student_is(student: str) -> None:
    assert graded({}, student) == POINTS


def test_an_untouched_copy_has_none() -> None:
    stubs = {name: SOLUTION.sub("    raise NotImplementedError()\n", CELLS[name][1]) for name in POINTS}
    assert graded(stubs) == dict.fromkeys(POINTS, 0)


def test_a_copy_that_only_calls_the_package_has_none_and_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    answers, _ = copy("calls_only")
    assert graded(answers) == dict.fromkeys(POINTS, 0)
    said = capsys.readouterr().out
    for name in ("mask_gradient", "keep_top", "SGD.step", "overlap", "effective_masks", "iterative", "compact"):
        assert re.search(rf"this calls minisnip[\w.]*\.{name}: the task is to write it", said), name
    assert "minisnip.pruning.controls" in said or "this calls minisnip.pruning" in said


def test_a_half_right_copy_has_the_points_that_it_states() -> None:
    answers, stated = copy("half_right")
    assert graded(answers) == stated
    assert sum(stated.values()) == 12


def instead(function: str, body: str) -> dict[str, str]:
    """A wrong answer, defined after the right one, which it may call `right`."""
    name, lines = function.partition("(")[0], "\n".join(f"    {line}" for line in body.split("\n"))
    return {name: f"{CELLS[name][1]}\nright = {name}\ndef {function}:\n{lines}\n"}


WRONG = {  # and the points that it has all the same
    "∂L/∂w": (
        instead(
            "mask_gradient(net, w, x, y)", "return grad(cross_entropy(net(t := {n: Tensor(w[n]) for n in w}, x), y), t)"
        ),
        0,
    ),
    "without biases": (instead("mask_gradient(*a)", "return {n: g * (g.ndim > 1) for n, g in right(*a).items()}"), 2),
    "each layer its share": (
        instead(
            "keep(s, k)",
            "share = k / sum(v.size for v in s.values())\n"
            "rank = {n: np.argsort(np.argsort(-v, axis=None)).reshape(v.shape) for n, v in s.items()}\n"
            "return {n: 1.0 * (rank[n] < share * v.size) for n, v in s.items()}",
        ),
        0,
    ),
    "decay beside the velocity": (
        instead("step(w, v, g, c, rate, m, d)", "v = c * (m * v + g)\nreturn c * (w - rate * v - rate * d * w), v"),
        2,
    ),
    "in place": (instead("step(w, v, *a)", "new, v[:] = right(w, v, *a)\nreturn new, v"), 2),
    "constant": (instead("jaccard(a, b)", "return 1.0"), 0),
    "shuffled in place": (instead("control(masks, rng)", "[rng.shuffle(c) for c in masks.values()]\nreturn masks"), 1),
    "as it was": (instead("control(masks, rng)", "return masks"), 0),
    "backward only": (
        instead(
            "effective(masks)",
            "read, count = np.ones(len(masks[-1])), 0\n"
            "for c in masks[::-1]:\n    count += int((c.T * read).sum())\n    read = (read @ c > 0) * 1.0\n"
            "return count",
        ),
        0.5,
    ),
    "asked once": (instead("iterate(score, keep, w, kappa, rounds)", "return right(score, keep, w, kappa, 1)"), 0),
    "nothing removed": (instead("compacted(w1, b1, w2)", "return np.arange(w1.shape[1]), w1, b1, w2"), 0),
    "sum for any": (
        instead("compacted(w1, b1, w2)", "return right(w1 * (w1.sum(axis=1, keepdims=True) != 0), b1, w2)"),
        2,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_has_the_points_of_its_right_parts(name: str) -> None:
    answer, points = WRONG[name]
    assert graded(answer, tasks=set(answer)) == dict.fromkeys(answer, points)


def test_the_smallest_failing_input_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    graded(copy("half_right")[0], tasks={"keep"})
    said = capsys.readouterr().out
    assert "equal scores, and kappa = 0: 0 of 1\n  given     {a: [1., 1.]}, 1\n  got       2\n  expected  1\n" in said


def test_points_do_not_depend_on_names_that_a_student_uses() -> None:
    """x, net and the like may be overwritten in a student's own cell."""
    mess = "x = y = w = net = answer = small = parts = pruning = None\n"
    solutions = {name: CELLS[name][1] + mess for name in POINTS}
    assert graded(solutions) == POINTS


def test_warnings_do_not_cost_points() -> None:
    """nbgrader gives none to a cell that writes on stderr."""
    noisy = instead(
        "jaccard(a, b)", "import sys, warnings\nwarnings.warn('slow')\nsys.stderr.write('!')\nreturn right(a, b)"
    )
    assert graded(noisy, tasks={"jaccard"}) == {"jaccard": 1}


def test_marking_needs_no_extra_of_the_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install '.[course]'` brings no Hypothesis, which lesson 2's checks import."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "minisnip.exercises.lesson_2", raising=False)
    monkeypatch.delattr("minisnip.exercises.lesson_2", raising=False)
    blocking._place.cache_clear()
    assert graded({}, tasks={"step"}) == {"step": 3}


def test_task_6_does_not_need_an_answer_to_task_2() -> None:
    assert graded({"keep": ""}, tasks={"iterate"}) == {"iterate": 3}

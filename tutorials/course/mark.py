"""Rehearse the assignment: mark four copies whose points are known.

    python tutorials/course/mark.py             in a temporary course folder
    python tutorials/course/mark.py FOLDER      make the course there and keep it, to look at or to teach with

It makes the notebook of its script, the students' version with `nbgrader generate_assignment`, and has four submissions
marked with `nbgrader autograde`: solved, untouched, and the two of the folder `answers`, one that only calls minisnip
and one that is half right. Exits with 1 if a task has other points than it should. Needs `'.[course]'`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbgrader.api import Gradebook

HERE = Path(__file__).parent
ASSIGNMENT = "pruning"
SECRETS = ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS")

Marks = dict[str, float]  # points by task


def answers(name: str) -> tuple[dict[str, str], Marks]:
    """The code for each task, and its points: 2 if its cell has the title `keep: 2 of 3, ...`, otherwise 0."""
    code, points = {}, {}
    for cell in (HERE / "answers" / f"{name}.py").read_text(encoding="utf-8").split("\n# %% ")[1:]:
        title, _, source = cell.partition("\n")
        task, _, claim = title.partition(": ")
        stated = re.match(r"([\d.]+) of", claim)
        code[task], points[task] = source, float(stated[1]) if stated else 0.0
    return code, points


def nbgrader(course: Path, command: str) -> None:
    """Run one of its commands in the course folder; SystemExit with what it said if it fails."""
    ran = subprocess.run(
        [sys.executable, "-m", "nbgrader", command, ASSIGNMENT], cwd=course, capture_output=True, text=True
    )
    if ran.returncode:
        raise SystemExit(f"nbgrader {command} failed:\n{ran.stdout}{ran.stderr}")


def make_source(course: Path) -> Path:
    """The instructor's notebook, with solutions and hidden tests, and beside it what its tests use."""
    notebook = course / "source" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    notebook.parent.mkdir(parents=True)
    shutil.copy(HERE / "nbgrader_config.py", course)
    shutil.copy(HERE / "source" / ASSIGNMENT / "marking.py", notebook.parent)
    made = jupytext.read(HERE / "source" / ASSIGNMENT / f"{ASSIGNMENT}.py", fmt="py:percent")
    for i, cell in enumerate(made.cells):
        cell.id = f"cell-{i}"
    nbformat.write(made, notebook)
    return notebook


def submit(course: Path, student: str, notebook: Path, code: dict[str, str] | None = None) -> None:
    """Put a copy where `nbgrader collect` would, with this code in the cells for answers."""
    copy = nbformat.read(notebook, as_version=4)
    for cell in copy.cells:
        cell.source = cell.source.replace("my student id", student)
        task = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = (code or {}).get(task, cell.source)
    folder = course / "submitted" / student / ASSIGNMENT
    folder.mkdir(parents=True)
    nbformat.write(copy, folder / notebook.name)


def marks(course: Path, student: str) -> Marks:
    """Points of each task."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        (notebook,) = book.find_submission(ASSIGNMENT, student).notebooks
        return {grade.name.removesuffix("_test"): float(grade.score) for grade in notebook.grades}


def most(notebook: Path) -> Marks:
    """What each task gives at most."""
    cells = [cell.metadata.get("nbgrader", {}) for cell in nbformat.read(notebook, as_version=4).cells]
    return {cell["grade_id"].removesuffix("_test"): float(cell["points"]) for cell in cells if cell.get("grade")}


def rehearse(course: Path) -> dict[str, tuple[Marks, Marks]]:
    """From the script to the marks of each copy, beside those that it should have."""
    solved = make_source(course)
    nbgrader(course, "generate_assignment")
    released = course / "release" / ASSIGNMENT / solved.name
    if found := [secret for secret in SECRETS if secret in released.read_text(encoding="utf-8")]:
        raise SystemExit(f"the students' version shows {', '.join(found)}")
    expected = {"solved": most(solved), "untouched": dict.fromkeys(most(solved), 0.0)}
    submit(course, "solved", solved)
    submit(course, "untouched", released)
    for student in ("calls_only", "half_right"):
        code, expected[student] = answers(student)
        submit(course, student, released, code)
    nbgrader(course, "autograde")
    return {student: (marks(course, student), points) for student, points in expected.items()}


def main() -> None:
    """Print the marks; exit with 1 if one is not as it should be."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic
    course = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="course-")).resolve()
    if (course / "source").exists():
        raise SystemExit(f"{course} has a course in it already: name a folder that is empty or not there")
    try:
        found = rehearse(course)
    finally:
        if len(sys.argv) < 2:
            shutil.rmtree(course)
    for student, (points, expected) in found.items():
        print(f"{student}: {sum(points.values()):g} of {sum(found['solved'][1].values()):g} points")
        for task in (task for task in expected if points.get(task) != expected[task]):
            print(f"  {task}: {points.get(task)} points, expected {expected[task]:g}")
    if any(points != expected for points, expected in found.values()):
        raise SystemExit("a copy has other points than it should")


if __name__ == "__main__":
    main()

"""Try the assignment: a solved copy must get full marks, an untouched one none.

    python tutorials/course/mark.py             in a temporary course folder
    python tutorials/course/mark.py FOLDER      make and keep it there, to look at or to teach with

It makes the notebook of its script, the students' version of that with `nbgrader generate_assignment`, and marks two
submissions with `nbgrader autograde`; exits with 1 if the marks are not as they should be. Needs `'.[course]'`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbgrader.api import Gradebook

SCRIPTS = Path(__file__).parent / "source"
ASSIGNMENT, POINTS = "pruning", 20
SECRETS = ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS")


def nbgrader(course: Path, command: str) -> None:
    """Run one of its commands in the course folder; SystemExit with what it said if it fails."""
    ran = subprocess.run(
        [sys.executable, "-m", "nbgrader", command, ASSIGNMENT], cwd=course, capture_output=True, text=True
    )
    if ran.returncode:
        raise SystemExit(f"nbgrader {command} failed:\n{ran.stdout}{ran.stderr}")


def make_source(course: Path) -> Path:
    """The instructor's notebook, with solutions and hidden tests."""
    notebook = course / "source" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    notebook.parent.mkdir(parents=True)
    made = jupytext.read(SCRIPTS / ASSIGNMENT / f"{ASSIGNMENT}.py", fmt="py:percent")
    for i, cell in enumerate(made.cells):
        cell.id = f"cell-{i}"
    nbformat.write(made, notebook)
    return notebook


def submit(course: Path, student: str, notebook: Path) -> None:
    """Lay a copy where `nbgrader collect` would."""
    folder = course / "submitted" / student / ASSIGNMENT
    folder.mkdir(parents=True)
    text = notebook.read_text(encoding="utf-8").replace("my student id", student)
    (folder / notebook.name).write_text(text, encoding="utf-8")


def marks(course: Path) -> dict[str, tuple[float, float]]:
    """(points, of how many) by student."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {s.student.id: (s.score, s.max_score) for s in book.assignment_submissions(ASSIGNMENT)}


def rehearse(course: Path) -> dict[str, tuple[float, float]]:
    """From the script to the marks of a solved and an untouched copy."""
    solved = make_source(course)
    nbgrader(course, "generate_assignment")
    released = course / "release" / ASSIGNMENT / solved.name
    if found := [secret for secret in SECRETS if secret in released.read_text(encoding="utf-8")]:
        raise SystemExit(f"the students' version shows {', '.join(found)}")
    submit(course, "solved", solved)
    submit(course, "untouched", released)
    nbgrader(course, "autograde")
    return marks(course)


def main() -> None:
    """Print the marks; exit with 1 if they are not full and none."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic
    course = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="course-")).resolve()
    if (course / "source").exists():
        raise SystemExit(f"{course} has a course in it already: name a folder that is empty or not there")
    try:
        found = rehearse(course)
    finally:
        if len(sys.argv) < 2:
            shutil.rmtree(course)
    for student, (points, of) in found.items():
        print(f"{student}: {points:g} of {of:g} points")
    if found != {"solved": (POINTS, POINTS), "untouched": (0, POINTS)}:
        raise SystemExit(f"expected {POINTS} of {POINTS} for the solved copy, and 0 for the untouched one")


if __name__ == "__main__":
    main()

"""Each lesson has a teaser, and both READMEs show it with words that describe it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from matplotlib.image import imread

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "tutorials"
SCRIPT = runpy.run_path(str(TUTORIALS / "teasers.py"))
LESSONS = {int(path.name[:2]): path for path in sorted(TUTORIALS.glob("[0-9]*.ipynb"))}
SHOWN = re.compile(r"\[!\[([^\]]*)\]\((\S*figures/teasers/\S+)\)\]\((\S+)\)")


def test_each_lesson_has_one_teaser() -> None:
    assert len(SCRIPT["TEASERS"]) == len(LESSONS)
    assert {path.name for path in SCRIPT["FOLDER"].iterdir()} == {f"{n}.png" for n in LESSONS}


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_teaser_is_small(lesson: int) -> None:
    path = SCRIPT["FOLDER"] / f"{lesson}.png"
    assert imread(path).shape[:2] == (300, 400)
    assert path.stat().st_size <= 15_000


def test_the_script_writes_the_same_bytes_each_time(tmp_path: Path) -> None:
    for folder in (tmp_path / "first", tmp_path / "second"):
        SCRIPT["write_all"](folder)
    for lesson in LESSONS:
        first, second = ((tmp_path / run / f"{lesson}.png").read_bytes() for run in ("first", "second"))
        assert first == second


@pytest.mark.parametrize("page", [ROOT / "README.md", TUTORIALS / "README.md"], ids=["README", "lessons"])
def test_a_page_shows_each_teaser_described_and_linked_to_its_lesson(page: Path) -> None:
    shown = [
        (alt, (page.parent / picture).resolve(), (page.parent / lesson).resolve())
        for alt, picture, lesson in SHOWN.findall(page.read_text(encoding="utf-8"))
    ]
    assert shown == [
        (SCRIPT["TEASERS"][n - 1].__doc__.rstrip("."), SCRIPT["FOLDER"] / f"{n}.png", lesson)
        for n, lesson in LESSONS.items()
    ]


def test_no_page_gives_the_answers_away() -> None:
    keys = {f"figures/{lesson.stem}.png" for lesson in LESSONS.values()}
    for page in (ROOT / "README.md", TUTORIALS / "README.md"):
        assert [key for key in keys if key in page.read_text(encoding="utf-8")] == []

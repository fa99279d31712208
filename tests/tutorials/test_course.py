"""What an instructor gets: slides and worksheets that follow the lessons, pages with links, a worked example."""

from __future__ import annotations

import base64
import csv
import re
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.lab import browser
from tests.tutorials.test_lessons import LINK, anchor

TUTORIALS = Path(__file__).parents[2] / "tutorials"
COURSE = TUTORIALS / "course"
NEEDED = ("nbconvert", "sphinx_revealjs", "sphinx-mathjax-offline")
MISSING = [name for name in NEEDED if find_spec(name) is None]
with_course = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} not installed: pip install '.[course]'")
with_browser = pytest.mark.skipif(browser.FOUND is None, reason="no Chromium on this machine")

LESSON = [  # kind, tags, text
    (
        "markdown",
        "slide",
        "# 2. Keep a secret\n\n![A question](attachment:a.png)\n\nThis copy is solved. See there.",
    ),
    ("code", "", "import numpy as np"),
    ("markdown", "slide", "## Round 1: a sum\n\nWith $g_j$.\n\n**Predict** $1 + 1$, and why."),
    ("code", "slide-more", "1 + 1"),
    ("markdown", "slide-more", "Look again."),
    ("code", "guard", "assert 1 + 1 == 2"),
    (
        "markdown",
        "slide-more",
        "<details><summary>Compare with ours</summary>\n\nIt is two.\n\n</details>\n\n### Exercise 2.1\nAdd three.\n\n"
        "## Round 2: mutants\n\n**Predict:** which test kills which mutant?",
    ),
    ("code", "slide", "table()"),
    (
        "markdown",
        "slide",
        "<details><summary>Solution</summary>\n\nsecret\n\n</details>\n\n## On your own\n- more\n\n"
        "## In practice\nIt adds.",
    ),
]
PRINTED = """\
             swapped  g forgotten  the right op
by hand      killed   -            -
hypothesis   killed   killed       -
check_grads: order 1  of 2
Failing test case: holds(
"""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def notebook() -> Any:
    nbformat = import_module("nbformat")
    made = nbformat.v4.new_notebook()
    for kind, tag, text in LESSON:
        cell = getattr(nbformat.v4, f"new_{kind}_cell")(text, metadata={"tags": [tag]} if tag else {})
        if text.startswith("table"):
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=PRINTED)]
        if text == "1 + 1":
            output = nbformat.v4.new_output(
                "display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "two"}}
            )
            cell.outputs = [output]
        if "attachment:" in text:
            cell.attachments = {"a.png": {"image/png": PIXEL}}
        made.cells.append(cell)
    return made


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A program of the folder, which is no package."""

    def found(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(TUTORIALS))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return import_module(name)

    return found


@with_course
def test_slides_are_the_tagged_cells_without_what_is_to_be_found_out(script: Any) -> None:
    slides = list(script("slides").slides_of(notebook(), tuple(range(10))))
    kinds = [(cell.metadata["slideshow"]["slide_type"], cell.source.split("\n")[0]) for cell in slides]
    assert kinds == [
        ("slide", "# 2. Keep a secret"),
        ("slide", "## Round 1: a sum"),
        ("slide", "1 + 1"),
        ("-", "Look again."),
        ("slide", "## Compare with ours"),
        ("slide", "## Round 2: mutants"),
        ("slide", "table()"),
        ("slide", "## In practice"),
    ]
    text = "\n".join(cell.source for cell in slides)
    assert "It is two." in text
    for left_out in ("secret\n\n</", "Exercise", "Add three", "On your own", "This copy is solved", "assert"):
        assert left_out not in text


@with_course
def test_a_lecture_takes_the_rounds_that_it_names(script: Any) -> None:
    slides = script("slides")
    shown = [cell.source.split("\n")[0] for cell in slides.slides_of(notebook(), (2,))]
    assert shown[:2] == ["# 2. Keep a secret", "## Round 2: mutants"]
    courses = slides.COURSES
    assert {name: len(lectures) for name, lectures in courses.items()} == {"two": 2, "four": 4}
    for lecture in (lecture for lectures in courses.values() for lecture in lectures):
        for lesson, rounds in lecture.items():
            (source,) = (TUTORIALS / "source").glob(f"{lesson:02}_*.py")
            there = set(map(int, re.findall(r"## Round (\d)", source.read_text(encoding="utf-8"))))
            assert set(rounds) <= there or len(rounds) == 10


@with_course
def test_the_lectures_show_the_rounds_of_the_timetable(script: Any) -> None:
    courses, syllabus = script("slides").COURSES, (COURSE / "syllabus.md").read_text(encoding="utf-8")
    assert "| lesson 5, rounds 1 to 4 |" in syllabus
    assert courses["two"][0] == courses["four"][1] == {5: (1, 2, 3, 4)}
    assert "| round 3 of 6 (10), of 7 (12), rounds 3, 4 of 8 (20) |" in syllabus
    assert courses["two"][1] == {6: (3,), 7: (3,), 8: (3, 4)}
    assert "| lesson 6 without round 4 (33); round 1 of 7 (10) |" in syllabus
    assert courses["four"][2] == {6: (1, 2, 3), 7: (1,)}


@with_course
@pytest.mark.parametrize("lesson", [6, 7, 8])
def test_a_lesson_has_twelve_slides_at_most(script: Any, lesson: int) -> None:
    slides = script("slides")
    cells = slides.lecture_notebook({lesson: slides.ALL}).cells
    assert 8 <= sum(cell.metadata["slideshow"]["slide_type"] == "slide" for cell in cells) <= 12


@with_course
def test_a_figure_is_shown_without_the_code_that_draws_it(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = notebook()
    lesson.cells[5].metadata["tags"] = ["slide"]  # an assert, which draws nothing
    import_module("nbformat").write(lesson, tmp_path / "02_keep_a_secret.ipynb")
    slides = script("slides")
    monkeypatch.setattr(slides, "LESSONS", tmp_path)
    page = slides.as_html(slides.lecture_notebook({2: (1,)}), "a lecture")
    assert page.count('alt="two"') == 1
    assert page.count('class="highlight hl-') == 1


@with_course
@with_browser
def test_slides_are_one_file_that_asks_nothing_of_the_network(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slides = script("slides")
    import_module("nbformat").write(notebook(), tmp_path / "02_keep_a_secret.ipynb")
    monkeypatch.setattr(slides, "LESSONS", tmp_path)
    monkeypatch.setitem(slides.COURSES, "two", [{2: slides.ALL}])
    slides.main(["two", "--out", str(tmp_path)])
    assert capsys.readouterr().out.endswith("two-1.html: 7 slides\n")
    with browser.Browser(tmp_path / "profile") as page:
        page.open((tmp_path / "two-1.html").as_uri())
        page.wait("typeof Reveal !== 'undefined' && Reveal.isReady()")
        assert page.run("Reveal.getTotalSlides()") == 7
        page.wait("document.querySelectorAll('mjx-container').length >= 2")
        assert page.run("document.querySelector('section section').offsetHeight") > 20, "nothing is seen"
        assert page.run("[...document.images].map(i => `${i.alt} ${i.naturalWidth}`)") == ["A question 1", "two 1"]
        assert page.errors == []
        assert [address for address in page.asked if not address.startswith(("file:", "data:"))] == []


@with_course
def test_a_lesson_without_slides_is_named(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slides, untagged = script("slides"), notebook()
    for cell in untagged.cells:
        cell.metadata = {}
    import_module("nbformat").write(untagged, tmp_path / "02_keep_a_secret.ipynb")
    monkeypatch.setattr(slides, "LESSONS", tmp_path)
    with pytest.raises(SystemExit, match="lesson 2 has no cell with the tag slide"):
        slides.lecture_notebook({2: slides.ALL})
    with pytest.raises(SystemExit, match="there is no lesson 3"):
        slides.lecture_notebook({3: slides.ALL})


@with_course
def test_figures_are_written_as_svg_and_pdf_with_captions(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slides = script("slides")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "02_draw.py").write_text(
        "# %% [markdown]\n# ## Round 3: a figure\n\n# %%\nfrom matplotlib.figure import Figure\n\n"
        "figure = Figure()\nfigure.suptitle('Two,\\nor three\\nlines')\nfigure\n\n# %%\n1 + 1\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(slides, "LESSONS", tmp_path)
    monkeypatch.chdir(tmp_path)
    slides.main(["figures", "2", "--out", str(tmp_path)])
    made = {file.name: file for file in (tmp_path / "figures").iterdir()}
    assert set(made) == {"02-1.svg", "02-1.pdf", "captions.md"}
    assert made["02-1.pdf"].read_bytes().startswith(b"%PDF")
    captions = made["captions.md"].read_text(encoding="utf-8")
    assert "**Figure 2.1.** Two, or three. lines. (Lesson 2, round 3;" in captions


@with_course
def test_a_worksheet_has_the_predictions_and_the_empty_table(script: Any) -> None:
    page = script("worksheets").worksheet(notebook(), "")
    assert "<h1>2. Keep a secret</h1>" in page
    assert "Round 1: a sum" in page
    assert page.count("☐ right") == 2
    assert page.count("<td>☐</td>") == 4
    assert "It is two" not in page
    assert re.findall(r"<th>(.*?)</th>", page) == ["killed?", "swapped", "g forgotten", "by hand", "hypothesis"]
    assert page.count("killed") == 1, "the answers are not in the table"


@with_course
@with_browser
def test_every_worksheet_is_one_page(script: Any, tmp_path: Path) -> None:
    script("worksheets").main(["--out", str(tmp_path)])
    sheets = sorted(tmp_path.glob("*.html"))
    assert len(sheets) >= 9
    (table,) = (sheet for sheet in sheets if sheet.name.startswith("02"))
    assert table.read_text(encoding="utf-8").count("<td>☐</td>") == 25, "five tests by five mutants"
    too_long = []
    with browser.Browser(tmp_path / "profile", size=(794, 1123)) as page:
        page.call("Emulation.setEmulatedMedia", media="print")
        for sheet in sheets:
            page.open(sheet.as_uri())
            page.wait(f"location.href.endsWith('{sheet.name}') && document.readyState === 'complete'")
            page.run("MathJax.startup.promise.then(() => true)")
            pdf = base64.b64decode(page.call("Page.printToPDF", preferCSSPageSize=True)["data"])
            if len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) != 1:
                too_long.append(sheet.name)
    assert too_long == []


PAGES = sorted(COURSE.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_of_the_course_lead_to_files_and_anchors(page: Path) -> None:
    for target, fragment in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            file = page.parent / target
            assert file.exists(), f"{page.name}: {target} does not exist"
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert not fragment or fragment in {anchor(heading) for heading in headings}


def test_points_of_the_report_add_up() -> None:
    text = (COURSE / "report.md").read_text(encoding="utf-8")
    assert sum(int(points) for points in re.findall(r"^\| (\d+) \| ", text, re.MULTILINE)) == 20


def test_the_worked_example_shows_the_numbers_of_its_file() -> None:
    with (COURSE / "report_example.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    text = (COURSE / "report_example.md").read_text(encoding="utf-8")
    table: dict[str, list[float]] = {row["mask"]: [] for row in rows}
    for row in rows:
        table[row["mask"]].append(float(row["test_error_percent"]))
    assert {name: len(errors) for name, errors in table.items()} == dict.fromkeys(table, 8)
    own = np.array(table["own weights"])
    for name, errors in table.items():
        line, difference = f"| {name} | {np.mean(errors):.2f} | {np.std(errors, ddof=1):.2f} |", np.array(errors) - own
        if name != "own weights":
            assert name == "random" or f" cost{'s' * (name[0] == 's')} {difference.mean():.1f} points" in text
            line += f" {difference.mean():+.2f} | {difference.min():+.2f} to {difference.max():+.2f} |"
        assert line in text, line


def test_git_ignores_the_course_folder_but_not_its_sources() -> None:
    lines = (TUTORIALS.parent / ".gitignore").read_text(encoding="utf-8").split("\n")
    assert "/course/" in lines
    assert "course/" not in lines


def test_text_and_slides_have_a_license_of_their_own() -> None:
    assert "CC BY 4.0" in (TUTORIALS / "LICENSE").read_text(encoding="utf-8")

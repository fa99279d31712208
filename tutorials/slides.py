"""Make the slides of a course from the lessons: one HTML file for each lecture, which needs no network and no server.

    python tutorials/slides.py two               the two lectures of teaching.md
    python tutorials/slides.py four              the four lectures
    python tutorials/slides.py figures 5 7       the figures of lessons 5 and 7 (of all without a number) as SVG and PDF
    python tutorials/slides.py two --out DIR     write there instead of build/slides

The slides are made of the cells of the solved notebooks with the tag `slide` (it begins a slide) or `slide-more` (it
goes on the same slide). A round's heading begins a slide too, and so do a code cell, whose output answers the question,
and "Compare with ours". A figure is shown without the code that draws it, and large. Exercises, solutions and reading
lists are left out. Keys: the arrows, O for an overview, F for the full screen. For a PDF, open FILE.html?print-pdf in
Chromium and print. Needs `'.[course]'`, which brings reveal.js (in sphinx-revealjs) and MathJax; the figures need
`'.[notebooks]'` too.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import FileSystemLoader
from nbconvert.exporters import SlidesExporter
from nbconvert.preprocessors import TagRemovePreprocessor

HERE = Path(__file__).resolve().parent
LESSONS = HERE  # the folder of the solved notebooks
ALL = tuple(range(10))
FIGURE = "figure"  # the tag of a cell of which only the output is shown

Lecture = dict[int, tuple[int, ...]]  # by lesson, the rounds that are shown

COURSES: dict[str, list[Lecture]] = {  # the rounds of the timetable in course/syllabus.md
    "two": [{5: (1, 2, 3, 4)}, {6: (3,), 7: (3,), 8: (3, 4)}],
    "four": [{1: ALL}, {5: (1, 2, 3, 4)}, {6: (1, 2, 3), 7: (1,)}, {8: ALL}],
}
LEFT_OUT = re.compile(
    r"<details><summary>Solution</summary>.*?</details>|^### Exercise.*?(?=^## |\Z)"
    r"|^This copy is solved[^\n]*|^## (?:On your own|Further reading)\b.*?(?=^## |\Z)",
    re.DOTALL | re.MULTILINE,
)
ANSWER = re.compile(r"<details><summary>(Compare with ours)</summary>(.*?)</details>", re.DOTALL)
ROUND = re.compile(r"^#+ Round (\d+)", re.MULTILINE)
MAGIC = re.compile(r"^%.*", re.MULTILINE)  # for notebooks only
BEGINS = re.compile(r"(?=^## )", re.MULTILINE)


def notebook_of(lesson: int) -> Path:
    """The solved notebook; SystemExit if there is none."""
    found = list(LESSONS.glob(f"{lesson:02}_*.ipynb"))
    if not found:
        raise SystemExit(f"there is no lesson {lesson} in {LESSONS}")
    return found[0]


def parts(text: str) -> Iterator[str]:
    """The texts of a Markdown cell, each for a slide of its own but perhaps the first."""
    opened = ANSWER.sub(r"\n## \1\n\2\n", LEFT_OUT.sub("", text))
    return (part.strip() for part in BEGINS.split(opened) if part.strip())


def slides_of(notebook: Any, rounds: tuple[int, ...]) -> Iterator[Any]:
    """The cells of a lecture: those that are tagged, in these rounds; what is before the first round always is."""
    current = 0
    for cell in notebook.cells:
        tags = {"slide", "slide-more"} & set(cell.metadata.get("tags", []))
        for i, text in enumerate(parts(cell.source) if cell.cell_type == "markdown" else [cell.source]):
            current = int(found[1]) if (found := ROUND.search(text)) else current
            if tags and (current == 0 or current in rounds):
                answers = cell.cell_type == "code"  # its output answers the question: not on the same slide
                begins = answers or text.startswith("## ") or (i == 0 and "slide" in tags)
                yield _slide(cell, text, "slide" if begins else "-")


def _slide(cell: Any, text: str, kind: str) -> Any:
    copy = nbformat.from_dict({**cell, "source": text, "id": None})
    drawn = any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
    copy.metadata = {"slideshow": {"slide_type": kind}, "tags": [FIGURE] * drawn}
    return copy


def lecture_notebook(lecture: Lecture) -> Any:
    """All slides of a lecture as a notebook; SystemExit names a lesson without one."""
    made = nbformat.v4.new_notebook()
    for lesson, rounds in lecture.items():
        cells = list(slides_of(nbformat.read(notebook_of(lesson), as_version=4), rounds))
        if not cells:
            raise SystemExit(f"lesson {lesson} has no cell with the tag slide: tag some in its script, and build it")
        made.cells += cells
    for i, cell in enumerate(made.cells):
        cell.id = f"slide-{i}"
    return made


def package_file(package: str, path: str) -> str:
    """The text of a file that a package ships; SystemExit says how to install it."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"{package} is not installed, and the slides need it: python -m pip install '.[course]'")
    return (Path(found.submodule_search_locations[0]) / path).read_text(encoding="utf-8")


def as_html(notebook: Any, title: str) -> str:
    """One file with everything in it: reveal.js, MathJax, the style and the pictures."""
    shipped = {
        "title": title,
        "reveal_css": package_file("sphinx_revealjs", "_static/revealjs/dist/reveal.css"),
        "reveal_js": package_file("sphinx_revealjs", "_static/revealjs/dist/reveal.js"),
        "mathjax_js": package_file("sphinx-mathjax-offline", "static/mathjax/tex-svg.js"),
    }
    exporter = SlidesExporter(
        extra_loaders=[FileSystemLoader(HERE / "course")],
        template_file="slides.html.j2",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    exporter.register_preprocessor(TagRemovePreprocessor(remove_input_tags={FIGURE}), enabled=True)
    return str(exporter.from_notebook_node(notebook, resources={"shipped": shipped})[0])


def write_course(course: str, out: Path) -> None:
    """One file for each lecture."""
    out.mkdir(parents=True, exist_ok=True)
    for number, lecture in enumerate(COURSES[course], start=1):
        page = as_html(lecture_notebook(lecture), f"Lecture {number} of {len(COURSES[course])}")
        file = out / f"{course}-{number}.html"
        file.write_text(page, encoding="utf-8")
        print(f"{file}: {page.count('<section') // 2} slides")


def figures_of(script: Path) -> Iterator[tuple[str, Any]]:
    """(the round, the figure) for each code cell of a lesson that ends with one; the cells are run."""
    import jupytext
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib.figure import Figure

    shell, place = InteractiveShell(), ""
    for cell in jupytext.read(script, fmt="py:percent").cells:
        if cell.cell_type == "markdown":
            place = f", round {found[-1]}" if (found := ROUND.findall(cell.source)) else place
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            ran = shell.run_cell(MAGIC.sub("", cell.source))
        ran.raise_error()
        if isinstance(ran.result, Figure):
            yield place, ran.result


def write_figures(lessons: list[int], out: Path) -> None:
    """Write lesson-number.svg and .pdf, and the captions as Markdown."""
    import matplotlib as mpl

    out = (out / "figures").resolve()
    out.mkdir(parents=True, exist_ok=True)
    scripts = sorted((LESSONS / "source").glob("[0-9]*.py"))
    captions = ["# Captions"]
    os.chdir(HERE)  # the lessons read files from there
    for script in [s for s in scripts if not lessons or int(s.name[:2]) in lessons]:
        lesson = int(script.name[:2])
        for number, (place, figure) in enumerate(figures_of(script), start=1):
            with mpl.rc_context({"svg.hashsalt": script.stem}):
                figure.savefig(out / f"{lesson:02}-{number}.svg", bbox_inches="tight", metadata={"Date": None})
            figure.savefig(out / f"{lesson:02}-{number}.pdf", bbox_inches="tight", metadata={"CreationDate": None})
            words = ". ".join(map(str.strip, re.split(r"(?<!,)\n", figure.get_suptitle()))).replace("\n", " ")
            captions.append(f"**Figure {lesson}.{number}.** {words}. (Lesson {lesson}{place}; minisnip, CC BY 4.0.)")
            print(f"{out / f'{lesson:02}-{number}'}.svg, .pdf: {words}")
    (out / "captions.md").write_text("\n\n".join(captions) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*COURSES, "figures"])
    parser.add_argument("lessons", metavar="N", nargs="*", type=int, help="with figures: the lessons (default: all)")
    parser.add_argument("--out", metavar="DIR", type=Path, default=HERE.parent / "build" / "slides")
    options = parser.parse_args(argv)
    if options.what == "figures":
        write_figures(options.lessons, options.out)
    elif options.lessons:
        parser.error(f"the lessons of {options.what} are fixed: numbers go with figures only")
    else:
        write_course(options.what, options.out)


if __name__ == "__main__":
    main()

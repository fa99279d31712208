"""The notebooks are their scripts, keep to the form, and their exercises are solved as they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from minisnip.exercises import Exercise

TUTORIALS = Path(__file__).parents[2] / "tutorials"
SOURCES = sorted((TUTORIALS / "source").glob("[0-9]*.py"))
SOLUTION = re.compile(r"<details><summary>Solution</summary>.*?```python\n(.*?)```.*?</details>", re.DOTALL)
FOLDED = re.compile(r"\A<details><summary>Solution</summary>.*?</details>\n*", re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


class Cell(NamedTuple):
    """A cell of a script or of a notebook."""

    kind: str  # "code" or "markdown"
    text: str
    tags: tuple[str, ...] = ()


def cells_of_script(source: Path) -> list[Cell]:
    """As jupytext's percent format has them, without the need for jupytext."""
    text = source.read_text(encoding="utf-8").split("# ---\n", 2)[2]
    cells = []
    for part in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        tags = tuple(re.findall(r'"([^"]+)"', head))
        lines = body.strip("\n").split("\n")
        if "[markdown]" in head:
            cells.append(Cell("markdown", "\n".join(re.sub(r"^# ?", "", line) for line in lines), tags))
        else:
            cells.append(Cell("code", "\n".join(re.sub(r"^# (?=%)", "", line) for line in lines), tags))
    return cells


def notebook_of(source: Path, folder: Path = TUTORIALS) -> Any:
    return json.loads((folder / f"{source.stem}.ipynb").read_text(encoding="utf-8"))


def cells_of_notebook(notebook: Any) -> list[Cell]:
    """The pictures are in the cells; here their names become those of the files again."""
    cells = []
    for cell in notebook["cells"]:
        text = re.sub(r"\(attachment:(\d+\.png)\)", r"(figures/teasers/\1)", "".join(cell["source"]))
        cells.append(Cell(cell["cell_type"], text, tuple(cell["metadata"].get("tags", ()))))
    return cells


def code_of(source: Path) -> list[str]:
    """The code that a reader sees; guards are folded."""
    return [cell.text for cell in cells_of_script(source) if cell.kind == "code" and "guard" not in cell.tags]


def prose_of(source: Path) -> str:
    return "\n".join(cell.text for cell in cells_of_script(source) if cell.kind == "markdown")


@EACH
def test_both_copies_hold_the_cells_of_the_script(source: Path) -> None:
    title, *rest = cells_of_script(source)
    solved_title, *solved = cells_of_notebook(notebook_of(source))
    student_title, *student = cells_of_notebook(notebook_of(source, TUTORIALS / "student"))
    assert solved == rest, "python tutorials/build.py makes the notebooks again"
    assert student == [cell._replace(text=re.sub(FOLDED, "", cell.text)) for cell in rest]
    for other, line in ((solved_title, "[student's copy]"), (student_title, "[solved copy]")):
        assert other.text.startswith(f"{title.text}\n\n")
        assert line in other.text.removeprefix(title.text)


@EACH
def test_the_students_copy_has_no_outputs_and_no_solutions(source: Path) -> None:
    notebook = notebook_of(source, TUTORIALS / "student")
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)
    text = "\n".join(cell.text for cell in cells_of_notebook(notebook))
    assert "Solution" not in text
    assert all(solution not in text for _, _, solution in exercises(source))


@EACH
def test_the_solutions_have_a_file_of_their_own(source: Path) -> None:
    page = (TUTORIALS / "solutions" / f"{source.stem}.md").read_text(encoding="utf-8")
    assert re.findall(r"```python\n(.*?)```", page, re.DOTALL) == [solution for _, _, solution in exercises(source)]
    numbers = re.findall(r"^## Exercise (\S+)", page, re.MULTILINE)
    assert numbers == [f"{int(source.name[:2])}.{i + 1}" for i in range(len(numbers))]


@EACH
def test_every_cell_was_executed_in_order_and_none_failed(source: Path) -> None:
    cells = [cell for cell in notebook_of(source)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    streams = {output.get("name", "stdout") for cell in cells for output in cell["outputs"]}
    assert "error" not in kinds
    assert streams <= {"stdout"}


@EACH
def test_the_first_screen_asks_and_says_what_the_lesson_needs(source: Path) -> None:
    number = int(source.name[:2])
    heading, _, picture, *rest = cells_of_script(source)[0].text.split("\n")
    assert re.match(rf"# {number}\. [A-Z]\w+ ", heading)
    assert re.fullmatch(rf"!\[.{{20,}}\]\(figures/teasers/{number}\.png\)", picture)
    assert all(f"**{word}**" in "\n".join(rest) for word in ("do", "learn", "need", "time"))


@EACH
def test_rounds_predict_and_fold_the_explanation(source: Path) -> None:
    text = prose_of(source)
    rounds = re.split(r"^## Round", text, flags=re.MULTILINE)[1:]
    assert 3 <= len(rounds) <= 5
    for part in rounds:
        assert "**Predict" in part
        assert "<details><summary>Compare with ours</summary>\n\n" in part
    assert "**Explain" not in text
    assert text.count("<details>") == text.count("</details>") == text.count("\n</details>")
    assert all(f"## {part}" in text for part in ("On your own", "In practice", "Further reading"))
    for cell in cells_of_script(source):
        assert cell.text.find("<details>") in (-1, 0), "what is folded comes first in its cell"
        assert not re.search(r"</details>\n+[^#\n]", cell.text), "a heading sets what follows off from the fold"


@EACH
def test_code_cells_are_short_and_only_guards_assert(source: Path) -> None:
    cells = cells_of_script(source)
    assert sum("guard" not in cell.tags for cell in cells) <= 25
    for text in code_of(source):
        assert sum(map(bool, text.split("\n"))) <= 12, text
        assert max(map(len, text.split("\n"))) <= 90, text
        assert not re.search(r"\bassert\b|AssertionError\(|fast_or\(|FAST", text), text
    assert {tag for cell in cells for tag in cell.tags} <= {"guard", "key-figure", "slide", "slide-more"}
    notebook = notebook_of(source)
    folded = [cell["metadata"].get("jupyter", {}).get("source_hidden", False) for cell in notebook["cells"]]
    assert folded == ["guard" in cell.tags for cell in cells]


@EACH
def test_a_folded_guard_gives_no_answer_away(source: Path) -> None:
    """JupyterLab shows the first line of a folded cell, right below the question."""
    for cell in cells_of_script(source):
        if "guard" in cell.tags and "assert" in cell.text:
            assert cell.text.startswith("# Checks of the text, folded: they give the answers away.\n")


def test_lesson_2_does_not_name_the_best_step_where_it_asks_for_it() -> None:
    before, _, _ = "\n".join(cell.text for cell in cells_of_script(SOURCES[1])).partition("## Round 3")
    assert not re.search(r"\b6e-0?6\b", before)


@EACH
def test_a_lecture_shows_eight_to_twelve_slides(source: Path) -> None:
    slides = [cell for cell in cells_of_script(source) if "slide" in cell.tags]
    assert 8 <= len(slides) <= 12
    assert all("guard" not in cell.tags and not cell.text.startswith(f"lesson_{source.name[1]}") for cell in slides)


@EACH
def test_mathematics_is_written_for_mathjax(source: Path) -> None:
    text = re.sub(r"```.*?```", "", prose_of(source), flags=re.DOTALL)
    text = re.sub(r"`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", "", text, flags=re.DOTALL)
    assert re.findall(r".*[∂ΔΣΠ⊙√∇αβγδεκλμησ⁰-⁹²³⁻₀-₉ₖⱼᵢ≈≤≥⟨⟩′ᵀ].*", text) == []


@EACH
def test_every_figure_is_described(source: Path) -> None:
    for alt in re.findall(r"!\[([^\]]*)\]\(", prose_of(source)):
        assert len(alt) >= 20
    outputs = [output for cell in notebook_of(source)["cells"] for output in cell.get("outputs", [])]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert figures
    for figure in figures:
        alt = figure["metadata"]["image/png"]["alt"]
        assert len(alt) >= 20
        assert "".join(figure["data"]["text/plain"]) == alt


@EACH
def test_notebooks_are_small(source: Path) -> None:
    for folder in (TUTORIALS, TUTORIALS / "student"):
        assert (folder / f"{source.stem}.ipynb").stat().st_size <= 400_000
    assert (TUTORIALS / "figures" / f"{source.stem}.png").stat().st_size > 5_000


def exercises(source: Path) -> list[tuple[str, str, str]]:
    """For each: the stub's cell without its check, the check, and the solution."""
    cells, found = cells_of_script(source), []
    for i, (kind, text, _) in enumerate(cells):
        module = f"lesson_{int(source.name[:2])}."
        if kind == "code" and text.split("\n")[-1].startswith(module):
            stub, _, check = text.rpartition("\n")
            solution = SOLUTION.search(cells[i + 1].text)
            assert solution, f"no folded solution after {check}"
            found.append((stub, check, solution[1]))
    return found


@EACH
def test_stubs_are_not_started_and_solutions_pass(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = code_of(source)[0]
    if "import torch" in setup:
        pytest.importorskip("minisnip.export", reason="pip install '.[export]'")
    numbers = []
    for stub, check, solution in exercises(source):
        namespace: dict[str, Any] = {}
        exec(setup, namespace)
        capsys.readouterr()
        exec(f"{stub}\n{check}", namespace)
        assert ": not started yet" in capsys.readouterr().out
        exec(f"{solution}\n{check}", namespace)
        said = capsys.readouterr().out
        assert re.search(r": passed, tried on (?s:.)+ \(\d+\)\.\n\Z", said), said  # and no note that it calls minisnip
        numbers.append(said.split(",")[0])
    assert len(numbers) >= 3
    assert numbers == [f"Exercise {int(source.name[:2])}.{i}" for i in range(1, len(numbers) + 1)]


@EACH
def test_every_exercise_of_the_module_is_in_the_lesson(source: Path) -> None:
    module = __import__(f"minisnip.exercises.lesson_{int(source.name[:2])}", fromlist=["_"])
    defined = {name for name, value in vars(module).items() if isinstance(value, Exercise)}
    assert defined == {check.split(".")[1].split("(")[0] for _, check, _ in exercises(source)}


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [*SOURCES, *sorted(TUTORIALS.glob("*.md"))], ids=lambda page: page.stem)
def test_links_lead_to_files_and_anchors_that_exist(page: Path) -> None:
    text = prose_of(page) if page.suffix == ".py" else page.read_text(encoding="utf-8")
    for target, fragment in LINK.findall(text):
        if "://" in target:
            continue
        file = TUTORIALS / target if target else page
        assert file.exists(), f"{page.name}: {target} does not exist"
        if fragment:
            headings = re.findall(r"^(?:# )?#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert fragment in {anchor(heading) for heading in headings}, f"{page.name}: no heading for #{fragment}"


@pytest.mark.parametrize("page", [TUTORIALS.parent / "README.md", TUTORIALS / "README.md"], ids=["main", "lessons"])
def test_jupyterlab_is_opened_where_it_finds_the_solved_copies(page: Path) -> None:
    """A link to a file outside the folder that JupyterLab is opened in leads to another file."""
    (folder,) = re.findall(r"jupyter lab ([\w/]+)", page.read_text(encoding="utf-8"))
    for source in SOURCES:
        assert (TUTORIALS / "student" / f"../{source.stem}.ipynb").resolve().is_relative_to(TUTORIALS.parent / folder)

"""The notebooks are their scripts, keep to the form, and their exercises are solved as they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from minisnip.exercises import Exercise

TUTORIALS = Path(__file__).parents[2] / "tutorials"
SOURCES = sorted((TUTORIALS / "source").glob("[0-9]*.py"))
SOLUTION = re.compile(r"<details><summary>Solution</summary>.*?```python\n(.*?)```.*?</details>", re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)

Cell = tuple[str, str]  # its kind, "code" or "markdown", and its text


def cells_of_script(source: Path) -> list[Cell]:
    """As jupytext's percent format has them, without the need for jupytext."""
    text = source.read_text(encoding="utf-8").split("# ---\n", 2)[2]
    cells = []
    for part in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        lines = body.strip("\n").split("\n")
        if "[markdown]" in head:
            cells.append(("markdown", "\n".join(re.sub(r"^# ?", "", line) for line in lines)))
        else:
            cells.append(("code", "\n".join(re.sub(r"^# (?=%)", "", line) for line in lines)))
    return cells


def notebook_of(source: Path) -> Any:
    return json.loads((TUTORIALS / f"{source.stem}.ipynb").read_text(encoding="utf-8"))


def cells_of_notebook(source: Path) -> list[Cell]:
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook_of(source)["cells"]]


@EACH
def test_notebook_and_script_hold_the_same_cells(source: Path) -> None:
    assert cells_of_notebook(source) == cells_of_script(source), "python tutorials/build.py rebuilds the notebook"


@EACH
def test_every_cell_was_executed_in_order_and_none_failed(source: Path) -> None:
    cells = [cell for cell in notebook_of(source)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    streams = {output.get("name", "stdout") for cell in cells for output in cell["outputs"]}
    assert "error" not in kinds
    assert streams <= {"stdout"}


@EACH
def test_form(source: Path) -> None:
    cells = cells_of_script(source)
    first = cells[0][1]
    assert re.match(rf"# {int(source.name[:2])}\. [A-Z]\w+ ", first)
    assert first.split("\n")[2].startswith("![")
    assert all(f"**{word}**" in first for word in ("do", "learn", "need", "time"))
    assert len(cells) <= 25
    assert max(sum(map(bool, text.split("\n"))) for kind, text in cells if kind == "code") <= 12
    text = "\n".join(text for kind, text in cells if kind == "markdown")
    assert 3 <= len(re.findall(r"^## Round", text, re.MULTILINE)) <= 5
    assert len(re.findall(r"\*\*Predict", text)) >= 3
    assert len(re.findall(r"\*\*Explain", text)) >= 3
    assert all(f"## {part}" in text for part in ("On your own", "In practice", "Further reading"))
    assert (TUTORIALS / f"{source.stem}.ipynb").stat().st_size <= 400_000
    assert (TUTORIALS / "figures" / f"{source.stem}.png").stat().st_size > 5_000


def exercises(source: Path) -> list[tuple[str, str, str]]:
    """For each: the stub's cell without its check, the check, and the solution."""
    cells, found = cells_of_script(source), []
    for i, (kind, text) in enumerate(cells):
        module = f"lesson_{int(source.name[:2])}."
        if kind == "code" and text.split("\n")[-1].startswith(module):
            stub, _, check = text.rpartition("\n")
            solution = SOLUTION.search(cells[i + 1][1])
            assert solution, f"no folded solution after {check}"
            found.append((stub, check, solution[1]))
    return found


@EACH
def test_stubs_are_not_started_and_solutions_pass(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = next(text for kind, text in cells_of_script(source) if kind == "code").replace("%matplotlib inline", "")
    if "import export" in setup:
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
    prose = [text for kind, text in cells_of_script(page) if kind == "markdown"] if page.suffix == ".py" else []
    text = "\n".join(prose) or page.read_text(encoding="utf-8")
    for target, fragment in LINK.findall(text):
        if "://" in target:
            continue
        file = TUTORIALS / target if target else page
        assert file.exists(), f"{page.name}: {target} does not exist"
        if fragment:
            headings = re.findall(r"^(?:# )?#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert fragment in {anchor(heading) for heading in headings}, f"{page.name}: no heading for #{fragment}"

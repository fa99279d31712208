"""Make the notebooks of their scripts: a solved copy, a student's copy, the solutions and the key figure.

    python tutorials/build.py             all lessons
    python tutorials/build.py 1 3         lessons 1 and 3
    python tutorials/build.py --check     run nothing, change nothing: does everything here agree with the scripts?
    python tutorials/build.py --out DIR   write there instead of here (a trial: nothing here is changed)

The scripts in tutorials/source/ are what is edited; nothing that is made of them is edited by hand. Needs
`'.[notebooks]'`. With MINISNIP_FAST=1 in the environment the lessons take smaller settings, for a test.

| made | what |
|---|---|
| NN_verb_what.ipynb | the solved copy: every cell was run, the outputs are kept |
| student/NN_verb_what.ipynb | the student's copy: no outputs, no solutions |
| solutions/NN_verb_what.md | the exercises and their solutions |
| figures/NN_verb_what.png | the picture of the cell with the tag `key-figure` |
"""

from __future__ import annotations

import argparse
import base64
import copy
import os
import re
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

HERE = Path(__file__).parent
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # cells that call NumPy alone: the same last digits
KEY_FIGURE = "key-figure"  # the tag of the cell whose picture is a file of its own
GUARD = "guard"  # the tag of the cells that assert what the text says; JupyterLab folds them
METADATA = {  # as JupyterLab writes it, before a kernel adds to it
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
PICTURE = re.compile(r"(!\[[^\]]*\]\()(figures/[^)]+)\)")
EXERCISE = re.compile(r"^### (Exercise \d+\.\d+.*)\Z", re.MULTILINE | re.DOTALL)
SOLUTION = re.compile(r"\A<details><summary>Solution</summary>\n(.*?)\n</details>\n*", re.DOTALL)
SOLVED = "This copy is solved. To predict before you look, open the [student's copy](student/{}.ipynb)."
STUDENT = (
    "This is the student's copy: no outputs, no solutions. In the repository, a [solved copy](../{}.ipynb) has both."
)


def sources(lessons: list[int]) -> list[Path]:
    """The scripts of these lessons, or of all; SystemExit if there is none of a number."""
    found = {int(path.name[:2]): path for path in sorted((HERE / "source").glob("[0-9]*.py"))}
    if unknown := sorted(set(lessons) - set(found)):
        raise SystemExit(f"there is no lesson {unknown[0]}: the lessons are {', '.join(map(str, found))}")
    return [found[n] for n in lessons or found]


def embed(cell: Any) -> None:
    """Put the pictures of a Markdown cell into the cell, so that a notebook without its folder shows them."""
    for _, path in PICTURE.findall(cell.source):
        picture = base64.b64encode((HERE / path).read_bytes()).decode()
        cell.setdefault("attachments", {})[Path(path).name] = {"image/png": picture}
    cell.source = PICTURE.sub(lambda found: f"{found[1]}attachment:{Path(found[2]).name})", cell.source)


def unexecuted(source: Path) -> Any:
    """The notebook of a script: no outputs, and cell ids that do not change."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = copy.deepcopy(METADATA)
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
        if GUARD in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "markdown":
            embed(cell)
    return notebook


def solved(source: Path) -> Any:
    """The solved copy, not yet executed."""
    notebook = unexecuted(source)
    notebook.cells[0].source += f"\n\n{SOLVED.format(source.stem)}"
    return notebook


def student(source: Path) -> Any:
    """The student's copy."""
    notebook = unexecuted(source)
    notebook.cells[0].source += f"\n\n{STUDENT.format(source.stem)}"
    for cell in notebook.cells:
        cell.source = SOLUTION.sub("", cell.source)
    notebook.cells = [cell for cell in notebook.cells if cell.source]
    return notebook


def solutions(source: Path) -> str:
    """The exercises and their solutions, in Markdown."""
    texts = [cell.source for cell in unexecuted(source).cells if cell.cell_type == "markdown"]
    title = texts[0].partition("\n")[0].removeprefix("# ")
    parts = [f"# Solutions of lesson {title}"]
    for text, following in pairwise(texts):
        if solution := SOLUTION.match(following):
            (exercise,) = EXERCISE.findall(text)
            parts.append(f"## {exercise.strip()}\n\n{solution[1].strip()}")
    return "\n\n".join(parts) + "\n"


def execute(notebook: Any, name: str) -> None:
    """Add the outputs; SystemExit names the notebook and the cell that failed."""
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        coalesce_streams=True,  # a slow cell's prints come in pieces, other ones each time
        record_timing=False,
        on_cell_start=lambda cell, cell_index: started.append(cell_index),
    )
    started: list[int] = []
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failed = started[-1]  # the kernel is there before the first cell starts
        raise SystemExit(f"{name}: cell {failed} failed:\n{notebook.cells[failed].source}\n\n{error}") from None


def key_figure(notebook: Any) -> bytes:
    """The PNG of the tagged cell."""
    (cell,) = [cell for cell in notebook.cells if KEY_FIGURE in cell.metadata.get("tags", [])]
    (picture,) = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
    return base64.b64decode(picture)


def as_bytes(notebook: Any) -> bytes:
    """The file that JupyterLab writes when it saves the notebook."""
    return (nbformat.writes(notebook) + "\n").encode()


def without_outputs(notebook: Any) -> Any:
    """What a notebook has before it is run: its cells, and nothing of the kernel that ran them."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    return notebook.cells


def unlike(source: Path, folder: Path) -> list[Path]:
    """The files in a folder that do not agree with the script, or that are missing."""
    name = source.stem
    notebook, picture = folder / f"{name}.ipynb", folder / "figures" / f"{name}.png"
    made = {
        folder / "student" / f"{name}.ipynb": as_bytes(student(source)),
        folder / "solutions" / f"{name}.md": solutions(source).encode(),
        notebook: b"",
    }
    if notebook.is_file():
        ours = nbformat.read(notebook, as_version=4)
        if without_outputs(ours) == without_outputs(solved(source)):
            made |= {notebook: as_bytes(ours), picture: key_figure(ours)}
    return [path for path, content in made.items() if not path.is_file() or path.read_bytes() != content]


def check(chosen: list[Path], folder: Path) -> None:
    """SystemExit names the files that do not agree with their scripts."""
    if wrong := [str(path.relative_to(folder)) for source in chosen for path in unlike(source, folder)]:
        raise SystemExit(f"not as their scripts say: {', '.join(wrong)}\npython tutorials/build.py makes them again")


def write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def build(source: Path, folder: Path) -> None:
    """Write all that is made of a script, and print how long it took."""
    started, name = time.perf_counter(), source.stem
    notebook = solved(source)
    execute(notebook, name)
    write(folder / f"{name}.ipynb", as_bytes(notebook))
    write(folder / "figures" / f"{name}.png", key_figure(notebook))
    write(folder / "student" / f"{name}.ipynb", as_bytes(student(source)))
    write(folder / "solutions" / f"{name}.md", solutions(source).encode())
    print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def main(argv: list[str] | None = None) -> None:
    """Build or check the lessons that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", metavar="N", nargs="*", type=int, help="numbers of lessons (default: all)")
    parser.add_argument("--check", action="store_true", help="run nothing; do all files agree with the scripts?")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=HERE, help="folder to write to (default: tutorials/)"
    )
    options = parser.parse_args(argv)
    chosen = sources(options.lessons)
    if options.check:
        check(chosen, options.out)
    else:
        for source in chosen:
            build(source, options.out)


if __name__ == "__main__":
    sys.exit(main())

"""Make the notebooks of their scripts: run every cell, keep the outputs, take out the key figure.

    python tutorials/build.py             all lessons
    python tutorials/build.py 1 3         lessons 1 and 3
    python tutorials/build.py --out DIR   write there instead of here (a trial: nothing here is changed)

The scripts in tutorials/source/ are what is edited; a notebook is never edited by hand. Needs `'.[notebooks]'`. With
MINISNIP_FAST=1 in the environment the lessons take smaller settings, for a test.
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

HERE = Path(__file__).parent
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # cells that call NumPy alone: the same last digits
KEY_FIGURE = "key-figure"  # the tag of the cell whose picture stands under the title


def sources(lessons: list[int]) -> list[Path]:
    """The scripts of these lessons, or of all; SystemExit if there is none of a number."""
    found = {int(path.name[:2]): path for path in sorted((HERE / "source").glob("[0-9]*.py"))}
    if unknown := sorted(set(lessons) - set(found)):
        raise SystemExit(f"there is no lesson {unknown[0]}: the lessons are {', '.join(map(str, found))}")
    return [found[n] for n in lessons or found]


def unexecuted(source: Path) -> Any:
    """The notebook of a script, with cell ids that do not change and no outputs."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
    return notebook


def executed(source: Path) -> Any:
    """The notebook with outputs; SystemExit names the notebook and the cell that failed."""
    notebook = unexecuted(source)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(HERE)}},
        coalesce_streams=True,  # a slow cell's prints come in pieces, other ones each time
        on_cell_start=lambda cell, cell_index: started.append(cell_index),
    )
    started: list[int] = []
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failed = started[-1]  # the kernel is there before the first cell starts
        raise SystemExit(f"{source.stem}: cell {failed} failed:\n{notebook.cells[failed].source}\n\n{error}") from None
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    return notebook


def key_figure(notebook: Any) -> bytes:
    """The PNG of the tagged cell."""
    (cell,) = [cell for cell in notebook.cells if KEY_FIGURE in cell.metadata.get("tags", [])]
    (picture,) = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
    return base64.b64decode(picture)


def write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def main(argv: list[str] | None = None) -> None:
    """Build, and print how long each lesson took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", metavar="N", nargs="*", type=int, help="numbers of lessons (default: all)")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=HERE, help="folder to write to (default: tutorials/)"
    )
    options = parser.parse_args(argv)
    for source in sources(options.lessons):
        started = time.perf_counter()
        notebook = executed(source)
        write(options.out / f"{source.stem}.ipynb", (nbformat.writes(notebook) + "\n").encode())
        write(options.out / "figures" / f"{source.stem}.png", key_figure(notebook))
        print(f"{source.stem}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""`tutorials/build.py --check` finds what differs from a script; running a built notebook leaves its file as it was.

The tests need Jupyter (`'.[notebooks]'`), and one of them a browser; they are skipped where these are missing.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.lab.browser import FOUND, Browser

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "tutorials"
LESSON = "01_walk_the_graph"
MISSING = [name for name in ("jupytext", "nbclient", "ipykernel", "jupyterlab") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} not installed: pip install '.[notebooks]'")
SERVER = "--no-browser --allow-root --IdentityProvider.token= --LabApp.expose_app_in_browser=True"
PANEL = "[...jupyterapp.shell.widgets('main')].find(w => w.context)"


@pytest.fixture(scope="module")
def build() -> Any:
    return runpy.run_path(str(TUTORIALS / "build.py"))


def test_what_is_committed_agrees_with_the_scripts(build: Any) -> None:
    build["main"](["--check"])


@pytest.mark.parametrize(
    ("file", "change"),
    [
        (f"{LESSON}.ipynb", lambda text: text.replace("Predict", "Guess", 1)),
        (f"{LESSON}.ipynb", lambda text: text.replace('"guard"', '"slide"', 1)),
        (f"{LESSON}.ipynb", lambda text: text.replace('\n "nbformat"', '\n  "nbformat"')),
        (f"{LESSON}.ipynb", lambda text: text.rstrip("\n")),
        (f"student/{LESSON}.ipynb", lambda text: text.replace("Predict", "Guess", 1)),
        (f"student/{LESSON}.ipynb", lambda text: text.replace('"execution_count": null', '"execution_count": 1', 1)),
        (f"solutions/{LESSON}.md", lambda text: text.replace("g * b", "g * a")),
        (f"figures/{LESSON}.png", None),
    ],
)
def test_a_difference_is_found_and_its_file_named(
    build: Any, tmp_path: Path, file: str, change: Callable[[str], str] | None
) -> None:
    for name in (f"{LESSON}.ipynb", f"student/{LESSON}.ipynb", f"solutions/{LESSON}.md", f"figures/{LESSON}.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(TUTORIALS / name, tmp_path / name)
    build["main"](["1", "--check", "--out", str(tmp_path)])
    if change is None:
        (tmp_path / file).write_bytes(b"another picture")
    else:
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert change(text) != text
        (tmp_path / file).write_text(change(text), encoding="utf-8")
    with pytest.raises(SystemExit, match=rf"not as their scripts say: {re.escape(file)}\n"):
        build["main"](["1", "--check", "--out", str(tmp_path)])


@contextmanager
def jupyterlab(folder: Path, private: Path) -> Iterator[str]:
    """The address of a JupyterLab that shows this folder and keeps its own files in another."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", f"--ServerApp.root_dir={folder}", f"--LabApp.workspaces_dir={private}"]
    command = [sys.executable, "-m", "jupyterlab", *SERVER.split(), *options, f"--LabApp.user_settings_dir={private}"]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with (private / "log.txt").open("w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": paths}, start_new_session=True
        )
    try:
        while "is running at" not in (private / "log.txt").read_text():
            assert server.poll() is None, (private / "log.txt").read_text()
            time.sleep(0.2)
        yield f"http://localhost:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def promised(browser: Browser, promise: str) -> None:
    """Wait for a promise in JavaScript."""
    browser.run(f"window.kept = undefined; {promise}.then(answer => {{ window.kept = String(answer) }}); 0")
    browser.wait("window.kept", 600)


@pytest.mark.skipif(FOUND is None, reason="no Chromium or Chrome here")
def test_running_and_saving_in_jupyterlab_leaves_the_file_as_it_was(build: Any, tmp_path: Path) -> None:
    folder, private = tmp_path / "shown", tmp_path / "private"
    private.mkdir()
    build["main"](["1", "--out", str(folder)])
    notebook = folder / f"{LESSON}.ipynb"
    before, written = notebook.read_bytes(), notebook.stat().st_mtime_ns
    with jupyterlab(folder, private) as address, Browser(private / "profile") as browser:
        browser.open(f"{address}/lab/tree/{LESSON}.ipynb")
        browser.wait(f"window.jupyterapp && {PANEL}?.sessionContext.kernelDisplayStatus === 'idle'", 300)
        browser.run(f"jupyterapp.shell.activateById({PANEL}.id)")
        promised(browser, "jupyterapp.commands.execute('notebook:run-all-cells')")
        promised(browser, f"{PANEL}.context.save()")
    assert notebook.stat().st_mtime_ns > written
    assert notebook.read_bytes() == before

"""The site builds without a warning and needs no network; its programs run; nothing public is forgotten."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from minisnip.lab.report import as_csv, read_csv, score, select
from minisnip.lab.reproduce import BUDGETS, RESULTS
from minisnip.pruning import CRITERIA, METHODS
from tests.lab.fakes import rows
from tests.lab.test_choices import ingredients

ROOT = Path(__file__).parents[2]
SITE = ROOT / "tutorials" / "site"
PACKAGES = ["", ".autodiff", ".nn", ".pruning", ".training", ".data", ".lab.plots", ".exercises"]
NEEDED = ("sphinx", "myst_nb", "numpydoc", "pydata_sphinx_theme", "sphinx-mathjax-offline")
MISSING = [name for name in NEEDED if find_spec(name) is None]
with_sphinx = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} not installed: pip install '.[docs]'")

# A block of code in a page, with the lines directly before it that say how it is tested.
BLOCK = re.compile(r"(?:^ *% (instead|needs|about): (.+)\n)?^( *)```(python|sh|text)\n((?:.*\n)*?)^\3```", re.MULTILINE)
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e[-+]?\d+)?")
PAGES = sorted((SITE / "howto").glob("*.md"))


def environment() -> dict[str, str]:
    """This checkout, this Python and its commands, one thread for BLAS."""
    paths = {"PYTHONPATH": ROOT, "PATH": Path(sys.executable).parent}
    first = {name: f"{path}{os.pathsep}{os.environ.get(name, '')}" for name, path in paths.items()}
    return {**os.environ, **first, "OPENBLAS_NUM_THREADS": "1"}


def run_shell(script: str, folder: Path) -> None:
    """Run it; whatever it leaves running, also if it fails, ends with it."""
    script = f'set -e\nminisnip() {{ python -m minisnip "$@"; }}\n{script}'
    with (folder / "output.txt").open("w+", encoding="utf-8") as output:
        shell = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            assert shell.wait(300) == 0, f"{script}\n{(folder / 'output.txt').read_text(encoding='utf-8')}"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
            shell.wait()


def agrees(printed: str, shown: str, tolerance: float = 1e-3) -> bool:
    """The same words, and the same numbers but for their last digits, which another processor may change."""
    first, second = (np.array([float(n.replace(",", "")) for n in NUMBER.findall(text)]) for text in (printed, shown))
    if NUMBER.sub("#", printed).split() != NUMBER.sub("#", shown).split():
        return False
    return np.allclose(first, second, rtol=tolerance, atol=tolerance)


@pytest.fixture(autouse=True)
def registries_stay_as_they_are() -> Iterator[None]:
    """A page shows how to add a criterion; other tests must not see it."""
    registries: list[Any] = [CRITERIA, METHODS]
    before = [(registry, dict(registry)) for registry in registries]
    yield
    for registry, entries in before:
        registry.clear()
        registry.update(entries)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_programs_of_a_page_run_and_print_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All Python of a page is one program. A comment before a block has a shorter command to run `instead`, a package
    that the block `needs`, or how far off the numbers may be that it is `about`."""
    monkeypatch.chdir(tmp_path)
    for name in ("tutorials", "minisnip"):
        (tmp_path / name).symlink_to(ROOT / name)
    namespace: dict[str, Any] = {"__name__": page.stem}
    for how, value, _, language, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        if how == "needs" and find_spec(value) is None:
            pytest.skip(f"{value} is not installed")
        if language == "python":
            capsys.readouterr()
            exec(compile(code, page.name, "exec", dont_inherit=True), namespace)
        elif language == "text":
            printed = capsys.readouterr().out
            assert agrees(printed, code, float(value) if how == "about" else 1e-3), printed
        else:
            run_shell(value if how == "instead" else code, tmp_path)


def test_there_are_programs_on_every_page_that_promises_some() -> None:
    for page in PAGES:
        assert page.stem == "index" or BLOCK.search(page.read_text(encoding="utf-8")), page.stem


def test_numbers_may_differ_in_the_last_digits_but_words_may_not() -> None:
    assert agrees("error 1.2345671", "error  1.2345678\n")
    assert not agrees("error 1.2", "error 1.3")
    assert not agrees("loss 1.2", "error 1.2")


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. The build fails on a warning: a broken reference, a docstring that is no reStructuredText."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, str(SITE / "build.py"), "--out", str(out)]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shutil.rmtree(out / "doctrees")
    return out / "html"


class Page(HTMLParser):
    """What a page links to, loads, shows and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.anchors |= {value for value in (found.get("id"), found.get("name")) if value}
        if tag == "img":
            self.pictures.append(found)
        if tag in ("img", "script", "iframe", "source") and found.get("src"):
            self.loaded.append(found["src"] or "")
        elif tag == "link" and found.get("rel") != "canonical" and found.get("href"):
            self.loaded.append(found["href"] or "")
        elif tag == "a" and found.get("href"):
            self.links.append(found["href"] or "")


@pytest.fixture(scope="module")
def pages(html: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(html.rglob("*.html")) if "_static" not in path.parts}


def local(pages: dict[Path, Page]) -> Iterator[tuple[Path, str, Path, str]]:
    """Every relative link or file: the page, the link, the file that it leads to, the anchor in it."""
    for path, page in pages.items():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if not parts.scheme and not parts.netloc:
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                yield path, link, target, unquote(parts.fragment)


@with_sphinx
def test_every_link_leads_to_a_page_and_an_anchor_that_exist(pages: dict[Path, Page]) -> None:
    for path, link, target, anchor in local(pages):
        assert target.exists(), f"{path.name}: {link}"
        if anchor and target in pages:
            assert anchor in pages[target].anchors, f"{path.name}: {link}"


@with_sphinx
def test_nothing_is_loaded_from_a_server(html: Path, pages: dict[Path, Page]) -> None:
    assert [link for page in pages.values() for link in page.loaded if urlsplit(link).netloc] == []
    assert (html / "_static" / "mathjax" / "tex-chtml.js").exists()
    assert (html / "searchindex.js").stat().st_size > 100_000


@with_sphinx
def test_every_picture_has_alternative_text(pages: dict[Path, Page]) -> None:
    """A few words; not the name of the file, which is what Sphinx puts there if there is none."""
    for path, page in pages.items():
        for picture in page.pictures:
            alt = picture.get("alt") or ""
            assert len(alt.split()) >= 3, f"{path.name}: {picture}"


@with_sphinx
@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_an_entry(package: str, pages: dict[Path, Page]) -> None:
    module = import_module(f"minisnip{package}")
    documented = set().union(*(page.anchors for page in pages.values()))
    for name in set(module.__all__) - {"__version__"}:
        obj = getattr(module, name)
        homes = {f"minisnip{other}.{name}" for other in PACKAGES} | {getattr(obj, "__name__", "")}
        homes = {home for home in homes if _is(home, obj)}
        assert documented & {*homes, *(f"module-{home}" for home in homes)}, f"minisnip{package}.{name}"


def _is(full: str, obj: object) -> bool:
    """Whether this is a full name of the object."""
    package, _, name = full.rpartition(".")
    return full in sys.modules if not package else getattr(sys.modules.get(package), name, None) is obj


@with_sphinx
@pytest.mark.parametrize("name", ["to_torch", "from_torch", "to_onnx", "save_state", "load_state"])
def test_the_export_has_its_pages_with_and_without_the_extra(name: str, html: Path, pages: dict[Path, Page]) -> None:
    page = html / "api" / "made" / f"minisnip.export.{name}.html"
    assert f"minisnip.export.{name}" in pages[page].anchors
    assert "Parameters" in page.read_text(encoding="utf-8") or name.endswith("state")


@with_sphinx
@pytest.mark.parametrize(("op", "arguments"), [("tanh", "(x)"), ("add", "(a, b)"), ("power", "(x, p)")])
def test_an_op_is_shown_with_its_arguments_and_its_code_once(op: str, arguments: str, html: Path) -> None:
    page = (html / "api" / "made" / f"minisnip.ops.{op}.html").read_text(encoding="utf-8")
    text = " ".join(re.sub(r"<[^>]*>", "", page).split())
    assert f" minisnip.ops.{op}{arguments}" in text
    assert text.count(f"{op} = elementwise(") == 1


def results_pages() -> Any:
    """What makes the pages of results."""
    spec = spec_from_file_location("results", SITE / "results.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module := module_from_spec(spec))
    return module


def test_a_sentence_on_each_gap_is_made_of_both_tables(tmp_path: Path) -> None:
    assert "Not computed yet" in next(results_pages().gaps(tmp_path))
    budget = BUDGETS["smoke"].with_seeds(2)
    for name in ("table1", "ingredients"):
        found = rows(RESULTS[name].plan(budget, "mnist"))
        (tmp_path / f"{name}.csv").write_text(as_csv(RESULTS[name].lines(found)))
    lines = list(results_pages().gaps(tmp_path))
    assert sum(": the paper has " in line for line in lines) == len(lines) == 4


def test_a_sentence_for_each_gap_says_what_closes_it() -> None:
    table1 = rows(RESULTS["table1"].plan(BUDGETS["long"].with_seeds(3), "glyphs"))
    errors = {"Algorithm 1": {0.95: 1.64, 0.98: 2.8, 0.99: 1.4}, "best": {0.95: 1.4, 0.98: 2.3, 0.99: 1.2}}
    for row in table1:
        row["test_error_percent"] = errors.get(row["case"], {}).get(row["sparsity"], 9.0)
    mlp95, mlp98, _, convnet99 = results_pages().gap_sentences(
        table1, ingredients({"cosine schedule": 0.5, "FORCE": 0.9})
    )
    assert "the paper has 1.6 %, Algorithm 1 makes 1.64" in mlp95
    assert "there is no gap" in mlp95
    assert "our recipe closes the gap" in mlp98
    assert "Alone, most is won by FORCE (-0.70) and cosine schedule (-0.30), in points of validation" in mlp98
    assert "64,800 iterations, 3 seeds" in mlp98
    assert "0.10 remain" in convnet99


def test_every_error_of_snip_at_95_or_98_percent_is_in_one_table_with_all_that_decides_it() -> None:
    shipped = ROOT / "tests" / "benchmarks" / "results"
    lines = results_pages().statements(shipped)
    assert {line["where"].partition("]")[0][1:] for line in lines} >= {"table1", "figure1", "compare", "controls"}
    assert all(value not in ("", None, "–") for line in lines for value in line.values())
    algorithm_1 = select(read_csv(shipped / "table1.csv"), model="lenet-300-100", case="Algorithm 1", sparsity=0.95)
    stated = {(line["where"], line["error, %"], line["length"], line["seeds"]) for line in lines}
    length = f"{algorithm_1[0]['iterations']:,} iterations"
    assert ("[table1](table1.md)", score(algorithm_1), length, len(algorithm_1)) in stated


@with_sphinx
def test_the_lessons_and_the_results_are_all_there(pages: dict[Path, Page], html: Path) -> None:
    found = {str(path.relative_to(html).with_suffix("")) for path in pages}
    assert {f"lessons/{path.stem}" for path in (ROOT / "tutorials").glob("[0-9]*.ipynb")} <= found
    shipped = ROOT / "tests" / "benchmarks" / "results"
    names = {path.stem for path in shipped.iterdir() if path.suffix == ".json" or path.is_dir()}
    assert {f"results/{name}" for name in names} <= found

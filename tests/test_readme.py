"""What the README says is true."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip import check_grads, data, ops, primitive
from minisnip.lab.compare import error_table
from minisnip.lab.report import read_csv, select
from minisnip.lab.reproduce import BUDGETS, choices
from tests import readme

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.+?)```", README, re.DOTALL)


def test_the_whole_of_snip_is_about_fifteen_lines_and_prunes_95_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as it stands, but on the glyphs, so that it needs no download."""
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) <= 16
    monkeypatch.setattr(data, "load", lambda name, load=data.load: load("glyphs"))
    names: dict[str, object] = {}
    exec(BLOCKS[0], names)
    masks = names["masks"]
    assert isinstance(masks, dict)
    assert sum(int(c.sum()) for c in masks.values()) == 13_331


def test_the_tests_of_an_own_op_pass() -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS[1], names)
    names["test_softplus"]()
    names["test_softplus_everywhere"]()


@pytest.mark.parametrize(("which", "words"), [("run", "minisnip train"), ("test", "python -m pytest")])
def test_both_commands_are_one_line_each_that_also_installs(which: str, words: str) -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme_command.py", which], check=True, capture_output=True, text=True
    ).stdout
    assert printed.count("\n") == 1
    assert printed.startswith("python -m pip install")
    assert words in printed


def test_the_readme_links_to_files_that_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert [name for name in re.findall(r"`(minisnip/\w+/)`", README) if not (ROOT / name).is_dir()] == []


@pytest.mark.parametrize("name", ["compare", "controls"])
def test_the_tables_of_a_comparison_are_those_of_the_shipped_runs(name: str) -> None:
    for file in (readme.RESULTS / name).glob("results*.csv"):
        found = read_csv(file)
        table = file.with_name(file.name.replace("results", "tables")).with_suffix(".md")
        assert error_table(found) in table.read_text(encoding="utf-8")
        assert {row["dataset"] for row in found} == {"mnist"}


@pytest.mark.parametrize("name", readme.SECTIONS)
def test_what_the_readme_says_is_made_of_files(name: str) -> None:
    assert README.count(f"<!-- table: {name} -->") == 1
    assert readme.replaced(README) == README, "run: python -m tests.readme --write"
    assert readme.replaced(README.replace("<!-- /table -->", "| stale |\n<!-- /table -->")) == README


def test_a_number_that_changes_in_the_csv_changes_in_the_readme(tmp_path: Path) -> None:
    for name in ("table1.csv", "table1.json"):
        shutil.copy(readme.RESULTS / name, tmp_path)
    before, table1 = readme.results(tmp_path), tmp_path / "table1.csv"
    error = read_csv(table1)[0]["test_error_percent"]
    table1.write_text(table1.read_text().replace(f",{error},", ",50.0,", 1))
    assert readme.results(tmp_path) != before


def test_the_readme_has_one_table_of_results_with_length_seeds_rates_and_command() -> None:
    made = readme.results()
    assert README.count("| the paper |") == made.count("| the paper |") == 1
    assert "iterations" in made
    assert "seeds" in made
    for case in ("Algorithm 1", "best"):
        rates = {row["learning_rate"] for row in read_csv(readme.RESULTS / "table1.csv") if row["case"] == case}
        assert all(f"{rate:g}" in made.partition(f"- {case}")[2] for rate in rates)
    assert re.search(r"`minisnip reproduce table1 --budget \w+` at commit `[0-9a-f]{12}`", " ".join(made.split()))


def test_the_readme_is_short() -> None:
    prose = [line for line in README.splitlines() if not line.startswith("|")]
    assert len(prose) <= 150
    assert max(map(len, prose)) <= 120
    assert len(README.split()) <= 1_500


def test_the_message_of_a_wrong_op_is_the_one_that_is_shown() -> None:
    wrong = primitive(lambda x: np.log1p(np.exp(x)), lambda g, out, x: ops.sigmoid(x))
    with pytest.raises(AssertionError) as raised:
        check_grads(wrong, np.array([-1.0, 0.5, 2.0]))
    assert " ".join(str(raised.value).split()) in " ".join(README.split())


LENGTHS = readme.RESULTS / "lengths.csv"


@pytest.mark.skipif(not LENGTHS.exists(), reason="minisnip reproduce lengths --budget long is not shipped yet")
def test_what_is_shipped_is_trained_for_as_long_as_the_lengths_say() -> None:
    found = read_csv(LENGTHS)
    for model, sparsity in choices.POINTS:
        enough = choices.enough(select(found, model=model, sparsity=sparsity))
        assert enough is not None, (model, sparsity)
        assert enough <= BUDGETS["long"].iterations[model]


def test_every_name_imports_from_where_the_readme_says() -> None:
    code = [ast.parse(block) for block in BLOCKS]
    imports = [node for tree in code for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named = [(node.module, alias.name) for node in imports for alias in node.names if node.module]
    named += [path.rpartition(".")[::2] for path in re.findall(r"`(minisnip(?:\.\w+)+)`", README)]
    for line in README.splitlines():  # a row of the table of packages, or a sentence on one package
        packages = re.findall(r"`minisnip/(\w+)/`", line)
        if len(packages) == 1 and packages[0] not in ("lab", "exercises"):
            named += [(f"minisnip.{packages[0]}", name) for name in re.findall(r"`([A-Za-z_]\w*)`", line)]
    found = [(module, name) for module, name in named if module.startswith("minisnip")]
    assert len(found) > 10
    assert [pair for pair in found if not hasattr(importlib.import_module(pair[0]), pair[1])] == []

"""What the README says is true."""

from __future__ import annotations

import ast
import importlib
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minisnip import data
from minisnip.lab.compare import error_table
from minisnip.lab.report import read_csv, select
from minisnip.lab.reproduce import BUDGETS, RESULTS, recipes, search, write
from tests.benchmarks import readme_tables, training_step
from tests.benchmarks.table import milliseconds
from tests.lab.fakes import rows

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


def test_the_gradient_check_of_the_readme_passes() -> None:
    exec(BLOCKS[1], {"np": np})


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


def test_the_timings_of_the_readme_are_those_of_the_shipped_turns() -> None:
    record = json.loads((ROOT / "tests/benchmarks/results/training_step/training_step.json").read_text())
    for row in record["rows"]:
        (line,) = [line for line in README.splitlines() if line.startswith(f"| {' | '.join(row['row'])} |")]
        medians = [milliseconds(statistics.median(t["turns_ms"]) / 1000) for t in row["turns"].values()]
        assert all(f" {median} " in line for median in medians)
        middle, least, most = row["ratio_median_least_greatest"][training_step.PEER]
        assert f"| {middle:.2f} ({least:.2f}–{most:.2f}) |" in line


@pytest.mark.parametrize("name", ["compare", "controls"])
def test_the_comparisons_of_the_readme_are_those_of_the_shipped_runs(name: str) -> None:
    folder = ROOT / "tests" / "benchmarks" / "results" / name
    rows = read_csv(folder / "results.csv")
    table = error_table(rows)
    assert table in README
    assert table in (folder / "tables.md").read_text(encoding="utf-8")
    assert {row["dataset"] for row in rows} == {"mnist"}


def test_the_reproduction_in_the_readme_is_that_of_the_shipped_files() -> None:
    assert README.count("<!-- table: reproduce -->") == 1
    assert readme_tables.replaced(README) == README, "run: python -m tests.benchmarks.readme_tables --write"
    changed = readme_tables.SECTION.sub("| SNIP | 0.1 |\n", README)
    assert readme_tables.replaced(changed) == README != changed


def test_a_number_that_changes_in_the_csv_changes_in_the_readme(tmp_path: Path) -> None:
    assert readme_tables.section(tmp_path) == readme_tables.NOT_YET + "\n"
    found = rows(RESULTS["table1"].plan(BUDGETS["smoke"], "glyphs"))
    write(tmp_path, "table1", found, "the command", ["a" * 40 + "-dirty", "unknown"])
    section = readme_tables.section(tmp_path)
    assert "| LeNet-300-100 | dense | – | 1.7 | 0.00 | 0.00 |" in section
    assert "Printed by `the command` at commit" in section
    assert f"of runs computed at {'a' * 12}-dirty, unknown: " in section
    file = tmp_path / "table1.csv"
    file.write_text(file.read_text().replace(",0.0,0.0,-0.05,", ",0.0,7.5,-0.05,", 1))
    assert "| LeNet-300-100 | dense | – | 1.7 | 7.50 | 0.00 |" in readme_tables.section(tmp_path)


def test_the_digest_of_table_1_has_its_numbers() -> None:
    digest = re.findall(r"^\| our.+?((?:\| \d\.\d\d )+)\|$", README, re.MULTILINE)
    numbers = [number for line in digest for number in re.findall(r"\d\.\d\d", line)]
    assert len(numbers) == 12
    assert [number for number in numbers if f"| {number} ± " not in readme_tables.section()] == []


def test_our_recipe_is_what_the_shipped_search_chose() -> None:
    lines = read_csv(readme_tables.RESULTS / "search.csv")
    for (model, sparsity), changes in recipes.BEST.items():
        found = select(lines, model=model, sparsity=sparsity)
        assert changes == search.changes_of(search.best(found), found)


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

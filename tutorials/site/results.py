"""Pages of the shipped results: tables, figures, numbers to download, and the command that made them.

A result is a JSON file with its "command", or a folder. The page NAME.md is written by hand and includes made/NAME.md,
which this file writes; a result without such a page gets one.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.lab import report
from minisnip.lab.reproduce import RESULTS, choices, recipes
from minisnip.lab.reproduce.recipes import INGREDIENTS, PAPER, TOGETHER, length, where
from minisnip.nn.models import TITLES

Record = dict[str, Any]
NUMERICS = re.compile(r"\bnumerics(?= \d)")  # the label of a table, explained on the first page
SNIP = ("snip", "force", "iterative-snip")
COMMANDS = {"snip": "the command's", "SNIP": "the command's", "force": "the command's, FORCE"}
WHOLE = ("Algorithm 1", "best")  # recipes; other ingredients are steps on the way
INCLUDE = "```{{include}} made/{}.md\n```\n"


def write(shipped: Path, pages: Path) -> None:
    """Write made/NAME.md for every result, and copy the files that it shows."""
    made = pages / "made"
    made.mkdir()
    for page in pages.glob("*.md"):  # of a result that is not shipped yet
        command = "minisnip reproduce {} --budget long" if page.stem in RESULTS else "python -m tests.benchmarks.{}"
        text = f"*Not computed yet:* `{command.format(page.stem)}`.\n"
        (made / page.name).write_text(text, encoding="utf-8")
    (made / "same_thing.md").write_text(report.as_markdown(statements(shipped)) + "\n", encoding="utf-8")
    (made / "gaps.md").write_text("\n".join(gaps(shipped)) + "\n", encoding="utf-8")
    for name, files, record in found(shipped):
        page = pages / f"{name}.md"
        if not page.exists():
            page.write_text(f"# {name}\n\n{INCLUDE.format(name)}", encoding="utf-8")
        (pages / name).mkdir()
        for file in files:
            shutil.copy(file, pages / name)
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        parts = "\n\n".join(fragment(name, title, files, record))
        parts = re.sub(r" ± | (?=%)", lambda space: space[0].replace(" ", "\N{NO-BREAK SPACE}"), parts)
        (made / f"{name}.md").write_text(parts + "\n", encoding="utf-8")


def gaps(shipped: Path) -> Iterator[str]:
    """A line for each error that the paper prints of SNIP, once the ingredients are shipped."""
    files = [shipped / f"{name}.csv" for name in ("table1", "ingredients")]
    if all(file.exists() for file in files):
        yield from (f"- {sentence}" for sentence in gap_sentences(*map(report.read_csv, files)))
    else:
        yield "*Not computed yet:* `minisnip reproduce ingredients --budget long`."


def gap_sentences(table1: Sequence[report.Row], ingredients: Sequence[report.Row]) -> Iterator[str]:
    """A sentence for each error that the paper prints of SNIP: how far off we are, and what closes the gap most."""
    for model, pruned, printed in [(m, p, error) for m, errors in recipes.SNIP.items() for p, error in errors.items()]:
        sparsity = pruned / 100
        here, chose = report.select(table1, model=model, sparsity=sparsity), report.select(ingredients, model=model)
        ours = {case: float(np.mean(report.errors(report.select(here, case=case)))) for case in (PAPER, TOGETHER)}
        alone = sorted(
            (float(np.mean(choices.worth(chose, name))), name) for name in INGREDIENTS if choices.helped(chose, name)
        )
        most = " and ".join(f"{name} ({change:+.2f})" for change, name in alone[:2]) or "nothing"
        yield (
            f"{choices.title(model, sparsity)}: the paper has {printed} %, Algorithm 1 makes {ours[PAPER]:.2f} "
            f"({where(report.select(here, case=PAPER)).partition(', ')[2]}), our best recipe {ours[TOGETHER]:.2f}; "
            f"{_outcome(ours[PAPER], ours[TOGETHER], printed)}. Alone, most is won by {most}, in points of validation "
            f"error at {report.percent(choices.COLUMNS[model])}."
        )


def _outcome(paper: float, together: float, printed: float) -> str:
    """Whether there is a gap, to one decimal as the paper prints, and what closes it."""
    if round(paper, 1) <= printed:
        return "there is no gap"
    return "our recipe closes the gap" if round(together, 1) <= printed else f"{together - printed:.2f} remain"


def statements(shipped: Path) -> list[report.Row]:
    """Every error that a shipped table states for SNIP at 95 % or 98 %, with network, length, recipe and seeds."""
    stated = []
    for file in sorted(shipped.rglob("*.csv")):
        name = file.stem if file.parent == shipped else file.parent.name
        groups: dict[tuple[Any, ...], list[report.Row]] = {}
        for row in report.read_csv(file):
            if row.get("sparsity") in (0.95, 0.98) and row.get("criterion") in SNIP and row.get("control") == "none":
                groups.setdefault((row["model"], row["sparsity"], row["case"], length(row)), []).append(row)
        whole = {key: rows for key, rows in groups.items() if name != "ingredients" or key[2] in WHOLE}
        stated += [statement(name, key, rows) for key, rows in whole.items()]
    return sorted(stated, key=lambda line: (line["network"], line["sparsity"]))


def statement(name: str, key: tuple[Any, ...], rows: list[report.Row]) -> report.Row:
    """A line of that table; the key is the network, the sparsity, the case and the length."""
    model, sparsity, case, length = key
    split = "validation" if rows[0].get("test_split") == "never" else "test"
    return {
        "network": TITLES[model],
        "sparsity": report.percent(sparsity),
        "error, %": report.score(rows, f"{split}_error_percent"),
        "split": split,
        "where": f"[{name}]({name}.md)",
        "recipe": "Algorithm 1" if case.endswith("%") else COMMANDS.get(case, case),
        "length": length,
        "learning rate": f"{rows[0]['learning_rate']:g}",
        "seeds": len(rows),
        "numerics": rows[0].get("numerics", 1),
    }


def found(shipped: Path) -> Iterator[tuple[str, list[Path], Record]]:
    """Name, files and record of each result; the record of a folder without one is empty."""
    for path in sorted(shipped.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        yield path.stem, [shipped / file for file in record["files"]], record
    for folder in sorted(path for path in shipped.iterdir() if path.is_dir()):
        files = sorted(folder.iterdir())
        records = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.suffix == ".json"]
        yield folder.name, files, records[0] if records else {}


def fragment(name: str, title: str, files: list[Path], record: Record) -> Iterator[str]:
    """The parts of a page, in Markdown: tables, figures, origin, and the numbers to download."""
    shown = set[str]()
    for text in (file.read_text(encoding="utf-8").strip() for file in files if file.suffix == ".md"):
        text = NUMERICS.sub("[numerics](index.md#how-results-are-kept)", text)
        yield re.sub(r"(!\[.*?\]\()", rf"\1{name}/", text)  # a figure beside the table
        shown |= set(re.findall(r"!\[.*?\]\((.*?)\)", text))
    figures = (file.name for file in files if file.suffix == ".png" and file.name not in shown)
    yield from (f"![{title}]({name}/{figure})" for figure in figures)
    if record:
        yield origin(record)
    numbers = [file.name for file in files if file.suffix in (".csv", ".json")]
    if numbers:
        yield "Every number: " + ", ".join(f"{{download}}`{file} <{name}/{file}>`" for file in numbers) + "."


def origin(record: Record) -> str:
    """How it was made: command, commit, runs, hours, versions."""
    command, versions = record["command"], record["versions"]
    parts = [f"Made by `{'python ' * command.startswith('-m ')}{command}` at commit `{record['commit'][:12]}`"]
    if "runs" in record:
        parts.append(f"{record['runs']:,} runs, {record['seconds'] / 3600:.1f} core hours")
    parts.append(", ".join(f"{name} {versions[name]}" for name in ("minisnip", "numpy", "python") if name in versions))
    return "; ".join(parts) + "."

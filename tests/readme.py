"""The parts of the README that are made from files, so that the two cannot drift apart.

    python -m tests.readme            print them
    python -m tests.readme --write    put them into the README, each between its marks

The results are those of `minisnip reproduce table1` and of `python -m tests.benchmarks.all`, in
tests/benchmarks/results/.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from textwrap import fill

from minisnip.lab.report import Row, as_markdown, numerics, percent, read_csv, score, select
from minisnip.lab.reproduce import recipes, tables
from minisnip.lab.reproduce.recipes import PAPER, TOGETHER, rates, where
from minisnip.nn.models import TITLES
from tests import count_lines
from tests.benchmarks import page

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "tests" / "benchmarks" / "results"

COLUMN = {case: f"ours, {case}" for case in recipes.COLUMNS}


def results(folder: Path = RESULTS) -> str:
    """The one table of results, and what made it."""
    rows = read_csv(folder / "table1.csv")
    origin = json.loads((folder / "table1.json").read_text(encoding="utf-8"))
    caption = (
        f"Test error on MNIST in percent, mean ± standard deviation over seeds; {numerics(rows)}. *Algorithm 1* is the "
        "method as printed, *authors' code* trains another draw of the weights than the scored one, and *best* is our "
        "recipe, the best on the validation split. Validation chose the epoch. The table is that of "
        f"`{origin['command']}` at commit `{origin['commit'][:12]}`."
    )
    cases = {"Algorithm 1 and authors' code": PAPER, "best": TOGETHER}
    trained = [f"- {name}: {_trained(select(rows, case=case))}." for name, case in cases.items()]
    lines = [_line(rows, model, sparsity) for model, sparsity in tables.POINTS]
    parts = [fill(caption, 120), as_markdown(lines), _bullets(trained)]
    return "\n\n".join(parts) + "\n"


def _trained(rows: Sequence[Row]) -> str:
    """Data set, length, seeds and learning rates of each network."""
    groups = {model: select(rows, model=model) for model in tables.MODELS}
    return "; ".join(f"{TITLES[model]} on {where(own)}, {rates(own)}" for model, own in groups.items())


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(fill(line, 120, subsequent_indent="  ") for line in lines)


def _line(rows: Sequence[Row], model: str, sparsity: float) -> Row:
    here = select(rows, model=model, sparsity=sparsity)
    printed = recipes.SNIP[model][100 * sparsity] if sparsity else recipes.DENSE[model]
    names = {"network": TITLES[model], "sparsity": percent(sparsity), "connections kept": f"{here[0]['kept']:,}"}
    return {**names, "the paper": printed, **{COLUMN[case]: score(select(here, case=case)) for case in COLUMN}}


def speed() -> str:
    """How fast, in a sentence."""
    return fill(page.sentence(page.shipped()), 120, break_long_words=False, break_on_hyphens=False) + "\n"


SECTIONS: dict[str, Callable[[], str]] = {"results": results, "speed": speed, "lines": count_lines.evening}


def replaced(readme: str) -> str:
    """The README with every part as it should be."""
    for name, make in SECTIONS.items():
        before, mark, rest = readme.partition(f"<!-- table: {name} -->\n")
        _, end, after = rest.partition("<!-- /table -->")
        readme = f"{before}{mark}{make()}{end}{after}" if mark and end else readme
    return readme


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        README.write_text(replaced(README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print("\n".join(make() for make in SECTIONS.values()), end="")

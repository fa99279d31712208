"""The parts of the README that are made from files, so that the two cannot drift apart.

    python -m tests.readme            print them
    python -m tests.readme --write    put them into the README, each between its marks

The results are those of `minisnip reproduce table1` and `minisnip reproduce search`, and of `python -m
tests.benchmarks.all`, in tests/benchmarks/results/.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill

from minisnip.lab.report import Row, as_markdown, numerics, percent, read_csv, score, select
from minisnip.lab.reproduce import recipes, search, tables
from minisnip.nn.models import TITLES
from tests import count_lines
from tests.benchmarks import page

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "tests" / "benchmarks" / "results"

GAPS = {  # network and sparsity: the one change of the paper's setting that helps most, and a sentence with its worth
    ("lenet-300-100", 0.95): (
        "iterations: six times",
        "our training is short: six times the iterations lower the error by {}",
    ),
    ("lenet-300-100", 0.98): ("iterations: six times", "the same: six times the iterations lower the error by {}"),
    ("lenet-5-caffe", 0.98): (
        "schedule: cosine",
        "our training is short, at a fifth of the paper's learning rate: a cosine schedule lowers the error by {}",
    ),
    ("lenet-5-caffe", 0.99): ("scoring: iterative", "the same: scoring in a hundred rounds lowers the error by {}"),
}


def results(folder: Path = RESULTS) -> str:
    """The one table of results, and a sentence on each gap to the paper."""
    rows, found = read_csv(folder / "table1.csv"), read_csv(folder / "search.csv")
    lines = [_line(rows, model, sparsity) for model, sparsity in tables.POINTS]
    seeds = "the mean ± standard deviation is over " + _seeds(rows)
    table = (
        f"Test error on MNIST in percent; {seeds}; {numerics(rows)}. *Algorithm 1* is the method as printed; *best "
        "recipe* is the best that our search found with at most twice the iterations. Validation chose the epoch."
    )
    search_found = (
        "What narrows the gap to the paper most in our search, in points of validation error (LeNet-5-Caffe: one seed "
        "per change):"
    )
    gaps = [f"- {TITLES[model]}, {percent(sparsity)}: {_gap(found, model, sparsity)}." for model, sparsity in GAPS]
    bullets = "\n".join(fill(gap, 120, subsequent_indent="  ") for gap in gaps)
    return "\n\n".join([fill(table, 120), as_markdown(lines), fill(search_found, 120), bullets]) + "\n"


def _line(rows: Sequence[Row], model: str, sparsity: float) -> Row:
    here = select(rows, model=model, sparsity=sparsity)
    printed = recipes.SNIP[model][100 * sparsity] if sparsity else recipes.DENSE[model]
    return {
        "network": TITLES[model],
        "sparsity": percent(sparsity),
        "connections kept": f"{here[0]['kept']:,}",
        "the paper": printed,
        "Algorithm 1": score(select(here, case="Algorithm 1")),
        "best recipe": score(select(here, case=tables.RECIPE)),
    }


def _seeds(rows: Sequence[Row]) -> str:
    counts = {model: len({row["seed"] for row in select(rows, model=model)}) for model in tables.MODELS}
    return " and ".join(f"{count} seeds ({TITLES[model]})" for model, count in counts.items())


def _gap(found: Sequence[Row], model: str, sparsity: float) -> str:
    here = select(found, model=model, sparsity=sparsity)
    case, sentence = GAPS[model, sparsity]
    return sentence.format(f"{search.mean(here, search.PAPER) - search.mean(here, case):.2f}")


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

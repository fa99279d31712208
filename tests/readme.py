"""The parts of the README that are made from files, so that the two cannot drift apart.

    python -m tests.readme            print them
    python -m tests.readme --write    put them into the README, each between its marks

The results are those of `minisnip reproduce table1` and `minisnip reproduce ingredients`, and of `python -m
tests.benchmarks.all`, in tests/benchmarks/results/.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np

from minisnip.lab.report import Row, as_markdown, errors, numerics, percent, read_csv, score, select
from minisnip.lab.reproduce import choices, recipes, tables
from minisnip.lab.reproduce.recipes import INGREDIENTS, PAPER, TOGETHER, rates, where
from minisnip.nn.models import TITLES
from tests import count_lines
from tests.benchmarks import page

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "tests" / "benchmarks" / "results"

COLUMN = {case: f"ours, {case}" for case in recipes.COLUMNS}


def results(folder: Path = RESULTS) -> str:
    """The one table of results, what made it, and a sentence on each gap to the paper."""
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
    if (ingredients := folder / "ingredients.csv").exists():
        sentence = "How far SNIP is from the paper's errors, and what closes the gaps:"
        parts += [sentence, _bullets(f"- {gap}" for gap in gaps(rows, read_csv(ingredients)))]
    return "\n\n".join(parts) + "\n"


def _trained(rows: Sequence[Row]) -> str:
    """Data set, length, seeds and learning rates of each network."""
    groups = {model: select(rows, model=model) for model in tables.MODELS}
    return "; ".join(f"{TITLES[model]} on {where(own)}, {rates(own)}" for model, own in groups.items())


def gaps(table1: Sequence[Row], ingredients: Sequence[Row]) -> Iterator[str]:
    """A sentence for each error that the paper prints of SNIP: how far off we are, and what closes the gap most."""
    for model, sparsity in choices.POINTS:
        printed = recipes.SNIP[model][round(100 * sparsity, 1)]
        here, chose = select(table1, model=model, sparsity=sparsity), select(ingredients, model=model)
        ours = {case: float(np.mean(errors(select(here, case=case)))) for case in (PAPER, TOGETHER)}
        alone = sorted(
            (float(np.mean(choices.worth(chose, name))), name) for name in INGREDIENTS if choices.helped(chose, name)
        )
        most = " and ".join(f"{name} ({change:+.2f})" for change, name in alone[:2]) or "nothing"
        yield (
            f"{choices.title(model, sparsity)}: the paper has {printed} %, Algorithm 1 makes {ours[PAPER]:.2f} "
            f"({where(select(here, case=PAPER)).partition(', ')[2]}), our best recipe {ours[TOGETHER]:.2f}; "
            f"{_outcome(ours[PAPER], ours[TOGETHER], printed)}. Alone, most is won by {most}, in points of validation "
            f"error at {percent(choices.COLUMNS[model])}."
        )


def _outcome(paper: float, together: float, printed: float) -> str:
    """Whether there is a gap, to one decimal as the paper prints, and what closes it."""
    if round(paper, 1) <= printed:
        return "there is no gap"
    return "our recipe closes the gap" if round(together, 1) <= printed else f"{together - printed:.2f} remain"


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

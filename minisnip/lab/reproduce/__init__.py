"""The paper's MNIST results from scratch: experiments in; CSV, text, figures and their origin out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minisnip.lab.report import Case, Row, as_csv, cells_of, numerics, rows_of, save
from minisnip.lab.reproduce import choices, costs, figures, table2, tables, yardstick
from minisnip.lab.reproduce.recipes import BUDGETS, Budget
from minisnip.lab.runs import commit, commits, versions
from minisnip.mistakes import unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BUDGETS", "RESULTS", "Budget", "Result", "budget_of", "compute_and_write", "costs_of", "seconds", "write"]


@dataclass(frozen=True)
class Result:
    """A table or a figure: the runs that it needs, and what is made of their rows.

    Attributes
    ----------
    plan : callable
        The runs, from a budget and a data set.
    text : callable
        What is printed.
    draw : callable
        The figures, by file name.
    lines : callable
        The lines of the CSV.
    """

    plan: Callable[[Budget, str], list[Case]]
    text: Callable[[Sequence[Row]], str]
    draw: Callable[[Sequence[Row]], dict[str, Figure]] = lambda rows: {}
    lines: Callable[[Sequence[Row]], list[dict[str, Any]]] = cells_of


RESULTS = {  # the most important first: whoever has too little time cuts from the end
    "table1": Result(tables.plan_table1, tables.table1),
    "ingredients": Result(choices.plan_ingredients, choices.table_ingredients),
    "lengths": Result(choices.plan_lengths, choices.table_lengths, choices.draw_lengths),
    "rates": Result(choices.plan_rates, choices.table_rates),
    "figure1": Result(figures.plan_figure1, figures.text_figure1, figures.draw_figure1),
    "figure2": Result(figures.plan_figure2, figures.text_figure2, figures.draw_figure2, figures.lines_figure2),
    "figure3": Result(figures.plan_figure3, figures.text_figure3, figures.draw_figure3),
    "figure4": Result(figures.plan_figure4, figures.text_figure4, figures.draw_figure4, figures.lines_figure4),
    "table3": Result(tables.plan_table3, tables.table3),
    "table2": Result(table2.plan, table2.table, table2.draw, table2.lines),
    "yardstick": Result(yardstick.plan, yardstick.table),
}


def budget_of(result: str, name: str, seeds: int | None) -> Budget:
    """The budget with this name, for a result or "all"; ValueError for what does not exist."""
    if result not in (*RESULTS, "all"):
        raise ValueError(unknown("result", result, (*RESULTS, "all")))
    if name not in BUDGETS:
        raise ValueError(unknown("budget", name, BUDGETS))
    return BUDGETS[name] if seeds is None else BUDGETS[name].with_seeds(seeds)


def costs_of(names: Iterable[str], budget: Budget, dataset: str, runs: Path) -> str:
    """The runs of these results, and the core hours that those without a result file will take."""
    return costs.table({name: RESULTS[name].plan(budget.of(name), dataset) for name in names}, runs)


def compute_and_write(
    name: str,
    budget: Budget,
    dataset: str,
    folders: tuple[Path, Path],
    command: str,
    compute: Callable[..., Sequence[Row]],
    svg: bool = False,
) -> tuple[str, list[Path]]:
    """Compute what has no result yet, and write the report.

    Parameters
    ----------
    name : str
        One of RESULTS.
    budget : Budget
    dataset : str
    folders : pair of Path
        For the report; and for the result files of the runs, which all results share.
    command : str
        What the user typed, for the record.
    compute : callable
        `run_all` with its other arguments: from experiments and a title to results.
    svg : bool
        Whether to write figures as SVG, too.

    Returns
    -------
    The text of the report, and the files that were written.
    """
    folder, runs = folders
    result, budget = RESULTS[name], budget.of(name)

    cases = result.plan(budget, dataset)
    experiments = [experiment for _, experiment in cases]
    rows = rows_of(cases, compute(experiments, title=name))
    computed_at = commits(runs, experiments)
    return write(folder, name, rows, command, computed_at, svg)


def write(
    folder: Path, name: str, rows: Sequence[Row], command: str, computed_at: Iterable[str], svg: bool = False
) -> tuple[str, list[Path]]:
    """Write the CSV, the text, the figures, and a JSON that tells where they come from; the text and all paths."""
    result = RESULTS[name]
    text = f"{result.text(rows)}\n\nComputed with {numerics(rows)} by `{command}`."
    texts = {f"{name}.csv": as_csv(result.lines(rows)), f"{name}.md": text + "\n"}
    files = save(folder, {**texts, **result.draw(rows)}, svg)
    models = sorted({row["model"] for row in rows})
    origin = {
        "files": [file.name for file in files],
        "command": command,
        "commit": commit(),  # of this report
        "commits": [*computed_at],  # of its runs
        "numerics": sorted({row["numerics"] for row in rows}),
        "datasets": list(dict.fromkeys(row["label"] for row in rows)),
        "seeds": {model: sorted({row["seed"] for row in rows if row["model"] == model}) for model in models},
        "runs": len({row["run"] for row in rows}),
        "seconds": round(seconds(rows), 1),  # of all runs, one after the other; those side by side are faster
        "versions": versions(),
    }
    return text, [*files, *save(folder, {f"{name}.json": json.dumps(origin, indent=1) + "\n"})]


def seconds(rows: Iterable[Row]) -> float:
    """The time that all runs took, each counted once."""
    return sum({row["run"]: float(row["seconds"]) for row in rows}.values())

"""The paper's MNIST results from scratch, one file for each; configuration in, CSV, table and figure out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from minisnip.lab.reproduce import figure1, figure2, figure3, figure4, search, table1, table3
from minisnip.lab.reproduce.budgets import BUDGETS, Budget, Case
from minisnip.lab.reproduce.one_run import RunConfig, run
from minisnip.lab.reproduce.report import Report, rows_of, write
from minisnip.lab.run_files import commits
from minisnip.lab.runs import run_all
from minisnip.lab.tables import Row

__all__ = ["ALL", "BUDGETS", "RESULTS", "Budget", "Result", "RunConfig", "reproduce", "run"]


@dataclass(frozen=True)
class Result:
    """A table or a figure: the runs it needs, those it needs once these are known, and what is made of them."""

    plan: Callable[[Budget, str], list[Case]]
    report: Callable[[Sequence[Row]], Report]
    then: Callable[[Budget, str, Sequence[Row]], list[Case]] = lambda budget, dataset, rows: []


RESULTS = {
    "table1": Result(table1.plan, table1.report),
    "table3": Result(table3.plan, table3.report),
    "figure1": Result(figure1.plan, figure1.report),
    "figure2": Result(figure2.plan, figure2.report),
    "figure3": Result(figure3.plan, figure3.report),
    "figure4": Result(figure4.plan, figure4.report),
    "search": Result(search.plan, search.report, search.together),
}
ALL = [name for name in RESULTS if name != "search"]  # the paper has no search


def reproduce(
    name: str,
    budget: Budget,
    dataset: str,
    folder: Path,
    runs: Path,
    command: str,
    jobs: int = -1,
    scheduler: str | None = None,
) -> tuple[str, list[Path]]:
    """Compute what is not in the folder yet, and write the report.

    Parameters
    ----------
    name : str
        Of RESULTS.
    budget : Budget
    dataset : str
    folder : Path
        For the report.
    runs : Path
        For the result files of the runs, which all results share.
    command : str
        What the user typed, for the record.
    jobs, scheduler
        As in `run_all`.

    Returns
    -------
    The text of the report, and the files that were written.
    """
    result, budget = RESULTS[name], budget.of(name)

    def computed(cases: Sequence[Case]) -> list[dict[str, object]]:
        configs = [config for _, config in cases]
        return rows_of(cases, run_all(runs, configs, run, jobs, name, scheduler))

    cases = result.plan(budget, dataset)
    rows = computed(cases)
    more = result.then(budget, dataset, rows)
    rows += computed(more)
    report = result.report(rows)
    computed_at = commits(runs, [config for _, config in (*cases, *more)])
    return report.text, write(folder, name, report, command, rows, computed_at)

"""The search for our recipe: change one ingredient of the paper's at a time, then put together what helped.

It is an ablation too: it tells what the difference to the paper is made of. The validation split ranks; the test split
is never read, and the seeds are none of those that table 1 reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minisnip.experiments.prune_and_train import SGD_RATES
from minisnip.experiments.reproduce.budgets import CONVNET, FIRST_SEARCH_SEED, MLP, Budget, Case, over_seeds
from minisnip.experiments.reproduce.cells import by_case, diverged, errors, percent, plural, score, select, where
from minisnip.experiments.reproduce.report import Report, lines_of
from minisnip.experiments.run_folder import TITLES
from minisnip.experiments.tables import Row, markdown

POINTS = [(MLP, 0.95), (MLP, 0.98), (CONVNET, 0.98), (CONVNET, 0.99)]
PAPER, TOGETHER = "the paper's", "all that helped"
ERROR = "validation_error_percent"
SEEDS = {MLP: 3, CONVNET: 1}  # at most: of the convolutional network a run takes minutes

# ingredient -> value -> what it sets; "longer" and "rate" are factors on what the budget and the network say
INGREDIENTS: dict[str, dict[str, dict[str, Any]]] = {
    "scoring": {
        "1,000 images": {"scoring_images": 1_000},
        "10,000 images": {"scoring_images": 10_000},
        "iterative": {"method": "iterative-snip", "scoring_images": 1_000},
        "FORCE": {"method": "force", "scoring_images": 1_000},
    },
    "schedule": {"cosine": {"schedule": "cosine"}},
    "decay": {"0": {"weight_decay": 0.0}, "1e-4": {"weight_decay": 1e-4}, "1e-3": {"weight_decay": 1e-3}},
    "init": {"He": {"init": "he"}, "LeCun": {"init": "lecun"}},
    "rate": {"half": {"rate": 0.5}, "double": {"rate": 2.0}},
    "iterations": {"twice": {"longer": 2}},
}


def plan(budget: Budget, dataset: str) -> list[Case]:
    """The paper's setting, and each change of it alone."""
    changes = {f"{i}: {name}": options for i, values in INGREDIENTS.items() for name, options in values.items()}
    return [
        case
        for model, sparsity in POINTS
        for name, options in {PAPER: {}, **changes}.items()
        for case in _cases(name, budget, dataset, model, sparsity, options)
    ]


def together(budget: Budget, dataset: str, rows: Sequence[Row]) -> list[Case]:
    """For each network and sparsity, the best value of every ingredient that has one better than the paper's."""
    return [
        case
        for model, sparsity in POINTS
        for options in [winners(select(rows, model=model, sparsity=sparsity))]
        for case in _cases(TOGETHER, budget, dataset, model, sparsity, options)
    ]


def winners(rows: Sequence[Row]) -> dict[str, Any]:
    """The options of all that helped, of the runs of one network and sparsity."""
    chosen: dict[str, Any] = {}
    for ingredient, values in INGREDIENTS.items():
        means = {name: _mean(rows, f"{ingredient}: {name}") for name in values}
        best = min(means, key=lambda name: means[name])
        if means[best] < _mean(rows, PAPER):
            chosen |= values[best]
    return chosen


def report(rows: Sequence[Row]) -> Report:
    """CSV, and a table for each network and sparsity, the best first."""
    tables = [_table(select(rows, model=model, sparsity=sparsity)) for model, sparsity in POINTS]
    return Report(lines_of(rows), "\n\n".join(tables) + diverged(rows))


def _cases(name: str, budget: Budget, dataset: str, model: str, sparsity: float, options: dict[str, Any]) -> list[Case]:
    """The runs of one setting, with the seeds of the search."""
    own = dict(options)
    own["iterations"] = own.pop("longer", 1) * budget.iterations[model]
    own["learning_rate"] = own.pop("rate", 1.0) * SGD_RATES[model]
    few = budget.with_seeds(min(SEEDS[model], budget.seeds[model]))
    cases = over_seeds(name, few, dataset, model, sparsity=sparsity, report="validation", **own)
    return [(case, replace(config, seed=FIRST_SEARCH_SEED + config.seed)) for case, config in cases]


def _mean(rows: Sequence[Row], case: str) -> float:
    """Infinite if the loss of any seed was: a recipe that works at times is none."""
    found = select(rows, case=case)
    return float(np.mean(errors(found, ERROR))) if found and not any(row["diverged"] for row in found) else np.inf


def _table(rows: Sequence[Row]) -> str:
    """Of the runs of one network and sparsity."""
    cases = sorted(by_case(rows), key=lambda case: _mean(rows, case))
    paper = select(rows, case=PAPER)
    cells = [[case, score(select(rows, case=case), ERROR), _difference(rows, case)] for case in cases]
    title = f"{TITLES[rows[0]['model']]} at {percent(rows[0]['sparsity'])}, {where(paper)}"
    helped = ", ".join(f"{key} {value}" for key, value in winners(rows).items()) or "nothing"
    table = markdown(("change", "validation error, %", "difference"), cells)
    seeds = plural(len(paper), "seed")
    return f"{title}\n\n{table}\n\n{TOGETHER}: {helped}. The best of these settings on {seeds}: {cases[0]}."


def _difference(rows: Sequence[Row], case: str) -> str:
    """To the paper's setting."""
    means = _mean(rows, case), _mean(rows, PAPER)
    return f"{means[0] - means[1]:+.2f}" if np.isfinite(means).all() else "–"

"""The search for our recipe: change one ingredient of the paper's at a time, then put together what helped.

It is an ablation too: it breaks the gap to the paper down. The validation split ranks; the test split is never read,
and the seeds are none of those that table 1 reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from minisnip.lab.report import Case, Row, as_markdown, diverged, errors, percent, plural, score, select
from minisnip.lab.reproduce.recipes import BEST, CONVNET, MLP, Budget, Changes, changed, over_seeds, where_by_network
from minisnip.nn.models import TITLES

POINTS = [*BEST]  # networks and sparsities
PAPER = "the paper's"
TOGETHER = {"all that helped": (), "the same, but for the rate": ("rate",)}  # and the ingredients left out
ERROR = "validation_error_percent"
SEEDS, FIRST_SEED = {MLP: 3, CONVNET: 1}, 1000  # at most 3 and 1: a run of the convolutional network takes minutes

INGREDIENTS: dict[str, dict[str, Changes]] = {
    "scoring": {
        "1,000 images": {"scoring_images": 1_000},
        "10,000 images": {"scoring_images": 10_000},
        "iterative": {"criterion": "iterative-snip", "scoring_images": 1_000},
        "FORCE": {"criterion": "force", "scoring_images": 1_000},
    },
    "schedule": {"cosine": {"schedule": "cosine"}},
    "decay": {"0": {"weight_decay": 0.0}, "1e-4": {"weight_decay": 1e-4}, "1e-3": {"weight_decay": 1e-3}},
    "init": {"He": {"init": "he"}, "LeCun": {"init": "lecun"}},
    "rate": {"half": {"rate": 0.5}, "double": {"rate": 2.0}},
    "iterations": {"twice": {"longer": 2}},
}
# about what others took: a comparison, too long for a recipe and for the convolutional network
FOR_COMPARISON: dict[str, Changes] = {"iterations: six times": {"longer": 6}}
ALONE: dict[str, Changes] = {f"{i}: {name}": made for i, values in INGREDIENTS.items() for name, made in values.items()}
INGREDIENT: dict[str, str] = {f"{i}: {name}": i for i, values in INGREDIENTS.items() for name in values}


def plan(budget: Budget, dataset: str) -> list[Case]:
    """The paper's setting, and each change of it alone."""
    cases = {MLP: [PAPER, *ALONE, *FOR_COMPARISON], CONVNET: [PAPER, *ALONE]}
    changes = {PAPER: {}, **ALONE, **FOR_COMPARISON}
    return _cases(budget, dataset, [(name, *point, changes[name]) for point in POINTS for name in cases[point[0]]])


def together(budget: Budget, dataset: str, rows: Sequence[Row]) -> list[Case]:
    """For each network and sparsity, the best value of every ingredient that has one better than the paper's."""
    points = _by_point(rows).items()
    return _cases(
        budget, dataset, [(name, *point, changes_of(name, found)) for point, found in points for name in TOGETHER]
    )


def helped(rows: Sequence[Row]) -> list[str]:
    """The best value of each ingredient that has one better than the paper's, for one network and sparsity."""
    values = [[case for case in ALONE if INGREDIENT[case] == ingredient] for ingredient in INGREDIENTS]
    best_values = [min(cases, key=lambda case: mean(rows, case)) for cases in values]
    return [case for case in best_values if mean(rows, case) < mean(rows, PAPER)]


def changes_of(case: str, rows: Sequence[Row]) -> Changes:
    """What a case changes; the runs of one network and sparsity tell what helped."""
    if case not in TOGETHER:
        return ALONE.get(case, {})
    names = [name for name in helped(rows) if INGREDIENT[name] not in TOGETHER[case]]
    return {key: value for name in names for key, value in ALONE[name].items()}


def best(rows: Sequence[Row]) -> str:
    """The recipe with the lowest error among the runs of one network and sparsity."""
    cases: list[str] = [case for case in dict.fromkeys(row["case"] for row in rows) if case not in FOR_COMPARISON]
    return min(cases, key=lambda case: mean(rows, case))


def mean(rows: Sequence[Row], case: str) -> float:
    """The mean error over seeds; infinite if the loss of any seed was: a recipe must work every time."""
    found = select(rows, case=case)
    return float(np.mean(errors(found, ERROR))) if found and not any(row["diverged"] for row in found) else np.inf


def table(rows: Sequence[Row]) -> str:
    """A line for each change, a column for each network and sparsity."""
    points = _by_point(rows)
    lines = [
        {
            "change of the paper's setting": case,
            **{_title(*point): _cell(found, case) for point, found in points.items()},
        }
        for case in dict.fromkeys(row["case"] for row in rows)
    ]
    runs = where_by_network(select(rows, case=PAPER))
    caption = (
        f"Validation error in percent, and the difference that a change makes: {runs}. Bold: the lowest that our "
        "recipe may have, which takes at most twice the iterations; six times is about what others took (the paper "
        "does not state its number). The last two rows put together the best value of each ingredient that has one "
        "with a lower error, however small the difference."
    )
    return "\n\n".join([caption, as_markdown(lines), "\n".join(_outcomes(points)) + diverged(rows)])


def _by_point(rows: Sequence[Row]) -> dict[tuple[str, float], list[Row]]:
    """The runs of each network and sparsity."""
    return {(model, sparsity): select(rows, model=model, sparsity=sparsity) for model, sparsity in POINTS}


def _title(model: str, sparsity: float) -> str:
    return f"{TITLES[model]}, {percent(sparsity)}"


def _cell(rows: Sequence[Row], case: str) -> str:
    """The error and the difference from the paper's setting; bold if no recipe is better."""
    means = mean(rows, case), mean(rows, PAPER)
    difference = round(means[0] - means[1], 2) + 0.0  # -0.0 is 0.0 then
    change = f" ({difference:+.2f})" if case != PAPER and np.isfinite(means).all() else ""
    text = f"{score(select(rows, case=case), ERROR)}{change}"
    return f"**{text}**" if case == best(rows) else text


def _outcomes(points: dict[tuple[str, float], list[Row]]) -> Iterator[str]:
    """For each network and sparsity, what helped and what was the best."""
    for point, rows in points.items():
        seeds = plural(len(select(rows, case=PAPER)), "seed")
        found = "; ".join(helped(rows)) or "nothing"
        yield f"- {_title(*point)}: lower than the paper's were {found}. The best on {seeds} is {best(rows)}."


def _cases(budget: Budget, dataset: str, made: Iterable[tuple[str, str, float, Changes]]) -> list[Case]:
    """The runs of each case, network, sparsity and changes, with the seeds of the search."""
    few = replace(budget, seeds={model: min(SEEDS[model], seeds) for model, seeds in budget.seeds.items()})
    settings = [
        (case, model, {"sparsity": sparsity, "test_split": "never", **changed(model, budget, changes)})
        for case, model, sparsity, changes in made
    ]
    cases = over_seeds(few, dataset, settings)
    return [(case, replace(config, seed=FIRST_SEED + config.seed)) for case, config in cases]

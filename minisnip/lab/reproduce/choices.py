"""What was chosen, and why: the length of the training, and the ingredients of our best recipe.

The validation split decides. The test split is never read, and the seeds are none of those that table 1 reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from minisnip.lab.report import Case, Row, as_markdown, by_case, diverged, errors, percent, plural, score, select
from minisnip.lab.reproduce import recipes
from minisnip.lab.reproduce.recipes import BEST, CONVNET, INGREDIENTS, MLP, PAPER, TOGETHER, Budget, Changes
from minisnip.nn.models import TITLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ERROR = "validation_error_percent"


def _cases(
    budget: Budget, dataset: str, made: Iterable[tuple[str, str, float, Changes]], first: int = recipes.SEARCH_SEED
) -> list[Case]:
    """The runs of each case, network, sparsity and changes of Algorithm 1, with the seeds that choose."""
    settings = [
        (case, model, recipes.algorithm_1(model, sparsity, budget, {**changes, "test_split": "never"}))
        for case, model, sparsity, changes in made
    ]
    return recipes.over_seeds(budget, dataset, settings, first)


def mean(rows: Sequence[Row]) -> float:
    """The mean error over seeds; infinite if the loss of any seed was: a recipe must work every time."""
    return float(np.mean(errors(rows, ERROR))) if rows and not any(row["diverged"] for row in rows) else np.inf


# Lengths: Algorithm 1 for a part of the budget's iterations, for all of them and for twice as many

FACTORS = (1 / 8, 1 / 4, 1 / 2, 1, 2)
POINTS = [(MLP, 0.95), (MLP, 0.98), (CONVNET, 0.98)]


def plan_lengths(budget: Budget, dataset: str) -> list[Case]:
    """Each length is a run of its own, as the drops of the learning rate move with it."""
    made = [(title(*point), *point, {"longer": factor}) for point in POINTS for factor in FACTORS]
    return _cases(budget, dataset, made)


def title(model: str, sparsity: float) -> str:
    """Network and sparsity."""
    return f"{TITLES[model]}, {percent(sparsity)}"


def enough(rows: Sequence[Row]) -> int | None:
    """The fewest iterations that are enough for one network and sparsity; None if none of these are.

    They are enough if twice as many gain less than the standard deviation over the seeds; none of either may diverge.
    """
    found = {n: select(rows, iterations=n) for n in sorted({row["iterations"] for row in rows})}
    gains = {n: gain(found[n], found[2 * n]) for n in found if 2 * n in found}
    return next((n for n, gained in gains.items() if np.isfinite(gained) and gained < spread(found[n])), None)


def gain(rows: Sequence[Row], longer: Sequence[Row]) -> float:
    """How much lower the mean error of the longer runs is."""
    return mean(rows) - mean(longer)


def spread(rows: Sequence[Row]) -> float:
    """The standard deviation over seeds; 0 for a single one."""
    found = errors(rows, ERROR)
    return float(np.std(found, ddof=1)) if len(found) > 1 else 0.0


def table_lengths(rows: Sequence[Row]) -> str:
    """A line for each length, and the length that the rule chooses."""
    lines = [
        {"network, sparsity": case, "iterations": f"{n:,}", "validation error, %": score(own, ERROR)}
        for case, group in by_case(rows).items()
        for n in sorted({row["iterations"] for row in group})
        if (own := select(group, iterations=n))
    ]
    seeds = plural(len({row["seed"] for row in rows}), "seed")
    caption = f"Algorithm 1 on {rows[0]['label']}, {seeds}; each length is a run of its own."
    rule = "A length is enough if twice as many iterations gain less than the standard deviation over the seeds:"
    return "\n\n".join([caption, as_markdown(lines), rule, "\n".join(_chosen(rows)) + diverged(rows)])


def _chosen(rows: Sequence[Row]) -> Iterator[str]:
    for case, group in by_case(rows).items():
        if (n := enough(group)) is None:
            yield f"- {case}: none of these is enough"
            continue
        here, longer = select(group, iterations=n), select(group, iterations=2 * n)
        yield f"- {case}: {n:,} (twice as many gain {gain(here, longer):.2f}, the seeds' spread is {spread(here):.2f})"


def draw_lengths(rows: Sequence[Row]) -> dict[str, Figure]:
    """Error against iterations."""
    from minisnip.lab import plots  # here, so that the command does not wait for matplotlib

    curves = {case: dict(_curve(group)) for case, group in by_case(rows).items()}
    return {"lengths.png": plots.length_curves(curves, f"Algorithm 1 on {rows[0]['label']}: how long to train")}


def _curve(rows: Sequence[Row]) -> Iterator[tuple[int, tuple[float, float, float]]]:
    """For each length, the mean, least and greatest error."""
    for n in sorted({row["iterations"] for row in rows}):
        if found := errors(select(rows, iterations=n), ERROR):
            yield n, (float(np.mean(found)), min(found), max(found))


# Rates: LeNet-5-Caffe diverges at the paper's 0.1 when it is dense, and with some draws of the weights when it is not

RATES: dict[str, Changes] = {
    **{f"{rate:g}": {"learning_rate": rate} for rate in (0.01, 0.02, 0.05, 0.1)},
    "0.1 after a warm-up": {"learning_rate": 0.1, "schedule": "warmup"},
}
SPARSITIES = (0.0, *(pruned / 100 for pruned in recipes.SNIP[CONVNET]))


def plan_rates(budget: Budget, dataset: str) -> list[Case]:
    """Algorithm 1 on LeNet-5-Caffe, and the dense network, at several learning rates."""
    made = [(name, CONVNET, sparsity, changes) for sparsity in SPARSITIES for name, changes in RATES.items()]
    return _cases(budget, dataset, made, recipes.RATES_SEED)


def table_rates(rows: Sequence[Row]) -> str:
    """A line for each learning rate, a column for each sparsity."""
    lines = [
        {
            "learning rate": name,
            **{percent(sparsity): score(select(rows, case=name, sparsity=sparsity), ERROR) for sparsity in SPARSITIES},
        }
        for name in RATES
    ]
    caption = (
        f"Validation error in percent of {TITLES[CONVNET]} by sparsity: {recipes.where(rows)}. In a warm-up the rate "
        "rises from 0 in a straight line, during the first twentieth of the steps."
    )
    return f"{caption}\n\n{as_markdown(lines)}" + diverged(rows)


# Ingredients: each added to Algorithm 1 alone, and those of our best recipe together

COLUMNS = {MLP: 0.98, CONVNET: 0.99}  # one sparsity for each network, where most is to be gained


def plan_ingredients(budget: Budget, dataset: str) -> list[Case]:
    """Algorithm 1, each ingredient alone, and our best recipe."""
    made: list[tuple[str, str, float, Changes]] = []
    for model, sparsity in COLUMNS.items():
        changes = {PAPER: {}, **INGREDIENTS, TOGETHER: recipes.best_changes(model)}
        made += [(case, model, sparsity, changed) for case, changed in changes.items()]
    return _cases(budget, dataset, made)


def worth(rows: Sequence[Row], case: str) -> list[float]:
    """For each seed of one network, how much the validation error of a case is above that of Algorithm 1."""
    pairs = zip(select(rows, case=case), select(rows, case=PAPER), strict=True)
    return [float(a[ERROR] - b[ERROR]) for a, b in pairs if not a["diverged"] and not b["diverged"]]


def table_ingredients(rows: Sequence[Row]) -> str:
    """A line for each ingredient, a column for each network."""
    groups = {title(model, sparsity): select(rows, model=model) for model, sparsity in COLUMNS.items()}
    names = {PAPER: "none: Algorithm 1", **{name: name for name in INGREDIENTS}, TOGETHER: "together: *best*"}
    lines = [
        {"ingredient": text, **{column: _cell(own, case) for column, own in groups.items()}}
        for case, text in names.items()
    ]
    caption = (
        "Validation error in percent, and how much higher it is than that of Algorithm 1: "
        f"{recipes.where_by_network(select(rows, case=PAPER))}."
    )
    together = "\n".join(f"- *best*, {TITLES[model]}: {', '.join(BEST[model])}" for model in COLUMNS)
    return "\n\n".join([caption, as_markdown(lines), together, "\n".join(_verdicts(groups)) + diverged(rows)])


def _cell(rows: Sequence[Row], case: str) -> str:
    changes = worth(rows, case)
    change = f" ({round(float(np.mean(changes)), 2) + 0.0:+.2f})" if changes and case != PAPER else ""  # no -0.00
    return f"{score(select(rows, case=case), ERROR)}{change}"


def _verdicts(groups: dict[str, list[Row]]) -> Iterator[str]:
    """For each network, what helped on every seed, and what did not."""
    for column, rows in groups.items():
        by_worth = sorted(INGREDIENTS, key=lambda name: mean(select(rows, case=name)))
        helps = [name for name in by_worth if helped(rows, name)]
        others = [name for name in by_worth if name not in helps]
        yield (
            f"- {column}: alone, lower on every seed than Algorithm 1 are {_list(helps)}. Not lower on every seed are "
            f"{_list(others)}."
        )


def helped(rows: Sequence[Row], name: str) -> bool:
    """Whether an ingredient alone lowers the error of one network on every seed."""
    changes = worth(rows, name)
    return len(changes) == len(select(rows, case=PAPER)) and max(changes) < 0


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"

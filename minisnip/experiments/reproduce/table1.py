"""Table 1: dense and SNIPped networks, by Algorithm 1 and as in the authors' code, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minisnip.experiments.prune_and_train import SGD_RATES
from minisnip.experiments.reproduce import paper
from minisnip.experiments.reproduce.budgets import CONVNET, MLP, Budget, Case, over_seeds
from minisnip.experiments.reproduce.recipes import ALGORITHM_1, AUTHORS, best
from minisnip.experiments.reproduce.report import Report, diverged, errors, lines_of, where
from minisnip.experiments.run_folder import TITLES
from minisnip.experiments.tables import Row, markdown, mean_and_std

COLUMNS = {"Algorithm 1": ALGORITHM_1, "authors' code": AUTHORS}
RECIPE = "our recipe"
SPARSITIES = {MLP: (0.0, 0.95, 0.98), CONVNET: (0.0, 0.98, 0.99)}
CHANGEABLE = ("method", "scoring_images", "init", "learning_rate", "weight_decay", "schedule", "iterations")
IF_TEST_CHOSE = "test_error_percent_if_the_test_split_had_chosen"
HEADER = ("network", "method", "sparsity, %", "paper", "ours, Algorithm 1", "ours, authors' code")


def plan(budget: Budget, dataset: str) -> list[Case]:
    """Both columns and our recipe; of budget `best`, the recipe alone."""
    points = [(model, sparsity) for model, sparsities in SPARSITIES.items() for sparsity in sparsities]
    cases: list[Case] = []
    for model, sparsity in points:
        for column, options in COLUMNS.items() if budget.name != "best" else ():
            cases += over_seeds(column, budget, dataset, model, sparsity=sparsity, **options)
        if sparsity:
            own = best(model, sparsity, budget)
            cases += over_seeds(RECIPE, budget, dataset, model, sparsity=sparsity, **own)
    return cases


def report(rows: Sequence[Row]) -> Report:
    """results as CSV, and the table with its footnotes."""
    lines = lines_of(rows)
    return Report(lines, table(lines))


def table(lines: Sequence[Row]) -> str:
    """The table of the CSV's lines."""
    cells = [row for model in SPARSITIES for row in _network(lines, model)]
    caption = f"Test error in percent, mean ± standard deviation over seeds: {_captions(lines)}."
    return "\n\n".join([caption, markdown(HEADER, cells), _footnotes(lines)])


def _captions(lines: Sequence[Row]) -> str:
    """Of the paper's two columns, or of our recipe where it stands alone."""
    shown = [row for row in lines if row["case"] in COLUMNS] or lines
    named = ((TITLES[model], [row for row in shown if row["model"] == model]) for model in SPARSITIES)
    return "; ".join(f"{title} on {where(rows)}" for title, rows in named if rows)


def _network(lines: Sequence[Row], model: str) -> Iterator[list[str]]:
    def row(method: str, sparsity: float, printed: str) -> list[str]:
        ours = [_cell(lines, model, column, sparsity) for column in COLUMNS]
        return [TITLES[model], method, f"{100 * sparsity:g}" if sparsity else "–", printed, *ours]

    yield row("dense", 0.0, f"{paper.DENSE[model]}")
    for method, numbers in paper.OTHERS.items():
        percent, error = numbers[model]
        yield [TITLES[model], method, f"{percent}", f"{error}", "–", "–"]
    for percent, error in paper.SNIP[model].items():
        yield row("SNIP", percent / 100, f"{error}")
    for sparsity in SPARSITIES[model][1:]:
        ours = _cell(lines, model, RECIPE, sparsity)
        yield [TITLES[model], "SNIP, our recipe", f"{100 * sparsity:g}", "–", ours, "–"]


def _cell(lines: Sequence[Row], model: str, case: str, sparsity: float, which: str = "test_error_percent") -> str:
    found = errors(_of(lines, model, case, sparsity), which)
    return mean_and_std(found) if found else "–"


def _of(lines: Sequence[Row], model: str, case: str, sparsity: float) -> list[Row]:
    return [r for r in lines if (r["model"], r["case"], r["sparsity"]) == (model, case, sparsity)]


def _footnotes(lines: Sequence[Row]) -> str:
    rates = ", ".join(f"{rate:g} for {TITLES[model]}" for model, rate in SGD_RATES.items())
    selected = "; ".join(
        f"{TITLES[model]} {f'{100 * s:g} %' if s else 'dense'} "
        + ", ".join(_cell(lines, model, case, s, IF_TEST_CHOSE) for case in COLUMNS)
        for model, sparsities in SPARSITIES.items()
        for s in sparsities
    )
    return (
        "The validation split chose the epoch. If the test split had chosen it, as in the authors' code, the same runs "
        f"would report (Algorithm 1, authors' code): {selected}.\n"
        f"SGD with momentum 0.9 and weight decay 5e-4 on batches of 100, learning rate {rates} (the paper's 0.1 makes "
        "the dense one diverge), times 0.1 at each quarter of the run; 100 images to score. Algorithm 1 trains the "
        "weights that were scored (Glorot); the authors' code trains another draw (LeCun). Our recipe, a "
        f"first guess that no search has chosen yet, is the paper's but for: {_recipes(lines)}.{diverged(lines)}"
    )


def _recipes(lines: Sequence[Row]) -> str:
    """For each network and sparsity, what our runs have that Algorithm 1's have not."""
    points = [(model, sparsity) for model, sparsities in SPARSITIES.items() for sparsity in sparsities[1:]]
    found = []
    for model, sparsity in points:
        ours = _of(lines, model, RECIPE, sparsity)[0]
        usual = (_of(lines, model, "Algorithm 1", sparsity) or [{}])[0]
        own = ", ".join(f"{key.replace('_', ' ')} {ours[key]}" for key in CHANGEABLE if ours[key] != usual.get(key))
        found.append(f"{TITLES[model]} {100 * sparsity:g} %: {own}")
    return "; ".join(found)

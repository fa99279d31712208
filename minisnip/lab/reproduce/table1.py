"""Table 1: dense and SNIPped networks, by Algorithm 1 and as in the authors' code, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from minisnip.lab.prune_and_train import SGD_RATES
from minisnip.lab.reproduce import paper
from minisnip.lab.reproduce.budgets import CONVNET, MLP, Budget, Case, over_seeds
from minisnip.lab.reproduce.cells import diverged, percent, score, select, where
from minisnip.lab.reproduce.one_run import RunConfig
from minisnip.lab.reproduce.recipes import ALGORITHM_1, AUTHORS, our_recipe, protocol
from minisnip.lab.reproduce.report import Report, lines_of
from minisnip.lab.run_folder import TITLES
from minisnip.lab.tables import Row, markdown

COLUMNS = {"Algorithm 1": ALGORITHM_1, "authors' code": AUTHORS}
RECIPE = "our recipe"
SPARSITIES = {MLP: (0.0, 0.95, 0.98), CONVNET: (0.0, 0.98, 0.99)}
CHANGEABLE = ("method", "scoring_images", "init", "learning_rate", "weight_decay", "schedule")
IF_TEST_CHOSE = "test_error_percent_if_the_test_split_had_chosen"
HEADER = ("network", "method", "sparsity, %", "paper (MNIST)", "ours, Algorithm 1", "ours, authors' code")


def plan(budget: Budget, dataset: str) -> list[Case]:
    """Both columns and our recipe; of budget `best`, the recipe alone."""
    points = [(model, sparsity) for model, sparsities in SPARSITIES.items() for sparsity in sparsities]
    cases: list[Case] = []
    for model, sparsity in points:
        for column, options in COLUMNS.items() if budget.name != "best" else ():
            cases += over_seeds(column, budget, dataset, model, sparsity=sparsity, **options)
        if sparsity:
            own = our_recipe(model, sparsity, budget)
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
    return "; ".join(f"{TITLES[m]} on {where(found)}" for m in SPARSITIES if (found := select(shown, model=m)))


def _network(lines: Sequence[Row], model: str) -> Iterator[list[str]]:
    def row(method: str, sparsity: float, printed: str) -> list[str]:
        ours = [score(select(lines, model=model, case=column, sparsity=sparsity)) for column in COLUMNS]
        return [TITLES[model], method, f"{100 * sparsity:g}" if sparsity else "–", printed, *ours]

    yield row("dense", 0.0, f"{paper.DENSE[model]}")
    for method, numbers in paper.OTHERS.items():
        pruned, error = numbers[model]
        yield [TITLES[model], method, f"{pruned}", f"{error}", "–", "–"]
    for pruned, error in paper.SNIP[model].items():
        yield row("SNIP", pruned / 100, f"{error}")
    for sparsity in SPARSITIES[model][1:]:
        ours = score(select(lines, model=model, case=RECIPE, sparsity=sparsity))
        yield [TITLES[model], "SNIP, our recipe", f"{100 * sparsity:g}", "–", ours, "–"]


def _footnotes(lines: Sequence[Row]) -> str:
    return (
        "The validation split chose the epoch. If the test split had chosen it, as in the authors' code, the same runs "
        f"would report:\n\n{_if_test_chose(lines)}\n\n"
        f"{protocol(MLP, CONVNET)} 100 images to score. Algorithm 1 trains the weights that were scored (Glorot); the "
        f"authors' code trains another draw (LeCun). Our recipe, the one with the lowest validation "
        "error in `minisnip reproduce search`, is Algorithm 1 but for:\n\n"
        + "\n".join(_recipes(lines))
        + diverged(lines)
    )


def _if_test_chose(lines: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(row["case"] for row in lines))
    cells = [
        [TITLES[m], percent(s), *(score(select(lines, model=m, sparsity=s, case=c), IF_TEST_CHOSE) for c in columns)]
        for m, sparsities in SPARSITIES.items()
        for s in sparsities
        if select(lines, model=m, sparsity=s)
    ]
    return markdown(("network", "sparsity", *columns), cells)


def _recipes(lines: Sequence[Row]) -> Iterator[str]:
    """For each network and sparsity, what our runs have that Algorithm 1's have not."""
    for model, sparsities in SPARSITIES.items():
        usual = asdict(RunConfig(model=model, learning_rate=SGD_RATES[model], **ALGORITHM_1))
        for sparsity in sparsities[1:]:
            ours = select(lines, model=model, case=RECIPE, sparsity=sparsity)[0]
            own = [f"{key.replace('_', ' ')} {ours[key]}" for key in CHANGEABLE if ours[key] != usual[key]]
            iterations = f"{ours['iterations']:,} iterations"
            yield f"- {TITLES[model]} {percent(sparsity)}: {', '.join([iterations, *own])}"

"""Tables 1 and 3 of the paper: what is run for each, and the text, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minisnip.lab.experiment import IF_TEST_CHOSE, Experiment
from minisnip.lab.report import Case, Row, as_markdown, diverged, percent, score, select
from minisnip.lab.reproduce import recipes
from minisnip.lab.reproduce.recipes import CONVNET, MLP, Budget, Setting, over_seeds, protocol, where_by_network
from minisnip.nn.models import TITLES

MODELS = (MLP, CONVNET)

# Table 1: dense and SNIPped networks, by Algorithm 1, as in the authors' code, and by our recipe

COLUMNS = {"Algorithm 1": recipes.ALGORITHM_1, "authors' code": recipes.AUTHORS}
RECIPE = "our recipe"
POINTS = [(model, s) for model in MODELS for s in (0.0, *(pruned / 100 for pruned in recipes.SNIP[model]))]
CHANGEABLE = ("criterion", "scoring_images", "init", "learning_rate", "weight_decay", "schedule")


def plan_table1(budget: Budget, dataset: str) -> list[Case]:
    """Both columns and our recipe; with the budget `best`, the recipe alone."""
    settings: list[Setting] = []
    for model, sparsity in POINTS:
        if budget.name != "best":
            settings += [(name, model, {"sparsity": sparsity, **options}) for name, options in COLUMNS.items()]
        if sparsity:
            settings.append((RECIPE, model, {"sparsity": sparsity, **recipes.our_recipe(model, sparsity, budget)}))
    return over_seeds(budget, dataset, settings)


def table1(rows: Sequence[Row]) -> str:
    """The table with its footnotes."""
    shown = [row for row in rows if row["case"] in COLUMNS] or rows
    return "\n\n".join(
        [
            f"Test error in percent, mean ± standard deviation over seeds: {where_by_network(shown)}.",
            as_markdown([line for model in MODELS for line in _network(rows, model)]),
            "The validation split chose the epoch. If the test split had chosen it, as in the authors' code, the same "
            "runs would report:",
            _if_test_chose(rows),
            f"{protocol(*MODELS)} 100 images to score. Algorithm 1 trains the weights that were scored (Glorot); the "
            "authors' code trains another draw (LeCun). Our recipe, the one with the lowest validation error in "
            "`minisnip reproduce search`, is Algorithm 1 but for:",
            "\n".join(_recipes(rows)) + diverged(rows),
        ]
    )


def _network(rows: Sequence[Row], model: str) -> Iterator[Row]:
    """The lines of one network."""

    def line(method: str, sparsity: str, printed: str, cases: Sequence[str | None], pruned: float = 0.0) -> Row:
        ours = [score(select(rows, model=model, case=case, sparsity=pruned)) for case in cases]
        names = ("network", "method", "sparsity, %", "paper (MNIST)", "ours, Algorithm 1", "ours, authors' code")
        return dict(zip(names, (TITLES[model], method, sparsity, printed, *ours), strict=True))

    yield line("dense", "–", f"{recipes.DENSE[model]}", [*COLUMNS])
    for method, numbers in recipes.OTHERS.items():
        pruned, error = numbers[model]
        yield line(method, f"{pruned}", f"{error}", [None, None])
    for pruned, error in recipes.SNIP[model].items():
        yield line("SNIP", f"{pruned:g}", f"{error}", [*COLUMNS], pruned / 100)
    for pruned in recipes.SNIP[model]:
        yield line("SNIP, our recipe", f"{pruned:g}", "–", [RECIPE, None], pruned / 100)


def _if_test_chose(rows: Sequence[Row]) -> str:
    columns = dict.fromkeys(row["case"] for row in rows)
    return as_markdown(
        [
            {
                "network": TITLES[model],
                "sparsity": percent(sparsity),
                **{case: score(select(found, case=case), IF_TEST_CHOSE) for case in columns},
            }
            for model, sparsity in POINTS
            if (found := select(rows, model=model, sparsity=sparsity))
        ]
    )


def _recipes(rows: Sequence[Row]) -> Iterator[str]:
    """For each network and sparsity, what our runs have that Algorithm 1's have not."""
    for model, sparsity in POINTS:
        if sparsity:
            usual = vars(Experiment(model=model, schedule="step", **recipes.ALGORITHM_1))
            ours = select(rows, model=model, case=RECIPE, sparsity=sparsity)[0]
            own = [f"{key.replace('_', ' ')} {ours[key]}" for key in CHANGEABLE if ours[key] != usual[key]]
            changes = ", ".join([f"{ours['iterations']:,} iterations", *own])
            yield f"- {TITLES[model]} {percent(sparsity)}: {changes}"


# Table 3: the initialization that SNIP scores, at 90 %; a fresh Glorot draw is trained

NAMES = {
    "normal": "normal, std 0.1 (RN)",
    "truncated_normal": "truncated normal, std 0.1 (TN)",
    "glorot": "Glorot (VS-X)",
    "he": "He (VS-H)",
}


def plan_table3(budget: Budget, dataset: str) -> list[Case]:
    """Four initializations for each network, trained by Adam."""
    shared = {"sparsity": 0.9, "trained_init": "glorot", "optimizer": "adam", "schedule": "constant"}
    settings = [(init, model, {"init": init, **shared}) for model in MODELS for init in NAMES]
    return over_seeds(budget, dataset, settings)


def table3(rows: Sequence[Row]) -> str:
    """The table with its footnote."""
    return "\n\n".join(
        [
            f"Test error in percent at 90 %, mean ± standard deviation over seeds: {where_by_network(rows)}.",
            as_markdown([_initialization(rows, init) for init in NAMES]),
            "Adam at a constant 1e-3, no weight decay, batches of 100; 100 images to score. A draw other than the "
            f"scored one is trained, always Glorot's. The validation split chose the epoch.{diverged(rows)}",
        ]
    )


def _initialization(rows: Sequence[Row], init: str) -> Row:
    line = {"initialization scored": NAMES[init]}
    for model in MODELS:
        line[f"{TITLES[model]}, paper (MNIST)"] = recipes.INITIALIZATIONS[init][model]
        line[f"{TITLES[model]}, ours"] = score(select(rows, model=model, case=init))
    return line

"""What is run and what it is compared with: budgets, the ways to prune and train, and the paper's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from minisnip.lab.experiment import SGD_RATES, Experiment
from minisnip.lab.report import Case, Row, plural, select
from minisnip.nn.models import TITLES

MLP, CONVNET = "lenet-300-100", "lenet-5-caffe"


# Budgets


@dataclass(frozen=True)
class Budget:
    """Seeds and iterations for each network.

    Attributes
    ----------
    name : str
    seeds, iterations : dict of int by network
    training_images : int or None
        The number of training images for all that is trained on true labels; None for all 54,000.
    memorized : int or None
        The same for figure 4.
    fewer : dict of int by result
        Seeds for results that would take longer than they are worth.
    """

    name: str
    seeds: Mapping[str, int]
    iterations: Mapping[str, int]
    training_images: int | None = None
    memorized: int | None = None
    fewer: Mapping[str, int] = field(default_factory=dict)

    def of(self, result: str) -> Budget:
        """The budget for one result."""
        return self.with_seeds(self.fewer[result]) if result in self.fewer else self

    def with_seeds(self, seeds: int) -> Budget:
        """The same budget with this number of seeds for both networks and for each result."""
        if seeds < 1:
            raise ValueError(f"seeds {seeds}: at least 1 is needed")
        return replace(self, seeds=dict.fromkeys(self.seeds, seeds), fewer={})


FEW, LONG = {MLP: 10, CONVNET: 3}, {MLP: 16_200, CONVNET: 5_400}
BUDGETS = {
    budget.name: budget
    for budget in (
        Budget("smoke", {MLP: 1, CONVNET: 1}, {MLP: 100, CONVNET: 40}, training_images=4_000, memorized=500),
        Budget("short", FEW, LONG, memorized=10_000, fewer={"table3": 3, "figure4": 1}),
        Budget("paper", dict.fromkeys(FEW, 20), dict.fromkeys(LONG, 100_000)),
        Budget("best", FEW, LONG),
    )
}


# Recipes: options of an experiment

Setting: TypeAlias = tuple[str, str, dict[str, Any]]  # the name of a case, its network, its options

PROTOCOL: dict[str, Any] = {"schedule": "step", "compact": True, "test_split": "every-epoch"}
ALGORITHM_1: dict[str, Any] = {"init": "glorot"}  # the scored weights are trained
AUTHORS: dict[str, Any] = {"init": "lecun", "trained_init": "lecun"}  # one draw is scored, another is trained

# What a recipe changes of Algorithm 1: options of an experiment, or `rate` and `longer`, factors on the network's
# learning rate and the budget's iterations
Changes: TypeAlias = dict[str, Any]

# the best of `minisnip reproduce search` (a test reads the shipped results of it)
FORCE: Changes = {"criterion": "force", "scoring_images": 1_000}
BEST: dict[tuple[str, float], Changes] = {
    (MLP, 0.95): {"longer": 2},
    (MLP, 0.98): {**FORCE, "schedule": "cosine", "init": "lecun", "rate": 2.0, "longer": 2},
    (CONVNET, 0.98): {**FORCE, "schedule": "cosine", "weight_decay": 0.0, "init": "he", "longer": 2},
    (CONVNET, 0.99): {"criterion": "iterative-snip", "scoring_images": 1_000},
}


def over_seeds(budget: Budget, dataset: str, settings: Iterable[Setting]) -> list[Case]:
    """The runs of all settings: the budget's seeds, and the paper's protocol but for the options."""
    cases: list[Case] = []
    for case, model, options in settings:
        shared = {"iterations": budget.iterations[model], "training_images": budget.training_images, **PROTOCOL}
        run = {"model": model, "dataset": dataset, **shared, **options}
        cases += [(case, Experiment(seed=seed, **run)) for seed in range(budget.seeds[model])]
    return cases


def changed(model: str, budget: Budget, changes: Changes) -> dict[str, Any]:
    """The options of an experiment with these changes."""
    options = dict(changes)
    iterations = options.pop("longer", 1) * budget.iterations[model]
    rate = options.pop("rate", 1.0) * SGD_RATES[model]
    return {**options, "iterations": iterations, "learning_rate": rate}


def our_recipe(model: str, sparsity: float, budget: Budget) -> dict[str, Any]:
    """The options of our recipe; a budget with few training images also scores with few, to take a minute."""
    options = changed(model, budget, BEST[model, sparsity])
    return {**options, "scoring_images": 100} if budget.training_images else options


def protocol(*models: str) -> str:
    """How the paper's recipes train these networks, in a sentence."""
    rates = " and ".join(f"{SGD_RATES[model]:g} for {TITLES[model]}" for model in models)
    note = f" (not the paper's 0.1, at which the dense {TITLES[CONVNET]} diverges)" if CONVNET in models else ""
    return (
        f"SGD with momentum 0.9 and weight decay 5e-4 on batches of 100, learning rate {rates}{note}, "
        "times 0.1 at each quarter of the run."
    )


def where(rows: Sequence[Row]) -> str:
    """Data set, iterations and seeds, for the title of a figure or the caption of a table."""
    seeds, steps = len({row["seed"] for row in rows}), sorted({row["iterations"] for row in rows})
    return f"{rows[0]['label']}, {' or '.join(f'{n:,}' for n in steps)} iterations, {plural(seeds, 'seed')}"


def where_by_network(rows: Sequence[Row]) -> str:
    """As `where`, for each network that has rows."""
    groups = {model: select(rows, model=model) for model in (MLP, CONVNET)}
    return "; ".join(f"{TITLES[model]} on {where(group)}" for model, group in groups.items() if group)


# The paper's numbers (arXiv 1810.02340): sparsity and test error in percent

DENSE = {MLP: 1.7, CONVNET: 0.9}  # table 1
SNIP = {MLP: {95.0: 1.6, 98.0: 2.4}, CONVNET: {98.0: 0.8, 99.0: 1.1}}
OTHERS = {
    "LWC (magnitude, iterative)": {MLP: (91.7, 1.6), CONVNET: (91.7, 0.8)},
    "DNS (magnitude, iterative)": {MLP: (98.2, 2.0), CONVNET: (99.1, 0.9)},
    "LC": {MLP: (99.0, 3.2), CONVNET: (99.0, 1.1)},
    "SWS (Bayesian)": {MLP: (95.6, 1.9), CONVNET: (99.5, 1.0)},
    "SVD (Bayesian)": {MLP: (98.5, 1.9), CONVNET: (99.6, 0.8)},
    "OBD (Hessian)": {MLP: (92.0, 2.0), CONVNET: (92.0, 2.7)},
    "L-OBS (Hessian)": {MLP: (98.5, 2.0), CONVNET: (99.0, 2.1)},
}
INITIALIZATIONS = {  # table 3, at 90 %: mean ± std
    "normal": {MLP: "1.90 ± 0.09", CONVNET: "0.89 ± 0.04"},
    "truncated_normal": {MLP: "1.96 ± 0.11", CONVNET: "0.87 ± 0.05"},
    "glorot": {MLP: "1.91 ± 0.10", CONVNET: "0.88 ± 0.07"},
    "he": {MLP: "1.88 ± 0.10", CONVNET: "0.85 ± 0.05"},
}
SCORING_IMAGES = {1: 1.94, 10: 1.72, 100: 1.64, 1_000: 1.56, 10_000: 1.40}  # figure 3, LeNet-300-100 at 90 %

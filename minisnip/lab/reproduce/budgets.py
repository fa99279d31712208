"""Budgets: how many seeds and how many iterations a reproduction has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from minisnip.lab.prune_and_train import SGD_RATES
from minisnip.lab.reproduce.one_run import RunConfig

MLP, CONVNET = "lenet-300-100", "lenet-5-caffe"
FIRST_SEARCH_SEED = 1000  # the search for a recipe has seeds of its own

Case = tuple[str, RunConfig]  # the name of what is compared, and one of its runs


@dataclass(frozen=True)
class Budget:
    """Seeds and iterations for each network.

    `training_images` are for all that is trained on true labels and `memorized` for figure 4, the first so many; None
    for all 54,000. `fewer` are the seeds of results that would take longer than they are worth.
    """

    name: str
    seeds: Mapping[str, int]
    iterations: Mapping[str, int]
    training_images: int | None = None
    memorized: int | None = None
    fewer: Mapping[str, int] = field(default_factory=dict)

    def of(self, result: str) -> Budget:
        """As it is for one result."""
        return self.with_seeds(self.fewer[result]) if result in self.fewer else self

    def with_seeds(self, seeds: int) -> Budget:
        """The same with so many seeds for both networks and for each result."""
        if seeds < 1:
            raise ValueError(f"seeds {seeds}: at least 1 is needed")
        return replace(self, seeds=dict.fromkeys(self.seeds, seeds), fewer={})


BUDGETS = {
    budget.name: budget
    for budget in (
        Budget("smoke", {MLP: 1, CONVNET: 1}, {MLP: 100, CONVNET: 40}, training_images=4_000, memorized=500),
        Budget(
            "short",
            {MLP: 10, CONVNET: 3},
            {MLP: 16_200, CONVNET: 5_400},
            memorized=10_000,
            fewer={"table3": 3, "figure4": 1},
        ),
        Budget("paper", {MLP: 20, CONVNET: 20}, {MLP: 100_000, CONVNET: 100_000}),
        Budget("best", {MLP: 10, CONVNET: 3}, {MLP: 16_200, CONVNET: 5_400}),
    )
}


def over_seeds(case: str, budget: Budget, dataset: str, model: str, **options: Any) -> list[Case]:
    """The runs of one case: the budget's seeds, and what the options say instead of the usual."""
    usual = {
        "learning_rate": SGD_RATES[model],
        "iterations": budget.iterations[model],
        "training_images": budget.training_images,
    }
    return [
        (case, RunConfig(model=model, dataset=dataset, seed=seed, **{**usual, **options}))
        for seed in range(budget.seeds[model])
    ]

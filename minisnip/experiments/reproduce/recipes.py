"""The ways to prune and train that table 1 compares: two of the paper's, and one of our own."""

from __future__ import annotations

from typing import Any

from minisnip.experiments.prune_and_train import SGD_RATES
from minisnip.experiments.reproduce.budgets import CONVNET, MLP, Budget
from minisnip.experiments.run_folder import TITLES

ALGORITHM_1: dict[str, Any] = {"init": "glorot"}  # the scored weights are trained
AUTHORS: dict[str, Any] = {"init": "lecun", "trained_init": "lecun"}  # one draw is scored, another is trained

# `minisnip reproduce search` ranks recipes by the validation error, and its winners belong here
BEST_IS = "a first guess that no search has chosen yet"
BEST: dict[tuple[str, float], dict[str, Any]] = {
    (MLP, 0.95): {"scoring_images": 10_000, "schedule": "cosine"},
    (MLP, 0.98): {"scoring_images": 10_000, "schedule": "cosine"},
    (CONVNET, 0.98): {"scoring_images": 10_000, "schedule": "cosine"},
    (CONVNET, 0.99): {"scoring_images": 10_000, "schedule": "cosine"},
}
LONGER = 2  # and twice as many iterations


def protocol(*models: str) -> str:
    """How the paper's recipes train these networks, in a sentence."""
    rates = " and ".join(f"{SGD_RATES[model]:g} for {TITLES[model]}" for model in models)
    note = f" (not the paper's 0.1, at which the dense {TITLES[CONVNET]} diverges)" if CONVNET in models else ""
    return (
        f"SGD with momentum 0.9 and weight decay 5e-4 on batches of 100, learning rate {rates}{note}, "
        "times 0.1 at each quarter of the run."
    )


def best(model: str, sparsity: float, budget: Budget) -> dict[str, Any]:
    """The options of our recipe."""
    return {**BEST[model, sparsity], "iterations": LONGER * budget.iterations[model]}

"""The ways to prune and train that table 1 compares: two of the paper's, and one of our own."""

from __future__ import annotations

from typing import Any

from minisnip.experiments.reproduce.budgets import CONVNET, MLP, Budget

ALGORITHM_1: dict[str, Any] = {"init": "glorot"}  # the scored weights are trained
AUTHORS: dict[str, Any] = {"init": "lecun", "trained_init": "lecun"}  # one draw is scored, another is trained

# A first guess: `minisnip reproduce search` ranks recipes by the validation error, and its winners belong here.
BEST: dict[tuple[str, float], dict[str, Any]] = {
    (MLP, 0.95): {"scoring_images": 10_000, "schedule": "cosine"},
    (MLP, 0.98): {"scoring_images": 10_000, "schedule": "cosine"},
    (CONVNET, 0.98): {"scoring_images": 10_000, "schedule": "cosine"},
    (CONVNET, 0.99): {"scoring_images": 10_000, "schedule": "cosine"},
}
LONGER = 2  # and twice as many iterations


def best(model: str, sparsity: float, budget: Budget) -> dict[str, Any]:
    """The options of our recipe."""
    return {**BEST[model, sparsity], "iterations": LONGER * budget.iterations[model]}

"""The ways to prune and train that table 1 compares: two of the paper's, and one of our own."""

from __future__ import annotations

from typing import Any

from minisnip.lab.prune_and_train import SGD_RATES
from minisnip.lab.reproduce.budgets import CONVNET, MLP, Budget
from minisnip.lab.run_folder import TITLES

ALGORITHM_1: dict[str, Any] = {"init": "glorot"}  # the scored weights are trained
AUTHORS: dict[str, Any] = {"init": "lecun", "trained_init": "lecun"}  # one draw is scored, another is trained

# What a recipe changes of Algorithm 1: options of a run, or `rate` and `longer`, factors on what the network's learning
# rate and the budget's iterations are
Changes = dict[str, Any]

# the best of `minisnip reproduce search` (a test reads the shipped results of it)
FORCE: Changes = {"method": "force", "scoring_images": 1_000}
BEST: dict[tuple[str, float], Changes] = {
    (MLP, 0.95): {"longer": 2},
    (MLP, 0.98): {**FORCE, "schedule": "cosine", "init": "lecun", "rate": 2.0, "longer": 2},
    (CONVNET, 0.98): {**FORCE, "schedule": "cosine", "weight_decay": 0.0, "init": "he", "longer": 2},
    (CONVNET, 0.99): {"method": "iterative-snip", "scoring_images": 1_000},
}


def protocol(*models: str) -> str:
    """How the paper's recipes train these networks, in a sentence."""
    rates = " and ".join(f"{SGD_RATES[model]:g} for {TITLES[model]}" for model in models)
    note = f" (not the paper's 0.1, at which the dense {TITLES[CONVNET]} diverges)" if CONVNET in models else ""
    return (
        f"SGD with momentum 0.9 and weight decay 5e-4 on batches of 100, learning rate {rates}{note}, "
        "times 0.1 at each quarter of the run."
    )


def changed(model: str, budget: Budget, changes: Changes) -> dict[str, Any]:
    """The options of a run with these changes."""
    options = dict(changes)
    iterations = options.pop("longer", 1) * budget.iterations[model]
    rate = options.pop("rate", 1.0) * SGD_RATES[model]
    return {**options, "iterations": iterations, "learning_rate": rate}


def our_recipe(model: str, sparsity: float, budget: Budget) -> dict[str, Any]:
    """The options of our recipe; a budget of few training images scores with few too, to take a minute."""
    options = changed(model, budget, BEST[model, sparsity])
    return {**options, "scoring_images": 100} if budget.training_images else options

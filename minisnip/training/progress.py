"""The progress bar of a training run: the loss and the accuracies beside the time left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from minisnip.training.checkpoint import Run
from minisnip.training.recipe import Recipe

SHOW = 50  # steps between two updates of the numbers beside the bar


def progress_bar(title: str | None, steps: int, recipe: Recipe, run: Run) -> Any:
    """Of so many steps an epoch; begins where the run does, and is hidden without a title or a terminal."""
    total, done = recipe.total(steps), len(run.history) * steps
    return tqdm(desc=title, total=total, initial=done, unit="step", disable=None if title else True)


def show(bar: Any, losses: Sequence[float], wrong: int, batch_size: int, run: Run) -> None:
    """Loss and accuracy of this epoch so far, and the validation accuracy of the last one; tqdm adds the time left."""
    accuracy = {"acc": f"{100 - 100 * wrong / (len(losses) * batch_size):.2f}%"}
    if run.history:
        accuracy["val_acc"] = f"{100 - run.history[-1]['validation_error_percent']:.2f}%"
    bar.set_postfix(loss=f"{np.mean(losses):.3f}", **accuracy, refresh=False)

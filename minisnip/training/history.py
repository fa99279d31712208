"""What a run remembers of its epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from minisnip.training.checkpoint import Run
from minisnip.training.result import DivergenceError, TrainResult


def record(
    run: Run, rate: float, losses: list[float], train_error: float, evaluated: Mapping[str, tuple[float, float]]
) -> None:
    """Add an epoch to the history, and keep its parameters if no earlier one did as well on the validation split.

    `evaluated` has the loss and the error of each split; only those of "validation" choose.
    """
    epoch, error = len(run.history) + 1, evaluated["validation"][1]
    if error < min((row["validation_error_percent"] for row in run.history), default=math.inf):
        run.best, run.best_epoch = {name: w.copy() for name, w in run.params.items()}, epoch
    row = {
        "epoch": epoch,
        "iterations": len(losses) + (run.history[-1]["iterations"] if run.history else 0),
        "learning_rate": rate,
        "train_loss": float(np.mean(losses)),
        "train_error_percent": train_error,
    }
    for name, (loss, error) in evaluated.items():
        row |= {f"{name}_loss": loss, f"{name}_error_percent": error}
    run.history.append(row)


def check_finite(which: str, loss: float, iteration: int, rate: float, losses: list[float], run: Run) -> None:
    """Raise a DivergenceError that says where, if the loss is not finite."""
    if math.isfinite(loss):
        return
    last = losses[-1] if losses else run.history[-1]["train_loss"] if run.history else math.nan
    kept = f"epoch {run.best_epoch} is kept" if run.best_epoch else "no epoch was finished"
    raise DivergenceError(
        f"the {which} loss became {loss} at step {iteration + 1}, at learning rate {rate:.3g}; the last finite loss "
        f"was {last:.4g}, and {kept}: try a lower learning rate (say {rate / 10:.1g}) or less weight decay",
        result_of(run, finished=False),
    )


def result_of(run: Run, finished: bool) -> TrainResult:
    """The best epoch so far."""
    return TrainResult(run.best, run.history, run.best_epoch, run.seconds, finished)

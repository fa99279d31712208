"""Training: optimizers, schedules, the loop, checkpoints and evaluation."""

from minisnip.training.checkpoint import CheckpointError
from minisnip.training.evaluate import evaluate
from minisnip.training.loop import train
from minisnip.training.optimizers import SGD, Adam, Optimizer
from minisnip.training.result import DivergenceError, TrainResult
from minisnip.training.schedules import SCHEDULES

__all__ = [
    "SCHEDULES",
    "SGD",
    "Adam",
    "CheckpointError",
    "DivergenceError",
    "Optimizer",
    "TrainResult",
    "evaluate",
    "train",
]

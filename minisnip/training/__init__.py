"""Training: the loop, the optimizers, checkpoints, and pruning that trains first."""

from minisnip.training.checkpoint import CheckpointError
from minisnip.training.loop import SCHEDULES, DivergenceError, TrainingInterrupted, TrainResult, evaluate, train
from minisnip.training.optimizers import SGD, Adam, Averaged, Optimizer
from minisnip.training.tickets import (
    Ticket,
    from_scratch,
    l1_penalty,
    lottery_ticket,
    magnitude_after_training,
    reinitialized,
)

__all__ = [
    "SCHEDULES",
    "SGD",
    "Adam",
    "Averaged",
    "CheckpointError",
    "DivergenceError",
    "Optimizer",
    "Ticket",
    "TrainResult",
    "TrainingInterrupted",
    "evaluate",
    "from_scratch",
    "l1_penalty",
    "lottery_ticket",
    "magnitude_after_training",
    "reinitialized",
    "train",
]

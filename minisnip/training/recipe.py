"""How to train: the settings of a run, which a resumed run must share."""

from __future__ import annotations

from dataclasses import dataclass

from minisnip.training.optimizers import Optimizer
from minisnip.training.schedules import SCHEDULES


@dataclass(frozen=True)
class Recipe:
    """The settings of `train`."""

    epochs: int
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    schedule: str
    iterations: int | None = None

    def total(self, steps: int) -> int:
        """The steps of the whole run, with so many an epoch."""
        return self.epochs * steps if self.iterations is None else self.iterations

    def rate(self, iteration: int, steps: int) -> float:
        """The learning rate at an iteration, counted from 0, with so many steps an epoch."""
        return self.learning_rate * SCHEDULES[self.schedule](iteration, self.total(steps))

    def check(self, images: int) -> None:
        """Refuse, with a ValueError, settings that make no sense for so many training images."""
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")
        if self.epochs < 1 or not 1 <= self.batch_size <= images or not self.learning_rate > 0:
            raise ValueError(
                f"epochs {self.epochs}, batch_size {self.batch_size}, learning_rate {self.learning_rate}: expected at "
                f"least 1 epoch, a batch of 1 to {images} (the training images) and a learning rate above 0"
            )
        if self.iterations is not None and self.iterations < 1:
            raise ValueError(f"iterations {self.iterations} must be at least 1, or None for whole epochs")

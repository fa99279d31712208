"""What training gives back, whether it went well or not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from minisnip.autodiff.engine import Array
from minisnip.pruning import Compact


@dataclass(frozen=True)
class TrainResult:
    """What training gives back.

    Attributes
    ----------
    params : dict of arrays
        Of the epoch with the lowest validation error, the first of equals; those at the start, if none was finished.
    history : list of dict
        One row per finished epoch: epoch, iterations, learning_rate, train_loss, train_error_percent, validation_loss,
        validation_error_percent; losses in nats.
    best_epoch : int
        Counted from 1; 0 if none was finished.
    seconds : float
        Of all finished epochs, before and after a resumption.
    finished : bool
        False if Ctrl-C or a loss that is not finite stopped it.
    compact : Compact or None
        The small network that was trained, if one was (`train(..., compact=True)`).
    """

    params: dict[str, Array]
    history: list[dict[str, float]]
    best_epoch: int
    seconds: float
    finished: bool
    compact: Compact | None = None

    def expanded(self, small: Compact) -> TrainResult:
        """The result of training `small`, put into the shapes of the network that it was cut from."""
        return replace(self, params=small.expand(self.params), compact=replace(small, params=self.params))


class DivergenceError(ArithmeticError):
    """The loss became infinite or NaN; `result` is the last good state."""

    def __init__(self, message: str, result: TrainResult) -> None:
        super().__init__(message)
        self.result = result

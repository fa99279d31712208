"""Learning-rate schedules: the factor on the learning rate at an iteration out of a total."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

Schedule: TypeAlias = Callable[[int, int], float]  # (iteration from 0, total) -> factor


def constant(iteration: int, total: int) -> float:
    """No change."""
    return 1.0


def step(iteration: int, total: int) -> float:
    """Multiply by 0.1 at each quarter: the paper's "every 25k iterations" if the run is 100k long, our choice."""
    return 0.1 ** (4 * iteration // total)


def cosine(iteration: int, total: int) -> float:
    """Fall from 1 to 0 along half a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * iteration / total))


SCHEDULES: dict[str, Schedule] = {"constant": constant, "step": step, "cosine": cosine}

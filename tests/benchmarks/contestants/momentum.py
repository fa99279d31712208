"""SGD with momentum and weight decay by hand, in place, for the libraries that have none."""

from __future__ import annotations

from collections.abc import Mapping

from minisnip.autodiff.engine import Array
from tests.benchmarks.problem import MOMENTUM, RATE, WEIGHT_DECAY


def move(params: Mapping[str, Array], gradients: Mapping[str, Array], velocities: Mapping[str, Array]) -> None:
    """v ← μ v + g + λ w, w ← w - η v."""
    for name, w in params.items():
        v = velocities[name]
        v *= MOMENTUM
        v += gradients[name]
        v += WEIGHT_DECAY * w
        w -= RATE * v

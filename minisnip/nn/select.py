"""Reading only some of the inputs: what is left of the first layer when pixels are pruned away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Value
from minisnip.nn.layers import Params, Shape


@dataclass(frozen=True, repr=False)
class Select:
    """(N, in_features) -> (N, k): the numbers at the places in `kept`, in that order.

    >>> Select(784, kept=(3, 4, 300))
    Select(3 of 784)

    Raises
    ------
    ValueError
        If a place is not in 0 … in_features - 1.
    """

    in_features: int
    kept: tuple[int, ...]

    def __post_init__(self) -> None:
        outside = [i for i in self.kept if not 0 <= i < self.in_features]
        if outside:
            raise ValueError(
                f"Select keeps place {outside[0]} of {self.in_features} numbers: the places are 0 to "
                f"{self.in_features - 1}"
            )

    def __repr__(self) -> str:
        return f"Select({len(self.kept)} of {self.in_features})"

    @cached_property
    def index(self) -> Array:
        """`kept` as an array."""
        return np.array(self.kept, np.intp)

    def shapes(self) -> dict[str, Shape]:
        return {}

    def out_shape(self, shape: Shape) -> Shape:
        if shape != (self.in_features,):
            raise ValueError(f"takes vectors of {self.in_features} numbers, got {shape}")
        return (len(self.kept),)

    def __call__(self, params: Params, x: Value) -> Any:
        return ops.take(x, (slice(None), self.index))  # NumPy lays the answer out with the batch last, as Linear likes

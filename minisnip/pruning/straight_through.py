"""A network under a mask that its derivatives do not see, so that a removed weight can still be scored.

SNIP's g_j = w_j ∂L/∂w_j is zero wherever w_j = 0: under an ordinary mask, what is removed never scores again. Here the
value of a parameter is c ⊙ w, but its derivative that of w (a straight-through mask, Bengio et al. 2013,
arXiv 1308.3432), so that g_j = w_j ∂L/∂(c ⊙ w)_j for all j: what would happen if connection j came back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minisnip.autodiff.engine import Array, Value, value_of
from minisnip.nn import Layer, Sequential
from minisnip.nn.layers import Params, Shape


@dataclass(frozen=True)
class StraightThrough:
    """A layer whose parameters are c ⊙ w in value and w in derivative; `masks` has short names."""

    layer: Layer
    masks: Mapping[str, Array]

    def shapes(self) -> dict[str, Shape]:
        return self.layer.shapes()

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def __call__(self, params: Params, x: Value) -> Any:
        removed = {short: (1 - c) * value_of(params[short]) for short, c in self.masks.items()}  # constants
        return self.layer({**params, **{short: params[short] - r for short, r in removed.items()}}, x)


def straight_through(net: Sequential, masks: Mapping[str, Array]) -> Sequential:
    """The network with its masks inside, and with derivatives by all its weights, removed or not."""
    layers: dict[str, Layer] = {}
    for name, layer in net.layers.items():
        own = {short: masks[f"{name}.{short}"] for short in layer.shapes() if f"{name}.{short}" in masks}
        layers[name] = StraightThrough(layer, own) if own else layer
    return Sequential(net.input_shape, **layers)

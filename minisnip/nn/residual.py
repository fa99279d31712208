"""Residual networks: the layer that adds its input to what it computes, and the pools that end such networks.

He, Zhang, Ren and Sun 2016 (arXiv 1512.03385, 1603.05027). The body is a network of its own:

    >>> from minisnip.nn import Conv2d, ReLU, Residual, Sequential
    >>> body = Sequential((4, 8, 8), relu=ReLU(), conv=Conv2d(4, 4, 3, padding=1, bias=False))
    >>> net = Sequential((1, 8, 8), stem=Conv2d(1, 4, 3, padding=1), block=Residual(body))
    >>> [*net.shapes()]
    ['stem.weight', 'stem.bias', 'block.body.conv.weight']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from minisnip.autodiff import ops
from minisnip.autodiff.conv import avg_pool2d
from minisnip.autodiff.engine import Array, Value
from minisnip.mistakes import check_kind
from minisnip.nn.layers import Layer, Params, Pool2d, Sequential, Shape, Stateless

Entry = TypeVar("Entry")


@dataclass(frozen=True, repr=False)
class Residual:
    """y = body(x) + shortcut(x); without a shortcut, body(x) + x.

    Parameters
    ----------
    body : Sequential
        Its parameters are "<name>.body.<layer>.weight" and so on.
    shortcut : Layer or None
        A projection, where the body changes the shape: a 1 × 1 convolution with the body's stride, or a Sequential.
        Its parameters are "<name>.shortcut.weight" and so on. None for the identity.

    Raises
    ------
    TypeError
        If the body is no network, or the shortcut no layer.
    ValueError
        In a network: if the body and the shortcut give different shapes.
    """

    body: Sequential
    shortcut: Layer | None = None

    def __post_init__(self) -> None:
        check_kind(self.body, "input_shape", "Residual expects a network as its body", "Sequential(shape, name=layer)")
        if self.shortcut is not None:
            check_kind(self.shortcut, "out_shape", "Residual expects a layer as its shortcut", "None is the identity")

    @cached_property
    def networks(self) -> dict[str, Sequential]:
        """The body and the shortcut as networks, by what begins the names of their parameters."""
        short = self.shortcut
        if isinstance(short, Sequential):
            return {"body.": self.body, "shortcut.": short}
        layers = {} if short is None else {"shortcut": short}
        return {"body.": self.body, "": Sequential(self.body.input_shape, **layers)}

    def _named(self, entries: Callable[[Sequential], Mapping[str, Entry]]) -> dict[str, Entry]:
        return {f"{start}{name}": e for start, net in self.networks.items() for name, e in entries(net).items()}

    def shapes(self) -> dict[str, Shape]:
        return self._named(Sequential.shapes)

    def state_shapes(self) -> dict[str, Shape]:
        """As `Sequential.state_shapes`."""
        return self._named(Sequential.state_shapes)

    def offsets(self) -> dict[str, Array]:
        """As `Sequential.offsets`."""
        return self._named(Sequential.offsets)

    @property
    def unpruned(self) -> tuple[str, ...]:
        return tuple(self._named(lambda net: dict.fromkeys(net.unpruned)))

    @property
    def mixes_images(self) -> bool:
        return any(net.mixes_images for net in self.networks.values())

    @property
    def saturates(self) -> bool:
        return any(net.saturates for net in self.networks.values())

    def out_shape(self, shape: Shape) -> Shape:
        body, short = (net.out_shape(shape) for net in self.networks.values())
        if body != short:
            raise ValueError(
                f"its body gives {body} and its shortcut {short}, which cannot be added: give it a shortcut to the "
                "body's shape, a Linear, or a Conv2d with a kernel of 1 and the body's stride"
            )
        return body

    def __call__(self, params: Params, x: Value) -> Any:
        body, short = (net(_after(start, params), x) for start, net in self.networks.items())
        return ops.add(body, short)

    def __repr__(self) -> str:
        """The number of layers of the body, and the kind of shortcut."""
        short = "identity" if self.shortcut is None else type(self.shortcut).__name__
        return f"Residual({len(self.body.layers)} layers + {short})"


def _after(start: str, params: Params) -> dict[str, Any]:
    """The parameters whose names start so, without the start."""
    return {name.removeprefix(start): w for name, w in params.items() if name.startswith(start)}


@dataclass(frozen=True)
class AvgPool2d(Pool2d):
    """The mean of each window; the stride is the kernel's size if not given."""

    def __call__(self, params: Params, x: Value) -> Any:
        return avg_pool2d(x, self.kernel, self.stride)


@dataclass(frozen=True)
class GlobalAvgPool(Stateless):
    """The mean of each channel: (N, C, H, W) -> (N, C)."""

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or not math.prod(shape):
            raise ValueError(f"takes images (C, H, W), got {shape}")
        return shape[:1]

    def __call__(self, params: Params, x: Value) -> Any:
        return ops.mean(x, (2, 3))

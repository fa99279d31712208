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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from minisnip.autodiff import ops
from minisnip.autodiff.conv import avg_pool2d, out_sizes
from minisnip.autodiff.engine import Array, Value
from minisnip.nn.layers import Layer, Params, Sequential, Shape, Stateless

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
    ValueError
        In a network: if the body and the shortcut give different shapes.
    """

    body: Sequential
    shortcut: Layer | None = None

    @property
    def parts(self) -> dict[str, Layer]:
        """The body and, if there is one, the shortcut, by name."""
        return {"body": self.body} if self.shortcut is None else {"body": self.body, "shortcut": self.shortcut}

    def _named(self, entries: Callable[[Layer], dict[str, Entry]]) -> dict[str, Entry]:
        return {f"{part}.{name}": entry for part, a in self.parts.items() for name, entry in entries(a).items()}

    def shapes(self) -> dict[str, Shape]:
        return self._named(lambda part: part.shapes())

    def state_shapes(self) -> dict[str, Shape]:
        """As `Sequential.state_shapes`."""
        return self._named(lambda part: getattr(part, "state_shapes", dict)())

    def offsets(self) -> dict[str, Array]:
        """As `Sequential.offsets`."""
        return self._named(lambda part: getattr(part, "offsets", dict)())

    @property
    def unpruned(self) -> tuple[str, ...]:
        return tuple(self._named(lambda part: dict.fromkeys(getattr(part, "unpruned", ()))))

    @property
    def mixes_images(self) -> bool:
        return any(getattr(part, "mixes_images", False) for part in self.parts.values())

    @property
    def saturates(self) -> bool:
        return any(getattr(part, "saturates", False) for part in self.parts.values())

    def out_shape(self, shape: Shape) -> Shape:
        shapes = {part: layer.out_shape(shape) for part, layer in self.parts.items()}
        short = shapes.get("shortcut", shape)
        if shapes["body"] != short:
            raise ValueError(
                f"its body gives {shapes['body']} and its shortcut {short}, which cannot be added: make the shortcut "
                "a Conv2d with a kernel of 1, the body's channels and the body's stride"
            )
        return short

    def __call__(self, params: Params, x: Value) -> Any:
        own = {part: _within(part, params) for part in self.parts}
        short = x if self.shortcut is None else self.shortcut(own["shortcut"], x)
        return ops.add(self.body(own["body"], x), short)

    def __repr__(self) -> str:
        """The number of layers of the body, and the kind of shortcut."""
        short = "identity" if self.shortcut is None else type(self.shortcut).__name__
        return f"Residual({len(self.body.layers)} layers + {short})"


def _within(part: str, params: Params) -> dict[str, Any]:
    """The parameters of a part, by their names within it."""
    return {name.removeprefix(f"{part}."): w for name, w in params.items() if name.startswith(f"{part}.")}


@dataclass(frozen=True)
class AvgPool2d(Stateless):
    """The mean of each window; the stride is the kernel's size if not given."""

    kernel: int
    stride: int | None = None

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(f"takes images (C, H, W), got {shape}")
        stride = self.kernel if self.stride is None else self.stride
        return (shape[0], *out_sizes(shape[1:], (self.kernel, self.kernel), stride))

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

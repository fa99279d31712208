"""Layers are functions of (parameters, input); a network is their sequence. None holds a weight.

The parameters are a flat dict of arrays that the caller owns, with PyTorch's names and layouts. Pruning one draw
and training another, rewinding, shuffling a mask, saving and resuming are all one-line dict operations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from minisnip.autodiff import conv2d, max_pool2d, ops
from minisnip.autodiff.conv import out_sizes
from minisnip.autodiff.engine import Value, shape_of

Shape: TypeAlias = tuple[int, ...]
Params: TypeAlias = Mapping[str, Any]  # name -> array or Tensor


class Layer(Protocol):
    """What `Sequential` asks of a layer. Shapes are those of one sample, without the batch."""

    def shapes(self) -> dict[str, Shape]:
        """The shapes of the layer's own parameters, by their short names."""

    def out_shape(self, shape: Shape) -> Shape:
        """The shape of the output for an input of this shape; ValueError if it does not fit."""

    def __call__(self, params: Params, x: Value) -> Any:
        """Apply the layer to a batch, with its own parameters by their short names."""


class Stateless:
    """A layer without parameters that keeps the shape."""

    def shapes(self) -> dict[str, Shape]:
        return {}

    def out_shape(self, shape: Shape) -> Shape:
        return shape


@dataclass(frozen=True)
class Linear:
    """y = x Wᵀ + b; weight (out_features, in_features), bias (out_features,)."""

    in_features: int
    out_features: int

    def shapes(self) -> dict[str, Shape]:
        return {"weight": (self.out_features, self.in_features), "bias": (self.out_features,)}

    def out_shape(self, shape: Shape) -> Shape:
        if shape != (self.in_features,):
            raise ValueError(f"takes vectors of {self.in_features} numbers, got {shape}")
        return (self.out_features,)

    def __call__(self, params: Params, x: Value) -> Any:
        return ops.linear(x, params["weight"], params["bias"])


@dataclass(frozen=True)
class Conv2d:
    """Convolution; weight (out_channels, in_channels, k, k), bias (out_channels,)."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0

    def shapes(self) -> dict[str, Shape]:
        weight = (self.out_channels, self.in_channels, self.kernel, self.kernel)
        return {"weight": weight, "bias": (self.out_channels,)}

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[0] != self.in_channels:
            raise ValueError(f"takes images of {self.in_channels} channels (C, H, W), got {shape}")
        return (
            self.out_channels,
            *out_sizes(shape[1:], (self.kernel, self.kernel), self.stride, self.padding),
        )

    def __call__(self, params: Params, x: Value) -> Any:
        return conv2d(x, params["weight"], self.stride, self.padding, params["bias"])


@dataclass(frozen=True)
class MaxPool2d:
    """The largest number of each window; the stride is the kernel's size if not given."""

    kernel: int
    stride: int | None = None

    def shapes(self) -> dict[str, Shape]:
        return {}

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(f"takes images (C, H, W), got {shape}")
        stride = self.kernel if self.stride is None else self.stride
        return (shape[0], *out_sizes(shape[1:], (self.kernel, self.kernel), stride))

    def __call__(self, params: Params, x: Value) -> Any:
        return max_pool2d(x, self.kernel, self.stride)


@dataclass(frozen=True)
class ReLU(Stateless):
    """max(x, 0), with derivative 0 at 0."""

    def __call__(self, params: Params, x: Value) -> Any:
        return ops.relu(x)


@dataclass(frozen=True)
class Flatten(Stateless):
    """(N, C, H, W) -> (N, C·H·W)."""

    def out_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def __call__(self, params: Params, x: Value) -> Any:
        shape = shape_of(x)
        return ops.reshape(x, (shape[0], math.prod(shape[1:])))

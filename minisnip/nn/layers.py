"""Layers are functions of (parameters, input); a network is their sequence. None holds a weight.

The parameters are a flat dict of arrays that the caller owns, with PyTorch's names and layouts. Pruning one draw
and training another, rewinding, shuffling a mask, saving and resuming are all one-line dict operations.

    >>> import numpy as np
    >>> from minisnip.nn import Linear, ReLU, Sequential
    >>> net = Sequential((2,), fc1=Linear(2, 8), relu1=ReLU(), fc2=Linear(8, 2))
    >>> params = net.init(np.random.default_rng(0))
    >>> list(params)
    ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']
    >>> net(params, np.zeros((5, 2), np.float32)).shape
    (5, 2)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from minisnip.autodiff import ops
from minisnip.autodiff.conv import conv2d, max_pool2d, out_sizes
from minisnip.autodiff.engine import Array, Value, shape_of
from minisnip.autodiff.threads import one_thread
from minisnip.mistakes import check_arrays, check_seed, check_sizes, generator
from minisnip.nn.init import Rng, initialize_all
from minisnip.nn.printing import table

Shape: TypeAlias = tuple[int, ...]
Params: TypeAlias = Mapping[str, Any]  # name -> array or Tensor


class Layer(Protocol):
    """What `Sequential` asks of a layer. Shapes are those of one sample, without the batch.

    A layer may also have `state_shapes()`, what it keeps besides parameters (`BatchNorm`); `unpruned`, the short names
    of the parameters that are never pruned; `offsets()`, what is added to its initial parameters (`LSTM`);
    `mixes_images`, True if an image's output depends on the others; and `saturates`, True if it is no sum over paths of
    products of weights, even between kinks.
    """

    def shapes(self) -> dict[str, Shape]:
        """The shapes of the layer's own parameters, by their short names."""

    def out_shape(self, shape: Shape) -> Shape:
        """The shape of the output for an input of this shape; ValueError if it does not fit."""

    def __call__(self, params: Params, x: Value) -> Any:
        """Apply the layer to a batch, with its own parameters by their short names."""


class Stateless:
    """A layer without parameters; unless it says otherwise, it keeps the shape."""

    def shapes(self) -> dict[str, Shape]:
        return {}

    def out_shape(self, shape: Shape) -> Shape:
        return shape


@dataclass(frozen=True)
class Linear:
    """y = x Wᵀ + b; weight (out_features, in_features), bias (out_features,)."""

    in_features: int
    out_features: int

    def __post_init__(self) -> None:
        check_sizes(self, "in_features", "out_features")

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
    """Convolution; weight (out_channels, in_channels, k, k), bias (out_channels,) if there is one.

    The padding is a number of zeros on each side, or "same": ⌈size / stride⌉ windows, as in TensorFlow.
    """

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int | str = 0
    bias: bool = True

    def __post_init__(self) -> None:
        check_sizes(self, "in_channels", "out_channels")

    def shapes(self) -> dict[str, Shape]:
        weight = (self.out_channels, self.in_channels, self.kernel, self.kernel)
        return {"weight": weight, "bias": (self.out_channels,)} if self.bias else {"weight": weight}

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[0] != self.in_channels:
            raise ValueError(f"takes images of {self.in_channels} channels (C, H, W), got {shape}")
        return (self.out_channels, *out_sizes(shape[1:], (self.kernel, self.kernel), self.stride, self.padding))

    def __call__(self, params: Params, x: Value) -> Any:
        return conv2d(x, params["weight"], self.stride, self.padding, params.get("bias"))


@dataclass(frozen=True)
class Pool2d(Stateless):
    """One number for each window; the stride is the kernel's size if not given."""

    kernel: int
    stride: int | None = None

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(f"takes images (C, H, W), got {shape}")
        stride = self.kernel if self.stride is None else self.stride
        return (shape[0], *out_sizes(shape[1:], (self.kernel, self.kernel), stride))


@dataclass(frozen=True)
class MaxPool2d(Pool2d):
    """The largest number of each window; the stride is the kernel's size if not given."""

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


@dataclass(frozen=True, repr=False)
class Select(Stateless):
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
        n = self.in_features
        if outside := [i for i in self.kept if not 0 <= i < n]:
            raise ValueError(f"Select keeps place {outside[0]} of {n} numbers: the places are 0 to {n - 1}")

    def __repr__(self) -> str:
        return f"Select({len(self.kept)} of {self.in_features})"

    @cached_property
    def index(self) -> Array:
        """`kept` as an array."""
        return np.array(self.kept, np.intp)

    def out_shape(self, shape: Shape) -> Shape:
        if shape != (self.in_features,):
            raise ValueError(f"takes vectors of {self.in_features} numbers, got {shape}")
        return (len(self.kept),)

    def __call__(self, params: Params, x: Value) -> Any:
        return ops.take(x, (slice(None), self.index))  # NumPy lays the answer out with the batch last, as Linear likes


@dataclass(frozen=True)
class Block:
    """A layer with parameters, and the layers without parameters between it and the next one.

    Attributes
    ----------
    name : str
        The layer's name in the network; its parameters are "<name>.weight" and "<name>.bias".
    layer : Layer
    in_shape, out_shape : tuple of int
        What the layer takes and gives, for one sample.
    following : dict of Layer
    """

    name: str
    layer: Layer
    in_shape: Shape
    out_shape: Shape
    following: dict[str, Layer]


class Sequential:
    """Layers by name, applied in the order in which they are given.

    Parameters
    ----------
    input_shape : tuple of int
        The shape of one sample, without the batch: (1, 28, 28) for MNIST.
    **layers : Layer
        The name of a layer begins the names of its parameters: fc1 has "fc1.weight" and "fc1.bias".

    Raises
    ------
    ValueError
        If a layer does not take what the one before it gives.

    Examples
    --------
    >>> from minisnip.nn import Linear, ReLU, Sequential
    >>> net = Sequential((4,), fc1=Linear(4, 3), relu=ReLU(), fc2=Linear(3, 2))
    >>> params = net.init(rng=0)
    >>> net(params, np.ones((5, 4))).shape
    (5, 2)
    """

    def __init__(self, input_shape: Shape, /, **layers: Layer) -> None:
        self.input_shape = input_shape
        self.layers = layers
        self.out_shapes: dict[str, Shape] = {}
        shape = input_shape
        for name, layer in layers.items():
            try:
                shape = self.out_shapes[name] = layer.out_shape(shape)
            except ValueError as error:
                raise ValueError(f"layer {name} of {type(layer).__name__}: {error}") from None
        self._shapes = {f"{name}.{short}": s for name, layer in layers.items() for short, s in layer.shapes().items()}
        self._state = self._optional("state_shapes")
        own = {name: (*layer.shapes(), *getattr(layer, "state_shapes", dict)()) for name, layer in layers.items()}
        self._names = {name: {short: f"{name}.{short}" for short in shorts} for name, shorts in own.items()}
        self.unpruned = [f"{name}.{short}" for name, a in layers.items() for short in getattr(a, "unpruned", ())]
        self.prunable = [name for name in self._shapes if name not in self.unpruned]
        self.saturates = any(getattr(layer, "saturates", False) for layer in layers.values())
        self.mixes_images = any(getattr(layer, "mixes_images", False) for layer in layers.values())

    def _optional(self, method: str) -> dict[str, Any]:
        """What a method that only some layers have gives by short names, by the names of parameters."""
        found: dict[str, Any] = {name: getattr(layer, method, dict)() for name, layer in self.layers.items()}
        return {f"{name}.{short}": entry for name, entries in found.items() for short, entry in entries.items()}

    def shapes(self) -> dict[str, Shape]:
        """The shape of every parameter, in order: the weight of each layer, then its bias."""
        return dict(self._shapes)

    def state_shapes(self) -> dict[str, Shape]:
        """The shapes of what may be among the parameters without being one: running statistics."""
        return dict(self._state)

    def offsets(self) -> dict[str, Array]:
        """What the layers add to their initial parameters, which are zero or drawn."""
        return self._optional("offsets")

    def out_shape(self, shape: Shape) -> Shape:
        """The shape of the output: a network can be a layer of another one."""
        if shape != self.input_shape:
            raise ValueError(f"takes {self.input_shape}, got {shape}")
        return [self.input_shape, *self.out_shapes.values()][-1]

    def without_state(self, params: Params) -> dict[str, Any]:
        """The parameters without running statistics: what is trained and scored."""
        return {name: w for name, w in params.items() if name not in self._state}

    @property
    def size(self) -> int:
        """The number of parameters that can be pruned, m."""
        return sum(math.prod(self._shapes[name]) for name in self.prunable)

    def init(
        self, rng: Rng = None, scheme: str = "glorot", dtype: npt.DTypeLike = np.float32, **options: float
    ) -> dict[str, Array]:
        """Draw the parameters: weights by the scheme, biases zero, the weight of a normalization (one axis) 1.

        Gates of a recurrent layer may start open: see `LSTM` and `GRU`.

        Parameters
        ----------
        rng : numpy.random.Generator, seed or None
        scheme : "glorot" (the paper's VS-X), "he" (VS-H), "lecun" (the authors' code), "normal", "truncated_normal"
        dtype : float32 or float64
            The draw is the same for both, rounded.
        **options
            `std` for the two normals; 0.1 if it is not given.

        Returns
        -------
        dict of arrays, with the names and shapes of `shapes()`
        """
        if np.dtype(dtype).kind != "f":
            raise ValueError(f"dtype {np.dtype(dtype)} cannot hold weights: use float32 or float64")
        check_seed(rng)
        drawn = initialize_all(generator(rng), self._shapes, scheme, **options)
        drawn |= {name: drawn[name] + a for name, a in self.offsets().items()}
        return {name: w.astype(dtype) for name, w in drawn.items()}

    @property
    def head(self) -> dict[str, Layer]:
        """The layers before the first one with parameters."""
        return dict(takewhile(lambda item: not item[1].shapes(), self.layers.items()))

    def blocks(self) -> list[Block]:
        """Each layer with parameters together with what follows it, in order; `head` comes before all of them."""
        found: list[Block] = []
        shape = self.input_shape
        for name, layer in self.layers.items():
            if layer.shapes():
                found.append(Block(name, layer, shape, self.out_shapes[name], {}))
            elif found:
                found[-1].following[name] = layer
            shape = self.out_shapes[name]
        return found

    @one_thread
    def __call__(self, params: Params, x: Value) -> Any:
        """The outputs (logits) for a batch.

        Parameters
        ----------
        params : dict of arrays or Tensors, with the names and shapes of `shapes()`
        x : (N, *input_shape)

        Raises
        ------
        ValueError
            If a parameter is missing, or it or `x` has another shape.
        """
        self._check(params, x)
        for name, layer in self.layers.items():
            x = layer({short: params[long] for short, long in self._names[name].items() if long in params}, x)
        return x

    def _check(self, params: Params, x: Value) -> None:
        check_arrays("net(params, x)", params=params)
        if shape_of(x)[1:] != self.input_shape:
            expected = ", ".join(map(str, ("N", *self.input_shape)))
            raise ValueError(
                f"the network takes a batch of shape ({expected}), got {shape_of(x)}: reshape it (one image: x[:1])"
            )
        for name, shape in (self._shapes | {n: s for n, s in self._state.items() if n in params}).items():
            if name not in params:
                raise ValueError(f"parameter {name} is missing: got {', '.join(params)}; net.init(rng) makes them all")
            if shape_of(params[name]) != shape:
                raise ValueError(f"parameter {name} has shape {shape_of(params[name])}, the network's is {shape}")

    def __repr__(self) -> str:
        """A table of layers, their outputs and numbers of parameters, at most 80 columns wide for the LeNets."""
        return table(self)

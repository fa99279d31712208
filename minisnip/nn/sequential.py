"""A network: named layers, one after the other.

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
from typing import Any

import numpy as np
import numpy.typing as npt

from minisnip.autodiff.engine import Array, Value, shape_of
from minisnip.nn.init import initialize
from minisnip.nn.layers import Layer, Params, Shape


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
        self._own = {name: {short: f"{name}.{short}" for short in layer.shapes()} for name, layer in layers.items()}
        self._shapes = {f"{name}.{short}": s for name, layer in layers.items() for short, s in layer.shapes().items()}

    def shapes(self) -> dict[str, Shape]:
        """The shape of every parameter, in order: the weight of each layer, then its bias."""
        return dict(self._shapes)

    @property
    def size(self) -> int:
        """The number of parameters, m."""
        return sum(map(math.prod, self.shapes().values()))

    def init(
        self,
        rng: np.random.Generator,
        scheme: str = "glorot",
        dtype: npt.DTypeLike = np.float32,
        **options: float,
    ) -> dict[str, Array]:
        """Draw the parameters: weights by the scheme, biases zero.

        Parameters
        ----------
        rng : numpy.random.Generator
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
        return {name: initialize(rng, shape, scheme, **options).astype(dtype) for name, shape in self.shapes().items()}

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
            x = layer({short: params[full] for short, full in self._own[name].items()}, x)
        return x

    def _check(self, params: Params, x: Value) -> None:
        if shape_of(x)[1:] != self.input_shape:
            expected = ", ".join(map(str, ("N", *self.input_shape)))
            raise ValueError(f"the network takes a batch of shape ({expected}), got {shape_of(x)}: reshape it")
        for name, shape in self._shapes.items():
            if name not in params:
                raise ValueError(f"parameter {name} is missing: got {', '.join(params)}; net.init(rng) makes them all")
            if shape_of(params[name]) != shape:
                raise ValueError(f"parameter {name} has shape {shape_of(params[name])}, the network's is {shape}")

    def __str__(self) -> str:
        """A table of layers, shapes and parameters."""
        rows: list[tuple[Any, ...]] = [("input", "", self.input_shape, "", "")]
        for name, layer in self.layers.items():
            shapes = layer.shapes()
            count = sum(map(math.prod, shapes.values()))
            weights = "  ".join(f"{short} {shape}" for short, shape in shapes.items())
            rows.append((name, str(layer), self.out_shapes[name], weights, f"{count:,}" if count else ""))
        rows.append(("total", "", "", "", f"{self.size:,}"))
        return _table(("name", "layer", "output", "parameters", "count"), rows)


def _table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    cells = [header, *[tuple(map(str, row)) for row in rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(row[:-1], widths, strict=False)), row[-1].rjust(widths[-1])])
        for row in cells
    )

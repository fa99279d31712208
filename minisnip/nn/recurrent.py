"""Recurrent layers, which read a sequence step by step: RNN, LSTM, GRU; unrolled by the engine.

A sequence is (N, steps, features). Names, layouts and the order of the gates are PyTorch's, but for one bias per gate.

    >>> import numpy as np
    >>> from minisnip.nn import LSTM, EachStep, Linear, Rows, Sequential
    >>> net = Sequential((1, 28, 28), rows=Rows(), fc1=EachStep(Linear(28, 8)), lstm=LSTM(8, 8), fc2=Linear(8, 10))
    >>> net(net.init(0), np.zeros((5, 1, 28, 28), np.float32)).shape  # an image is a sequence of its rows
    (5, 10)

Inside, samples are last in memory, as everywhere in the package: the state is (hidden_size, N), and the gates are
blocks of rows one after the other. A step of an LSTM is four ops: one for all products, one for all gates, one for the
memory, one for the output.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.compositions import concatenate, stack
from minisnip.autodiff.engine import Array, Op, Value, primitive, shape_of, value_of
from minisnip.nn.layers import Layer, Params, Shape, Stateless

# ---- Ops of one step: features first, samples last -------------------------------------------------------------------


def _steps(x: Value, n: int) -> list[Any]:
    """x[0], x[1], ..., as halves of halves: their gradients are put together in log₂ n passes over x instead of n."""
    if n == 1:
        return [ops.take(x, 0)]
    half = n // 2
    return _steps(ops.take(x, slice(0, half)), half) + _steps(ops.take(x, slice(half, n)), n - half)


joint: Op = primitive(  # W_x x + W_h h + b
    lambda x, h, w_x, w_h, b: ops.plus_bias(w_x @ x + w_h @ h, b),
    lambda g, out, x, h, w_x, w_h, b: w_x.T @ g,
    lambda g, out, x, h, w_x, w_h, b: w_h.T @ g,
    lambda g, out, x, h, w_x, w_h, b: g @ x.T,
    lambda g, out, x, h, w_x, w_h, b: g @ h.T,
    lambda g, out, x, h, w_x, w_h, b: ops.sum(g, 1),
    name="joint",
)


def _gates(z: Array, bounded: slice) -> Array:
    """tanh of the rows in `bounded`, σ of the others: σ(z) = (1 + tanh(z / 2)) / 2, which cannot overflow."""
    is_tanh = _column(len(z), bounded, z)
    out = np.asarray(np.tanh(z * (0.5 + 0.5 * is_tanh)))
    out *= 0.5 + 0.5 * is_tanh
    out += 0.5 - 0.5 * is_tanh
    return out


def _column(rows: int, bounded: slice, like: Any) -> Array:
    """1 in the rows of tanh, 0 in those of σ: (rows, 1)."""
    column = np.zeros((rows, 1), value_of(like).real.dtype)
    column[bounded] = 1
    return column


# σ' = σ (1 - σ) and tanh' = (1 + tanh) (1 - tanh)
gates: Op = primitive(
    _gates,
    lambda g, out, z, bounded: g * ((out + _column(len(out), bounded, out)) * (1.0 - out)),
)


def _quarters(a: Any) -> tuple[Any, ...]:
    n = len(a) // 4
    return a[:n], a[n : 2 * n], a[2 * n : 3 * n], a[3 * n :]


def _memory(a: Array, c: Array) -> Array:
    i, f, g, _ = _quarters(a)
    return np.asarray(f * c + i * g)


def _memory_vjp(grad: Any, out: Any, a: Any, c: Any) -> Any:
    i, _, g, o = _quarters(a)
    return concatenate([grad * g, grad * c, grad * i, np.zeros_like(value_of(o))])


def _output_vjp(grad: Any, out: Any, a: Any, c: Any) -> Any:
    n = len(c)
    return ops.put(grad * ops.tanh(c), slice(3 * n, 4 * n), shape_of(a))


def _through_tanh(grad: Any, out: Any, a: Any, c: Any) -> Any:
    t = ops.tanh(c)
    return grad * a[3 * len(c) :] * (1.0 - t * t)


memory: Op = primitive(_memory, _memory_vjp, lambda grad, out, a, c: grad * a[len(c) : 2 * len(c)])
output: Op = primitive(lambda a, c: a[3 * len(c) :] * np.tanh(c), _output_vjp, _through_tanh, name="output")

# ---- Layers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recurrent:
    """One layer over a sequence: (N, steps, input_size) -> (N, hidden_size), the last state.

    With `all_states`, the answer has the state after each step: (N, steps, hidden_size). The first state is zero.
    weight_ih (G·H, input_size), weight_hh (G·H, hidden_size), bias (G·H,), G blocks of H rows for G gates.
    """

    input_size: int
    hidden_size: int
    all_states: bool = False
    gates: ClassVar[int] = 1
    saturates: ClassVar[bool] = True

    def shapes(self) -> dict[str, Shape]:
        rows, hidden = self.gates * self.hidden_size, self.hidden_size
        return {"weight_ih": (rows, self.input_size), "weight_hh": (rows, hidden), "bias": (rows,)}

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2 or shape[1] != self.input_size or not shape[0]:
            raise ValueError(f"takes sequences (steps, {self.input_size}) of at least one step, got {shape}")
        return (shape[0], self.hidden_size) if self.all_states else (self.hidden_size,)

    def __call__(self, params: Params, x: Value) -> Any:
        n, steps, _ = shape_of(x)
        inputs = _steps(ops.transpose(x, (1, 2, 0)), steps)  # (input_size, N) each
        zero = np.zeros((self.hidden_size, n), value_of(x).dtype)
        states = [*self.unroll(params, inputs, zero)] if self.all_states else []
        if self.all_states:
            return ops.transpose(stack(states), (2, 0, 1))  # (steps, H, N) -> (N, steps, H)
        for state in self.unroll(params, inputs, zero):
            last = state
        return ops.transpose(last)

    def unroll(self, params: Params, inputs: list[Any], h: Any) -> Iterator[Any]:
        """The state after each step, (hidden_size, N), from the inputs (input_size, N) and the first state."""
        raise NotImplementedError


@dataclass(frozen=True)
class RNN(Recurrent):
    """h ← tanh(W_ih x + W_hh h + b) (Elman 1990), for each step of a sequence.

    Parameters, shapes and names as `LSTM`, with one block of rows.
    """

    def unroll(self, params: Params, inputs: list[Any], h: Any) -> Iterator[Any]:
        for x in inputs:
            h = ops.tanh(joint(x, h, params["weight_ih"], params["weight_hh"], params["bias"]))
            yield h


@dataclass(frozen=True)
class LSTM(Recurrent):
    """c ← f ⊙ c + i ⊙ g, h ← o ⊙ tanh(c), with i, f, o = σ(...) and g = tanh(...), each of W_ih x + W_hh h + b.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. (N, steps, input_size) -> (N,
    hidden_size), the last h. weight_ih (4H, input_size), weight_hh (4H, H), bias (4H,); the blocks of rows are i, f, g,
    o, as in PyTorch, which has two biases.

    Parameters
    ----------
    input_size, hidden_size : int
    all_states : bool
        Answer with h after each step, (N, steps, hidden_size).

    Examples
    --------
    >>> from minisnip.nn import LSTM
    >>> LSTM(28, 128).shapes()
    {'weight_ih': (512, 28), 'weight_hh': (512, 128), 'bias': (512,)}
    >>> LSTM(28, 128).out_shape((28, 28)), LSTM(28, 128, all_states=True).out_shape((28, 28))
    ((128,), (28, 128))
    """

    gates: ClassVar[int] = 4

    def unroll(self, params: Params, inputs: list[Any], h: Any) -> Iterator[Any]:
        bounded, c = slice(2 * self.hidden_size, 3 * self.hidden_size), h
        for x in inputs:
            a = gates(joint(x, h, params["weight_ih"], params["weight_hh"], params["bias"]), bounded=bounded)
            c = memory(a, c)
            h = output(a, c)
            yield h


@dataclass(frozen=True)
class GRU(Recurrent):
    """h ← (1 - z) ⊙ n + z ⊙ h with r, z = σ(W_ih x + W_hh h + b) and n = tanh(W_ih x + W_hh (r ⊙ h) + b).

    Cho et al. 2014 (arXiv 1406.1078). The reset r comes before the product, as in the paper and in TensorFlow; PyTorch
    applies it after. Parameters, shapes and names as `LSTM`, with three blocks of rows: r, z, n.
    """

    gates: ClassVar[int] = 3

    def unroll(self, params: Params, inputs: list[Any], h: Any) -> Iterator[Any]:
        size, names = self.hidden_size, ("weight_ih", "weight_hh", "bias")
        both, new = (
            [ops.take(params[name], rows) for name in names] for rows in (slice(2 * size), slice(2 * size, None))
        )
        for x in inputs:
            a = gates(joint(x, h, *both), bounded=slice(0))
            r, z = a[:size], a[size:]
            n = ops.tanh(joint(x, r * h, *new))
            h = n + z * (h - n)
            yield h


@dataclass(frozen=True)
class EachStep:
    """The same layer at each step of a sequence: EachStep(Linear(28, 128)) takes (N, steps, 28).

    The parameters are the layer's own.
    """

    layer: Layer

    @property
    def saturates(self) -> bool:
        return getattr(self.layer, "saturates", False)

    def shapes(self) -> dict[str, Shape]:
        return self.layer.shapes()

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) < 2:
            raise ValueError(f"takes sequences (steps, ...), got {shape}")
        return (shape[0], *self.layer.out_shape(shape[1:]))

    def __call__(self, params: Params, x: Value) -> Any:
        n, steps, *rest = shape_of(x)
        flat = ops.reshape(_swapped(x), (steps * n, *rest))  # the samples of a step are neighbors, as `joint` likes
        out = self.layer(params, flat)
        return _swapped(ops.reshape(out, (steps, n, *shape_of(out)[1:])))


def _swapped(x: Value) -> Any:
    """The first two axes exchanged."""
    return ops.transpose(x, (1, 0, *range(2, len(shape_of(x)))))


@dataclass(frozen=True)
class Rows(Stateless):
    """An image as the sequence of its rows: (N, C, H, W) -> (N, H, C·W)."""

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise ValueError(f"takes images (C, H, W), got {shape}")
        return (shape[1], shape[0] * shape[2])

    def __call__(self, params: Params, x: Value) -> Any:
        n, channels, height, width = shape_of(x)
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (n, height, channels * width))


@dataclass(frozen=True)
class Tanh(Stateless):
    """tanh(x) = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)."""

    saturates: ClassVar[bool] = True

    def __call__(self, params: Params, x: Value) -> Any:
        return ops.tanh(x)


@dataclass(frozen=True)
class Sigmoid(Stateless):
    """σ(x) = 1 / (1 + e⁻ˣ)."""

    saturates: ClassVar[bool] = True

    def __call__(self, params: Params, x: Value) -> Any:
        return ops.sigmoid(x)

"""Recurrent layers, which read a sequence step by step: RNN, LSTM, GRU; unrolled by the engine.

A sequence is (N, steps, features). Names, layouts and the order of the gates are PyTorch's; but each gate has one bias.

    >>> import numpy as np
    >>> from minisnip.nn import LSTM, EachStep, Linear, Rows, Sequential
    >>> net = Sequential((1, 28, 28), rows=Rows(), fc1=EachStep(Linear(28, 8)), lstm=LSTM(8, 8), fc2=Linear(8, 10))
    >>> net(net.init(0), np.zeros((5, 1, 28, 28), np.float32)).shape  # an image is a sequence of its rows
    (5, 10)

Inside, samples are last in memory, as everywhere in the package: the state is (hidden_size, N), and each gate is a
block of rows. A step has one matrix product, [W_ih W_hh b] [x; h; 1], and few other ops: they are so small that calling
them takes most of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.compositions import concatenate, stack
from minisnip.autodiff.engine import VJP, Array, Arrays, Op, Tensor, Value, primitive, shape_of, value_of
from minisnip.autodiff.ops import elementwise
from minisnip.mistakes import check_sizes
from minisnip.nn.layers import Layer, Params, Sequential, Shape, Stateless

# ---- Ops of one step: features first, samples last -------------------------------------------------------------------


class _Collected:
    """A gradient that collects what each step contributes, and adds it all at once.

    The engine would add T arrays for T steps, each as large as all weights or as the whole sequence. Recorded gradients
    (`create_graph=True`) are added as usual.
    """

    def __init__(self, make: Callable[[Shape, list[Any]], Array], shape: Shape, contributions: list[Any]) -> None:
        self.make, self.shape, self.contributions = make, shape, contributions

    __array_ufunc__ = None  # array + this is __radd__

    def __add__(self, other: Any) -> Any:
        if isinstance(other, _Collected):
            return _Collected(self.make, self.shape, self.contributions + other.contributions)
        return self.whole() + other

    def __radd__(self, other: Any) -> Any:
        return other + self.whole()

    def whole(self) -> Array:
        return self.make(self.shape, self.contributions)


def _put_steps(shape: Shape, contributions: list[Any]) -> Array:
    out = np.zeros(shape, contributions[0][1].dtype)
    for i, g in contributions:
        out[i] += g
    return out


def _sum_products(shape: Shape, contributions: list[Any]) -> Array:
    g, v = (np.concatenate(arrays, axis=1) for arrays in zip(*contributions, strict=True))
    return np.asarray(g @ v.T)


def _by_steps(g: Any, out: Any, x: Any, i: int) -> Any:
    return ops.put(g, i, x.shape) if isinstance(g, Tensor) else _Collected(_put_steps, x.shape, [(i, g)])


def _by_weights(g: Any, out: Any, w: Any, v: Any) -> Any:
    recorded = isinstance(g, Tensor) or isinstance(v, Tensor)
    return g @ v.T if recorded else _Collected(_sum_products, w.shape, [(g, v)])


# `shared` wraps what every step uses; its VJP adds up the collected gradient
shared: Op = primitive(lambda x: x[...], lambda g, out, x: g.whole() if isinstance(g, _Collected) else g, name="shared")
step: Op = primitive(lambda x, i: x[i], _by_steps, name="step")
product: Op = primitive(lambda w, v: w @ v, _by_weights, lambda g, out, w, v: w.T @ g, name="product")


def _part(i: int) -> VJP:
    """The rows of g that came from part i."""

    def vjp(g: Any, out: Any, *parts: Any) -> Any:
        start = sum(len(part) for part in parts[:i])
        return g[start : start + len(parts[i])]

    return vjp


joined: Op = primitive(lambda *parts: np.concatenate(parts), *map(_part, range(4)), name="joined")  # up to 4 parts


# σ(z) = (1 + t) / 2 with t = tanh(z / 2). So one tanh computes all gates of a step, from weights that are halved for σ;
# t becomes σ where it is used. Halving does not round, and tanh cannot overflow.
opened: Op = elementwise(
    lambda t, x: 0.5 * (1 + t) * x, lambda g, out, t, x: 0.5 * g * x, lambda g, out, t, x: opened(t, g)
)


def _parts(a: Any, count: int) -> list[Any]:
    n = len(a) // count
    return [a[k * n : (k + 1) * n] for k in range(count)]


def _memory(a: Array, m: Array) -> Array:
    (i, f, g, o), c = _parts(a, 4), _parts(m, 2)[0]
    return np.concatenate([0.5 * ((1 + f) * c + (1 + i) * g), o])


def _memory_by_gates(grad: Any, out: Any, a: Any, m: Any) -> Any:
    (i, _, g, _), c, (by_c, by_o) = _parts(a, 4), _parts(m, 2)[0], _parts(grad, 2)
    by_c = 0.5 * by_c
    return joined(by_c * g, by_c * c, by_c * (1.0 + i), by_o)


def _memory_by_memory(grad: Any, out: Any, a: Any, m: Any) -> Any:
    by_c, by_o = _parts(grad, 2)
    return joined(opened(_parts(a, 4)[1], by_c), np.zeros(shape_of(by_o), value_of(by_o).dtype))


def _output(m: Array) -> Array:
    c, o = _parts(m, 2)
    return np.asarray(0.5 * (1 + o) * np.tanh(c))


def _output_vjp(grad: Any, out: Any, m: Any) -> Any:
    c, o = _parts(m, 2)
    t = ops.tanh(c)
    return joined(opened(o, grad) * (1.0 - t * t), 0.5 * grad * t)


memory: Op = primitive(_memory, _memory_by_gates, _memory_by_memory)  # gates, [c; o] -> [f ⊙ c + i ⊙ g; o]
output: Op = primitive(_output, _output_vjp)  # [c; o] -> o ⊙ tanh(c)

# ---- Layers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recurrent:
    """One layer over a sequence: (N, steps, input_size) -> (N, hidden_size), the last state.

    With `all_states`, it returns the state after each step: (N, steps, hidden_size). The first state is zero.
    weight_ih (G·H, input_size), weight_hh (G·H, H), bias (G·H,): H rows for each of the G gates.
    """

    input_size: int
    hidden_size: int
    all_states: bool = False
    gates: ClassVar[str] = "t"  # t for tanh, s for σ, in the order of the blocks of rows
    gate_names: ClassVar[str] = "h"  # a letter each
    open_at_start: ClassVar[str] = ""  # the gates whose initial bias is 1
    saturates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_sizes(self, "input_size", "hidden_size")

    def shapes(self) -> dict[str, Shape]:
        rows, hidden = len(self.gates) * self.hidden_size, self.hidden_size
        return {"weight_ih": (rows, self.input_size), "weight_hh": (rows, hidden), "bias": (rows,)}

    def offsets(self) -> dict[str, Array]:
        """The initial bias: 1 for the gates that start open, 0 for the others."""
        return {"bias": np.repeat([float(gate in self.open_at_start) for gate in self.gate_names], self.hidden_size)}

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2 or shape[1] != self.input_size or not shape[0]:
            raise ValueError(f"takes sequences (steps, {self.input_size}) of at least one step, got {shape}")
        return (shape[0], self.hidden_size) if self.all_states else (self.hidden_size,)

    def __call__(self, params: Params, x: Value) -> Any:
        self.out_shape(shape_of(x)[1:])  # refuses what is no sequence
        n, steps, _ = shape_of(x)
        by_step = shared(ops.transpose(x, (1, 2, 0)))
        inputs = [step(by_step, i) for i in range(steps)]  # (input_size, N) each
        zero = np.zeros((self.hidden_size, n), value_of(x).dtype)
        scale = np.repeat([0.5 if gate == "s" else 1.0 for gate in self.gates], self.hidden_size)[:, None]
        bias = ops.reshape(params["bias"], (-1, 1))
        w = concatenate([params["weight_ih"], params["weight_hh"], bias], 1) * scale.astype(value_of(bias).real.dtype)
        states = [*self.unroll(w, inputs, zero)]
        if self.all_states:
            return ops.transpose(stack(states), (2, 0, 1))  # (steps, H, N) -> (N, steps, H)
        return ops.transpose(states[-1])

    def unroll(self, w: Any, inputs: list[Any], h: Any) -> Iterator[Any]:
        """The state after each step, from [W_ih W_hh b], the inputs (input_size, N) and the first state (H, N)."""
        raise NotImplementedError


@dataclass(frozen=True)
class RNN(Recurrent):
    """h ← tanh(W_ih x + W_hh h + b) (Elman 1990), for each step of a sequence.

    Parameters, shapes and names as `LSTM`, with one block of rows.
    """

    def unroll(self, w: Any, inputs: list[Any], h: Any) -> Iterator[Any]:
        w, one = shared(w), np.ones_like(h[:1])
        for x in inputs:
            h = ops.tanh(product(w, joined(x, h, one)))
            yield h


@dataclass(frozen=True)
class LSTM(Recurrent):
    """c ← f ⊙ c + i ⊙ g, h ← o ⊙ tanh(c), with i, f, o = σ(...) and g = tanh(...), each of W_ih x + W_hh h + b.

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000. (N, steps, input_size) -> (N,
    hidden_size), the last h. weight_ih (4H, input_size), weight_hh (4H, H), bias (4H,); the blocks of rows are i, f, g,
    o, as in PyTorch, which has two biases.

    The initial bias of f is 1 (Jozefowicz et al. 2015): f = σ(0) would halve the memory at every step, and SNIP removes
    nearly all connections that could change f. TensorFlow's BasicLSTMCell also adds 1 (`forget_bias=1.0` in
    tensorflow/python/ops/rnn_cell_impl.py). There it is a constant; here it is part of a parameter that SNIP scores.

    Parameters
    ----------
    input_size, hidden_size : int
    all_states : bool
        Return h after each step, (N, steps, hidden_size).

    Examples
    --------
    >>> from minisnip.nn import LSTM
    >>> LSTM(28, 128).shapes()
    {'weight_ih': (512, 28), 'weight_hh': (512, 128), 'bias': (512,)}
    >>> LSTM(28, 128).out_shape((28, 28)), LSTM(28, 128, all_states=True).out_shape((28, 28))
    ((128,), (28, 128))
    """

    gates: ClassVar[str] = "ssts"
    gate_names: ClassVar[str] = "ifgo"
    open_at_start: ClassVar[str] = "f"

    def unroll(self, w: Any, inputs: list[Any], h: Any) -> Iterator[Any]:
        w, one, m = shared(w), np.ones_like(h[:1]), np.concatenate([h, h])
        for x in inputs:
            m = memory(ops.tanh(product(w, joined(x, h, one))), m)
            h = output(m)
            yield h


@dataclass(frozen=True)
class GRU(Recurrent):
    """h ← (1 - z) ⊙ n + z ⊙ h with r, z = σ(W_ih x + W_hh h + b) and n = tanh(W_ih x + W_hh (r ⊙ h) + b).

    Cho et al. 2014 (arXiv 1406.1078). The reset r comes before the product, as in the paper and in TensorFlow; PyTorch
    applies it after. The initial biases of r and z are 1, as those of TensorFlow's GRUCell (tensorflow/python/ops/
    rnn_cell_impl.py). Parameters, shapes and names as `LSTM`, with three blocks of rows: r, z, n.
    """

    gates: ClassVar[str] = "sst"
    gate_names: ClassVar[str] = "rzn"
    open_at_start: ClassVar[str] = "rz"

    def unroll(self, w: Any, inputs: list[Any], h: Any) -> Iterator[Any]:
        size, one = self.hidden_size, np.ones_like(h[:1])
        both, new = (shared(ops.take(w, rows)) for rows in (slice(2 * size), slice(2 * size, None)))
        for x in inputs:
            a = ops.tanh(product(both, joined(x, h, one)))
            n = ops.tanh(product(new, joined(x, opened(a[:size], h), one)))
            h = n + opened(a[size:], h - n)
            yield h


def by_gate(net: Sequential, arrays: Arrays) -> dict[str, dict[str, Array]]:
    """Split the masks, scores or weights of a network's recurrent layers by gate.

    Returns
    -------
    dict of dicts of arrays
        By the name of the parameter, then by the letter of the gate: i, f, g, o for an LSTM, r, z, n for a GRU, h for
        an RNN. Parameters that are not in `arrays` are left out.

    Examples
    --------
    >>> from minisnip.nn import LSTM, Linear, Sequential, by_gate
    >>> net = Sequential((28, 28), rnn=LSTM(28, 6), fc=Linear(6, 10))
    >>> {gate: w.shape for gate, w in by_gate(net, net.init(0))["rnn.weight_ih"].items()}
    {'i': (6, 28), 'f': (6, 28), 'g': (6, 28), 'o': (6, 28)}
    """
    layers = {block.name: block.layer for block in net.blocks() if isinstance(block.layer, Recurrent)}
    names = {f"{name}.{short}": layer for name, layer in layers.items() for short in layer.shapes()}
    return {
        name: dict(zip(layer.gate_names, np.split(arrays[name], len(layer.gate_names)), strict=True))
        for name, layer in names.items()
        if name in arrays
    }


@dataclass(frozen=True)
class EachStep:
    """The same layer at each step of a sequence: EachStep(Linear(28, 128)) takes (N, steps, 28).

    The parameters are the layer's own.
    """

    layer: Layer

    def __getattr__(self, name: str) -> Any:
        if name == "layer":  # of an instance that is being copied
            raise AttributeError(name)
        return getattr(self.layer, name)  # what only some layers have, such as `mixes_images`

    def shapes(self) -> dict[str, Shape]:
        return self.layer.shapes()

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) < 2 or not shape[0]:
            raise ValueError(f"takes sequences (steps, ...) of at least one step, got {shape}")
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

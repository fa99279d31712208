"""Pruning from scratch: learn which units a random network needs, without training one weight of it.

Wang et al. 2020, arXiv 1909.12579. Each unit (or channel) of a hidden layer gets a gate, never negative, that
multiplies its output. The weights stay as they were drawn; only the gates are trained, with an L1 pull towards 0.
Units with the largest gates are kept, whole: what is found is an architecture, to be trained from scratch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Value, shape_of
from minisnip.data import Dataset
from minisnip.nn import Layer, Sequential
from minisnip.nn.layers import Params, Shape
from minisnip.pruning import count_kept
from minisnip.training.lottery import Ticket, trained_params
from minisnip.training.optimizers import Adam, Optimizer, State
from minisnip.training.penalty import L1

HALF_OPEN = 0.5  # every gate at the start


@dataclass(frozen=True)
class Frozen:
    """A layer with its parameters (short names) built in, as constants."""

    layer: Layer
    params: Mapping[str, Array]

    def shapes(self) -> dict[str, Shape]:
        return {}

    def out_shape(self, shape: Shape) -> Shape:
        return self.layer.out_shape(shape)

    def __call__(self, params: Params, x: Value) -> Any:
        return self.layer(self.params, x)


@dataclass(frozen=True)
class Gate:
    """Multiplies each unit or channel by its gate; one parameter, "gate" of shape (units,)."""

    units: int

    def shapes(self) -> dict[str, Shape]:
        return {"gate": (self.units,)}

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def __call__(self, params: Params, x: Value) -> Any:
        return x * ops.reshape(params["gate"], (-1, *[1] * (len(shape_of(x)) - 2)))  # (units,) or (channels, 1, 1)


@dataclass(frozen=True)
class NotNegative:
    """An optimizer that takes every parameter below 0 back to 0 after its step.

    There is no bound above: gates that all stop at 1 would tie, and then not they but their order would decide.
    """

    optimizer: Optimizer

    def start(self, params: Mapping[str, Array]) -> State:
        return self.optimizer.start(params)

    def step(self, params: Mapping[str, Array], gradients: Mapping[str, Array], state: State, rate: float) -> None:
        self.optimizer.step(params, gradients, state, rate)
        for gate in params.values():
            np.maximum(gate, 0, out=gate)


def gated(net: Sequential, params: Mapping[str, Array]) -> Sequential:
    """The network with frozen weights and a gate behind each hidden layer; its parameters are all "NAME_gate.gate"."""
    with_weights = [name for name, layer in net.layers.items() if layer.shapes()]
    layers: dict[str, Layer] = {}
    for name, layer in net.layers.items():
        layers[name] = Frozen(layer, {short: params[f"{name}.{short}"] for short in layer.shapes()})
        if name in with_weights[:-1]:
            layers[f"{name}_gate"] = Gate(net.out_shapes[name][0])
    return Sequential(net.input_shape, **layers)


def from_scratch(
    net: Sequential,
    params: Mapping[str, Array],
    dataset: Dataset,
    sparsity: float,
    *,
    strength: float = 1e-3,
    learning_rate: float = 0.01,
    schedule: str = "constant",
    **training: Any,
) -> Ticket:
    """Train gates on frozen random weights, keep as many of the most open units as κ connections allow.

    The loss is the cross-entropy + λ Σ gate; the paper pulls the mean of the gates to a target instead. The gates are
    those of the epoch with the lowest validation error, as everywhere: if the pull is so strong that closing gates
    costs accuracy at once, that is an early one, and λ is too large.

    Parameters
    ----------
    net, params, dataset, sparsity
        As in `train`.
    strength : float
        λ.
    learning_rate, schedule, **training
        Of the gates, which Adam trains; the other arguments of `train`.

    Returns
    -------
    Ticket, with `params` as they were given
        Whole units, so at most κ connections and not exactly as many. The cost is one training of the gates.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1), or leaves not even one unit to each layer.
    """
    count_kept(1, sparsity)
    network = gated(net, params)
    start = {
        name: np.full(shape, HALF_OPEN, params[next(iter(params))].dtype) for name, shape in network.shapes().items()
    }
    optimizer = NotNegative(L1(Adam(), strength))
    options = {"optimizer": optimizer, "learning_rate": learning_rate, "schedule": schedule, **training}
    gates = trained_params(network, start, dataset, **options)
    by_layer = {name.removesuffix("_gate.gate"): gate for name, gate in gates.items()}
    return Ticket(keep_units(params, by_layer, sparsity), {name: w.copy() for name, w in params.items()})


def keep_units(params: Mapping[str, Array], gates: Mapping[str, Array], sparsity: float) -> dict[str, Array]:
    """Masks of whole units: the most open ones, as many as fit into κ connections, one of each layer first.

    Parameters
    ----------
    params : dict of arrays
        Of layers in a row.
    gates : dict of arrays by layer
        A number for each unit of every layer but the last; the higher, the sooner it is kept.
    sparsity : float in [0, 1)

    Raises
    ------
    ValueError
        If one unit of each layer is more than κ connections.
    """
    flat = np.concatenate([gate.astype(np.float64) for gate in gates.values()])
    stops = np.cumsum([len(gate) for gate in gates.values()])
    for part in np.split(np.arange(len(flat)), stops[:-1]):
        flat[part[np.argmax(flat[part])]] = np.inf  # the best of its layer
    order = np.argsort(-flat, kind="stable")

    def masks(units: int) -> dict[str, Array]:
        alive = np.zeros(len(flat), bool)
        alive[order[:units]] = True
        return _unit_masks(params, dict(zip(gates, np.split(alive, stops[:-1]), strict=True)))

    def kept(units: int) -> int:
        return sum(int(np.count_nonzero(c)) for c in masks(units).values())

    kappa = count_kept(sum(w.size for w in params.values()), sparsity)
    if kept(len(gates)) > kappa:
        raise ValueError(
            f"one unit of each layer has {kept(len(gates)):,} connections, and sparsity {sparsity:g} leaves {kappa:,}: "
            "choose a lower sparsity"
        )
    return masks(bisect_right(range(len(flat) + 1), kappa, key=kept) - 1)


def _unit_masks(params: Mapping[str, Array], alive: Mapping[str, Array]) -> dict[str, Array]:
    """Ones, but for the connections into and out of units that are not alive."""
    masks = {name: np.ones_like(w) for name, w in params.items()}
    before: Array | None = None  # of the layer in front
    for name, c in masks.items():
        layer, _, short = name.rpartition(".")
        own = alive.get(layer, np.ones(len(c), bool))
        c[~own] = 0
        if short == "weight":
            if before is not None:
                c.reshape(len(c), len(before), -1)[:, ~before] = 0  # (out, units, window or places)
            before = own
    return masks

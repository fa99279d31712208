"""One step: the loss of a batch, its gradient by the weights, and the optimizer's move of those that are left.

The variables of a pruned network are its kept connections. The gradient of all weights comes as matrix products give
it; from there on only the kept ones are seen, as flat vectors: momentum has no entry for a pruned connection, and no
move touches it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential, cross_entropy
from minisnip.nn.threads import Shards
from minisnip.training.optimizers import Optimizer, State

Kept: TypeAlias = dict[str, Array]  # for each masked parameter, the flat indices of its kept connections


def kept_connections(masks: Mapping[str, Array]) -> Kept:
    """Where the masks are not zero."""
    return {name: np.flatnonzero(c) for name, c in masks.items()}


def live(arrays: Mapping[str, Array], kept: Kept) -> dict[str, Array]:
    """The entries of kept connections as vectors; an array without a mask is itself."""
    return {name: a.reshape(-1).take(kept[name]) if name in kept else a for name, a in arrays.items()}


def train_step(
    net: Sequential,
    params: dict[str, Array],
    kept: Kept,
    batch: tuple[Array, Array],
    optimizer: Optimizer,
    state: State,
    rate: float,
    shards: Shards,
) -> tuple[float, int]:
    """Move `params` and `state` in place, unless the loss is not finite; answer with loss and errors before."""
    loss, wrong, gradients = loss_gradient(net, params, *batch, shards)
    if np.isfinite(loss):
        variables = live(params, kept)
        optimizer.step(variables, live(gradients, kept), state, rate)
        for name, index in kept.items():
            params[name].reshape(-1)[index] = variables[name]
    return loss, wrong


def loss_gradient(
    net: Sequential, params: Mapping[str, Array], images: Array, labels: Array, shards: Shards
) -> tuple[float, int, dict[str, Array]]:
    """Mean loss, number of wrong answers, and ∂L/∂w, in shards (`minisnip.nn.threads`)."""

    def shard(part: slice) -> tuple[float, int, dict[str, Array]]:
        weights = {name: Tensor(w) for name, w in params.items()}
        logits = net(weights, images[part])
        loss = cross_entropy(logits, labels[part]) * (len(labels[part]) / len(labels))
        wrong = np.count_nonzero(logits.value.argmax(axis=1) != labels[part])
        return float(loss), int(wrong), grad(loss, weights)

    losses, wrongs, gradients = zip(*shards(shard, len(labels)), strict=True)
    total, *others = gradients
    for g in others:
        for name in total:
            total[name] += g[name]
    return sum(losses), sum(wrongs), total

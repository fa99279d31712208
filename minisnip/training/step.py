"""One step: the loss of a batch, its gradient by the weights that are left, and the optimiser's move."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.tensor import Array
from minisnip.nn import Sequential, cross_entropy


def loss_gradient(
    net: Sequential, params: Mapping[str, Array], masks: Mapping[str, Array], images: Array, labels: Array
) -> tuple[float, int, dict[str, Array]]:
    """Mean loss, number of wrong answers, and c ⊙ ∂L/∂(c ⊙ w), for parameters that are c ⊙ w already."""
    weights = {name: Tensor(w) for name, w in params.items()}
    logits = net(weights, images)
    loss = cross_entropy(logits, labels)
    gradients = grad(loss, weights)
    for name, c in masks.items():
        gradients[name] *= c
    wrong = np.count_nonzero(logits.value.argmax(axis=1) != labels)
    return float(loss), int(wrong), gradients

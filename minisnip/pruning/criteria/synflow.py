"""SynFlow: by the share of a connection in the paths through the network, without data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff import Tensor, grad, ops
from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential
from minisnip.pruning.masks import apply_masks, ones
from minisnip.pruning.sensitivity import check_batch, check_not_all_zero


def synflow(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """∂R/∂c_j at c = 1, with R = Σ net(c ⊙ |w|, input of ones) (Tanaka et al. 2020, arXiv 2006.05467).

    SNIP's derivative by the mask, of R in place of the loss. For layers in a row R = 1ᵀ (Π |W_l|) 1, the sum over all
    paths of the product of their weights, and the score |w_j| ∂R/∂|w_j| is the part of that sum that runs through j.
    So every layer without biases has the same total. In a small layer few connections share it and each scores high:
    if scores are taken anew often enough as connections go, no layer is emptied before the others.

    These are the scores of one round; the method is a hundred of them, `iterative(synflow, ..., rounds=100)`, which is
    what METHODS["synflow"] does. The images are not used. One backward pass with one input; in float64, because R is
    a product over layers.
    """
    check_batch(params, x, y)
    absolute = {name: np.abs(np.asarray(w, np.float64)) for name, w in params.items()}
    c = {name: Tensor(one) for name, one in ones(absolute).items()}
    flow = ops.sum(net(apply_masks(c, absolute), np.ones((1, *net.input_shape))))
    return check_not_all_zero(grad(flow, c), "share of the flow")

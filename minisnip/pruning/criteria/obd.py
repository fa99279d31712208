"""Optimal Brain Damage: by the curvature of the loss at a minimum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential
from minisnip.pruning.curvature import fisher_diagonal, hutchinson_diagonal
from minisnip.pruning.disturb import OWN_LAYERS
from minisnip.pruning.sensitivity import check_not_all_zero


def obd(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """w_j² H_jj / 2, H_jj = ∂²L/∂w_j² (LeCun, Denker, Solla 1990, "Optimal Brain Damage", NIPS 2).

    It is the second term of ΔL_j = g_j - ½ w_j² H_jj + …, SNIP being the first. After training, at a minimum, g
    vanishes and this is what is left: pass the trained parameters. At the initialization g is the larger term by far,
    and OBD ranks by what hardly matters there.

    The diagonal is exact for the layers of minisnip.nn, at one backward pass for each image and class
    (`fisher_diagonal`: seconds for a LeNet and 100 images). With any other layer it is estimated from 100
    Hessian-vector products; `hutchinson_diagonal` gives the standard error of that. In float64.
    """
    if all(isinstance(layer, OWN_LAYERS) for layer in net.layers.values()):
        diagonal = fisher_diagonal(net, params, x, y)
    else:
        diagonal, _ = hutchinson_diagonal(net, params, x, y, rng=rng)
    return check_not_all_zero({name: w**2 * diagonal[name] / 2 for name, w in params.items()}, "w² H_jj")

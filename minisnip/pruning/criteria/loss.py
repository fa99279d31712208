"""By the effect on the loss: SNIP, the definition that it stands for, its inversion, and a common mistake."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential
from minisnip.pruning.delta_loss import delta_loss as exact_delta_loss
from minisnip.pruning.derivatives import weight_gradient
from minisnip.pruning.sensitivity import check_batch, check_not_all_zero, connection_sensitivity


def snip(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """|∂L/∂c_j| = |w_j ∂L/∂w_j|, normalized (Lee et al. 2019, arXiv 1810.02340). One backward pass."""
    return connection_sensitivity(net, params, x, y)


def delta_loss(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """|ΔL_j| = |L(w) - L(w without j)|, exactly: SNIP by its definition (arXiv 1810.02340, section 4.1).

    In float64. A partial forward pass for each connection: seconds for a LeNet, see `minisnip.pruning.delta_loss`.
    """
    return {name: np.abs(d) for name, d in exact_delta_loss(net, params, x, y).items()}


def least_sensitive(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """-|∂L/∂c_j|: SNIP upside down, keeping what matters least (a sanity check of arXiv 2009.08576). As cheap as SNIP.

    If the network it leaves learns as well as SNIP's, the scores were not what made SNIP work.
    """
    return {name: -s for name, s in snip(net, params, x, y, rng=rng).items()}


def gradient(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """|∂L/∂w_j|: the derivative by the weight instead of by its mask, the common mistake. One backward pass.

    SNIP is |w_j| times this. Without the factor it tells where training would move first, not what a connection
    does: a weight that is zero may score highest of all, though nothing changes when it is removed.
    """
    check_batch(params, x, y)
    return check_not_all_zero(
        {name: np.abs(g) for name, g in weight_gradient(net, params, x, y).items()}, "weight gradient"
    )

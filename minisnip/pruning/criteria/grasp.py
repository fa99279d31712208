"""GraSP: by the effect on the gradient flow ‖∇L‖², how fast the first step of training lowers the loss."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential
from minisnip.pruning.derivatives import hessian_product, weight_gradient
from minisnip.pruning.sensitivity import check_batch, check_not_all_zero

TEMPERATURE = 200.0  # flattens the softmax: which classes an untrained network favors is chance


def grasp(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, rng: np.random.Generator
) -> dict[str, Array]:
    """w_j (Hg)_j with g = ∇L and H = ∇²L of logits divided by 200 (Wang, Zhang, Grosse 2020, arXiv 2002.07376).

    Removing the connections δ = -w changes the gradient flow, to first order, by

        ‖∇L(w + δ)‖² - ‖∇L(w)‖² ≈ 2 δᵀ H g,     so for one connection by -2 w_j (Hg)_j.

    The paper's score is S = -w ⊙ Hg, the half of that, and it *removes the largest*: connections without which more
    gradient flows. Here high scores are kept, so the sign is turned: w ⊙ Hg, what the flow would lose. Signed, with
    no absolute value; a zero bias scores 0, in the middle.

    Hg is exact, from a gradient and a Hessian-vector product: about three backward passes.
    """
    check_batch(params, x, y)
    g = weight_gradient(net, params, x, y, temperature=TEMPERATURE)
    hg = hessian_product(net, params, x, y, g, temperature=TEMPERATURE)
    return check_not_all_zero({name: w * hg[name] for name, w in params.items()}, "w ⊙ Hg")

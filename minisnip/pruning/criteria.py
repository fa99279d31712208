"""Criteria: what a connection is worth. One function each, `criterion(net, params, x, y, *, rng=None) -> scores`.

The higher the score, the sooner a connection is kept. To compare two criteria, change one word of
`keep_top(criterion(...), sparsity)`.
"""

from __future__ import annotations

from functools import wraps
from typing import Protocol

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Arrays, Tensor, grad
from minisnip.mistakes import Registry, generator, warn
from minisnip.nn import Sequential
from minisnip.nn.init import Rng
from minisnip.nn.known import UnknownLayerError, known_blocks, saturating
from minisnip.pruning import deletion
from minisnip.pruning.masks import apply_masks, ones
from minisnip.pruning.sensitivity import check_batch, check_not_all_zero, connection_sensitivity
from minisnip.pruning.taylor import fisher_diagonal, hessian_product, hutchinson_diagonal, weight_gradient

TEMPERATURE = 200.0  # of GraSP; flattens the softmax: which classes an untrained network favors is chance


class Criterion(Protocol):
    """A score for every parameter, from a network, its parameters and a batch; the higher, the sooner it is kept."""

    def __call__(self, net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
        """Score every parameter that can be pruned.

        Parameters
        ----------
        net : Sequential
        params : dict of arrays
            Running statistics are not used: batch normalization takes those of the batch.
        x : (N, *net.input_shape)
        y : (N,) integers
        rng : numpy.random.Generator, seed or None
            For criteria with random choices; the others ignore it.

        Returns
        -------
        dict of arrays, with the names and shapes of the prunable parameters

        Raises
        ------
        ValueError
            If the batch is empty, or an image or a parameter is NaN or infinite.
        NoScoreError
            If every score is zero, so that no connection is better than another.
        """


class EstimateWarning(UserWarning):
    """A score is a random estimate, because the exact number is not known for this network."""


def _scoring(criterion: Criterion) -> Criterion:
    """The criterion with the checks of the batch. It sees no running statistics, and only prunable parameters count."""

    @wraps(criterion)
    def scores(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
        check_batch(params, x, y)
        found = criterion(net, net.without_state(params), x, y, rng=rng)
        return {name: s for name, s in found.items() if name not in net.unpruned}

    return scores


def snip(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """|∂L/∂c_j| = |w_j ∂L/∂w_j|, from one backward pass.

    Normalized, so that the scores sum to 1 (Lee et al. 2019, arXiv 1810.02340).
    """
    return connection_sensitivity(net, params, x, y)


def delta_loss(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """|ΔL_j| = |L(w) - L(w without j)|, exactly: SNIP's definition.

    Section 4.1 of arXiv 1810.02340. In float64. A partial forward pass for each connection: seconds for a LeNet, see
    `minisnip.pruning.delta_loss`.
    """
    return {name: np.abs(d) for name, d in deletion.delta_loss(net, params, x, y).items()}


def least_sensitive(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """-|∂L/∂c_j|: SNIP inverted, keeping what matters least.

    A sanity check of arXiv 2009.08576, as cheap as SNIP. If the network that it keeps learns as well as SNIP's, the
    scores were not what made SNIP work.
    """
    return {name: -s for name, s in connection_sensitivity(net, params, x, y).items()}


@_scoring
def gradient(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """|∂L/∂w_j|, without SNIP's factor |w_j|: a common mistake.

    The derivative with respect to the weight instead of its mask, from one backward pass. SNIP is |w_j| times this.
    Without the factor it tells where training would move first, not what a connection does: a weight of zero may score
    highest of all, though nothing changes when it is removed.
    """
    scores = {name: np.abs(g) for name, g in weight_gradient(net, params, x, y).items()}
    return check_not_all_zero(scores, "weight gradient")


@_scoring
def random(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """Uniform random numbers: the baseline of every criterion."""
    rng = generator(rng)
    return {name: rng.random(w.shape, w.dtype) for name, w in params.items()}


@_scoring
def magnitude(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """|w_j|; before training it knows only the initialization.

    Free (Han et al. 2015, arXiv 1506.02626).
    """
    return {name: np.abs(w) for name, w in params.items()}


@_scoring
def obd(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """w_j² H_jj / 2 with H_jj = ∂²L/∂w_j²: "Optimal Brain Damage".

    LeCun, Denker, Solla 1990 (NIPS 2). It is the second term of ΔL_j = g_j - ½ w_j² H_jj + …, SNIP being the first.
    After training, at a minimum, g vanishes and this term remains: pass the trained parameters. At the initialization g
    is the larger term by far, and OBD ranks by what hardly matters there.

    The diagonal is exact for the layers of minisnip.nn, at one backward pass for each image and class
    (`fisher_diagonal`: seconds for a LeNet and 100 images). In float64.

    Warns
    -----
    EstimateWarning
        If the network has any other layer: then the diagonal is estimated from 100 Hessian-vector products, and may
        be negative. `hutchinson_diagonal` gives its standard error.
    """
    try:
        known_blocks(net, "the diagonal of the Hessian is exact")
    except TypeError as reason:
        warn(f"{reason}; it is estimated from 100 random probes here", EstimateWarning)
        diagonal, _ = hutchinson_diagonal(net, params, x, y, rng=rng)
    else:
        diagonal = fisher_diagonal(net, params, x, y)
    return check_not_all_zero({name: w**2 * diagonal[name] / 2 for name, w in params.items()}, "w² H_jj")


@_scoring
def grasp(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """w_j (Hg)_j, g = ∇L, H = ∇²L: what gradient flow would lose.

    The logits are divided by 200 (Wang, Zhang, Grosse 2020, arXiv 2002.07376). The gradient flow ‖∇L‖² tells how fast
    the first step of training lowers the loss. Removing the connections δ = -w changes it, to first order, by

        ‖∇L(w + δ)‖² - ‖∇L(w)‖² ≈ 2 δᵀ H g,     so for one connection by -2 w_j (Hg)_j.

    The paper's score is S = -w ⊙ Hg, half of that, and it *removes the largest*: connections without which more
    gradient flows. Here high scores are kept, so the sign is reversed: w ⊙ Hg, what the flow would lose. The scores
    are signed, with no absolute value; a zero bias scores 0, in the middle.

    Hg is exact, from a gradient and a Hessian-vector product: about three backward passes.
    """
    g = weight_gradient(net, params, x, y, temperature=TEMPERATURE)
    hg = hessian_product(net, params, x, y, g, temperature=TEMPERATURE)
    return check_not_all_zero({name: w * hg[name] for name, w in params.items()}, "w ⊙ Hg")


@_scoring
def synflow(net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None) -> dict[str, Array]:
    """∂R/∂c_j at c = 1 with R = Σ net(c ⊙ |w|, input of ones).

    Tanaka et al. 2020, arXiv 2006.05467. SNIP's derivative with respect to the mask, of R in place of the loss. For
    layers in a row R = 1ᵀ (Π |W_l|) 1, the sum over all paths of the product of their weights, and the score |w_j|
    ∂R/∂|w_j| is the part of it through j. So every layer without biases has the same total. In a small layer few
    connections share it and each scores high: if the scores are computed again often enough as connections are removed,
    no layer is emptied before the others.

    These are the scores of one round; the method is a hundred of them, `iterative(synflow, ..., rounds=100)`, which is
    what METHODS["synflow"] does. The images are not used. One backward pass with one input; in float64, because R is
    a product over layers. Batch normalization has mean 0 and variance 1, as in the authors' code; through a layer that
    saturates, such as an LSTM or tanh, synflow is not defined (TypeError).
    """
    if layer := saturating(net):
        raise UnknownLayerError(
            f"synflow is not defined for {layer}: its output is no sum over paths of products of weights; use another "
            "criterion, such as snip or grasp"
        )
    absolute = {name: np.abs(np.asarray(w, np.float64)) for name, w in params.items()}
    c = {name: Tensor(one) for name, one in ones(absolute).items()}
    unit = {name: np.full(shape, float(name.endswith("running_var"))) for name, shape in net.state_shapes().items()}
    flow = ops.sum(net(apply_masks(c, absolute) | unit, np.ones((1, *net.input_shape))))
    return check_not_all_zero(grad(flow, c), "share of the flow")


_ALL = (snip, delta_loss, random, magnitude, gradient, obd, grasp, synflow, least_sensitive)
CRITERIA: Registry[Criterion] = Registry("criterion", {f.__name__.replace("_", "-"): f for f in _ALL})

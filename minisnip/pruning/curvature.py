"""The diagonal of the Hessian, H_jj = ∂²L/∂w_j²: exact for the layers of minisnip.nn, estimated for any other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff import Tensor, grad, ops
from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential
from minisnip.pruning.derivatives import hessian_product
from minisnip.pruning.sensitivity import check_batch


def fisher_diagonal(net: Sequential, params: Mapping[str, Array], x: Array, y: Array) -> dict[str, Array]:
    """H_jj = 1/N Σ_n Σ_k p_nk (∂ log p_nk / ∂w_j)², p_n the softmax of image n: exact for a piecewise linear network.

    In general H_jj has one more term, Σ_k (p_k - 1[k = y]) ∂²z_k/∂w_j². But each single weight enters once, in a layer
    that is linear in it, and ReLU, max-pooling and flattening keep straight lines straight between their kinks:
    ∂²z_k/∂w_j² = 0. What is left is the Fisher information, which is never negative and does not ask for the labels.
    (Off the diagonal this fails: the product of two weights of different layers is curved.)

    Costs a backward pass for each image and class: a few seconds for a LeNet and 100 images, where a Hessian-vector
    product for each weight would take hours.

    Parameters
    ----------
    net : Sequential of layers of minisnip.nn
    params, x, y
        As in `mask_gradient`. Computed in float64.

    Returns
    -------
    dict of float64 arrays, with the shapes of the parameters

    Raises
    ------
    ValueError
        If the batch is empty, or an image or a parameter is NaN or infinite.
    """
    check_batch(params, x, y)
    w = {name: Tensor(np.asarray(p, np.float64)) for name, p in params.items()}
    diagonal = {name: np.zeros(p.shape) for name, p in params.items()}
    for image in np.asarray(x, np.float64)[:, None]:  # (1, *net.input_shape) each
        log_p = ops.log_softmax(net(w, image))
        for k, p in enumerate(np.exp(log_p.value[0])):
            for name, g in grad(log_p[0, k], w).items():
                diagonal[name] += p / len(x) * g**2
    return diagonal


def hutchinson_diagonal(
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    *,
    rng: np.random.Generator,
    probes: int = 100,
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Estimate H_jj as the mean of (v ⊙ Hv)_j over random signs v, for any network (Bekas, Kokiopoulou, Saad 2007).

    E[v_j (Hv)_j] = Σ_k H_jk E[v_j v_k] = H_jj. The variance of one probe is Σ_{k≠j} H_jk²: where a row is large beside
    its diagonal element, as is usual, many probes are needed for the first digit.

    Parameters
    ----------
    net, params, x, y
        As in `mask_gradient`. Computed in float64; the cost is `probes` Hessian-vector products.
    rng : numpy.random.Generator
    probes : int
        At least 2.

    Returns
    -------
    estimate, standard_error : two dicts of float64 arrays, with the shapes of the parameters
        The error falls as 1/√probes.

    Raises
    ------
    ValueError
        As `fisher_diagonal`, and if there are fewer than 2 probes.
    """
    check_batch(params, x, y)
    if probes < 2:
        raise ValueError(f"{probes} probes have no standard error: take at least 2, better 100")
    params, x = {name: np.asarray(p, np.float64) for name, p in params.items()}, np.asarray(x, np.float64)
    total, squares = ({name: np.zeros(p.shape) for name, p in params.items()} for _ in range(2))
    for _ in range(probes):
        v = {name: rng.choice([-1.0, 1.0], p.shape) for name, p in params.items()}
        for name, product in hessian_product(net, params, x, y, v).items():
            total[name] += v[name] * product
            squares[name] += product**2
    mean = {name: t / probes for name, t in total.items()}
    variance = {name: np.maximum(squares[name] / probes - mean[name] ** 2, 0) for name in mean}
    return mean, {name: np.sqrt(v / (probes - 1)) for name, v in variance.items()}

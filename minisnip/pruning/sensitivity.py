"""SNIP: the sensitivity of the loss to every connection, from one mini-batch, before training.

Lee, Ajanthan, Torr: "SNIP: Single-shot Network Pruning based on Connection Sensitivity", ICLR 2019, arXiv 1810.02340.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array, Arrays, Tensor, grad
from minisnip.mistakes import check_batch_order
from minisnip.nn.layers import Sequential
from minisnip.nn.losses import cross_entropy
from minisnip.nn.threads import batches, sharding
from minisnip.pruning.masks import apply_masks, ones


class NoScoreError(ValueError):
    """Every score is zero, so the connections cannot be ranked."""


def mask_gradient(
    net: Sequential, params: Arrays, x: Array, y: Array, *, batch_size: int = 100, biases: bool = True
) -> dict[str, Array]:
    """g_j = ∂L(c ⊙ w; D)/∂c_j at c = 1, the derivative of the loss with respect to the mask (equation 5).

    By the chain rule g_j = w_j · ∂L/∂(c ⊙ w)_j, and to first order g_j ≈ ΔL_j = L(w) - L(w without j), with its sign.

    Parameters
    ----------
    net : Sequential
    params : dict of arrays
    x : (N, *net.input_shape)
    y : (N,) integers
    batch_size : int
        How many images are held in memory at a time. L is the mean over all N, so the answer does not depend on it. A
        network with batch normalization always takes all N at once.
    biases : bool
        False leaves the biases unmasked and out of the answer.

    Returns
    -------
    dict of arrays, signed, with the shapes and dtypes of the prunable parameters

    Raises
    ------
    ValueError
        If the batch is empty, or an image or a parameter is NaN or infinite.

    Examples
    --------
    >>> from minisnip.nn import Linear, Sequential
    >>> from minisnip.pruning import mask_gradient
    >>> net, w = Sequential((2,), fc=Linear(2, 2)), np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> params, x, y = {"fc.weight": w, "fc.bias": np.zeros(2)}, np.eye(2), np.array([0, 1])  # two images
    >>> mask_gradient(net, params, x, y)["fc.weight"].round(2)
    array([[-0.13, -0.01],
           [ 0.  , -0.01]])
    """
    check_batch(params, x, y)
    if batch_size < 1:
        raise ValueError(f"batch_size {batch_size} must be at least 1")

    params = net.without_state(params)
    masks = ones({name: w for name, w in params.items() if name not in net.unpruned}, biases)

    def gradient(images: Array, labels: Array, part: slice) -> Any:
        c = {name: Tensor(one, copy=False) for name, one in masks.items()}
        loss = cross_entropy(net(apply_masks(c, params), images[part]), labels[part])
        return grad(loss * (len(labels[part]) / len(x)), c)  # the share of these images in the mean

    total = {name: np.zeros_like(one) for name, one in masks.items()}
    with sharding(net, images=len(x)) as shards:
        for batch in batches(net, len(x), batch_size):
            for g in shards(partial(gradient, x[batch], y[batch]), len(y[batch])):
                for name in total:
                    total[name] += g[name]
    return total


def connection_sensitivity(
    net: Sequential, params: Arrays, x: Array, y: Array, *, batch_size: int = 100, biases: bool = True
) -> dict[str, Array]:
    """s_j = |g_j| / Σ_k |g_k| (equation 6 of the paper), with g from `mask_gradient`.

    The normalization makes the scores of two networks comparable; it does not change which connections are kept.
    Parameters as `mask_gradient`.

    Returns
    -------
    dict of arrays, not negative, that sum to 1

    Raises
    ------
    ValueError
        As `mask_gradient`.
    NoScoreError
        If every gradient is zero.

    Examples
    --------
    >>> from minisnip.nn import Linear, Sequential
    >>> from minisnip.pruning import connection_sensitivity
    >>> net, w = Sequential((2,), fc=Linear(2, 2)), np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> params, x, y = {"fc.weight": w, "fc.bias": np.zeros(2)}, np.eye(2), np.array([0, 1])  # two images
    >>> connection_sensitivity(net, params, x, y)["fc.weight"].round(2)
    array([[0.89, 0.04],
           [0.  , 0.07]])
    """
    g = check_not_all_zero(mask_gradient(net, params, x, y, batch_size=batch_size, biases=biases), "mask gradient")
    sizes = {name: np.abs(g_j) for name, g_j in g.items()}
    total = sum(float(size.sum()) for size in sizes.values())
    return {name: size / total for name, size in sizes.items()}


def check_batch(params: Arrays, x: Array, y: Array) -> None:
    """Refuse a batch that cannot be scored, with a ValueError, and swapped arguments."""
    check_batch_order(params, x, y)
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(f"the scoring batch has {len(x)} images and {len(y)} labels: at least 1, and as many of each")
    for name, a in {"the images": x, **params}.items():
        if not np.isfinite(a).all():
            raise ValueError(f"NaN or infinity in {name}: every number must be finite to be scored")


def check_not_all_zero(scores: dict[str, Array], what: str) -> dict[str, Array]:
    """The scores as they are; a NoScoreError if all of them are zero."""
    if not any(s.any() for s in scores.values()):
        raise NoScoreError(
            f"every {what} is zero, so no connection is more sensitive than another: are all weights of a layer "
            "zero, or all images blank?"
        )
    return scores

"""Derivatives of the loss by the weights, over a batch of any size: ∇L, and the Hessian H times a vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from minisnip.autodiff import Tensor, grad, hvp
from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential, cross_entropy

IMAGES = 100  # held at a time; L is a mean over images, so no answer depends on it


def weight_gradient(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, *, temperature: float = 1.0
) -> dict[str, Array]:
    """∂L/∂w, by the weights and not by their mask: one backward pass.

    Parameters
    ----------
    net, params, x, y
        As in `mask_gradient`.
    temperature : float
        Divides the logits before the softmax; a high one makes all classes about equally likely.

    Returns
    -------
    dict of arrays, signed, with the shapes and dtypes of the parameters
    """

    def of_batch(x: Array, y: Array) -> dict[str, Array]:
        w = {name: Tensor(p) for name, p in params.items()}
        gradient: dict[str, Array] = grad(cross_entropy(net(w, x) / temperature, y), w)
        return gradient

    return _mean(of_batch, x, y)


def hessian_product(
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    vectors: Mapping[str, Array],
    *,
    temperature: float = 1.0,
) -> dict[str, Array]:
    """H v with H = ∂²L/∂w², exactly and without forming H: about two backward passes (Pearlmutter 1994).

    Parameters
    ----------
    net, params, x, y, temperature
        As in `weight_gradient`.
    vectors : dict of arrays, with the names and shapes of the parameters
        v, one vector over all parameters.

    Returns
    -------
    dict of arrays, with the shapes and dtypes of the parameters
    """

    def of_batch(x: Array, y: Array) -> dict[str, Array]:
        w = {name: Tensor(p) for name, p in params.items()}
        product: dict[str, Array] = hvp(cross_entropy(net(w, x) / temperature, y), w, vectors)
        return product

    return _mean(of_batch, x, y)


def _mean(of_batch: Callable[[Array, Array], dict[str, Array]], x: Array, y: Array) -> dict[str, Array]:
    """The mean over all images, a few at a time; the last batch is smaller and counts for less."""
    total: dict[str, Array] = {}
    for start in range(0, len(x), IMAGES):
        part = slice(start, start + IMAGES)
        share = len(x[part]) / len(x)
        for name, a in of_batch(x[part], y[part]).items():
            total[name] = total.get(name, np.zeros_like(a)) + share * a
    return total

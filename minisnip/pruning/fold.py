"""Folding constants forward: a unit whose only life is a bias is a number, and belongs into the biases behind it.

Without live inputs a unit is act(b) for every image. What it adds to a unit behind it, w · act(b), goes into that
unit's bias; for a convolution, where it is a constant image, Σ_k w_k · act(b). That unit may then be constant itself,
and so on. A convolution with padding sees zeros beyond the border of a constant image, which no bias can express:
there the unit stays, unless act(b) = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Conv2d, ReLU, Sequential
from minisnip.pruning.alive import Links, find_links
from minisnip.pruning.masks import apply_masks, in_precision_of


def fold_constants(
    net: Sequential, params: Mapping[str, Array], masks: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The same function of the images, in which no unit reads a constant one.

    Parameters
    ----------
    net : Sequential
    params : dict of arrays
    masks : dict of arrays of 0 and 1
        A parameter without a mask is kept.

    Returns
    -------
    params : dict of arrays
        c ⊙ w with the constants folded; the outgoing weights of a folded unit are zero.
    masks : dict of arrays
        Those of all parameters: 0 at such a weight, 1 at a bias that was pruned and now holds a constant.

    Raises
    ------
    TypeError
        If a layer is not one of minisnip.nn.
    ValueError
        If a mask has no parameter, or another shape.
    """
    links = find_links(net, masks)
    params = {name: w.copy() for name, w in apply_masks(in_precision_of(params, masks), params).items()}
    masks = {name: masks[name].copy() if name in masks else np.ones_like(w) for name, w in params.items()}
    for before, link in pairwise(links):
        values = _values(before, link, params)
        constant = _constant(before, link, masks, values)
        _move(link, constant[link.owner], values[link.owner], params, masks)
    return params, masks


def _values(before: Links, link: Links, params: Mapping[str, Array]) -> Array:
    """What each unit without inputs passes on: (units,). Pooling and flattening do not change a constant."""
    bias = params[before.bias]
    return np.maximum(bias, 0) if any(isinstance(layer, ReLU) for layer in link.between) else bias.copy()


def _constant(before: Links, link: Links, masks: Mapping[str, Array], values: Array) -> Array:
    """The units that can be folded into the biases of the layer behind them: (units,) of bool."""
    without_inputs = np.asarray(~masks[before.weight].reshape(len(values), -1).any(axis=1))
    padded = isinstance(link.layer, Conv2d) and link.layer.padding > 0
    return without_inputs & (values == 0) if padded else without_inputs


def _move(link: Links, constant: Array, values: Array, params: dict[str, Array], masks: dict[str, Array]) -> None:
    """b ← b + Σ over constant inputs of (Σ_k w_k) · value, and w ← 0 there, in place."""
    weight = params[link.weight]
    kernel_sums = weight.reshape(*weight.shape[:2], -1).sum(axis=2)  # (units, inputs)
    moved = kernel_sums[:, constant] @ values[constant]
    params[link.bias] += moved
    masks[link.bias][moved != 0] = 1
    for arrays in (params, masks):
        arrays[link.weight][:, constant] = 0

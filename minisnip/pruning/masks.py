"""Masks: which connections are kept. A mask c is a dict of arrays of 0 and 1, with the keys of the parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.pruning.report import emptied_layers


class LayerCollapseWarning(UserWarning):
    """A layer lost all its connections: nothing can be learned through it."""


def ones(params: Mapping[str, Array], biases: bool = True) -> dict[str, Array]:
    """The mask that keeps everything, c = 1; without biases, they are neither masked nor counted."""
    return {name: np.ones_like(w) for name, w in params.items() if biases or not name.endswith("bias")}


def apply_masks(masks: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """c ⊙ w. Parameters without a mask stay as they are.

    Raises
    ------
    ValueError
        If a mask has no parameter, or another shape.
    """
    for name, c in masks.items():
        if name not in params or c.shape != params[name].shape:
            found = f"shape {params[name].shape}" if name in params else "none"
            raise ValueError(f"mask {name} has shape {c.shape}, the parameter {found}: they must correspond")
    return {name: masks[name] * w if name in masks else w for name, w in params.items()}


def in_precision_of(params: Mapping[str, Array], masks: Mapping[str, Array]) -> dict[str, Array]:
    """The masks in the dtypes of their parameters: one of int or float64 would turn float32 training into float64."""
    return {name: np.asarray(c, params[name].dtype) if name in params else c for name, c in masks.items()}


def count_kept(size: int, sparsity: float) -> int:
    """κ = round(m (1 - sparsity)). `int` instead of `round` would lose a connection to float error.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1).
    """
    if not 0 <= sparsity < 1:
        raise ValueError(
            f"sparsity {sparsity} is not in [0, 1): it is the share of connections that are removed, 0.95 for 95 %"
        )
    return round(size * (1 - sparsity))


def keep_top(scores: Mapping[str, Array], sparsity: float) -> dict[str, Array]:
    """Keep the κ = round(m (1 - sparsity)) connections of highest score, exactly; c_j = 1[s_j ≥ s̃_κ] and ties broken.

    Among equal scores the lower flat index is kept, in the order of the dict. Selection, not sorting: O(m).

    Parameters
    ----------
    scores : dict of arrays
        m numbers in all; only their order counts.
    sparsity : float in [0, 1)
        The share that is removed.

    Returns
    -------
    dict of arrays of 0.0 and 1.0, with the shapes and dtypes of the scores

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1), there are no scores, or one of them is NaN.

    Warns
    -----
    LayerCollapseWarning
        If no weight of a layer is kept; it names the layer.
    """
    check_scores(scores)
    flat = np.concatenate([np.ravel(s) for s in scores.values()])
    kept = np.split(_top(flat, count_kept(flat.size, sparsity)), np.cumsum([s.size for s in scores.values()])[:-1])
    masks = {name: k.reshape(s.shape).astype(s.dtype) for (name, s), k in zip(scores.items(), kept, strict=True)}
    warn_of_collapse(masks)
    return masks


def _top(flat: Array, kappa: int) -> Array:
    """True at the κ largest of a flat array."""
    if kappa == 0:
        return np.zeros(flat.size, bool)
    threshold = np.partition(flat, flat.size - kappa)[flat.size - kappa]  # s̃_κ, the κ-th largest
    kept: Array = flat > threshold
    ties = np.flatnonzero(flat == threshold)
    kept[ties[: kappa - np.count_nonzero(kept)]] = True
    return kept


def check_scores(scores: Mapping[str, Array]) -> None:
    """Refuse scores that cannot be ranked, with a ValueError."""
    if not scores or not any(s.size for s in scores.values()):
        raise ValueError("there are no scores to choose from: pass a dict with at least one non-empty array")
    for name, s in scores.items():
        if np.isnan(s).any():
            raise ValueError(
                f"{np.count_nonzero(np.isnan(s))} scores of {name} are NaN and cannot be ranked: "
                "look for NaN or infinity in the parameters and in the batch"
            )


def warn_of_collapse(masks: Mapping[str, Array]) -> None:
    """Warn, by name, of layers that keep no weight. `keep_top` does; for masks from elsewhere, call it before training.

    Warns
    -----
    LayerCollapseWarning
        At the line that called the caller of this.
    """
    if layers := emptied_layers(masks):
        kept, total = (sum(int(count(c)) for c in masks.values()) for count in (np.count_nonzero, np.size))
        warnings.warn(
            f"at sparsity {1 - kept / total:.4g} no connection of {', '.join(layers)} is kept: nothing can be learned "
            "through an empty layer; choose a lower sparsity",
            LayerCollapseWarning,
            stacklevel=3,
        )

"""Masks: which connections are kept. A mask c is a dict of arrays of 0 and 1, with the keys of the parameters.

masks = keep_top(scores, 0.95)          # the κ highest scores of the whole network
net(apply_masks(masks, params), x)      # c ⊙ w
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array, Arrays, Tensor
from minisnip.mistakes import check_arrays, warn
from minisnip.nn.layers import Params


class LayerCollapseWarning(UserWarning):
    """A layer lost all its connections: nothing can be learned through it."""


def ones(params: Arrays, biases: bool = True) -> dict[str, Array]:
    """The mask that keeps everything, c = 1; without biases, they are neither masked nor counted."""
    return {name: np.ones_like(w) for name, w in params.items() if biases or not name.endswith("bias")}


def apply_masks(masks: Params, params: Params) -> dict[str, Any]:
    """c ⊙ w. Parameters without a mask stay as they are.

    A mask that is a plain array of real numbers is used in the dtype of its parameter: 0 and 1 of any type leave
    float32 weights float32. A mask that is a Tensor is a variable, and L(c ⊙ w) can be differentiated with respect to
    it. A complex mask stays complex, as the complex step needs.

    Raises
    ------
    ValueError
        If a mask has no parameter, or another shape.
    TypeError
        If the masks or the parameters are no dict.

    Examples
    --------
    >>> from minisnip.pruning import apply_masks
    >>> apply_masks({"fc.weight": np.array([0, 1])}, {"fc.weight": np.array([3.0, 4.0]), "fc.bias": np.array([5.0])})
    {'fc.weight': array([0., 4.]), 'fc.bias': array([5.])}
    """
    check_arrays("apply_masks(masks, params)", masks=masks, params=params)
    masked = dict(params)
    for name, c in masks.items():
        if name not in params or c.shape != params[name].shape:
            found = f"shape {params[name].shape}" if name in params else "none"
            raise ValueError(f"mask {name} has shape {c.shape}, the parameter {found}: they must correspond")
        variable = isinstance(c, Tensor) or np.iscomplexobj(c)
        masked[name] = (c if variable else c.astype(params[name].dtype)) * params[name]
    return masked


def check_sparsity(sparsity: float) -> None:
    """Refuse a sparsity that is no number in [0, 1), with a ValueError."""
    if not (isinstance(sparsity, int | float | np.number) and 0 <= sparsity < 1):
        raise ValueError(
            f"sparsity {sparsity} is not in [0, 1): it is the share of connections that are removed, 0.95 for 95 %"
        )


def count_kept(size: int, sparsity: float) -> int:
    """κ = round(m (1 - sparsity)). `int` instead of `round` would lose a connection to float error.

    Raises
    ------
    ValueError
        If the sparsity is not in [0, 1).
    """
    check_sparsity(sparsity)
    return round(size * (1 - sparsity))


def keep_top(scores: Arrays, sparsity: float) -> dict[str, Array]:
    """Keep the κ = round(m (1 - sparsity)) connections of highest score, exactly: c_j = 1[s_j ≥ s̃_κ], with ties broken.

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

    Examples
    --------
    >>> from minisnip.pruning import keep_top
    >>> keep_top({"fc.weight": np.array([[0.1, 0.4], [0.3, 0.2]]), "fc.bias": np.zeros(2)}, 0.5)["fc.weight"]
    array([[0., 1.],
           [1., 1.]])
    """
    check_scores(scores)
    masks = _keep(scores, sparsity, scores)
    warn_of_collapse(masks)
    return masks


def keep_top_per_layer(scores: Arrays, sparsity: float) -> dict[str, Array]:
    """Keep the connections of highest score in each layer, κ = round(m (1 - sparsity)) in all, exactly.

    A layer is a weight with its bias. Layer l keeps round(m_l d) of its m_l connections, with the same d for all:
    1 - sparsity, or as near to it as the counts need to add up to κ (Webster's method of apportionment). The r-th best
    connection of a layer, counted from 0, gets -(r + ½)/m_l, and the κ highest of these numbers are kept. At a higher
    sparsity no layer keeps more, which schedules rely on.

    Parameters, returns, raises and warns as `keep_top`; only the order of scores within a layer counts. Sorting:
    O(m log m).
    """
    check_scores(scores)
    ranks: dict[str, Array] = {}
    for names in names_by_layer(scores).values():
        layer = {name: scores[name] for name in names}
        rank = descending_ranks(flatten(layer))
        ranks |= unflatten(-(rank + 0.5) / rank.size, layer)
    masks = _keep({name: ranks[name] for name in scores}, sparsity, scores)
    warn_of_collapse(masks)
    return masks


def _keep(values: Arrays, sparsity: float, like: Arrays) -> dict[str, Array]:
    """Ones at the κ largest values, in the dtypes of `like`."""
    flat = flatten(values)
    kept = unflatten(_largest(flat, count_kept(flat.size, sparsity)), values)
    return {name: k.astype(like[name].dtype) for name, k in kept.items()}


def _largest(flat: Array, kappa: int) -> Array:
    """True at the κ largest of a flat array."""
    if kappa == 0:
        return np.zeros(flat.size, bool)
    threshold = np.partition(flat, flat.size - kappa)[flat.size - kappa]  # s̃_κ, the κ-th largest
    kept: Array = flat > threshold
    ties = np.flatnonzero(flat == threshold)
    kept[ties[: kappa - np.count_nonzero(kept)]] = True
    return kept


def descending_ranks(flat: Array) -> Array:
    """The rank of each number of a flat array, 0 for the largest; of equals the first comes first."""
    ranks = np.empty(flat.size, np.intp)
    ascending = np.argsort(flat[::-1], kind="stable")  # read from both ends: -flat of unsigned numbers would wrap
    ranks[flat.size - 1 - ascending[::-1]] = np.arange(flat.size)
    return ranks


def flatten(arrays: Arrays) -> Array:
    """All the numbers as one array of one axis, in the order of the dict."""
    return np.concatenate([np.ravel(a) for a in arrays.values()])


def unflatten(flat: Array, like: Arrays) -> dict[str, Array]:
    """The inverse of `flatten`."""
    parts = np.split(flat, np.cumsum([a.size for a in like.values()])[:-1])
    return {name: part.reshape(a.shape) for (name, a), part in zip(like.items(), parts, strict=True)}


def names_by_layer(names: Iterable[str]) -> dict[str, list[str]]:
    """The names of the parameters of each layer: {"fc1": ["fc1.weight", "fc1.bias"], ...}."""
    layers: dict[str, list[str]] = {}
    for name in names:
        layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return layers


def check_scores(scores: Arrays) -> None:
    """Refuse scores that cannot be ranked: NaN with a ValueError; with a TypeError what is no dict of real arrays."""
    check_arrays("keep_top(scores, sparsity)", scores=scores)
    if not any(s.size for s in scores.values()):
        raise ValueError("there are no scores to choose from: pass a dict with at least one non-empty array")
    for name, s in scores.items():
        if s.dtype.kind not in "fiub":
            raise TypeError(f"the scores of {name} have dtype {s.dtype}, expected real numbers")
        if np.isnan(s).any():
            raise ValueError(
                f"{np.count_nonzero(np.isnan(s))} scores of {name} are NaN and cannot be ranked: "
                "look for NaN or infinity in the parameters and in the batch"
            )


def kept_per_layer(masks: Arrays) -> dict[str, dict[str, float]]:
    """For each parameter: the number of kept connections, their total number, and the percentage."""
    counts = {name: (int(np.count_nonzero(c)), c.size) for name, c in masks.items()}
    return {name: {"kept": kept, "total": m, "percent": 100 * kept / m} for name, (kept, m) in counts.items()}


def report(masks: Arrays) -> str:
    """The rows of `kept_per_layer` and their sum as a table for a terminal."""
    rows = kept_per_layer({**masks, "all": flatten(masks)})
    left, w = max(14, *(len(name) + 1 for name in rows)), max(10, len(f"{rows['all']['total']:,}") + 1)  # widths
    lines = [f"{name:<{left}}{r['kept']:>{w},}{r['total']:>{w},}{r['percent']:>9.2f} %" for name, r in rows.items()]
    return "\n".join([f"{'parameter':<{left}}{'kept':>{w}}{'of':>{w}}{'':>11}", *lines])


def emptied_layers(masks: Arrays) -> list[str]:
    """The layers whose weights are all pruned; biases alone carry no signal."""
    return [name.removesuffix(".weight") for name, c in masks.items() if not name.endswith("bias") and not c.any()]


def warn_of_collapse(masks: Arrays) -> None:
    """Warn, by name, of layers that keep no weight. `keep_top` does this itself; call it for masks from elsewhere.

    Warns
    -----
    LayerCollapseWarning
        At the line of the user's code that led here.
    """
    if layers := emptied_layers(masks):
        warn(
            f"at sparsity {1 - np.mean(flatten(masks) != 0):.4g} no connection of {', '.join(layers)} is kept: "
            "nothing can be learned through an empty layer; choose a lower sparsity",
            LayerCollapseWarning,
        )


def collapse_sparsity(scores: Arrays) -> float:
    """The highest sparsity at which `keep_top(scores, sparsity)` leaves every layer at least one weight.

    The best weight of a layer is kept if κ is at least its rank among all scores. The layer whose best weight has the
    highest rank number, κ*, decides, and the answer is 1 - κ*/m: exact, ties included. With one connection less, that
    layer is empty. This holds for scores taken once; a schedule that scores again after each cut can go further. O(m).

    Parameters
    ----------
    scores : dict of arrays
        m numbers in all. Biases count among them, but alone they carry no signal.

    Returns
    -------
    float in [0, 1)

    Raises
    ------
    ValueError
        If there are no scores, or one of them is NaN.

    Examples
    --------
    >>> collapse_sparsity({"fc1.weight": np.array([9.0, 8.0]), "fc2.weight": np.array([1.0, 6.0])})
    0.25
    """
    check_scores(scores)
    flat, first, best = flatten(scores), 0, list[int]()  # the places of the best weights
    for name, s in unflatten(flat, scores).items():
        if s.size and not name.endswith("bias"):
            best.append(first + int(s.argmax()))
        first += s.size
    last = min(best, key=lambda place: (flat[place], -place), default=int(flat.argmax()))
    before = np.count_nonzero(flat > flat[last]) + np.count_nonzero(flat[:last] == flat[last])
    return 1 - (1 + int(before)) / flat.size

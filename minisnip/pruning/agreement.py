"""How far two scores of the same connections agree: correlations, signs, and the sets that they would keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.pruning.masks import keep_top


def agreement(
    a: Mapping[str, Array], b: Mapping[str, Array], sparsities: Sequence[float] = (0.9, 0.95, 0.98, 0.99)
) -> dict[str, dict[str, float]]:
    """Compare two signed scores, for each layer (its weight and bias together) and in all.

    Parameters
    ----------
    a, b : dicts of arrays with the same names and shapes
        Here g_j of SNIP and ΔL_j, the definition.
    sparsities : sequence of float
        At which the sets kept by |a| and by |b| are compared; the sets are chosen over all parameters.

    Returns
    -------
    dict of rows by layer, the last "all"
        connections; pearson; spearman; equal_signs (the share among those that are not both zero); and for each
        sparsity s, jaccard_s = |A ∩ B| / |A ∪ B| and precision_s = |A ∩ B| / |A|, the share of a's choice that b keeps.
        NaN where a number does not exist (a constant has no correlation).
    """
    kept = {s: tuple(keep_top({n: np.abs(v) for n, v in scores.items()}, s) for scores in (a, b)) for s in sparsities}

    def row(names: list[str]) -> dict[str, float]:
        x, y = (_flat(scores, names) for scores in (a, b))
        numbers: dict[str, float] = {
            "connections": len(x),
            "pearson": _correlation(x, y),
            "spearman": _correlation(_ranks(x), _ranks(y)),
            "equal_signs": _equal_signs(x, y),
        }
        for s, masks in kept.items():
            numbers |= _overlap(f"{100 * s:g}", *(_flat(c, names) > 0 for c in masks))
        return numbers

    layers: dict[str, list[str]] = {}
    for name in a:
        layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return {layer: row(names) for layer, names in layers.items()} | {"all": row(list(a))}


def _flat(scores: Mapping[str, Array], names: list[str]) -> Array:
    return np.concatenate([np.ravel(scores[name]) for name in names])


def _correlation(x: Array, y: Array) -> float:
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x / np.abs(x).max(), y / np.abs(y).max())[0, 1])  # scaled: squares of 1e-200 are 0


def _ranks(x: Array) -> Array:
    """Ranks from 0; equal numbers share the mean of theirs."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    mean_rank: Array = np.cumsum(counts) - (counts + 1) / 2
    return mean_rank[inverse]


def _equal_signs(x: Array, y: Array) -> float:
    some = (x != 0) | (y != 0)
    return float(np.mean(np.sign(x[some]) == np.sign(y[some]))) if some.any() else float("nan")


def _overlap(sparsity: str, a: Array, b: Array) -> dict[str, float]:
    both, either, chosen = (np.count_nonzero(kept) for kept in (a & b, a | b, a))
    return {
        f"jaccard_{sparsity}": both / either if either else float("nan"),
        f"precision_{sparsity}": both / chosen if chosen else float("nan"),
    }

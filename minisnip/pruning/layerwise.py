"""Keep the same share of every layer, instead of the highest scores wherever they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.pruning.masks import check_scores, keep_top


def keep_top_per_layer(scores: Mapping[str, Array], sparsity: float) -> dict[str, Array]:
    """Keep the connections of highest score in each layer, κ = round(m (1 - sparsity)) in all, exactly.

    A layer is a weight with its bias. Layer l keeps round(m_l d) of its m_l connections, with the same d for all:
    1 - sparsity, or as near to it as the counts need to add up to κ (Webster's way of sharing out seats). It is done
    by ranks: the r-th best of a layer, from 0, gets -(r + ½)/m_l, and `keep_top` chooses among these. At a higher
    sparsity no layer keeps more, which schedules rely on.

    Parameters
    ----------
    scores : dict of arrays
        Only their order within a layer counts; among equals the lower index is kept. Sorting: O(m log m).
    sparsity : float in [0, 1)

    Returns
    -------
    dict of arrays of 0.0 and 1.0, with the shapes and dtypes of the scores

    Raises
    ------
    ValueError
        As `keep_top`.

    Warns
    -----
    LayerCollapseWarning
        If no weight of a layer is kept.
    """
    check_scores(scores)
    layers: dict[str, list[str]] = {}
    for name in scores:
        layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    ranks: dict[str, Array] = {}
    for names in layers.values():
        flat = np.concatenate([np.ravel(scores[name]) for name in names])
        places = np.empty(flat.size)
        places[np.argsort(-flat, kind="stable")] = -(np.arange(flat.size) + 0.5) / flat.size
        parts = np.split(places, np.cumsum([scores[name].size for name in names])[:-1])
        ranks |= {name: part.reshape(scores[name].shape) for name, part in zip(names, parts, strict=True)}
    masks = keep_top({name: ranks[name] for name in scores}, sparsity)
    return {name: c.astype(scores[name].dtype) for name, c in masks.items()}

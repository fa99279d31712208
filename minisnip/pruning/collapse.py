"""Layer collapse: how far scores can be followed before a layer keeps no weight at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.pruning.masks import check_scores


def collapse_sparsity(scores: Mapping[str, Array]) -> float:
    """The highest sparsity at which `keep_top(scores, sparsity)` leaves every layer at least one weight.

    The best weight of a layer is kept if κ reaches its place in the order of all scores. So the layer whose best
    weight stands last, at place κ*, decides, and the answer is 1 - κ*/m: exact, ties included. One connection less,
    and that layer is empty. For scores taken once; a schedule that scores anew can go further.

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
    flat = np.concatenate([np.ravel(s) for s in scores.values()])
    places, start = [1], 0
    for name, s in scores.items():
        if s.size and not name.endswith("bias"):
            best = start + int(np.argmax(s))  # the first of equals, which keep_top prefers
            places.append(int(1 + np.count_nonzero(flat > flat[best]) + np.count_nonzero(flat[:best] == flat[best])))
        start += s.size
    return 1 - max(places) / flat.size

"""The score of every connection beside what removing it does, and the threshold that decides what is kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from minisnip.autodiff.engine import Array
from minisnip.lab.plots.agreement import density, histogram


def scores_and_threshold(
    g: Mapping[str, Array], deltas: Mapping[str, Array], thresholds: Mapping[str, float], title: str
) -> Figure:
    """On the left ΔL_j against g_j, all connections in one panel; on the right the histogram of |g| and |ΔL|.

    Parameters
    ----------
    g, deltas : dicts of arrays of the same shapes
    thresholds : {"g": float, "ΔL": float}
        The smallest score that is kept.
    """
    x, y = (np.concatenate([np.ravel(a) for a in scores.values()]) for scores in (g, deltas))
    figure = Figure(figsize=(10.5, 4.9), layout="constrained")
    figure.suptitle(title, fontsize=11)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    density(left, x, y)
    left.set(xlabel="$g_j$, the derivative (nats)", ylabel=r"$\Delta L_j$, the deletion (nats)")
    left.set_title(f"{x.size:,} connections; darker: more of them", fontsize=10)
    histogram(right, {"g": x, "ΔL": y}, thresholds)
    right.set_title("the size of the score, and where the cut falls", fontsize=10)
    return figure

"""The scatter of deletion against derivative, and the histogram with the threshold beside it."""

from __future__ import annotations

import io

import numpy as np

from minisnip.lab import plots


def test_every_connection_is_in_the_scatter_and_the_histogram_marks_the_thresholds() -> None:
    g = {"w": np.geomspace(1e-4, 1, 60), "b": -np.geomspace(1e-3, 0.5, 40)}
    deltas = {name: g_j * 0.9 for name, g_j in g.items()}
    figure = plots.scores_and_threshold(g, deltas, {"g": 1e-2, "ΔL": 2e-2}, "a title")
    figure.savefig(io.BytesIO(), format="png")
    scatter, histogram = figure.axes
    assert np.asarray(scatter.collections[0].get_array()).sum() == 100
    assert scatter.get_xlabel() == "$g_j$, the derivative (nats)"
    assert scatter.get_ylabel() == r"$\Delta L_j$, the deletion (nats)"
    assert [line.get_xdata()[0] for line in histogram.lines] == [1e-2, 2e-2]  # type: ignore[index]
    assert histogram.get_xlabel() == "score (nats)"
    assert figure.get_suptitle() == "a title"

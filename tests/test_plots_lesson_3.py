"""The figures of lesson 3 have a panel for each moment, a line between the classes, and a line for each run."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from minisnip.lab import plots

POINTS, LABELS = np.array([[-1.0, 0.0], [1.0, 0.5], [1.0, -0.5]]), np.array([0, 1, 1])


def drawn(figure: Figure) -> Figure:
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_the_boundary_is_drawn_in_each_panel_where_there_is_one() -> None:
    left_to_right = np.tile(np.linspace(0.1, 0.9, 11), (11, 1))
    panels = {"before": np.full((11, 11), 0.4), "after": left_to_right}
    figure = drawn(plots.decision_boundaries(panels, 2.0, POINTS, LABELS, "a title"))
    before, after = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["before", "after"]
    assert after.get_xlabel() == "first input"
    assert before.get_ylabel() == "second input"
    assert len(after.collections) == len(before.collections) + 1  # the contour
    contour = np.concatenate([path.vertices for path in after.collections[1].get_paths()])
    np.testing.assert_allclose(contour[:, 0], 0.0, atol=1e-9)
    assert [len(np.asarray(dots.get_offsets())) for dots in after.collections[-2:]] == [1, 2]


def test_the_loss_curves_stand_over_the_step_beside_what_chance_has() -> None:
    figure = drawn(plots.loss_curves({"one": [2.0, 1.0], "other": [0.7, 0.7, 0.7]}, np.log(2), "a title"))
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "cross-entropy (nats)")
    chance, *runs = axes.lines
    np.testing.assert_allclose(np.asarray(chance.get_ydata(), float), np.log(2))
    assert [len(np.asarray(line.get_ydata())) for line in runs] == [2, 3]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["knows nothing: 0.693", "one", "other"]

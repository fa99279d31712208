"""The figures of lesson 7 show every seed and name their axes."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from minisnip.lab import plots


def drawn(figure: Figure) -> Figure:
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_controls_have_a_line_each_with_a_dot_for_each_seed_and_the_first_on_top() -> None:
    errors = {"as it is": [4.0, 4.4], "shuffled": [5.0, 6.0, 7.0]}
    (axes,) = drawn(plots.control_errors(errors, "a title")).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == list(errors)
    assert axes.yaxis_inverted()
    dots, means = axes.lines[::2], axes.lines[1::2]
    assert [list(np.asarray(line.get_xdata())) for line in dots] == list(errors.values())
    np.testing.assert_allclose([float(np.ravel(line.get_xdata())[0]) for line in means], [4.2, 6.0])
    assert axes.get_xlabel().startswith("test error (%)")


def test_overlaps_stand_over_the_images_with_their_mean_and_the_levels_of_chance() -> None:
    overlaps, chance = {1: [0.1, 0.2], 100: [0.4]}, {"by chance": 0.05}
    (axes,) = drawn(plots.overlap_by_batch(overlaps, chance, "a title")).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["two batches, their mean", "by chance"]
    mean = axes.lines[2]
    np.testing.assert_allclose(np.asarray(mean.get_xdata(), float), [1, 100])
    np.testing.assert_allclose(np.asarray(mean.get_ydata(), float), [0.15, 0.4])
    assert list(np.asarray(axes.lines[3].get_ydata())) == [0.05, 0.05]

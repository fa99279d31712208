"""The figure of lesson 2 names its axes, clips what is exact, and marks the chosen step."""

from __future__ import annotations

import io

import numpy as np

from minisnip.lab import plots


def test_the_step_errors_have_a_curve_for_each_method_and_a_line_at_the_chosen_step() -> None:
    steps = np.geomspace(1e-12, 1, 5)
    errors = {"one": steps**2 + 1e-16 / steps, "other": 0 * steps}
    figure = plots.step_errors(steps, errors, {"here": 1e-6}, "a title")
    figure.savefig(io.BytesIO(), format="png")
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step h", "relative error of the derivative")
    one, other, chosen = axes.lines
    np.testing.assert_array_equal(np.asarray(one.get_ydata()), errors["one"])
    np.testing.assert_array_equal(np.asarray(other.get_ydata()), 1e-17)  # an exact value has a place on the axis
    np.testing.assert_array_equal(np.asarray(chosen.get_xdata()), 1e-6)
    assert [text.get_text() for text in axes.texts] == ["here"]

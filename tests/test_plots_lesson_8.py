"""Lesson 8's figure shows an emptied layer, which a logarithm alone would hide, and names its units."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from minisnip.lab import plots


def test_an_emptied_layer_is_a_cross_inside_the_frame_and_costs_have_units() -> None:
    masks = [
        {"fc1.weight": np.array([1.0, kept, 0.0, 0.0]), "fc1.bias": np.zeros(2), "fc2.weight": np.array([1.0, kept])}
        for kept in (1.0, 0.0)
    ]
    masks[1]["fc1.weight"][:] = 0
    costs: Any = {"memory, kB": {"masked": [1066, 1066]}, "a step, ms": {"masked": [np.nan, np.nan]}}
    figure = plots.collapse_and_cost([10, 2], {"once": masks}, [10, 1], costs, "a title")
    figure.savefig(io.BytesIO(), format="png")
    above, memory, step = figure.axes
    lines: list[Any] = list(above.lines)
    fc1, fc2, crosses, none = lines
    assert [line.get_label() for line in (fc1, fc2)] == ["fc1", "fc2"]
    assert list(fc2.get_ydata()) == [100, 50]
    assert [list(line.get_xdata()) for line in (crosses, none)] == [[2], []]
    assert all(above.get_ylim()[0] < y < above.get_ylim()[1] for y in crosses.get_ydata())
    assert [axes.get_title() for axes in figure.axes] == ["once", "memory", "a step"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["kept of the layer (%)", "kB", "ms"]
    assert memory.get_ylim()[0] == step.get_ylim()[0] == 0
    assert figure.get_suptitle() == "a title"

"""Weights as pictures on one scale, and the parameters of each layer."""

from __future__ import annotations

import io

import numpy as np

from minisnip.lab import plots


def test_weight_pictures_share_one_scale_and_the_bars_carry_counts_and_shares() -> None:
    rows = {"as drawn": np.zeros((3, 4, 5)), "trained": np.random.default_rng(0).normal(size=(3, 4, 5))}
    figure = plots.weight_pictures(rows, {"fc1": 300, "fc2": 100}, "a title")
    figure.savefig(io.BytesIO(), format="png")
    left, right = figure.subfigs
    images = [axes.images[0] for axes in left.axes if axes.images]
    assert len(images) == 6
    (limits,) = {image.get_clim() for image in images}
    assert limits[0] == -limits[1]  # 0 is white
    np.testing.assert_array_equal(np.asarray(images[4].get_array()), rows["trained"][1])
    assert [text.get_text() for text in right.axes[0].texts] == ["300: 75.0 %", "100: 25.0 %"]
    assert right.axes[0].get_title() == "400 parameters"


def test_pictures_that_are_all_zero_can_be_drawn() -> None:
    figure = plots.weight_pictures({"change": np.zeros((1, 2, 2))}, {"fc1": 4}, "t")
    figure.savefig(io.BytesIO(), format="png")
    assert figure.subfigs[0].axes[0].images[0].get_clim() == (-1, 1)  # a scale of 0 could not be drawn

"""What a mask keeps is counted right."""

from __future__ import annotations

import numpy as np

from minisnip.nn import lenet_5_caffe, lenet_300_100
from minisnip.pruning import input_connections, ones, picture


def test_connections_per_pixel_of_a_linear_layer_are_the_column_sums_of_its_mask() -> None:
    net, rng = lenet_300_100(), np.random.default_rng(0)
    masks = {"fc1.weight": (rng.random((300, 784)) < 0.05).astype(np.float32)}
    counts = input_connections(net, masks)
    np.testing.assert_array_equal(counts, masks["fc1.weight"].sum(axis=0).reshape(1, 28, 28))


def test_connections_per_pixel_of_a_convolution_count_every_window_that_reads_it() -> None:
    net = lenet_5_caffe()
    counts = input_connections(net, ones(net.init(np.random.default_rng(0))))[0]
    assert counts[0, 0] == 20  # a corner is read by one window of each of the 20 filters
    assert counts[14, 14] == 20 * 25
    assert counts.sum() == 20 * 25 * 24 * 24


def test_the_terminal_picture_is_darker_where_more_is_kept() -> None:
    assert picture(np.array([[0, 1], [5, 9]])) == "  ..\n++@@"
    assert picture(np.zeros((2, 2), int)) == "\n"

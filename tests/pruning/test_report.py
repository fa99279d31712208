"""What a mask keeps is counted right."""

from __future__ import annotations

import numpy as np

from minisnip.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, lenet_5_caffe, lenet_300_100
from minisnip.pruning import input_connections, ones, picture, units_gone


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


def test_units_and_inputs_that_are_cut_off_on_either_side_are_counted() -> None:
    net = Sequential((3,), fc1=Linear(3, 4), relu1=ReLU(), fc2=Linear(4, 2))
    masks = ones(net.init(np.random.default_rng(0)))
    assert {row["gone"] for row in units_gone(net, masks).values()} == {0}
    masks["fc1.weight"][:, 2] = 0  # nothing reads input 2
    masks["fc1.weight"][:2] = 0  # units 0 and 1 read nothing, but have a bias
    masks["fc2.weight"][:, 1:3] = 0  # nothing reads units 1 and 2
    masks["fc2.weight"][0] = 0
    assert units_gone(net, masks) == {
        "input": {"units": 3, "unfed": 0, "unread": 1, "gone": 1},
        "fc1": {"units": 4, "unfed": 2, "unread": 2, "gone": 3},
        "fc2": {"units": 2, "unfed": 1, "unread": 0, "gone": 1},
    }


def test_a_channel_is_read_at_all_its_places_and_by_all_its_windows() -> None:
    net = Sequential(
        (1, 6, 6), conv1=Conv2d(1, 2, 3), pool1=MaxPool2d(2), conv2=Conv2d(2, 3, 2), flatten=Flatten(), fc1=Linear(3, 2)
    )
    wider = Sequential((1, 6, 6), conv1=Conv2d(1, 2, 3), pool1=MaxPool2d(2), flatten=Flatten(), fc1=Linear(8, 2))
    masks = ones(net.init(np.random.default_rng(0)))
    masks["conv2.weight"][:, 1] = 0
    masks["conv1.weight"][0, 0, :, 1:] = masks["conv1.weight"][1, 0] = 0  # one column of one window is left
    rows = units_gone(net, masks)
    assert rows["conv1"] == {"units": 2, "unfed": 1, "unread": 1, "gone": 1}
    assert rows["input"] == {"units": 36, "unfed": 0, "unread": 12, "gone": 12}
    masks = ones(wider.init(np.random.default_rng(0)))
    masks["fc1.weight"][:, 4:] = 0  # the four places of channel 1
    assert units_gone(wider, masks)["conv1"]["unread"] == 1
    masks["fc1.weight"][0, 7] = 1
    assert units_gone(wider, masks)["conv1"]["unread"] == 0


def test_a_weight_without_a_mask_is_whole() -> None:
    assert {row["gone"] for row in units_gone(lenet_5_caffe(), {}).values()} == {0}

"""Networks so small that one sees what is folded, what is cut, and what stays."""

from __future__ import annotations

import numpy as np

from minisnip.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Select, Sequential
from minisnip.pruning import (
    apply_masks,
    compact,
    cut,
    ones,
)
from tests.networks import random_batch, random_params, small_mlp
from tests.pruning.test_compaction import assert_close, widths


def test_a_constant_unit_is_absorbed_into_the_next_biases_through_relu_pooling_and_flattening() -> None:
    net = Sequential(
        (1, 4, 4), conv=Conv2d(1, 2, 3), relu=ReLU(), pool=MaxPool2d(2), flatten=Flatten(), fc=Linear(2, 2)
    )
    params = {name: np.ones(shape) for name, shape in net.shapes().items()}
    params["conv.bias"] = np.array([3.0, 0.0])
    masks = {"conv.weight": np.stack([np.zeros((1, 3, 3)), np.ones((1, 3, 3))]), "fc.bias": np.zeros(2)}
    masks["fc.weight"] = np.array([[1.0, 1.0], [0.0, 1.0]])
    small = compact(net, params, masks)
    assert widths(small.net) == [1, 2]
    assert small.params["fc.bias"].tolist() == [3, 0]
    assert small.masks["fc.bias"].tolist() == [1, 0]  # holds a number now, though it was pruned
    assert list(small.masks) == ["conv.weight", "fc.bias", "fc.weight"]


def test_into_a_convolution_a_constant_goes_as_the_sum_of_its_kernel_and_folds_cascade() -> None:
    net = Sequential((1, 5, 5), conv1=Conv2d(1, 2, 2), conv2=Conv2d(2, 2, 2), flatten=Flatten(), fc=Linear(18, 1))
    params = {name: np.ones(shape) for name, shape in net.shapes().items()}
    masks = {"conv1.weight": np.zeros((2, 1, 2, 2)), "conv2.weight": np.ones((2, 2, 2, 2))}
    masks["conv1.weight"][1] = 1
    masks["conv2.weight"][0, 1] = 0  # reads the constant channel only
    small = compact(net, params, masks)
    assert widths(small.net) == [1, 1, 1]
    assert small.params["conv2.bias"].tolist() == [1 + 4]
    assert small.params["fc.bias"].tolist() == [1 + 9 * (1 + 4)]


def test_before_a_padded_convolution_a_constant_that_is_not_zero_stays() -> None:
    net = Sequential(
        (1, 3, 3),
        conv1=Conv2d(1, 3, 1),
        relu=ReLU(),
        conv2=Conv2d(3, 2, 3, padding=1),
        flatten=Flatten(),
        fc=Linear(18, 1),
    )
    rng = np.random.default_rng(0)
    params, (x, _) = random_params(net, rng), random_batch(net, rng)
    params["conv1.bias"] = np.array([2.0, -2.0, 1.0])
    masks = {"conv1.weight": np.array([0.0, 0.0, 1.0]).reshape(3, 1, 1, 1)}
    small = compact(net, params, masks)
    assert widths(small.net) == [2, 2, 1]  # ReLU makes the second one zero, which padding cannot tell from itself
    assert_close(small.net(small.params, x), net(apply_masks(masks, params), x))


def test_for_training_a_unit_with_a_bias_lives_even_if_the_bias_is_still_zero() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params = net.init(rng, dtype=np.float64)  # biases are zero
    masks = ones(params)
    masks["fc1.weight"][:3] = 0
    assert widths(cut(net, params, masks).net) == [7, 5, 4]
    masks["fc1.bias"][:2] = 0
    assert widths(cut(net, params, masks).net) == [5, 5, 4]
    assert widths(compact(net, params, masks).net) == [4, 5, 4]


def test_a_unit_that_reaches_no_output_is_cut_whatever_it_reads() -> None:
    net = small_mlp()
    params = random_params(net, np.random.default_rng(0))
    masks = ones(params)
    masks["fc3.weight"][:, 1:] = 0  # one unit of fc2 is read
    masks["fc2.weight"][0, 2:] = 0  # which reads two units of fc1
    masks["fc1.weight"][:2, [0, 4]] = 0  # which do not read two pixels
    for make in (cut, compact):
        small = make(net, params, masks)
        assert widths(small.net) == [2, 1, 4]
        assert small.net.layers["inputs"] == Select(9, (1, 2, 3, 5, 6, 7, 8))
        assert list(small.net.layers) == ["flatten", "inputs", "fc1", "relu1", "fc2", "relu2", "fc3"]


def test_selections_in_the_network_are_narrowed_and_renumbered() -> None:
    net = Sequential(
        (6,), inputs=Flatten(), some=Select(6, (5, 3, 1)), fc1=Linear(3, 4), back=Select(4, (3, 0, 2)), fc2=Linear(3, 2)
    )
    rng = np.random.default_rng(0)
    params, x = random_params(net, rng), rng.standard_normal((5, 6))
    masks = {"fc1.weight": np.ones((4, 3)), "fc2.weight": np.ones((2, 3))}
    masks["fc1.weight"][:, 1], masks["fc2.weight"][:, 1] = 0, 0
    small = compact(net, params, masks)
    assert small.net.layers["some"] == Select(6, (5, 1))
    assert small.net.layers["back"] == Select(2, (1, 0))
    assert_close(small.net(small.params, x), net(apply_masks(masks, params), x))


def test_the_selection_takes_no_name_that_is_in_use() -> None:
    net = Sequential((1, 3), inputs=Flatten(), fc=Linear(3, 2))
    small = compact(net, random_params(net, np.random.default_rng(0)), {"fc.weight": np.array([[1.0, 0, 0]] * 2)})
    assert list(small.net.layers) == ["inputs", "inputs_", "fc"]

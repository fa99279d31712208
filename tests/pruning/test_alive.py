"""A connection is effective exactly if a path from the input to an output goes through it; what is kept is counted."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from minisnip import Tensor, grad, ops
from minisnip.autodiff.engine import Array, Value
from minisnip.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Select, Sequential, lenet_5_caffe, lenet_300_100
from minisnip.nn.layers import Params, Stateless
from minisnip.pruning import (
    alive_units,
    apply_masks,
    effective_masks,
    input_connections,
    keep_top,
    ones,
    picture,
    units_gone,
)
from minisnip.pruning.alive import whole_masks
from tests.autodiff.budget import examples
from tests.networks import small_convnet, small_mlp
from tests.pruning.pruned import Pruned, convnets, mlps, pruned


def on_paths(net: Sequential, masks: dict[str, Array]) -> dict[str, Array]:
    """Every path through the Linear layers of an MLP, one by one."""
    c = whole_masks(net, masks)
    weights = [name for name in c if name.endswith("weight")]
    found = {name: np.zeros_like(mask) for name, mask in c.items()}
    for path in product(*[range(n) for n in (c[weights[0]].shape[1], *[len(c[name]) for name in weights])]):
        steps = [(name, (j, i)) for name, i, j in zip(weights, path[:-1], path[1:], strict=True)]
        for start in range(len(steps) + 1):  # from the input, or from the bias of a unit on the way
            if all(c[name][step] for name, step in steps[start:]):
                if start == 0:
                    for name, step in steps:
                        found[name][step] = 1
                else:
                    bias = weights[start - 1].replace("weight", "bias")
                    found[bias][path[start]] = c[bias][path[start]]
    return found


def by_gradient(net: Sequential, masks: dict[str, Array]) -> dict[str, Array]:
    """c ⊙ ∂(sum of outputs)/∂(c ⊙ w) ≠ 0 where nothing can cancel: positive images and weights, no bias, no ReLU."""
    linear = Sequential(net.input_shape, **{n: layer for n, layer in net.layers.items() if not isinstance(layer, ReLU)})
    rng, c = np.random.default_rng(0), whole_masks(net, masks)
    w = {name: rng.uniform(0.5, 1.5, mask.shape) * (not name.endswith("bias")) for name, mask in c.items()}
    variables = {name: Tensor(a) for name, a in apply_masks(c, w).items()}
    out = linear(variables, rng.uniform(0.5, 1.5, (1, *net.input_shape)))
    gradients = grad(out.sum(), variables)
    return {name: (c[name] * gradients[name] != 0).astype(np.float64) for name in c}


def assert_same(found: dict[str, Array], expected: dict[str, Array]) -> None:
    for name, c in found.items():
        np.testing.assert_array_equal(c, expected[name], err_msg=name)


@given(pruned(mlps()))
@examples(60)
def test_the_effective_connections_of_an_mlp_are_those_on_a_path(case: Pruned) -> None:
    assert_same(effective_masks(case.net, case.masks), on_paths(case.net, case.masks))


@given(pruned(mlps() | convnets(paddings=(0,))))
@examples(100)
def test_the_effective_connections_are_those_with_a_gradient(case: Pruned) -> None:
    assert_same(effective_masks(case.net, case.masks), by_gradient(case.net, case.masks))


@given(pruned(convnets()))
@examples(60)
def test_under_padding_every_connection_with_a_gradient_is_effective(case: Pruned) -> None:
    """Not the other way round: at the border a kept weight may read nothing but padding."""
    effective, expected = effective_masks(case.net, case.masks), by_gradient(case.net, case.masks)
    for name, c in effective.items():
        assert (c >= expected[name]).all(), name


@given(pruned())
@examples(60)
def test_effective_masks_are_masks_of_the_same_shapes_and_dtypes_and_effective_again(case: Pruned) -> None:
    masks = {name: c.astype(np.float32) for name, c in case.masks.items()}
    effective = effective_masks(case.net, masks)
    assert list(effective) == list(masks)
    for name, c in effective.items():
        assert c.shape == masks[name].shape
        assert c.dtype == np.float32
        assert (c <= masks[name]).all()
    weights = {name: c for name, c in effective.items() if name.endswith("weight")}
    assert_same(effective_masks(case.net, weights), weights)


def test_with_nothing_pruned_everything_is_effective() -> None:
    for net in (small_mlp(), small_convnet()):
        masks = ones(net.init(np.random.default_rng(0)))
        assert_same(effective_masks(net, masks), masks)
        assert all(units.all() for units in alive_units(net, masks).values())
        assert effective_masks(net, {}) == {}


def test_inputs_and_units_off_every_path_are_named() -> None:
    net = Sequential((3,), fc1=Linear(3, 3), relu1=ReLU(), fc2=Linear(3, 2))
    masks = {
        "fc1.weight": np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 0]]),  # input 2 is not read, unit 2 has no input
        "fc2.weight": np.array([[1.0, 0, 1], [0, 0, 0]]),  # unit 1 leads nowhere, class 1 has no input
    }
    alive = alive_units(net, masks)
    assert {name: units.tolist() for name, units in alive.items()} == {
        "input": [True, False, False],
        "fc1": [True, False, False],
        "fc2": [True, False],
    }
    assert effective_masks(net, masks)["fc2.weight"].tolist() == [[1, 0, 0], [0, 0, 0]]


def test_a_flattened_channel_is_alive_if_any_of_its_numbers_is_read() -> None:
    net = Sequential((1, 2, 2), conv=Conv2d(1, 2, 1), flatten=Flatten(), select=Select(8, (0, 3, 7)), fc=Linear(3, 1))
    masks = {"fc.weight": np.array([[0.0, 1.0, 0.0]])}  # reads the last pixel of channel 0, nothing of channel 1
    assert alive_units(net, masks)["conv"].tolist() == [True, False]
    masks = {"conv.weight": np.array([1.0, 0.0]).reshape(2, 1, 1, 1)}
    assert effective_masks(net, {**masks, "fc.weight": np.ones((1, 3))})["fc.weight"].tolist() == [[1, 1, 0]]


def test_random_pruning_keeps_far_fewer_effective_connections_than_it_counts() -> None:
    """As Vysogorets and Kempe report (arXiv 2107.02306): of 2,666 connections, 183 are on a path."""
    net, rng = lenet_300_100(), np.random.default_rng(0)
    masks = keep_top({name: rng.random(shape) for name, shape in net.shapes().items()}, 0.99)
    effective = sum(c.sum() for c in effective_masks(net, masks).values())
    assert effective < 0.2 * sum(c.sum() for c in masks.values())


def test_a_layer_of_another_kind_and_a_mask_that_does_not_fit_are_refused() -> None:
    class Tanh(Stateless):
        def __call__(self, params: Params, x: Value) -> Any:
            return ops.tanh(x)

    net = Sequential((2,), fc1=Linear(2, 2), tanh=Tanh(), fc2=Linear(2, 2))
    with pytest.raises(TypeError, match=r"layer tanh is a Tanh: paths are known through layers of minisnip.nn only"):
        effective_masks(net, {})
    with pytest.raises(ValueError, match=r"mask fc1.weight has shape \(9, 7\), the parameter shape \(7, 9\)"):
        effective_masks(small_mlp(), {"fc1.weight": np.ones((9, 7))})
    with pytest.raises(ValueError, match=r"mask fc9.weight has shape \(2, 2\), the parameter none"):
        alive_units(small_mlp(), {"fc9.weight": np.ones((2, 2))})


def test_pooling_before_the_first_layer_leaves_its_numbers_as_inputs() -> None:
    net = Sequential((1, 4, 4), pool=MaxPool2d(2), flatten=Flatten(), fc=Linear(4, 1))
    assert alive_units(net, {"fc.weight": np.array([[1.0, 0, 0, 1]])})["input"].tolist() == [True, False, False, True]


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


def test_whatever_is_read_at_all_is_not_blank_in_the_terminal_picture() -> None:
    assert picture(np.array([[0, 1, 900]])) == "  ..@@"
    assert picture(np.array([[0, 100, 101, 900]])) == "  ..::@@"

"""A network's blocks: every layer once, each layer with parameters together with what follows it."""

from __future__ import annotations

from typing import Any

import pytest

from minisnip.nn import MODELS, Flatten, Linear, ReLU, Select, Sequential, lenet_5_caffe, lenet_300_100
from minisnip.nn.known import known_blocks


@pytest.mark.parametrize("model", MODELS)
def test_head_and_blocks_hold_every_layer_once_and_in_order(model: str) -> None:
    net = MODELS[model]()
    names = [*net.head]
    for block in net.blocks():
        names += [block.name, *block.following]
    assert names == [*net.layers]


def test_a_block_is_a_layer_with_parameters_its_shapes_and_what_follows_it() -> None:
    conv1, _, fc1, fc2 = lenet_5_caffe().blocks()
    assert (conv1.name, conv1.in_shape, conv1.out_shape, [*conv1.following]) == (
        "conv1",
        (1, 28, 28),
        (20, 24, 24),
        ["pool1"],
    )
    assert (fc1.in_shape, fc1.out_shape, [*fc1.following]) == ((800,), (500,), ["relu1"])
    assert fc2.following == {}


def test_what_comes_before_the_first_parameters_is_the_head() -> None:
    net = Sequential((4,), inputs=Select(4, (0, 2)), fc1=Linear(2, 3))
    assert [*net.head] == ["inputs"]
    assert [*lenet_300_100().head] == ["flatten"]
    assert [*lenet_5_caffe().head] == []
    assert [*Sequential((2, 3), flatten=Flatten(), relu=ReLU()).head] == ["flatten", "relu"]


class Doubled(Linear):
    """A layer of the reader's own."""

    def __call__(self, params: Any, x: Any) -> Any:
        return 2 * super().__call__(params, x)


class Shortcut(Sequential):
    """A network of the reader's own."""


def test_unknown_layers_and_networks_are_refused_by_name_and_purpose() -> None:
    with pytest.raises(TypeError, match=r"layer fc1 is a Doubled: paths are known through layers of minisnip.nn only"):
        known_blocks(Sequential((2,), fc1=Doubled(2, 2)), "paths are known")
    with pytest.raises(TypeError, match="the network is a Shortcut: paths are known through a plain Sequential only"):
        known_blocks(Shortcut((2,), fc1=Linear(2, 2)), "paths are known")

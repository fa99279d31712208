"""What is hoisted out of the training loop changes nothing that the network computes."""

import numpy as np
import pytest

from minisnip.nn import Flatten, MaxPool2d, Select, Sequential, lenet_5_caffe, lenet_300_100
from minisnip.nn.layers import Linear
from minisnip.training.hoist import hoist
from tests.networks import random_batch, random_params

POOLED = Sequential(
    (2, 4, 4), pool=MaxPool2d(2), flatten=Flatten(), inputs=Select(8, (0, 3, 5)), fc1=Linear(3, 5), fc2=Linear(5, 4)
)


@pytest.mark.parametrize("net", [POOLED, lenet_300_100(), lenet_5_caffe()], ids=["pooled", "mlp", "convnet"])
def test_the_rest_of_the_network_on_hoisted_images_is_the_network(net: Sequential) -> None:
    rng = np.random.default_rng(0)
    params, (x, _), (x2, _) = random_params(net, rng), random_batch(net, rng), random_batch(net, rng, 3)
    body, images = hoist(net, x, x2)
    assert body.shapes() == net.shapes()
    for found, given in zip(images, (x, x2), strict=True):
        np.testing.assert_array_equal(body(params, found), net(params, given))
        assert found.flags.c_contiguous


def test_only_layers_in_front_of_the_first_weight_are_hoisted() -> None:
    body, (images,) = hoist(POOLED, np.zeros((7, 2, 4, 4)))
    assert list(body.layers) == ["fc1", "fc2"]
    assert images.shape == (7, 3)
    assert list(hoist(lenet_5_caffe())[0].layers) == list(lenet_5_caffe().layers)

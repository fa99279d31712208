"""A precomputed head changes nothing that the network computes."""

import numpy as np
import pytest

from minisnip.nn import Flatten, MaxPool2d, Select, Sequential, lenet_5_caffe, lenet_300_100
from minisnip.nn.layers import Linear
from minisnip.training.loop import precompute_head
from tests.networks import random_batch, random_params

CHOSEN = Sequential((2, 2, 2), flatten=Flatten(), inputs=Select(8, (0, 3, 5)), fc1=Linear(3, 5), fc2=Linear(5, 4))
POOLED = Sequential((2, 4, 4), pool=MaxPool2d(2), flatten=Flatten(), fc1=Linear(8, 4))
NETS = {"chosen": CHOSEN, "pooled": POOLED, "mlp": lenet_300_100(), "convnet": lenet_5_caffe()}


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_the_body_on_precomputed_images_is_the_network(net: Sequential) -> None:
    rng = np.random.default_rng(0)
    params, (x, _), (x2, _) = random_params(net, rng), random_batch(net, rng), random_batch(net, rng, 3)
    body, images = precompute_head(net, x, x2)
    assert body.shapes() == net.shapes()
    for found, given in zip(images, (x, x2), strict=True):
        np.testing.assert_array_equal(body(params, found), net(params, given))
        assert found.flags.c_contiguous


def test_only_a_head_that_rearranges_is_precomputed() -> None:
    body, (images,) = precompute_head(CHOSEN, np.zeros((7, 2, 2, 2)))
    assert list(body.layers) == ["fc1", "fc2"]
    assert images.shape == (7, 3)
    for net in (POOLED, lenet_5_caffe()):
        assert list(precompute_head(net)[0].layers) == list(net.layers)

"""The networks are the paper's, and hold no weights."""

from __future__ import annotations

import numpy as np
import pytest

from minisnip.nn import (
    LENETS,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    lenet_5_caffe,
    lenet_5_caffe_relu,
    lenet_300_100,
)
from tests.networks import random_batch, random_params, small_convnet, small_mlp


def test_both_lenets_have_the_papers_numbers_of_parameters() -> None:
    assert lenet_300_100().size == 266_610
    assert lenet_5_caffe().size == 431_080


def test_without_biases_the_lenets_have_266200_and_430500_weights() -> None:
    weights = [
        sum(np.prod(shape) for name, shape in net.shapes().items() if name.endswith("weight"))
        for net in (lenet_300_100(), lenet_5_caffe())
    ]
    assert weights == [266_200, 430_500]


def test_parameter_names_and_layouts_are_pytorchs() -> None:
    assert lenet_300_100().shapes() == {
        "fc1.weight": (300, 784),
        "fc1.bias": (300,),
        "fc2.weight": (100, 300),
        "fc2.bias": (100,),
        "fc3.weight": (10, 100),
        "fc3.bias": (10,),
    }
    assert lenet_5_caffe().shapes() == {
        "conv1.weight": (20, 1, 5, 5),
        "conv1.bias": (20,),
        "conv2.weight": (50, 20, 5, 5),
        "conv2.bias": (50,),
        "fc1.weight": (500, 800),
        "fc1.bias": (500,),
        "fc2.weight": (10, 500),
        "fc2.bias": (10,),
    }


def test_no_relu_follows_a_convolution_of_lenet_5_caffe() -> None:
    kinds = [type(layer) for layer in lenet_5_caffe().layers.values()]
    assert kinds == [Conv2d, MaxPool2d, Conv2d, MaxPool2d, Flatten, Linear, ReLU, Linear]


def test_its_relative_has_a_relu_after_each_convolution_and_the_same_parameters() -> None:
    net = lenet_5_caffe_relu()
    kinds = [type(layer) for layer in net.layers.values()]
    assert kinds == [Conv2d, ReLU, MaxPool2d, Conv2d, ReLU, MaxPool2d, Flatten, Linear, ReLU, Linear]
    assert net.shapes() == lenet_5_caffe().shapes()


@pytest.mark.parametrize("model", LENETS)
def test_a_lenet_maps_a_batch_of_images_to_ten_logits_and_keeps_the_dtype(model: str) -> None:
    net = LENETS[model]()
    for dtype in (np.float32, np.float64):
        logits = net(net.init(np.random.default_rng(0), dtype=dtype), np.zeros((3, 1, 28, 28), dtype))
        assert logits.shape == (3, 10)
        assert logits.dtype == dtype


@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convnet"])
def test_an_image_is_answered_the_same_alone_and_in_a_batch(net: Sequential) -> None:
    rng = np.random.default_rng(0)
    params, (x, _) = random_params(net, rng), random_batch(net, rng)
    alone = np.concatenate([net(params, x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(net(params, x), alone, rtol=1e-12, atol=1e-12)


def test_linear_is_x_times_the_transposed_weight_plus_the_bias() -> None:
    rng = np.random.default_rng(0)
    x, weight, bias = rng.standard_normal((5, 3)), rng.standard_normal((2, 3)), rng.standard_normal(2)
    np.testing.assert_allclose(Linear(3, 2)({"weight": weight, "bias": bias}, x), x @ weight.T + bias, atol=1e-14)


def test_conv2d_is_the_sum_over_each_window() -> None:
    rng = np.random.default_rng(0)
    x, weight, bias = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 3)), rng.standard_normal(4)
    out = Conv2d(3, 4, 3, stride=2, padding=1)({"weight": weight, "bias": bias}, x)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for n, f, i, j in np.ndindex(*out.shape):
        window = padded[n, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        assert out[n, f, i, j] == pytest.approx(np.sum(window * weight[f]) + bias[f], abs=1e-12)


def test_printing_a_network_gives_a_table_of_layers_shapes_and_parameters() -> None:
    lines = str(lenet_300_100()).splitlines()
    assert lines[0].split() == ["name", "layer", "output", "parameters"]
    row = next(line for line in lines if line.startswith("fc1"))
    assert "(300,)" in row
    assert "Linear(784, 300)" in row
    assert row.endswith("235,500")
    assert lines[-1].split() == ["total", "266,610"]


def test_layers_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"layer fc2 of Linear: takes vectors of 4 numbers, got \(3,\)"):
        Sequential((2,), fc1=Linear(2, 3), fc2=Linear(4, 1))


def test_pooling_takes_images_and_a_stride_above_zero() -> None:
    with pytest.raises(ValueError, match=r"layer pool of MaxPool2d: takes images \(C, H, W\), got \(3,\)"):
        Sequential((3,), pool=MaxPool2d(2))
    with pytest.raises(ValueError, match=r"layer pool of MaxPool2d: kernel \(2, 2\) and stride 0 must be at least 1"):
        Sequential((1, 4, 4), pool=MaxPool2d(2, 0))


def test_images_of_another_shape_are_refused_with_the_expected_one() -> None:
    net = lenet_300_100()
    with pytest.raises(ValueError, match=r"\(N, 1, 28, 28\), got \(5, 784\)"):
        net(net.init(np.random.default_rng(0)), np.zeros((5, 784)))


def test_a_missing_or_misshapen_parameter_is_refused_by_name() -> None:
    net = small_mlp()
    params = random_params(net, np.random.default_rng(0))
    x = np.zeros((1, 1, 3, 3))
    with pytest.raises(ValueError, match=r"parameter fc2.bias is missing"):
        net({name: w for name, w in params.items() if name != "fc2.bias"}, x)
    with pytest.raises(ValueError, match=r"parameter fc1.weight has shape \(9, 7\), the network's is \(7, 9\)"):
        net({**params, "fc1.weight": params["fc1.weight"].T}, x)

"""The two networks of the paper's MNIST experiments, and a relative; all take (N, 1, 28, 28)."""

from __future__ import annotations

from collections.abc import Callable

from minisnip.mistakes import Registry
from minisnip.nn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential

MNIST_SHAPE = (1, 28, 28)


def lenet_300_100() -> Sequential:
    """Two hidden layers of 300 and 100 units; 266,610 parameters.

    Examples
    --------
    >>> from minisnip.nn import lenet_300_100
    >>> net = lenet_300_100()
    >>> net.size, net.shapes()["fc1.weight"]
    (266610, (300, 784))
    """
    return Sequential(
        MNIST_SHAPE,
        flatten=Flatten(),
        fc1=Linear(784, 300),
        relu1=ReLU(),
        fc2=Linear(300, 100),
        relu2=ReLU(),
        fc3=Linear(100, 10),
    )


def lenet_5_caffe() -> Sequential:
    """Caffe's LeNet-5; 431,080 parameters.

    As in Caffe and in the authors' code, no ReLU follows a convolution.
    """
    return Sequential(
        MNIST_SHAPE,
        conv1=Conv2d(1, 20, 5),
        pool1=MaxPool2d(2),
        conv2=Conv2d(20, 50, 5),
        pool2=MaxPool2d(2),
        flatten=Flatten(),
        fc1=Linear(800, 500),
        relu1=ReLU(),
        fc2=Linear(500, 10),
    )


def lenet_5_caffe_relu() -> Sequential:
    """Caffe's LeNet-5 with a ReLU after each convolution."""
    conv1, pool1, conv2, pool2, *others = lenet_5_caffe().layers.items()
    rest = dict([conv1, ("relu_conv1", ReLU()), pool1, conv2, ("relu_conv2", ReLU()), pool2, *others])
    return Sequential(MNIST_SHAPE, **rest)


_MODELS = {
    "lenet-300-100": lenet_300_100,
    "lenet-5-caffe": lenet_5_caffe,
    "lenet-5-caffe-relu": lenet_5_caffe_relu,
}
MODELS: Registry[Callable[[], Sequential]] = Registry("model", _MODELS)
TITLES = {  # of tables and figures
    "lenet-300-100": "LeNet-300-100",
    "lenet-5-caffe": "LeNet-5-Caffe",
    "lenet-5-caffe-relu": "LeNet-5-Caffe + ReLU",
}

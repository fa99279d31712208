"""Networks without weights: layers, initialization, the loss and the two LeNets."""

from minisnip.nn.init import SCHEMES
from minisnip.nn.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU
from minisnip.nn.losses import cross_entropy
from minisnip.nn.models import MODELS, lenet_5_caffe, lenet_300_100
from minisnip.nn.select import Select
from minisnip.nn.sequential import Sequential

__all__ = [
    "MODELS",
    "SCHEMES",
    "Conv2d",
    "Flatten",
    "Layer",
    "Linear",
    "MaxPool2d",
    "ReLU",
    "Select",
    "Sequential",
    "cross_entropy",
    "lenet_5_caffe",
    "lenet_300_100",
]

"""Networks without weights: layers, initialization, the loss and the LeNets."""

from minisnip.nn.init import SCHEMES
from minisnip.nn.layers import Block, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Select, Sequential
from minisnip.nn.losses import cross_entropy
from minisnip.nn.models import MODELS, lenet_5_caffe, lenet_5_caffe_relu, lenet_300_100

__all__ = [
    "MODELS",
    "SCHEMES",
    "Block",
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
    "lenet_5_caffe_relu",
    "lenet_300_100",
]

"""Networks without weights: layers, initialization, the loss and the paper's networks."""

from minisnip.nn.init import SCHEMES
from minisnip.nn.layers import Block, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Select, Sequential
from minisnip.nn.losses import cross_entropy
from minisnip.nn.models import (
    LENETS,
    MODELS,
    alexnet,
    lenet_5_caffe,
    lenet_5_caffe_relu,
    lenet_300_100,
    recurrent_network,
    vgg,
    wide_resnet,
)
from minisnip.nn.normalization import BatchNorm, running_statistics
from minisnip.nn.recurrent import GRU, LSTM, RNN, EachStep, Rows, Sigmoid, Tanh, by_gate
from minisnip.nn.residual import AvgPool2d, GlobalAvgPool, Residual

__all__ = [
    "GRU",
    "LENETS",
    "LSTM",
    "MODELS",
    "RNN",
    "SCHEMES",
    "AvgPool2d",
    "BatchNorm",
    "Block",
    "Conv2d",
    "EachStep",
    "Flatten",
    "GlobalAvgPool",
    "Layer",
    "Linear",
    "MaxPool2d",
    "ReLU",
    "Residual",
    "Rows",
    "Select",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "alexnet",
    "by_gate",
    "cross_entropy",
    "lenet_5_caffe",
    "lenet_5_caffe_relu",
    "lenet_300_100",
    "recurrent_network",
    "running_statistics",
    "vgg",
    "wide_resnet",
]

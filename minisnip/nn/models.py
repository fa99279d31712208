"""The paper's networks: two for its MNIST experiments, with a relative, and the twelve of its Table 2.

The LeNets and the recurrent networks take MNIST's (N, 1, 28, 28), the others CIFAR-10's (N, 3, 32, 32). Table 2 only
prints rounded numbers of parameters; the layers here are those that reproduce them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from minisnip.mistakes import Registry, unknown
from minisnip.nn.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential
from minisnip.nn.normalization import BatchNorm
from minisnip.nn.recurrent import GRU, LSTM, RNN, EachStep, Rows
from minisnip.nn.residual import GlobalAvgPool, Residual

MNIST_SHAPE, CIFAR_SHAPE = (1, 28, 28), (3, 32, 32)


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
    """Caffe's LeNet-5 with a ReLU after each convolution.

    Other implementations of SNIP have it so; parameters as `lenet_5_caffe`.
    """
    conv1, pool1, conv2, pool2, *others = lenet_5_caffe().layers.items()
    rest = dict([conv1, ("relu_conv1", ReLU()), pool1, conv2, ("relu_conv2", ReLU()), pool2, *others])
    return Sequential(MNIST_SHAPE, **rest)


def _normalized(number: str, layer: Linear | Conv2d) -> dict[str, Layer]:
    """A layer with a bias, batch normalization that is neither masked nor counted, ReLU."""
    convolution = isinstance(layer, Conv2d)
    units = layer.out_channels if isinstance(layer, Conv2d) else layer.out_features
    name = f"conv{number}" if convolution else f"fc{number}"
    return {name: layer, f"{name}_bn": BatchNorm(units, prunable=False), f"{name}_relu": ReLU()}


def _head(*widths: int) -> dict[str, Layer]:
    """Flatten, and fully connected layers from the first width to the last."""
    layers: dict[str, Layer] = {"flatten": Flatten()}
    *hidden, last = pairwise(widths)
    for i, (inputs, units) in enumerate(hidden, start=1):
        layers |= _normalized(f"{i}", Linear(inputs, units))
    return {**layers, f"fc{len(widths) - 1}": Linear(*last)}


def alexnet(units: int = 1024, channels: tuple[int, ...] = (96, 256, 384, 384, 256)) -> Sequential:
    """AlexNet for 32 × 32 images: five convolutions of stride 2, two hidden layers; batch normalization after each.

    The normalizations are not counted. 5,070,218 parameters with 1,024 hidden units (alexnet-s), 8,490,378 with 2,048
    (alexnet-b).
    """
    layers: dict[str, Layer] = {}
    before = CIFAR_SHAPE[0]
    for i, (kernel, filters) in enumerate(zip((11, 5, 3, 3, 3), channels, strict=True), start=1):
        layers |= _normalized(f"{i}", Conv2d(before, filters, kernel, stride=2, padding="same"))
        before = filters
    return Sequential(CIFAR_SHAPE, **layers, **_head(before, units, units, 10))


VGG = {"c": 1, "d": 3, "like": 3}  # the size of the third kernel of each of the last three stages


def vgg(kind: str = "d", width: int = 64) -> Sequential:
    """VGG-16 for 32 × 32 images: thirteen convolutions in five stages, hidden layers, batch normalization after each.

    Simonyan and Zisserman 2015 (arXiv 1409.1556). The normalizations are not counted. With a width of 64, "c" has
    10,526,538 parameters, "d" 15,245,130, and "like", with one hidden layer fewer, 14,982,474.

    Parameters
    ----------
    kind : "c", "d" or "like"
    width : int
        The channels of the first stage; the last has 8 times as many.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    if kind not in VGG:
        raise ValueError(unknown("VGG", kind, VGG))
    layers: dict[str, Layer] = {}
    before = CIFAR_SHAPE[0]
    for stage, (factor, count) in enumerate(((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)), start=1):
        for i in range(1, count + 1):
            kernel = VGG[kind] if i == 3 else 3
            layers |= _normalized(f"{stage}_{i}", Conv2d(before, factor * width, kernel, padding=kernel // 2))
            before = factor * width
        layers[f"pool{stage}"] = MaxPool2d(2)
    hidden = (before,) if kind == "like" else (before, before)
    return Sequential(CIFAR_SHAPE, **layers, **_head(before, *hidden, 10))


def wide_resnet(
    depth: int = 16, factor: int = 8, width: int = 16, input_shape: tuple[int, int, int] = CIFAR_SHAPE
) -> Sequential:
    """Wide residual network of three groups of (depth - 4) / 6 blocks: BN, ReLU, conv, BN, ReLU, conv, shortcut.

    Zagoruyko and Komodakis 2016 (arXiv 1605.07146). Where the width changes, the shortcut is a 1 × 1 convolution that
    reads what the block's first convolution reads, as in the authors' code. γ and β are counted, no convolution has a
    bias. WRN-16-8 has 10,961,370 parameters, WRN-16-10 17,116,634, WRN-22-8 17,158,106.

    Parameters
    ----------
    depth : int
        4 more than a multiple of 6.
    factor : int
        Multiplies the width of the groups.
    width : int
        The channels of the first convolution.
    input_shape : tuple of int
        Channels, height and width of an image.

    Raises
    ------
    ValueError
        If no number of blocks gives the depth.
    """
    count, rest = divmod(depth - 4, 6)
    if rest or count < 1:
        raise ValueError(f"depth {depth} must be 4 more than a multiple of 6, such as 10, 16, 22 or 28")
    channels, *sides = input_shape
    layers: dict[str, Layer] = {"conv": Conv2d(channels, width, 3, padding=1, bias=False)}
    before = width
    for group, after in enumerate((width * factor, 2 * width * factor, 4 * width * factor), start=1):
        for i in range(1, count + 1):
            stride = 2 if i == 1 and group > 1 else 1
            layers |= _wide_block(f"block{group}_{i}", (before, *sides), after, stride)
            before, sides = after, [-(-side // stride) for side in sides]
    layers |= {"bn": BatchNorm(before), "relu": ReLU(), "pool": GlobalAvgPool(), "fc": Linear(before, 10)}
    return Sequential(input_shape, **layers)


def _wide_block(name: str, shape: tuple[int, ...], after: int, stride: int) -> dict[str, Layer]:
    """Two convolutions, each after BN and ReLU; a projection shares the first BN and ReLU with the body."""
    before = shape[0]
    first: dict[str, Layer] = {"bn1": BatchNorm(before), "relu1": ReLU()}
    rest: dict[str, Layer] = {
        "conv1": Conv2d(before, after, 3, stride, padding=1, bias=False),
        "bn2": BatchNorm(after),
        "relu2": ReLU(),
        "conv2": Conv2d(after, after, 3, padding=1, bias=False),
    }
    if (before, stride) == (after, 1):
        return {name: Residual(Sequential(shape, **first, **rest))}
    shortcut = Conv2d(before, after, 1, stride, bias=False)
    return {f"{name}_{n}": layer for n, layer in first.items()} | {name: Residual(Sequential(shape, **rest), shortcut)}


def recurrent_network(layer: type[LSTM | GRU | RNN] = LSTM, units: int = 128) -> Sequential:
    """Reads an image row by row: Linear 28 → units at each row, one recurrent layer, Linear units → 10 at the end.

    LSTM: 136,586 parameters with 128 units (lstm-s), 535,306 with 256 (lstm-b). GRU: 103,690 and 403,978.
    """
    return Sequential(
        MNIST_SHAPE,
        rows=Rows(),
        fc1=EachStep(Linear(28, units)),
        rnn=layer(units, units),
        fc2=Linear(units, 10),
    )


def wrn_10_1_mnist() -> Sequential:
    """WRN-10-1 for MNIST's images; 77,562 parameters.

    wide_resnet(10, 1, 16, (1, 28, 28)). No network of the paper: small enough to be trained, pruned, in minutes.
    """
    return wide_resnet(10, 1, 16, MNIST_SHAPE)


def _model(title: str, make: Callable[..., Sequential], *arguments: object) -> Callable[[], Sequential]:
    """The network as a function without arguments, which describes itself by its title."""

    def model() -> Sequential:
        return make(*arguments)

    given = ", ".join(getattr(a, "__name__", repr(a)) for a in arguments)
    model.__doc__ = f"{title} of the paper's Table 2: {make.__name__}({given})."
    return model


LENETS: dict[str, Callable[[], Sequential]] = {
    "lenet-300-100": lenet_300_100,
    "lenet-5-caffe": lenet_5_caffe,
    "lenet-5-caffe-relu": lenet_5_caffe_relu,
}
TITLES = {  # of tables and figures
    "lenet-300-100": "LeNet-300-100",
    "lenet-5-caffe": "LeNet-5-Caffe",
    "lenet-5-caffe-relu": "LeNet-5-Caffe + ReLU",
    "alexnet-s": "AlexNet-s",
    "alexnet-b": "AlexNet-b",
    "vgg-c": "VGG-C",
    "vgg-d": "VGG-D",
    "vgg-like": "VGG-like",
    "wrn-16-8": "WRN-16-8",
    "wrn-16-10": "WRN-16-10",
    "wrn-22-8": "WRN-22-8",
    "lstm-s": "LSTM-s",
    "lstm-b": "LSTM-b",
    "gru-s": "GRU-s",
    "gru-b": "GRU-b",
    "wrn-10-1": "WRN-10-1 (MNIST)",
}
_TABLE_2: dict[str, tuple[Callable[..., Sequential], *tuple[object, ...]]] = {
    "alexnet-s": (alexnet, 1024),
    "alexnet-b": (alexnet, 2048),
    "vgg-c": (vgg, "c"),
    "vgg-d": (vgg, "d"),
    "vgg-like": (vgg, "like"),
    "wrn-16-8": (wide_resnet, 16, 8),
    "wrn-16-10": (wide_resnet, 16, 10),
    "wrn-22-8": (wide_resnet, 22, 8),
    "lstm-s": (recurrent_network, LSTM, 128),
    "lstm-b": (recurrent_network, LSTM, 256),
    "gru-s": (recurrent_network, GRU, 128),
    "gru-b": (recurrent_network, GRU, 256),
}
TABLE_2 = {name: _model(TITLES[name], *call) for name, call in _TABLE_2.items()}
MODELS: Registry[Callable[[], Sequential]] = Registry("model", LENETS | TABLE_2 | {"wrn-10-1": wrn_10_1_mnist})

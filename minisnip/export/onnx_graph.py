"""Networks as ONNX graphs, which any runtime can compute.

Each layer becomes one node, or a few; weights are initializers under our names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from minisnip.autodiff.conv import border
from minisnip.autodiff.engine import Array, Arrays
from minisnip.export.states import as_array, check
from minisnip.files import write_atomically
from minisnip.mistakes import kind_of
from minisnip.nn import layers as ours
from minisnip.nn.known import UnknownLayerError
from minisnip.nn.layers import Layer, Sequential, Shape
from minisnip.nn.normalization import EPSILON, BatchNorm
from minisnip.nn.recurrent import GRU, LSTM, RNN, EachStep, Recurrent, Rows, Sigmoid, Tanh
from minisnip.nn.residual import AvgPool2d, GlobalAvgPool, Residual

OPSET = 17
IR_VERSION = 9  # what a runtime of 2023 reads
GATES: dict[type, tuple[int, ...]] = {
    LSTM: (0, 3, 1, 2),
    GRU: (1, 0, 2),
    RNN: (0,),
}  # ONNX's order: i, o, f, c; z, r, h


class Graph:
    """Nodes and initializers, as they come."""

    def __init__(self, params: Arrays) -> None:
        self.params = {name: as_array(name, w).astype(np.float32) for name, w in params.items()}
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}

    def node(self, kind: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node; the name of its output, which no layer has."""
        self.nodes.append(helper.make_node(kind, [*inputs], [f"{name}:0"], name=name, **attributes))
        return f"{name}:0"

    def constant(self, name: str, value: Array) -> str:
        """Add an array by name."""
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def parameter(self, name: str) -> str:
        """Add a parameter of the network under its own name."""
        return self.constant(name, self.params[name])


Node = Callable[[Graph, str, Any, Shape, str], str]  # graph, name, layer, the shape it takes, input -> output


def _linear(graph: Graph, name: str, layer: ours.Linear, shape: Shape, x: str) -> str:
    return graph.node("Gemm", name, [x, graph.parameter(f"{name}.weight"), graph.parameter(f"{name}.bias")], transB=1)


def _each_step(graph: Graph, name: str, layer: EachStep, shape: Shape, x: str) -> str:
    if type(layer.layer) is not ours.Linear:
        raise UnknownLayerError(f"EachStep of {type(layer.layer).__name__} cannot be exported: only of Linear")
    transposed = graph.constant(f"{name}.weight.T", graph.params[f"{name}.weight"].T)
    product = graph.node("MatMul", f"{name}.product", [x, transposed])
    return graph.node("Add", name, [product, graph.parameter(f"{name}.bias")])


def _conv2d(graph: Graph, name: str, layer: ours.Conv2d, shape: Shape, x: str) -> str:
    kernel, stride = (layer.kernel, layer.kernel), layer.stride
    (top, bottom), (left, right) = border(shape[1:], kernel, stride, layer.padding)
    weights = [graph.parameter(f"{name}.{short}") for short in layer.shapes()]
    return graph.node(
        "Conv", name, [x, *weights], kernel_shape=kernel, strides=[stride] * 2, pads=[top, left, bottom, right]
    )


def _pool(kind: str) -> Node:
    def pool(graph: Graph, name: str, layer: ours.MaxPool2d | AvgPool2d, shape: Shape, x: str) -> str:
        stride = layer.kernel if layer.stride is None else layer.stride
        return graph.node(kind, name, [x], kernel_shape=[layer.kernel] * 2, strides=[stride] * 2)

    return pool


def _plain(kind: str, **attributes: Any) -> Node:
    return lambda graph, name, layer, shape, x: graph.node(kind, name, [x], **attributes)


def _select(graph: Graph, name: str, layer: ours.Select, shape: Shape, x: str) -> str:
    """Rows of the transpose: onnxruntime copies them whole, but columns number by number."""
    places = graph.constant(f"{name}.places", layer.index.astype(np.int64))
    rows = graph.node("Transpose", f"{name}.rows", [x], perm=[1, 0])
    return graph.node("Transpose", name, [graph.node("Gather", f"{name}.taken", [rows, places], axis=0)], perm=[1, 0])


def _batch_norm(graph: Graph, name: str, layer: BatchNorm, shape: Shape, x: str) -> str:
    names = [f"{name}.{short}" for short in ("weight", "bias", "running_mean", "running_var")]
    if missing := [n for n in names if n not in graph.params]:
        raise ValueError(f"{missing[0]} is missing, and ONNX needs running statistics: export what `train` returned")
    return graph.node("BatchNormalization", name, [x, *map(graph.parameter, names)], epsilon=EPSILON)


def _residual(graph: Graph, name: str, layer: Residual, shape: Shape, x: str) -> str:
    body = _layer(graph, f"{name}.body", layer.body, shape, x)
    short = x if layer.shortcut is None else _layer(graph, f"{name}.shortcut", layer.shortcut, shape, x)
    return graph.node("Add", name, [body, short])


def _rows(graph: Graph, name: str, layer: Rows, shape: Shape, x: str) -> str:
    swapped = graph.node("Transpose", f"{name}.swapped", [x], perm=[0, 2, 1, 3])
    target = graph.constant(f"{name}.shape", np.array([0, *layer.out_shape(shape)], np.int64))
    return graph.node("Reshape", name, [swapped, target])


def _recurrent(graph: Graph, name: str, layer: Recurrent, shape: Shape, x: str) -> str:
    weights = {short: _gates(graph.params[f"{name}.{short}"], type(layer)) for short in layer.shapes()}
    weights["bias"] = np.concatenate([weights["bias"], np.zeros_like(weights["bias"])])  # ONNX has two
    inputs = [graph.constant(f"{name}.{short}", w[None]) for short, w in weights.items()]
    steps = graph.node("Transpose", f"{name}.steps", [x], perm=[1, 0, 2])
    outputs = [f"{name}.states", f"{name}.last"]
    attributes: dict[str, Any] = {"hidden_size": layer.hidden_size}
    if isinstance(layer, GRU):
        attributes["linear_before_reset"] = 0
    kind = type(layer).__name__
    graph.nodes.append(helper.make_node(kind, [steps, *inputs], outputs, name=f"{name}.{kind}", **attributes))
    if not layer.all_states:
        return graph.node("Squeeze", name, [outputs[1], graph.constant(f"{name}.axis", np.array([0]))])
    states = graph.node("Squeeze", f"{name}.squeezed", [outputs[0], graph.constant(f"{name}.axis", np.array([1]))])
    return graph.node("Transpose", name, [states], perm=[1, 0, 2])


def _gates(w: Array, kind: type) -> Array:
    """The blocks of rows in ONNX's order."""
    blocks = np.split(w, len(GATES[kind]))
    return np.concatenate([blocks[i] for i in GATES[kind]])


NODES: dict[type, Node] = {
    ours.Linear: _linear,
    ours.Conv2d: _conv2d,
    ours.MaxPool2d: _pool("MaxPool"),
    AvgPool2d: _pool("AveragePool"),
    ours.ReLU: _plain("Relu"),
    Tanh: _plain("Tanh"),
    Sigmoid: _plain("Sigmoid"),
    ours.Flatten: _plain("Flatten"),
    GlobalAvgPool: _plain("ReduceMean", axes=[2, 3], keepdims=0),
    ours.Select: _select,
    BatchNorm: _batch_norm,
    Residual: _residual,
    Rows: _rows,
    EachStep: _each_step,
    **dict.fromkeys((RNN, LSTM, GRU), _recurrent),
}


def _layer(graph: Graph, name: str, layer: Layer, shape: Shape, x: str) -> str:
    """Add the nodes of a layer, or of a network that is one; the name of the output."""
    if isinstance(layer, Sequential):
        shapes = [layer.input_shape, *layer.out_shapes.values()]
        for (inner, part), taken in zip(layer.layers.items(), shapes, strict=False):
            x = _layer(graph, f"{name}.{inner}" if name else inner, part, taken, x)
        return x
    if type(layer) not in NODES:
        raise UnknownLayerError(f"layer {name} is {kind_of(layer)}, which cannot be exported")
    return NODES[type(layer)](graph, name, layer, shape, x)


def to_onnx(net: Sequential, params: Arrays, path: str | Path) -> None:
    """Write a network as an ONNX file, with equal outputs: "images" (N, *input_shape) -> "logits" (N, classes).

    Equal as in `to_torch`, in float32. A folder that does not exist is made, and a file that exists is replaced.

    Parameters
    ----------
    net : Sequential
        A compact one too: `cut` makes it.
    params : dict of arrays
        Pruned weights are zeros, as in what `train` returns. With batch normalization, running statistics too.
        All are written in float32: onnxruntime has no convolution and no recurrent layer in float64.
    path : path

    Raises
    ------
    UnknownLayerError
        If a layer is none of minisnip's; names it.
    ValueError
        If a parameter is missing or has another name or shape, or running statistics are missing.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from minisnip.nn import lenet_300_100
    >>> net = lenet_300_100()
    >>> with TemporaryDirectory() as folder:
    ...     to_onnx(net, net.init(0), f"{folder}/lenet.onnx")
    """
    check("to_onnx(net, params, path)", net, params, {})
    graph = Graph(params)
    outputs = _layer(graph, "", net, net.input_shape, "images")
    graph.nodes.append(helper.make_node("Identity", [outputs], ["logits"]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "minisnip",
            [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["N", *net.input_shape])],
            [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", *net.out_shape(net.input_shape)])],
            [numpy_helper.from_array(a, name) for name, a in graph.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="minisnip",
    )
    onnx.checker.check_model(model)
    write_atomically(Path(path), lambda file: file.write(model.SerializeToString()))

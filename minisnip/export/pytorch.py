"""Networks, weights and masks as modules of PyTorch, and back.

Parameters have PyTorch's names already, but for recurrent layers, which have two biases there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

from minisnip.autodiff.conv import border
from minisnip.autodiff.engine import Array, Arrays
from minisnip.export.states import REMEDY, as_array, check, load_state
from minisnip.mistakes import check_kind, kind_of
from minisnip.nn import layers as ours
from minisnip.nn.known import UnknownLayerError
from minisnip.nn.layers import Layer, Sequential, Shape
from minisnip.nn.normalization import EPSILON, BatchNorm
from minisnip.nn.recurrent import GRU, LSTM, RNN, EachStep, Recurrent, Rows, Sigmoid, Tanh
from minisnip.nn.residual import AvgPool2d, GlobalAvgPool, Residual

custom_from_mask: Callable[..., Any] = prune.custom_from_mask

# ---- Modules that PyTorch lacks --------------------------------------------------------------------------------------


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding, for any stride: one more zero after than before, if odd."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel = self.kernel_size[0], self.kernel_size[1]
        rows, columns = border(x.shape[2:], kernel, self.stride[0], "same")
        return super().forward(nn.functional.pad(x, (*columns, *rows)))


class Select(nn.Module):
    """Some places of a vector."""

    places: torch.Tensor

    def __init__(self, places: Array) -> None:
        super().__init__()
        self.register_buffer("places", torch.from_numpy(places), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, self.places]


class RowsOfImage(nn.Module):
    """(N, C, H, W) -> (N, H, C·W)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2).flatten(2)


class MeanOfChannel(nn.Module):
    """(N, C, H, W) -> (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


class Sum(nn.Module):
    """body(x) + shortcut(x)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.body = body
        if shortcut is not None:
            self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(x) + (self.shortcut(x) if hasattr(self, "shortcut") else x)
        return y


class States(nn.Module):
    """What a recurrent module of PyTorch answers: all states, or the last one."""

    def __init__(self, cell: nn.RNN | nn.LSTM, all_states: bool) -> None:
        super().__init__()
        self.cell, self.all_states = cell, all_states

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.cell(x)[0]
        return states if self.all_states else states[:, -1]


class ChoGRU(nn.Module):
    """The GRU of Cho et al. 2014, whose reset gate comes before the product; PyTorch's applies it after."""

    def __init__(self, input_size: int, hidden_size: int, all_states: bool) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(3 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(3 * hidden_size))
        self.all_states = all_states

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = self.weight_hh.shape[1]
        gates, new, h = self.weight_hh[: 2 * size], self.weight_hh[2 * size :], x.new_zeros(len(x), size)
        states = []
        for given in nn.functional.linear(x, self.weight_ih, self.bias).unbind(1):
            r, z = torch.sigmoid(given[:, : 2 * size] + h @ gates.T).chunk(2, 1)
            n = torch.tanh(given[:, 2 * size :] + (r * h) @ new.T)
            h = (1 - z) * n + z * h
            states.append(h)
        return torch.stack(states, 1) if self.all_states else h


# ---- Layer by layer --------------------------------------------------------------------------------------------------


def _recurrent(layer: Recurrent) -> nn.Module:
    size = (layer.input_size, layer.hidden_size)
    if isinstance(layer, GRU):
        return ChoGRU(*size, layer.all_states)
    cell = nn.LSTM(*size, batch_first=True) if isinstance(layer, LSTM) else nn.RNN(*size, batch_first=True)
    return States(cell, layer.all_states)


def _conv2d(layer: ours.Conv2d) -> nn.Module:
    arguments = (layer.in_channels, layer.out_channels, layer.kernel, layer.stride)
    if layer.padding == "same":
        return SameConv2d(*arguments, bias=layer.bias)
    return nn.Conv2d(*arguments, layer.padding, bias=layer.bias)


def _each_step(layer: EachStep) -> nn.Module:
    if type(layer.layer) is not ours.Linear:
        raise UnknownLayerError(f"EachStep of {type(layer.layer).__name__} cannot be exported: only of Linear")
    return nn.Linear(layer.layer.in_features, layer.layer.out_features)


def _residual(layer: Residual) -> nn.Module:
    shape = layer.body.input_shape
    return Sum(_sequential(layer.body), None if layer.shortcut is None else _module(layer.shortcut, shape))


MODULES: dict[type, Callable[[Any, Shape], nn.Module]] = {
    ours.Linear: lambda a, shape: nn.Linear(a.in_features, a.out_features),
    ours.Conv2d: lambda a, shape: _conv2d(a),
    ours.MaxPool2d: lambda a, shape: nn.MaxPool2d(a.kernel, a.stride),
    ours.ReLU: lambda a, shape: nn.ReLU(),
    ours.Flatten: lambda a, shape: nn.Flatten(),
    ours.Select: lambda a, shape: Select(a.index),
    BatchNorm: lambda a, shape: (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(a.features, EPSILON),
    Residual: lambda a, shape: _residual(a),
    AvgPool2d: lambda a, shape: nn.AvgPool2d(a.kernel, a.stride),
    GlobalAvgPool: lambda a, shape: MeanOfChannel(),
    Rows: lambda a, shape: RowsOfImage(),
    EachStep: lambda a, shape: _each_step(a),
    Tanh: lambda a, shape: nn.Tanh(),
    Sigmoid: lambda a, shape: nn.Sigmoid(),
    RNN: lambda a, shape: _recurrent(a),
    LSTM: lambda a, shape: _recurrent(a),
    GRU: lambda a, shape: _recurrent(a),
    Sequential: lambda a, shape: _sequential(a),
}


def _module(layer: Layer, shape: Shape, name: str = "shortcut") -> nn.Module:
    if type(layer) not in MODULES:
        raise UnknownLayerError(f"layer {name} is {kind_of(layer)}, which cannot be exported")
    return MODULES[type(layer)](layer, shape)


def _sequential(net: Sequential) -> nn.Module:
    shapes = [net.input_shape, *net.out_shapes.values()]
    module = nn.Sequential()
    for (name, layer), shape in zip(net.layers.items(), shapes, strict=False):
        try:
            module.add_module(name, _module(layer, shape, name))
        except KeyError as error:  # it has a method of this name
            raise ValueError(f"PyTorch takes no layer named {name}: choose another name") from error
    return module


BIASES = ("cell.bias_ih_l0", "cell.bias_hh_l0")
NAMES = {"weight_ih": ("cell.weight_ih_l0",), "weight_hh": ("cell.weight_hh_l0",), "bias": BIASES}


def _recurrent_layers(net: Sequential, start: str = "") -> Iterator[str]:
    """The names of the layers that are a recurrent module of PyTorch."""
    for name, layer in net.layers.items():
        if isinstance(layer, LSTM | RNN):
            yield f"{start}{name}"
        inner = layer.networks if isinstance(layer, Residual) else {"": layer} if isinstance(layer, Sequential) else {}
        for part, found in inner.items():
            yield from _recurrent_layers(found, f"{start}{name}.{part}")


def _theirs(net: Sequential) -> dict[str, tuple[str, ...]]:
    """PyTorch's names of each parameter: two for the bias of a recurrent layer."""
    recurrent, theirs = {*_recurrent_layers(net)}, {}
    for name in net.shapes():
        layer, _, short = name.rpartition(".")
        theirs[name] = tuple(f"{layer}.{full}" for full in NAMES[short]) if layer in recurrent else (name,)
    return theirs


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def to_torch(net: Sequential, params: Arrays, masks: Arrays | None = None) -> nn.Module:
    """The network as a module of PyTorch, with equal outputs.

    In float32 to 1e-6 of the largest logit, but where batch normalization enlarges round-off: AlexNet 4e-6, VGG 1.4e-5,
    WRN-16 and WRN-22 1.6e-6 (measured; PyTorch's float32 is as far from float64 as ours). In float64 to 1e-12.

    Parameters
    ----------
    net : Sequential
    params : dict of arrays, with the names and shapes of `net.shapes()`, and running statistics if there are some
    masks : dict of arrays of 0 and 1, or None
        They become masks of `torch.nn.utils.prune`: what is pruned stays zero in training.

    Returns
    -------
    torch.nn.Module
        In float64 if a parameter is, otherwise in float32. In evaluation mode, but for a network with batch
        normalization whose parameters have no running statistics, which takes those of the batch.

    Raises
    ------
    UnknownLayerError
        If a layer is none of minisnip's; names it.
    ValueError
        If a parameter or a mask has another name or shape, a mask other numbers than 0 and 1, or PyTorch takes no layer
        of a name, such as "forward".
    TypeError
        If an argument is of another kind.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from minisnip.nn import lenet_300_100
    >>> net, x = lenet_300_100(), np.random.default_rng(0).normal(size=(5, 1, 28, 28)).astype(np.float32)
    >>> params = net.init(0)
    >>> module = to_torch(net, params)
    >>> bool(np.allclose(module(torch.from_numpy(x)).detach(), net(params, x), atol=1e-5))
    True
    """
    check("to_torch(net, params, masks)", net, params, masks or {})
    params = {name: as_array(name, w) for name, w in params.items()}
    double = any(params[name].dtype.kind == "f" and params[name].itemsize > 4 for name in net.shapes())
    module = _sequential(net).to(torch.float64 if double else torch.float32)
    state, theirs = module.state_dict(), _theirs(net)
    for name, value in state.items():
        if name.endswith(BIASES[1]):
            value.zero_()
        if name.endswith("num_batches_tracked") and name.replace("num_batches_tracked", "running_mean") in params:
            value.fill_(1)
    for name, w in params.items():
        state[theirs.get(name, (name,))[0]].copy_(torch.from_numpy(np.array(w, np.float64)))
    for name, mask in (masks or {}).items():
        for layer, _, short in (full.rpartition(".") for full in theirs[name]):
            custom_from_mask(module.get_submodule(layer), short, torch.from_numpy(np.array(mask, np.float32)))
    return module.train(net.mixes_images and not set(net.state_shapes()) & set(params))


FROM_TORCH = "from_torch(net, source)"


def from_torch(
    net: Sequential, source: nn.Module | Mapping[str, Any] | str | Path
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The parameters, and the masks of `torch.nn.utils.prune`, of a module of PyTorch.

    Parameters
    ----------
    net : Sequential
        Says which names and shapes to expect.
    source : module, state dict, or path
        A file is .safetensors, .npz, or one of `torch.save`. It is data: nothing in it is run.

    Returns
    -------
    params, masks : dicts of arrays
        Parameters with masks applied, and running statistics that any batch has changed. No mask where there is none.

    Raises
    ------
    ValueError
        If a name is missing or not known, a shape is another, or a mask has other numbers than 0 and 1.
    TypeError
        If an entry is no tensor of real numbers, or an argument is of another kind.
    UnreadableFileError
        If the file is missing or damaged.
    """
    given = load_state(source) if isinstance(source, str | Path) else source
    found = given.state_dict() if isinstance(given, nn.Module) else given
    check_kind(net, "state_shapes", f"{FROM_TORCH} expects a network", REMEDY)
    check_kind(found, "items", f"{FROM_TORCH} expects a module, a state dict or a path", "pass module.state_dict()")
    state = {name: as_array(name, a) for name, a in found.items()}
    params, masks, shapes = {}, {}, net.shapes()
    for name, theirs in _theirs(net).items():
        entries = [_taken(state, full, shapes[name]) for full in theirs]
        params[name] = np.sum([w for w, _ in entries], axis=0)
        kept = [mask for _, mask in entries if mask is not None]
        if len(kept) == len(entries):
            masks[name] = np.max(kept, axis=0)  # of two biases, one is enough
    params |= {name: state.pop(name) for name in net.state_shapes() if name in state}
    if state:
        raise ValueError(f"{next(iter(state))} is no parameter of the network, which has {', '.join(params)}")
    check(FROM_TORCH, net, params, masks)
    return _without_untouched_statistics(params), masks


def _taken(state: dict[str, Array], name: str, shape: Shape) -> tuple[Array, Array | None]:
    """A parameter of a state dict, and its mask if it has one; both are taken out."""
    entries = [name] if name in state else [f"{name}_orig", f"{name}_mask"]
    if missing := [entry for entry in entries if entry not in state]:
        which = name if len(missing) == 2 else missing[0]
        raise ValueError(f"{which} is missing: expected {name}, or {name}_orig with {name}_mask")
    for entry in entries:
        if state[entry].shape != shape:
            raise ValueError(f"{entry} has shape {state[entry].shape}, the network's is {shape}")
    weight, *mask = (state.pop(entry) for entry in entries)
    return (weight * mask[0].astype(weight.dtype), mask[0]) if mask else (weight, None)


def _without_untouched_statistics(params: dict[str, Array]) -> dict[str, Array]:
    """Copies, without running statistics as they are before the first batch, and without the counts of batches."""
    counts = {name.removesuffix("num_batches_tracked"): a for name, a in params.items() if name.endswith("_tracked")}
    dropped = [f"{layer}num_batches_tracked" for layer in counts]
    for layer in (layer for layer, count in counts.items() if not count):
        mean, variance = f"{layer}running_mean", f"{layer}running_var"
        if not np.any(params.get(mean, 0)) and np.all(params.get(variance, 1) == 1):
            dropped += [mean, variance]
    return {name: np.array(a) for name, a in params.items() if name not in dropped}

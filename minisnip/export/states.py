"""State dicts: which shapes a network expects, and files. A file is data: nothing in it is ever run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from minisnip.autodiff.engine import Array, Arrays
from minisnip.files import UnreadableFileError, load_arrays, reading, save_arrays, write_atomically
from minisnip.mistakes import check_arrays, check_kind, check_masks, kind_of
from minisnip.nn.layers import Sequential

REMEDY = "call the function that makes it, and check the order of the arguments"
NO_WEIGHTS = (
    "{} holds no weights, is damaged, or holds other objects too, which are never read, as they can run code: write "
    "module.state_dict() alone, with torch.save or as .safetensors"
)


def check(function: str, net: Sequential, params: Arrays, masks: Arrays) -> None:
    """Refuse what does not fit the network; `function` shows the order of the arguments.

    A TypeError for a wrong kind of argument; a ValueError for a missing or unknown name, another shape, a mask of other
    numbers than 0 and 1, and half of the running statistics.
    """
    check_kind(net, "state_shapes", f"{function} expects a network", REMEDY)
    check_arrays(function, params=params)
    check_masks(function, masks)
    shapes, state = net.shapes(), net.state_shapes()
    for what, arrays, known in (("parameter", params, shapes | state), ("mask", masks, shapes)):
        for name, a in arrays.items():
            if np.shape(a) != known.get(name):
                expected = f"expected {known[name]}" if name in known else f"expected one of {', '.join(known)}"
                raise ValueError(f"{what} {name} has shape {np.shape(a)}, {expected}")
    if missing := [name for name in shapes if name not in params]:
        raise ValueError(f"parameter {missing[0]} is missing: net.init(rng) makes them all")
    for layer in (name.removesuffix("running_mean") for name in state if name.endswith("running_mean")):
        if (f"{layer}running_mean" in params) != (f"{layer}running_var" in params):
            raise ValueError(f"of {layer}running_mean and {layer}running_var there is only one: give both or none")


def as_array(name: str, value: Any) -> Array:
    """A tensor or an array as an array of real numbers, not copied; bfloat16, which NumPy lacks, as float32.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if isinstance(value, torch.Tensor):
        try:
            value = value.detach().cpu()
            value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        except (TypeError, RuntimeError) as error:  # sparse, quantized, without data, of 8 bits
            raise TypeError(f"{name} cannot become an array ({error}): expected a dense tensor of numbers") from error
    array = np.asarray(value) if hasattr(value, "dtype") else None
    if array is None or array.dtype.kind not in "biuf":
        given = kind_of(value) if array is None else f"an array of {array.dtype}"
        raise TypeError(f"{name} is {given}, expected a tensor or an array of real numbers: pass a state dict")
    return array


def save_state(module: torch.nn.Module, path: str | Path) -> None:
    """Write the state dict of a module: as .safetensors or .npz if the path ends so, otherwise as `torch.save` does.

    A folder that does not exist is made, and a file that exists is replaced.
    """
    check_kind(module, "state_dict", "save_state(module, path) expects a module of PyTorch", "make one with to_torch")
    path, state = Path(path), {name: a.contiguous() for name, a in module.state_dict().items()}
    if path.suffix.lower() == ".safetensors":
        write_atomically(path, lambda file: file.write(safetensors.torch.save(state)))
    elif path.suffix.lower() == ".npz":
        save_arrays(path, {name: as_array(name, a) for name, a in state.items()})
    else:
        write_atomically(path, lambda file: torch.save(state, file))


def load_state(path: str | Path) -> dict[str, Any]:
    """Read a state dict: .npz, .safetensors, or a file of `torch.save` with nothing but weights in it.

    Raises
    ------
    UnreadableFileError
        If the file is missing or damaged, or holds anything but arrays by name.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        return dict(load_arrays(path))
    with reading(path, "holds no weights"):
        content = path.read_bytes()
        if path.suffix.lower() == ".safetensors":
            return dict(safetensors.torch.load(content))
    return _load_pickle(path, content)


def _load_pickle(path: Path, content: bytes) -> dict[str, Any]:
    """A dict of tensors that `torch.save` wrote. PyTorch's own errors say how to run what is in a file: not shown."""
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        raise UnreadableFileError(NO_WEIGHTS.format(path)) from error
    if not isinstance(found, dict) or not all(isinstance(a, torch.Tensor) for a in found.values()):
        raise UnreadableFileError(NO_WEIGHTS.format(path))
    return found

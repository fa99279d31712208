"""State dicts: which shapes a network expects, and files. A file is data: nothing in it is ever run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from minisnip.autodiff.engine import Arrays
from minisnip.files import load_arrays, reading, save_arrays, write_atomically
from minisnip.nn.layers import Sequential


def check_shapes(net: Sequential, params: Arrays, masks: Arrays) -> None:
    """Refuse, with a ValueError, a missing or unknown name, another shape, and half of the running statistics."""
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


def save_state(module: torch.nn.Module, path: str | Path) -> None:
    """Write the state dict of a module: as .safetensors or .npz if the path ends so, otherwise as `torch.save` does."""
    path, state = Path(path), {name: a.contiguous() for name, a in module.state_dict().items()}
    if path.suffix == ".safetensors":
        write_atomically(path, lambda file: file.write(safetensors.torch.save(state)))
    elif path.suffix == ".npz":
        save_arrays(path, {name: a.numpy(force=True) for name, a in state.items()})
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
    if path.suffix == ".npz":
        return dict(load_arrays(path))
    with reading(path, "holds no weights"):
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            return dict(safetensors.torch.load(content))
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if not isinstance(found, dict) or not all(isinstance(a, torch.Tensor) for a in found.values()):
            raise TypeError("it is no dict of tensors")
        return found

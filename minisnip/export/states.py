"""State dicts in files. A file from elsewhere is data: nothing in it is ever run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from minisnip.files import load_arrays, reading, write_atomically


def save_state(module: torch.nn.Module, path: str | Path) -> None:
    """Write the state dict of a module: as .safetensors if the path ends so, otherwise as `torch.save` does."""
    path, state = Path(path), {name: a.contiguous() for name, a in module.state_dict().items()}
    if path.suffix == ".safetensors":
        write_atomically(path, lambda file: file.write(safetensors.torch.save(state)))
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
        if path.suffix == ".safetensors":
            return dict(safetensors.torch.load(path.read_bytes()))
        found = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(found, dict) or not all(isinstance(a, torch.Tensor) for a in found.values()):
            raise TypeError("it is no dict of tensors")
        return found

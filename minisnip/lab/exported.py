"""The finished run of a folder as one file for elsewhere."""

from __future__ import annotations

from pathlib import Path

from minisnip.autodiff.engine import Arrays
from minisnip.export import save_state, to_onnx, to_torch
from minisnip.files import load_arrays
from minisnip.lab.report import read_result
from minisnip.mistakes import unknown
from minisnip.nn import MODELS, Sequential
from minisnip.nn.known import UnknownLayerError
from minisnip.pruning import compact

ENDINGS = {"torch": ".pt", "safetensors": ".safetensors", "onnx": ".onnx"}


def export_run(folder: Path, kind: str, out: Path | None = None) -> Path:
    """Write the trained network of a run; the path of the file.

    Parameters
    ----------
    folder : Path
        Of `minisnip train`.
    kind : "torch", "safetensors" or "onnx"
        The first two hold the state dict, with masks as `torch.nn.utils.prune` names them. ONNX holds the smaller
        network that the masks leave, where the layers allow it: it computes the same.
    out : Path or None
        None for model.pt, model.safetensors or model.onnx in the folder.

    Raises
    ------
    ValueError
        If there is no such kind, no finished run in the folder, or `out` has the ending of another kind.
    UnreadableFileError
        If a file of the run is missing or damaged.
    """
    if kind not in ENDINGS:
        raise ValueError(unknown("format", kind, ENDINGS))
    result = read_result(folder / "result.json")
    if result is None:
        raise ValueError(f"there is no finished run in {folder}: it has no result.json")
    net = MODELS[result["model"]]()
    params, masks = load_arrays(folder / "params.npz"), load_arrays(folder / "masks.npz")
    path = folder / f"model{ENDINGS[kind]}" if out is None else out
    if path.suffix != ENDINGS[kind]:
        raise ValueError(f"{path} is no name for {kind}: a file of this format ends in {ENDINGS[kind]}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file with --out")
    if kind == "onnx":
        to_onnx(*_small(net, params, masks), path)
    else:
        save_state(to_torch(net, params, masks), path)
    return path


def _small(net: Sequential, params: Arrays, masks: Arrays) -> tuple[Sequential, Arrays]:
    try:
        small = compact(net, params, masks)
    except UnknownLayerError:
        return net, params
    return small.net, small.params

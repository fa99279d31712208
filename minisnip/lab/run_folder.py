"""The folder of a run: what is written there, and when it may be used again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from minisnip import pruning
from minisnip.data import Dataset
from minisnip.files import save_arrays, save_text, write_atomically
from minisnip.lab.prune_and_train import Comparison, Config, Outcome

LABELS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
TITLES = {"lenet-300-100": "LeNet-300-100", "lenet-5-caffe": "LeNet-5-Caffe"}


def default(config: Config) -> Path:
    """One folder for each configuration, so that no run overwrites another."""
    digest = hashlib.sha256(json.dumps(asdict(config)).encode()).hexdigest()[:6]
    return Path("runs") / f"{config.dataset}-{config.model}-{config.criterion}-{config.sparsity:g}-{digest}"


def make(folder: Path) -> None:
    """Make the folder, and see that it can be written to; ValueError if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot write to the folder {folder} ({error.strerror}): choose another with --out"
        ) from error


def open_for(folder: Path, config: Config, resume: bool) -> dict[str, Any] | None:
    """Make the folder, and see that no other run in it would be lost.

    Returns
    -------
    dict or None
        The result, if this very run is finished and to be resumed.

    Raises
    ------
    ValueError
        If it cannot be written to, or holds another run, or an unfinished one that is not to be resumed.
    """
    make(folder)
    file = folder / "result.json"
    result = _read_result(file)
    if result is not None and result.get("config") != asdict(config):
        raise ValueError(f"the folder {folder} holds the result of another run: choose another with --out")
    if result is None and not resume and any(folder.glob("*.checkpoint.npz")):
        raise ValueError(f"the folder {folder} holds an unfinished run: add --resume to go on with it, or delete it")
    if result is None and any((folder / name).exists() for name in ("params.npz", "masks.npz")) and not resume:
        raise ValueError(
            f"the folder {folder} holds parameters or masks but no result: add --resume if they are of this very run, "
            "or choose another folder with --out"
        )
    if result is not None and not resume:
        file.unlink()  # the same run once more: from here on it is unfinished
        return None
    return result


def _read_result(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    try:
        result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(result, dict):
            raise ValueError("no object")
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is damaged ({error}): delete it, or choose another folder with --out") from error
    return result


def write(folder: Path, run: Comparison) -> dict[str, Any]:
    """Arrays, histories and figures, then `result.json`, which marks the run as finished; checkpoints go.

    Returns
    -------
    dict
        The content of `result.json`.
    """
    note = file_label(run.dataset)
    save_arrays(folder / "masks.npz", run.masks, note)
    for name, outcome in _outcomes(run).items():
        prefix = "" if name == "pruned" else f"{name}_"
        save_arrays(folder / f"{prefix}params.npz", outcome.trained.params, note)
        save_text(folder / f"{prefix}history.csv", _csv(outcome.trained.history, note))
    _write_figures(folder, run)
    result = _result(run)
    save_text(folder / "result.json", json.dumps(result, indent=2) + "\n")
    for left in (*folder.glob("*.checkpoint.npz"), *folder.glob(".*.tmp")):  # the latter of a killed run
        left.unlink()
    return result


def file_label(dataset: Dataset) -> str:
    """For files: "mnist", "fashion-mnist", or "glyphs (not MNIST)"."""
    return dataset.label if dataset.name == "glyphs" else dataset.name


def versions() -> dict[str, Any]:
    """What a result was computed with."""
    return {
        "minisnip": version("minisnip"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }


def _outcomes(run: Comparison) -> dict[str, Outcome]:
    return {"pruned": run.pruned} | ({"dense": run.dense} if run.dense else {})


def _result(run: Comparison) -> dict[str, Any]:
    config = run.config
    m = sum(c.size for c in run.masks.values())
    return {
        "dataset": file_label(run.dataset),
        "model": config.model,
        "criterion": config.criterion,
        "sparsity": config.sparsity,
        "seed": config.seed,
        "m": m,
        "kappa": pruning.count_kept(m, config.sparsity),
        "kept": sum(int(np.count_nonzero(c)) for c in run.masks.values()),
        "kept_per_layer": pruning.kept_per_layer(run.masks),
        "compact": str(run.pruned.trained.compact) if run.pruned.trained.compact else None,
        **_errors(run.pruned),
        "dense": _errors(run.dense) if run.dense else None,
        "seconds": run.seconds,
        "config": asdict(config),
        "versions": versions(),
    }


def _errors(outcome: Outcome) -> dict[str, float]:
    return {
        "validation_error_percent": outcome.validation_error,
        "test_error_percent": outcome.test_error,
        "best_epoch": outcome.trained.best_epoch,
    }


def _csv(history: Sequence[Mapping[str, float]], dataset: str) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*history[0], "dataset"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "dataset": dataset} for row in history)
    return text.getvalue()


def _write_figures(folder: Path, run: Comparison) -> None:
    from minisnip.lab import plots  # here, so that `import minisnip` does not wait for matplotlib

    config = run.config
    title = f"{TITLES[config.model]}, {config.criterion} at {100 * config.sparsity:g} %, {run.dataset.label}"
    histories = {name: outcome.trained.history for name, outcome in _outcomes(run).items()}
    figures = {
        "training_curves": plots.training_curves(histories, title),
        "kept_per_layer": plots.kept_per_layer(pruning.kept_per_layer(run.masks), title),
        "kept_pixels": plots.kept_pixels(pruning.input_connections(run.net, run.masks)[0], title),
    }
    for name, figure in figures.items():
        write_atomically(folder / f"{name}.png", partial(figure.savefig, dpi=150))


def summary(result: Mapping[str, Any]) -> str:
    """The small table that ends a run."""
    rows = [(f"{result['criterion']} at {100 * result['sparsity']:g} %", result["kept"], result, "pruned")]
    if result["dense"]:
        rows.append(("dense", result["m"], result["dense"], "dense"))
    lines = [f"{TITLES[result['model']]} on {LABELS.get(result['dataset'], result['dataset'])}, seed {result['seed']}"]
    lines += [f"trained as {result['compact']}"] if result["compact"] else []
    lines.append("")
    lines.append(f"{'':<18}{'connections':>20}{'validation error':>19}{'test error':>13}{'training':>12}")
    for name, kept, errors, phase in rows:
        count, seconds = f"{kept:,} of {result['m']:,}", f"{result['seconds'][f'train_{phase}']:.1f} s"
        validation, test = (f"{errors[f'{split}_error_percent']:.2f} %" for split in ("validation", "test"))
        lines.append(f"{name:<18}{count:>20}{validation:>19}{test:>13}{seconds:>12}")
    return "\n".join(lines)

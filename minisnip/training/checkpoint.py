"""Checkpoints: the state of a training run between two epochs, in one .npz file without pickle.

The file holds the parameters, the optimizer's state and the best parameters so far as arrays; the random generator's
state, the history and the run's settings as JSON. A resumed run ends with the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array, Arrays
from minisnip.data.dataset import Dataset
from minisnip.files import UnreadableFileError, load_arrays, reading, save_arrays
from minisnip.nn.layers import Sequential


class CheckpointError(UnreadableFileError):
    """A checkpoint that cannot be resumed."""


@dataclass
class TrainState:
    """What changes while a network trains."""

    params: dict[str, Array]
    optimizer_state: dict[str, Array]
    rng: np.random.Generator
    best: dict[str, Array]  # the parameters of the epoch with the lowest validation error
    best_epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)  # one row per finished epoch


_GROUPS = ("params", "optimizer_state", "best")
_ADDED = r"optimizer_state/|best/.*running_(mean|var)$"  # arrays that are made in training
_DIFFERENCES = {  # settings that are too long to be printed
    "network": "the network differs: `compact` may have been another",
    "start": "the weights, masks or seed differ",
}


def save_checkpoint(path: Path, state: TrainState, settings: dict[str, str]) -> None:
    """Write the state atomically: after a crash the previous checkpoint is still whole."""
    numbers = {"best_epoch": state.best_epoch, "seconds": state.seconds, "history": state.history}
    facts = {"settings": settings, "rng": state.rng.bit_generator.state, **numbers}
    save_arrays(path, {**_arrays(state), "facts": np.array(json.dumps(facts))})


def load_checkpoint(path: Path, settings: dict[str, str], start: TrainState) -> TrainState:
    """Read the state of a run with these settings, which began in the state `start`.

    Raises
    ------
    CheckpointError
        If the file is damaged, or belongs to a run with other settings; names what differs.
    """
    try:
        with reading(path, "is not a whole checkpoint"):
            arrays = load_arrays(path)
            facts = json.loads(str(arrays.pop("facts")))
            _refuse_another_run(path, dict(facts["settings"]), settings)
            return _state(arrays, facts, start)
    except CheckpointError:
        raise
    except UnreadableFileError as error:
        raise CheckpointError(str(error)) from error


def _refuse_another_run(path: Path, found: dict[str, str], settings: dict[str, str]) -> None:
    if different := [key for key in {**found, **settings} if found.get(key) != settings.get(key)]:
        texts = [_DIFFERENCES.get(k, f"{k} was {found.get(k)}, now {settings.get(k)}") for k in different]
        raise CheckpointError(
            f"{path} belongs to another run ({'; '.join(texts)}): resume with the same settings, or use another folder"
        )


def _state(arrays: dict[str, Array], facts: Any, start: TrainState) -> TrainState:
    """The state, with arrays as the run began with; only an optimizer and batch normalization may have added some."""
    expected = _arrays(start)
    for key in {**expected, **arrays}:
        if _kind(arrays, key) != _kind(expected, key) and (key in expected or not re.match(_ADDED, key)):
            raise ValueError(f"{key}: found {_kind(arrays, key)}, expected {_kind(expected, key)}")
    groups: dict[str, dict[str, Array]] = {group: {} for group in _GROUPS}
    for key, a in arrays.items():
        group, _, name = key.partition("/")
        groups[group][name] = a
    rng = np.random.Generator(type(start.rng.bit_generator)())
    rng.bit_generator.state = facts["rng"]
    _check_history(facts["history"], facts["best_epoch"])
    return TrainState(
        rng=rng, best_epoch=facts["best_epoch"], seconds=float(facts["seconds"]), history=facts["history"], **groups
    )


def _check_history(history: list[dict[str, float]], best_epoch: int) -> None:
    """Refuse a history that is not one of numbers, or whose best epoch is another."""
    errors = [row["validation_error_percent"] for row in history]
    if not all(isinstance(number, int | float) for row in history for number in row.values()):
        raise ValueError("its history holds other things than numbers")
    if not all(0 <= error <= 100 for error in errors) or best_epoch != (1 + np.argmin(errors) if errors else 0):
        raise ValueError(f"epoch {best_epoch} is not the one with the lowest validation error")


def _arrays(state: TrainState) -> dict[str, Array]:
    return {f"{group}/{name}": a for group in _GROUPS for name, a in getattr(state, group).items()}


def _kind(arrays: Arrays, key: str) -> str:
    """The shape and dtype of an array, in words."""
    return f"shape {arrays[key].shape} of {arrays[key].dtype}" if key in arrays else "no array"


def fingerprint(net: Sequential, dataset: Dataset, state: TrainState, kept: Arrays) -> dict[str, str]:
    """What a resumed run must share with the first one, besides its recipe: network, data and initial state."""
    digest = hashlib.sha256(str(state.rng.bit_generator.state).encode())
    for a in (*state.params.values(), *kept.values()):
        digest.update(np.ascontiguousarray(a).tobytes())
    data = f"{dataset.label}, {len(dataset.train.labels)} training images"
    return {"network": str(net), "dataset": data, "start": digest.hexdigest()[:16]}

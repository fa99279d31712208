"""Checkpoints: the state of a training run between two epochs, in one .npz file without pickle.

The file holds the parameters, the optimizer's state and the best parameters so far as arrays; the random generator's
state, the history and the run's settings as JSON. A resumed run ends with the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minisnip.autodiff.engine import Array, Arrays
from minisnip.data.dataset import Dataset
from minisnip.files import load_arrays, save_arrays
from minisnip.nn.layers import Sequential


class CheckpointError(ValueError):
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
_DIFFERENCES = {  # settings that are too long to be printed
    "network": "the network differs: `compact` may have been another",
    "start": "the weights, masks or seed differ",
}


def save_checkpoint(path: Path, state: TrainState, settings: dict[str, str]) -> None:
    """Write the state atomically: after a crash the previous checkpoint is still whole."""
    arrays = {f"{group}/{name}": a for group in _GROUPS for name, a in getattr(state, group).items()}
    numbers = {"best_epoch": state.best_epoch, "seconds": state.seconds, "history": state.history}
    facts = {"settings": settings, "rng": state.rng.bit_generator.state, **numbers}
    save_arrays(path, {**arrays, "facts": np.array(json.dumps(facts))})


def load_checkpoint(path: Path, settings: dict[str, str]) -> TrainState:
    """Read the state of a run with these settings.

    Raises
    ------
    CheckpointError
        If the file is damaged, or belongs to a run with other settings; names what differs.
    """
    try:
        arrays = load_arrays(path)
        facts = json.loads(str(arrays.pop("facts")))
        rng = np.random.Generator(getattr(np.random, facts["rng"]["bit_generator"])())
        rng.bit_generator.state = facts["rng"]
        groups: dict[str, dict[str, Array]] = {group: {} for group in _GROUPS}
        for key, a in arrays.items():
            group, _, name = key.partition("/")
            groups[group][name] = a
        numbers = facts["best_epoch"], facts["seconds"], facts["history"]
        state = TrainState(groups["params"], groups["optimizer_state"], rng, groups["best"], *numbers)
        found = dict(facts["settings"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a whole checkpoint ({error}): delete it and start again") from error
    different = [key for key in {**found, **settings} if found.get(key) != settings.get(key)]
    if different:
        texts = [_DIFFERENCES.get(k, f"{k} was {found.get(k)}, now {settings.get(k)}") for k in different]
        raise CheckpointError(
            f"{path} belongs to another run ({'; '.join(texts)}): resume with the same settings, or use another folder"
        )
    return state


def fingerprint(net: Sequential, dataset: Dataset, state: TrainState, kept: Arrays) -> dict[str, str]:
    """What a resumed run must share with the first one, besides its recipe: network, data and initial state."""
    digest = hashlib.sha256(str(state.rng.bit_generator.state).encode())
    for a in (*state.params.values(), *kept.values()):
        digest.update(np.ascontiguousarray(a).tobytes())
    data = f"{dataset.label}, {len(dataset.train.labels)} training images"
    return {"network": str(net), "dataset": data, "start": digest.hexdigest()[:16]}

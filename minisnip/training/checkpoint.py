"""Checkpoints: all that a run needs to go on as if it had never stopped, in one .npz without pickle.

Saved after every epoch: the parameters, the optimiser's memory, the best parameters so far, and as JSON the random
generator's state, the history and the run's settings. A resumed run ends with the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.autodiff.tensor import Array
from minisnip.data import Dataset
from minisnip.files import load_arrays, save_arrays
from minisnip.nn import Sequential
from minisnip.training.optimisers import State


@dataclass
class Run:
    """A training run between two epochs."""

    params: dict[str, Array]
    state: State
    rng: np.random.Generator
    best: dict[str, Array]  # the parameters of the epoch with the lowest validation error
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)  # one row per finished epoch


_GROUPS = ("params", "state", "best")


def save_checkpoint(path: Path, run: Run, settings: dict[str, Any]) -> None:
    """Write the run, atomically: a crash leaves the previous checkpoint whole."""
    arrays = {f"{group}/{name}": a for group in _GROUPS for name, a in getattr(run, group).items()}
    rng = run.rng.bit_generator.state
    facts = {"settings": settings, "rng": rng, "best_epoch": run.best_epoch, "history": run.history}
    save_arrays(path, {**arrays, "facts": np.array(json.dumps(facts))})


def load_checkpoint(path: Path, settings: dict[str, Any]) -> Run:
    """Read a run back.

    Raises
    ------
    ValueError
        If the file is damaged, or is of a run with other settings; names what differs.
    """
    arrays = load_arrays(path)
    try:
        facts = json.loads(str(arrays.pop("facts")))
        groups: dict[str, dict[str, Array]] = {group: {} for group in _GROUPS}
        for key, a in arrays.items():
            group, _, name = key.partition("/")
            groups[group][name] = a
        rng = np.random.Generator(getattr(np.random, facts["rng"]["bit_generator"])())
        rng.bit_generator.state = facts["rng"]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a checkpoint of minisnip ({error}): delete it and start again") from error
    _check_same(path, facts["settings"], settings)
    return Run(**groups, rng=rng, best_epoch=facts["best_epoch"], history=facts["history"])


def _check_same(path: Path, found: dict[str, Any], settings: dict[str, Any]) -> None:
    settings = json.loads(json.dumps(settings))
    different = [key for key in {**found, **settings} if found.get(key) != settings.get(key)]
    if different:
        pairs = "; ".join(f"{key} was {found.get(key)}, now {settings.get(key)}" for key in different)
        raise ValueError(
            f"{path} is of another run ({pairs}): resume with the same settings, or start in another folder"
        )


def fingerprint(
    net: Sequential,
    dataset: Dataset,
    start: Mapping[str, Array],
    masks: Mapping[str, Array],
    rng: np.random.Generator,
) -> dict[str, str]:
    """What a resumed run must have in common with the first, besides how it trains."""
    digest = hashlib.sha256(str(rng.bit_generator.state).encode())
    for a in (*start.values(), *masks.values()):
        digest.update(np.ascontiguousarray(a).tobytes())
    data = f"{dataset.label}, {len(dataset.train.labels)} training images"
    return {"network": str(net), "dataset": data, "weights, masks and seed": digest.hexdigest()[:16]}

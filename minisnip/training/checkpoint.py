"""Checkpoints: all that a run needs to go on as if it had never stopped, in one .npz without pickle.

Saved after every epoch: the parameters, the optimizer's memory, the best parameters so far, and as JSON the random
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

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset
from minisnip.files import load_arrays, save_arrays
from minisnip.nn import Sequential
from minisnip.training.optimizers import State


class CheckpointError(ValueError):
    """A checkpoint that cannot be gone on with."""


@dataclass
class Run:
    """A training run between two epochs."""

    params: dict[str, Array]
    state: State
    rng: np.random.Generator
    best: dict[str, Array]  # the parameters of the epoch with the lowest validation error
    best_epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)  # one row per finished epoch


_GROUPS = ("params", "state", "best")
_START = "weights, masks or seed"


def save_checkpoint(path: Path, run: Run, settings: dict[str, Any]) -> None:
    """Write the run, atomically: a crash leaves the previous checkpoint whole."""
    arrays = {f"{group}/{name}": a for group in _GROUPS for name, a in getattr(run, group).items()}
    numbers = {"best_epoch": run.best_epoch, "seconds": run.seconds, "history": run.history}
    facts = {"settings": settings, "rng": run.rng.bit_generator.state, **numbers}
    save_arrays(path, {**arrays, "facts": np.array(json.dumps(facts))})


def load_checkpoint(path: Path, fresh: Run, settings: dict[str, Any]) -> Run:
    """Read a run back that began as `fresh`.

    Raises
    ------
    CheckpointError
        If the file is damaged, or is of a run with other settings; names what differs.
    """
    try:
        arrays = load_arrays(path)
        facts = json.loads(str(arrays.pop("facts")))
        rng = np.random.Generator(getattr(np.random, facts["rng"]["bit_generator"])())
        rng.bit_generator.state = facts["rng"]
        _check_same(path, facts["settings"], settings)
        params, state, best = ({name: arrays[f"{g}/{name}"] for name in getattr(fresh, g)} for g in _GROUPS)
        numbers = facts["best_epoch"], facts["seconds"], facts["history"]
    except CheckpointError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not a whole checkpoint ({error}): delete it and start again") from error
    return Run(params, state, rng, best, *numbers)


def _check_same(path: Path, found: dict[str, Any], settings: dict[str, Any]) -> None:
    different = [key for key in {**found, **settings} if found.get(key) != settings.get(key)]
    if different:
        tables = ["the network differs (a compact one is another)"] if "network" in different else []
        words = [key for key in different if key not in (_START, "network")]
        changes = tables + [f"{key} was {found.get(key)}, now {settings.get(key)}" for key in words]
        changes += [f"the {_START} differ"] if _START in different else []
        raise CheckpointError(
            f"{path} is of another run ({'; '.join(changes)}): resume with the same settings, or use another folder"
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
    return {"network": str(net), "dataset": data, _START: digest.hexdigest()[:16]}

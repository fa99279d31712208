"""Results of runs without the work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.lab.experiment import IF_TEST_CHOSE, Experiment
from minisnip.lab.report import Case, rows_of
from minisnip.lab.reproduce.recipes import RECURRENT


def count(kept: int, total: int) -> dict[str, float]:
    return {"kept": kept, "total": total, "percent": 100 * kept / total}


KEPT = {"fc1.weight": count(30, 90), "fc1.bias": count(0, 10), "fc2.weight": count(4, 16)}
GATES = {f"rnn.weight_{kind}": {g: count(i, 10) for i, g in enumerate("ifgo", start=1)} for kind in ("ih", "hh")}


def fake(config: Experiment) -> dict[str, Any]:
    """An error of a twentieth of the sparsity, and a tenth of a percent more for each seed."""
    error = 100 * config.sparsity / 20 + config.seed / 10
    tested = None if config.test_split == "never" else error
    row = {"learning_rate": 0.1, "train_loss": 0.5, "train_error_percent": 9.0, "validation_error_percent": error}
    epochs = [{"epoch": e, "iterations": 9 * e, **row, "test_error_percent": error} for e in (1, 2)]
    pixels = np.random.default_rng(config.scoring_class or 0).integers(0, 300, (28, 28))
    return {
        "kept": 5,
        "effective": 4,
        "collapse_sparsity": 0.99,
        "seconds_to_prune": 0.1,
        "emptied_layers": "",
        "best_epoch": 1,
        "validation_error_percent": error,
        "test_error_percent": tested,
        IF_TEST_CHOSE: None if tested is None else tested - 0.05,
        "diverged": "",
        "seconds": 0.5,
        "kept_per_layer": KEPT | ({name: count(10, 40) for name in GATES} if config.model in RECURRENT else {}),
        "kept_by_gate": GATES if config.model in RECURRENT else {},
        "first_layer": pixels.tolist(),
        "history": epochs,
    }


def fake_in(folder: Path, config: Experiment) -> dict[str, Any]:
    """As `runs.resumable`, which would keep a checkpoint in the folder."""
    return fake(config)


def rows(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Those of a plan."""
    return rows_of(cases, [fake(config) for _, config in cases])


def diverge(row: dict[str, Any], error: float | None = None) -> None:
    """As a run whose loss became infinite in the first epoch, or, if it has an error, in a later one."""
    row |= {"diverged": "the training loss became inf", "test_error_percent": error, IF_TEST_CHOSE: error}
    row |= {"validation_error_percent": error, "history": row["history"][:1] if error else []}

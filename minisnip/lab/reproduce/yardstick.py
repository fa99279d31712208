"""The yardstick of `minisnip train`: what its usual settings give dense, with random masks and with SNIP.

`minisnip reproduce yardstick` computes it. The file that it writes, yardstick.csv, is shipped beside this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.lab.experiment import Experiment
from minisnip.lab.report import Case, Row, as_markdown, errors, percent, plural, read_csv, score, select
from minisnip.lab.reproduce.recipes import MLP, Budget, Setting, length, over_seeds
from minisnip.nn.models import TITLES

FILE = Path(__file__).with_name("yardstick.csv")
CRITERIA = {"random masks": "random", "SNIP": "snip"}
SPARSITIES = (0.9, 0.95, 0.98)
FREE = ("criterion", "sparsity", "seed", "compact")  # all other settings must be those of the yardstick
WIDTH = 2  # standard deviations on either side of the mean


def plan(budget: Budget, dataset: str) -> list[Case]:
    """The dense network, and each sparsity with random masks and with SNIP, as `minisnip train` would train them."""
    short = None if budget.training_images is None else budget.iterations[MLP]
    shared: dict[str, Any] = {"compact": True, "iterations": short}
    settings: list[Setting] = [("dense", MLP, {"sparsity": 0.0, **shared})]
    for case, criterion in CRITERIA.items():
        settings += [(case, MLP, {"sparsity": s, "criterion": criterion, **shared}) for s in SPARSITIES]
    return over_seeds(budget, dataset, settings)


def table(rows: Sequence[Row]) -> str:
    """A line for each sparsity."""
    lines = [{"sparsity": percent(s), **_scores(rows, s)} for s in SPARSITIES]
    seeds = plural(len({row["seed"] for row in rows}), "seed")
    trained = f"{TITLES[MLP]} on {rows[0]['label']}, {' or '.join(sorted(set(map(length, rows))))}, {seeds}"
    return f"Test error in percent of `minisnip train`: {trained}.\n\n{as_markdown(lines)}"


def _scores(rows: Sequence[Row], sparsity: float) -> dict[str, str]:
    """The errors as cells; dense, with random masks and with SNIP."""
    return {
        "dense": score(select(rows, case="dense")),
        **{case: score(select(rows, case=case, sparsity=sparsity)) for case in CRITERIA},
    }


def beside(result: Row, file: Path = FILE) -> str:
    """What a reader of one result can hold beside it; nothing if the yardstick has other settings than the run.

    Parameters
    ----------
    result : dict
        The content of `result.json`.
    file : Path
        A CSV of `minisnip reproduce yardstick`.
    """
    config, error = result["config"], result["test_error_percent"]
    rows = [row for row in read_csv(file) if _settings(row) == _settings(config)] if file.exists() else []
    case = {"random": "random masks"}.get(config["criterion"], "SNIP") if config["sparsity"] else "dense"
    own = errors(select(rows, case=case, sparsity=config["sparsity"]))
    if len(own) < 2 or error is None:
        return ""
    low, high = np.mean(own) + WIDTH * np.std(own, ddof=1) * np.array([-1, 1])
    found = "below" if error < low else "above" if error > high else "inside"
    cells = "; ".join(f"{name} {text}" for name, text in _scores(rows, config["sparsity"]).items() if text != "–")
    return (
        f"Yardstick, test error in percent with these settings on {plural(len(own), 'seed')}: {cells}.\n"
        f"This run's {error:.2f} is {found} the range of {case}, {low:.2f} to {high:.2f} (mean ± {WIDTH} standard "
        "deviations)."
    )


def _settings(row: Row) -> dict[str, Any]:
    """What must be equal; a field that an older file does not know had its default."""
    return {f.name: row.get(f.name, f.default) for f in fields(Experiment) if f.name not in FREE}

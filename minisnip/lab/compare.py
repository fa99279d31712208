"""Methods and controls side by side: prune, train and evaluate, over sparsities and seeds.

`minisnip compare` writes results.csv with a row per run, two tables and a figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from minisnip.data import Dataset
from minisnip.lab.experiment import IN_ROUNDS, Experiment
from minisnip.lab.report import (
    Case,
    Row,
    as_csv,
    as_markdown,
    by_case,
    cells_of,
    diverged,
    errors,
    numerics,
    save,
    score,
)
from minisnip.nn.models import TITLES
from minisnip.pruning import METHODS

SPARSITIES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
CRITERIA = [name for name in METHODS if name not in ("delta-loss", *IN_ROUNDS[1:])]  # the fast ones
SEEDS, EPOCHS = 5, 10


def plan(
    make: Callable[..., Experiment],
    criteria: Sequence[str],
    controls: Sequence[str],
    sparsities: Sequence[float],
    seeds: int,
) -> list[Case]:
    """An experiment for each seed, criterion or control of SNIP, and sparsity; `make` takes these and adds the others.

    Raises
    ------
    ValueError
        If there is nothing to compare, or an experiment makes no sense.
    """
    pairs = [(criterion, "none") for criterion in criteria] + [("snip", control) for control in controls]
    if not pairs or not sparsities or seeds < 1:
        raise ValueError(
            f"{len(pairs)} criteria and controls, {len(sparsities)} sparsities, {seeds} seeds: at least 1 of each is "
            "needed"
        )
    return [
        (name_of(criterion, control), make(criterion=criterion, control=control, sparsity=sparsity, seed=seed))
        for seed in range(seeds)
        for criterion, control in pairs
        for sparsity in sparsities
    ]


def name_of(criterion: str, control: str) -> str:
    """A criterion, or the control of it."""
    return criterion if control == "none" else f"{criterion}, {control}"


def write(folder: Path, rows: Sequence[Row], dataset: Dataset) -> str:
    """Write results.csv, tables.md and error.png; the tables, as text."""
    from minisnip.lab import plots  # here, so that the command does not wait for matplotlib

    seeds = len({row["seed"] for row in rows})
    title = f"{TITLES[rows[0]['model']]} on {rows[0]['label']}, {rows[0]['epochs']} epochs, {seeds} seeds"
    origin = f"Computed with {numerics(rows)}."
    tables = "\n\n".join([title, error_table(rows), cost_table(rows), origin]) + diverged(rows) + "\n"
    figure = plots.error_curves(curves(rows), chance_error(dataset), title)
    save(folder, {"results.csv": as_csv(cells_of(rows)), "tables.md": tables, "error.png": figure})
    return tables


def chance_error(dataset: Dataset) -> float:
    """The test error, in percent, of always answering with the most frequent class of the training images."""
    answer = np.bincount(dataset.train.labels).argmax()
    return float(100 * np.mean(dataset.test.labels != answer))


def error_table(rows: Sequence[Row]) -> str:
    """Test error in percent, mean ± standard deviation over seeds: a line per method."""
    return as_markdown(
        [{"test error, %": name, **_by_sparsity(rows, own, "{}", score)} for name, own in by_case(rows).items()]
    )


def cost_table(rows: Sequence[Row]) -> str:
    """Seconds to prune; the sparsity that empties a layer; and how many of the kept connections are on a path."""
    return as_markdown(
        [
            {
                "": name,
                "seconds to prune": f"{np.median([row['seconds_to_prune'] for row in own]):.2f}",
                "a layer is empty above": _collapse(own),
                **_by_sparsity(rows, own, "on a path, {}", _effective),
            }
            for name, own in by_case(rows).items()
        ]
    )


def _by_sparsity(
    rows: Sequence[Row], own: Sequence[Row], column: str, cell: Callable[[Sequence[Row]], str]
) -> dict[str, str]:
    """A cell for each sparsity of all rows, made from a method's own; a dash where it has none."""
    groups = {s: [row for row in own if row["sparsity"] == s] for s in sorted({row["sparsity"] for row in rows})}
    return {column.format(f"{100 * s:g} %"): cell(group) if group else "–" for s, group in groups.items()}


def _collapse(rows: Sequence[Row]) -> str:
    found = [row["collapse_sparsity"] for row in rows if row["collapse_sparsity"] is not None]
    if found:
        return f"{100 * np.mean(found):.2f} %"
    whole = [row["sparsity"] for row in rows if not row["emptied_layers"]]
    return f"not at {100 * max(whole):g} %" if whole else "at all of these"


def _effective(group: Sequence[Row]) -> str:
    return f"{np.mean([row['effective'] for row in group]):,.0f} of {group[0]['kept']:,}"


def curves(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """For the figure: what each method keeps in percent, with the mean, least and greatest test error."""
    return {name: curve for name, own in by_case(rows).items() if (curve := _curve(own))["kept"]}


def _curve(rows: Iterable[Row]) -> dict[str, list[float]]:
    by_sparsity: Mapping[float, list[float]] = {
        s: errors(row for row in rows if row["sparsity"] == s) for s in sorted({row["sparsity"] for row in rows})
    }
    found = {s: e for s, e in by_sparsity.items() if e}
    return {
        "kept": [100 * (1 - s) for s in found],
        "mean": [float(np.mean(e)) for e in found.values()],
        "least": [min(e) for e in found.values()],
        "greatest": [max(e) for e in found.values()],
    }

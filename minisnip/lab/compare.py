"""Methods and controls side by side: prune, train and evaluate, over sparsities and seeds.

`minisnip compare` writes results.csv with a row per run, two tables and a figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from minisnip.data import Dataset
from minisnip.lab import report
from minisnip.lab.experiment import IN_ROUNDS, Experiment
from minisnip.lab.report import Case, Row
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
    cases = {name: {"criterion": name} for name in criteria}
    cases |= {f"snip, {name}": {"criterion": "snip", "control": name} for name in controls}
    if not cases or not sparsities or seeds < 1:
        raise ValueError(
            f"{len(cases)} criteria and controls, {len(sparsities)} sparsities, {seeds} seeds: at least 1 of each is "
            "needed"
        )
    return [
        (name, make(**options, sparsity=sparsity, seed=seed))
        for seed in range(seeds)
        for name, options in cases.items()
        for sparsity in sparsities
    ]


def write(folder: Path, rows: Sequence[Row], dataset: Dataset, command: str, svg: bool = False) -> str:
    """Write results.csv, tables.md, which names the command, and error.png; the tables, as text."""
    from minisnip.lab import plots  # here, so that the command does not wait for matplotlib

    counts = {"epoch": rows[0]["epochs"], "seed": len({row["seed"] for row in rows})}
    trained = ", ".join(report.plural(count, noun) for noun, count in counts.items())
    title = f"{TITLES[rows[0]['model']]} on {rows[0]['label']}, {trained}"
    origin = f"Computed with {report.numerics(rows)} by `{command}`."
    tables = "\n\n".join([title, error_table(rows), cost_table(rows), origin]) + report.diverged(rows) + "\n"
    figure = plots.error_curves(curves(rows), chance_error(dataset), title)
    cells = report.as_csv(report.cells_of(rows))
    report.save(folder, {"results.csv": cells, "tables.md": tables, "error.png": figure}, svg)
    return tables


def chance_error(dataset: Dataset) -> float:
    """The test error, in percent, of always answering with the most frequent class of the training images."""
    answer = np.bincount(dataset.train.labels).argmax()
    return float(100 * np.mean(dataset.test.labels != answer))


def error_table(rows: Sequence[Row]) -> str:
    """Test error in percent, mean ± standard deviation over seeds: a line per method."""
    return report.as_markdown(
        [
            {
                "test error, %": name,
                **{f"{100 * s:g} %": report.score(report.select(own, sparsity=s)) for s in _sparsities(rows)},
            }
            for name, own in report.by_case(rows).items()
        ]
    )


def cost_table(rows: Sequence[Row]) -> str:
    """Seconds to prune; the sparsity that empties a layer; and how many of the kept connections are on a path."""
    return report.as_markdown(
        [
            {
                "": name,
                "seconds to prune": f"{np.median([row['seconds_to_prune'] for row in own]):.2f}",
                "a layer is empty above": _collapse(own),
                **{f"on a path, {100 * s:g} %": _effective(report.select(own, sparsity=s)) for s in _sparsities(rows)},
            }
            for name, own in report.by_case(rows).items()
        ]
    )


def _sparsities(rows: Sequence[Row]) -> list[float]:
    return sorted({row["sparsity"] for row in rows})


def _collapse(rows: Sequence[Row]) -> str:
    found = [row["collapse_sparsity"] for row in rows if row["collapse_sparsity"] is not None]
    if found:
        return f"{100 * np.mean(found):.2f} %"
    whole = [row["sparsity"] for row in rows if not row["emptied_layers"]]
    return f"not at {100 * max(whole):g} %" if whole else "at all of these"


def _effective(group: Sequence[Row]) -> str:
    found = [row["effective"] for row in group if row["effective"] is not None]
    return f"{np.mean(found):,.0f} of {group[0]['kept']:,}" if found else "–"


def curves(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """For the figure: what each method keeps in percent, with the mean, least and greatest test error."""
    found = {}
    for name, own in report.by_case(rows).items():
        by_sparsity = {s: e for s in _sparsities(own) if (e := report.errors(report.select(own, sparsity=s)))}
        if by_sparsity:
            found[name] = {
                "kept": [100 * (1 - s) for s in by_sparsity],
                "mean": [float(np.mean(e)) for e in by_sparsity.values()],
                "least": [min(e) for e in by_sparsity.values()],
                "greatest": [max(e) for e in by_sparsity.values()],
            }
    return found

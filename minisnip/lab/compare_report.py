"""What a comparison writes: results.csv, two tables and a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from minisnip.data import Dataset
from minisnip.files import save_text, write_atomically
from minisnip.lab.run_folder import LABELS, TITLES
from minisnip.lab.tables import Row, as_csv, markdown, mean_and_std


def chance_error(dataset: Dataset) -> float:
    """The test error, in percent, of always answering with the most frequent class of the training images."""
    answer = np.bincount(dataset.train.labels).argmax()
    return float(100 * np.mean(dataset.test.labels != answer))


def name_of(row: Row) -> str:
    """A row's method, or the control of it."""
    return row["method"] if row["control"] == "none" else f"{row['method']}, {row['control']}"


def grouped(rows: Sequence[Row]) -> dict[str, dict[float, list[Row]]]:
    """Rows of all seeds, by name and sparsity."""
    groups: dict[str, dict[float, list[Row]]] = {}
    for row in rows:
        groups.setdefault(name_of(row), {}).setdefault(row["sparsity"], []).append(row)
    return groups


def error_table(rows: Sequence[Row]) -> str:
    """Test error in percent, mean ± standard deviation over seeds: a line for each method."""
    sparsities = sorted({row["sparsity"] for row in rows})
    header = ["test error, %", *(f"{100 * s:g} %" for s in sparsities)]
    return markdown(header, _lines(rows, sparsities, _mean_and_std))


def cost_table(rows: Sequence[Row]) -> str:
    """Seconds to prune; kept connections that are on a path, of those kept; and where a layer is emptied."""
    sparsities = sorted({row["sparsity"] for row in rows})
    header = ["", "seconds to prune", "a layer is empty above", *(f"on a path, {100 * s:g} %" for s in sparsities)]

    def lines() -> Iterator[list[str]]:
        for name, by_sparsity in grouped(rows).items():
            own = [row for group in by_sparsity.values() for row in group]
            seconds = f"{np.median([row['seconds_to_prune'] for row in own]):.2f}"
            yield [name, seconds, _collapse(own), *_cells(by_sparsity, sparsities, _effective)]

    return markdown(header, lines())


def _collapse(rows: Sequence[Row]) -> str:
    found = [row["collapse_sparsity"] for row in rows if row["collapse_sparsity"] is not None]
    if found:
        return f"{100 * np.mean(found):.2f} %"
    whole = [row["sparsity"] for row in rows if not row["emptied_layers"]]
    return f"not at {100 * max(whole):g} %" if whole else "at all of these"


def _mean_and_std(group: Sequence[Row]) -> str:
    return mean_and_std([row["test_error_percent"] for row in group])


def _effective(group: Sequence[Row]) -> str:
    return f"{np.mean([row['effective'] for row in group]):,.0f} of {group[0]['kept']:,}"


def _lines(
    rows: Sequence[Row], sparsities: Sequence[float], cell: Callable[[Sequence[Row]], str]
) -> Iterator[list[str]]:
    for name, by_sparsity in grouped(rows).items():
        yield [name, *_cells(by_sparsity, sparsities, cell)]


def _cells(
    by_sparsity: Mapping[float, Sequence[Row]], sparsities: Sequence[float], cell: Callable[[Sequence[Row]], str]
) -> list[str]:
    return [cell(by_sparsity[s]) if s in by_sparsity else "–" for s in sparsities]


def curves(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """For the figure: what is kept in percent, and mean, least and greatest test error, for each method."""
    answer = {}
    for name, by_sparsity in grouped(rows).items():
        errors = [[row["test_error_percent"] for row in by_sparsity[s]] for s in sorted(by_sparsity)]
        answer[name] = {
            "kept": [100 * (1 - s) for s in sorted(by_sparsity)],
            "mean": [float(np.mean(e)) for e in errors],
            "least": [min(e) for e in errors],
            "greatest": [max(e) for e in errors],
        }
    return answer


def write(folder: Path, rows: Sequence[Row], dataset: Dataset) -> str:
    """results.csv, tables.md and error.png; the tables, as text."""
    from minisnip.lab import plots  # here, so that `import minisnip` does not wait for matplotlib

    seeds = len({row["seed"] for row in rows})
    label = LABELS.get(rows[0]["dataset"], rows[0]["dataset"])
    title = f"{TITLES[rows[0]['model']]} on {label}, {rows[0]['epochs']} epochs, {seeds} seeds"
    tables = f"{title}\n\n{error_table(rows)}\n\n{cost_table(rows)}\n"
    save_text(folder / "results.csv", as_csv(rows))
    save_text(folder / "tables.md", tables)
    figure = plots.error_curves(curves(rows), chance_error(dataset), title)
    write_atomically(folder / "error.png", partial(figure.savefig, dpi=130))
    return tables

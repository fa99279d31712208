"""What the results have in common: rows from runs, the words under a title, and the files with where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minisnip.experiments.checkout import commit
from minisnip.experiments.reproduce.budgets import Case
from minisnip.experiments.run_files import digest
from minisnip.experiments.run_folder import LABELS, versions
from minisnip.experiments.tables import Row, as_csv
from minisnip.files import save_text, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONG = ("first_layer", "history")  # what is no cell of a table


@dataclass(frozen=True)
class Report:
    """The lines of the CSV, what is printed, and figures by name."""

    lines: Sequence[Row]
    text: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


def rows_of(cases: Sequence[Case], results: Sequence[Row]) -> list[dict[str, Any]]:
    """One row for each run: its case, the name of its result file, its configuration, and its result."""
    return [
        {"case": case, "run": digest(config), **asdict(config), **result}
        for (case, config), result in zip(cases, results, strict=True)
    ]


def lines_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows without what is no cell of a table."""
    return [{key: value for key, value in row.items() if key not in LONG} for row in rows]


def by_case(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of all seeds, for each case."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["case"], []).append(row)
    return groups


def errors(rows: Sequence[Row], which: str = "test_error_percent") -> list[float]:
    """Of all seeds that have one; a run that diverged in its first epoch has none."""
    return [row[which] for row in rows if row[which] is not None]


def where(rows: Sequence[Row]) -> str:
    """Data set, iterations and seeds, for the title of a figure or the caption of a table."""
    seeds, steps = len({row["seed"] for row in rows}), sorted({row["iterations"] for row in rows})
    label = LABELS.get(rows[0]["dataset"], rows[0]["dataset"])
    return f"{label}, {' or '.join(f'{n:,}' for n in steps)} iterations, {seeds} seed{'s' if seeds > 1 else ''}"


def diverged(rows: Sequence[Row]) -> str:
    """A sentence on the runs whose loss became infinite; nothing if there are none."""
    bad = [f"{row['case']} (seed {row['seed']})" for row in rows if row["diverged"]]
    return f"\nThe loss became infinite in {len(bad)} runs, which end there: {', '.join(bad)}." if bad else ""


def write(folder: Path, name: str, report: Report, command: str, rows: Sequence[Row]) -> list[Path]:
    """The CSV, the text, the figures, and a JSON that tells where they come from; the paths of all."""
    save_text(folder / f"{name}.csv", as_csv(report.lines))
    save_text(folder / f"{name}.md", report.text + "\n")
    for figure_name, figure in report.figures.items():
        write_atomically(folder / f"{figure_name}.png", partial(figure.savefig, dpi=110))
    files = [folder / f"{name}.csv", folder / f"{name}.md", *(folder / f"{n}.png" for n in report.figures)]
    origin = {"files": [file.name for file in files], **_origin(command, rows)}
    save_text(folder / f"{name}.json", json.dumps(origin, indent=1) + "\n")
    return [*files, folder / f"{name}.json"]


def _origin(command: str, rows: Sequence[Row]) -> dict[str, Any]:
    models = {row["model"] for row in rows}
    seeds = {model: sorted({row["seed"] for row in rows if row["model"] == model}) for model in sorted(models)}
    return {
        "command": command,
        "commit": commit(),
        "dataset": rows[0]["dataset"],
        "seeds": seeds,
        "runs": len({row["run"] for row in rows}),
        "seconds": round(seconds(rows), 1),  # of all runs, one after the other; those side by side are faster
        "versions": versions(),
    }


def seconds(rows: Sequence[Row]) -> float:
    """The time that all runs took, each counted once."""
    return sum({row["run"]: float(row["seconds"]) for row in rows}.values())

"""What the results have in common: rows from runs, and the files with where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minisnip.files import save_text, write_atomically
from minisnip.lab.checkout import commit
from minisnip.lab.reproduce.budgets import Case
from minisnip.lab.run_files import digest
from minisnip.lab.run_folder import LABELS, versions
from minisnip.lab.tables import Row, as_csv

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
    """One row for each run: its case, the name of its result file, its configuration, its result, and its data's title.

    "dataset" is the name of the data set, as in the configuration; "label" what a reader is told, "glyphs (not MNIST)".
    """
    return [
        {
            "case": case,
            "run": digest(config),
            **asdict(config),
            **{key: value for key, value in result.items() if key != "dataset"},
            "label": LABELS.get(result["dataset"], result["dataset"]),
        }
        for (case, config), result in zip(cases, results, strict=True)
    ]


def lines_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows without what is no cell of a table."""
    return [{key: value for key, value in row.items() if key not in LONG} for row in rows]


def write(
    folder: Path, name: str, report: Report, command: str, rows: Sequence[Row], commits: Sequence[str]
) -> list[Path]:
    """The CSV, the text, the figures, and a JSON that tells where they come from; the paths of all."""
    save_text(folder / f"{name}.csv", as_csv(report.lines))
    save_text(folder / f"{name}.md", report.text + "\n")
    for figure_name, figure in report.figures.items():
        write_atomically(folder / f"{figure_name}.png", partial(figure.savefig, dpi=110))
    files = [folder / f"{name}.csv", folder / f"{name}.md", *(folder / f"{n}.png" for n in report.figures)]
    origin = {"files": [file.name for file in files], **_origin(command, rows, commits)}
    save_text(folder / f"{name}.json", json.dumps(origin, indent=1) + "\n")
    return [*files, folder / f"{name}.json"]


def _origin(command: str, rows: Sequence[Row], commits: Sequence[str]) -> dict[str, Any]:
    models = {row["model"] for row in rows}
    seeds = {model: sorted({row["seed"] for row in rows if row["model"] == model}) for model in sorted(models)}
    return {
        "command": command,
        "commit": commit(),  # of this report
        "commits": [*commits],  # of its runs
        "datasets": list(dict.fromkeys(row["label"] for row in rows)),
        "seeds": seeds,
        "runs": len({row["run"] for row in rows}),
        "seconds": round(seconds(rows), 1),  # of all runs, one after the other; those side by side are faster
        "versions": versions(),
    }


def seconds(rows: Sequence[Row]) -> float:
    """The time that all runs took, each counted once."""
    return sum({row["run"]: float(row["seconds"]) for row in rows}.values())

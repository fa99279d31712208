"""Figure 2: which pixels the first layer still reads when SNIP scores with one class only; and with random labels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.data.dataset import TITLES, Split
from minisnip.lab.reproduce.budgets import MLP, Budget, Case
from minisnip.lab.reproduce.cells import by_case
from minisnip.lab.reproduce.one_run import RunConfig, load
from minisnip.lab.reproduce.report import Report
from minisnip.lab.tables import Row, markdown

SPARSITIES = tuple(round(0.1 * i, 1) for i in range(1, 10))
CLASSES = range(10)
UNITS = 300  # of the first layer
LABELS = ("true", "random")


def plan(budget: Budget, dataset: str) -> list[Case]:
    """Nothing is trained. Beside MNIST, Fashion-MNIST if its files are on this machine."""
    datasets = [dataset, "fashion-mnist"] if dataset == "mnist" and _here("fashion-mnist") else [dataset]
    return [
        (f"{TITLES[name]}, {labels} labels", _config(name, labels, digit, sparsity))
        for name in datasets
        for labels in LABELS
        for digit in CLASSES
        for sparsity in SPARSITIES
    ]


def _config(dataset: str, labels: str, digit: int, sparsity: float) -> RunConfig:
    return RunConfig(
        model=MLP,
        dataset=dataset,
        sparsity=sparsity,
        scoring_class=digit,
        scoring_labels=labels,
        iterations=0,
        report="validation",
    )


def _here(name: str) -> bool:
    """Whether the files of a data set are here, and whole."""
    try:
        data.load(name, download=False)
    except data.DataUnavailableError:
        return False
    except data.DataError as error:
        warnings.warn(f"figure 2 leaves out {TITLES[name]}: {error}", stacklevel=2)
        return False
    return True


def report(rows: Sequence[Row]) -> Report:
    """A line for each picture, and a figure for each data set with the random labels under the true ones."""
    from minisnip.lab import plots

    datasets = {name: load(name) for name in dict.fromkeys(row["dataset"] for row in rows)}
    means = {(name, digit): _mean(datasets[name].train, digit) for name in datasets for digit in CLASSES}
    lines = [_line(row, means[row["dataset"], row["scoring_class"]]) for row in rows]
    groups, figures = by_case(rows), {}
    for name, dataset in datasets.items():
        blocks = {f"{labels} labels": _grid(groups[f"{TITLES[name]}, {labels} labels"]) for labels in LABELS}
        title = (
            f"{dataset.label}: share of the 300 units of the first layer that read each pixel,\n"
            "scored with 100 images of one class, before any training"
        )
        percents = [f"{100 * s:g} %" for s in SPARSITIES]
        figures[f"figure2-{name}"] = plots.class_pictures(blocks, percents, dataset.class_names, title)
    return Report(lines, _table(lines), figures)


def _picture(row: Row) -> Array:
    return np.array(row["first_layer"], np.float64) / UNITS


def _grid(rows: Sequence[Row]) -> Array:
    """(sparsities, classes, 28, 28)."""
    found = {(row["sparsity"], row["scoring_class"]): _picture(row) for row in rows}
    return np.stack([[found[s, digit] for digit in CLASSES] for s in SPARSITIES])


def _mean(split: Split, digit: int) -> Array:
    """The mean image of a class."""
    mean: Array = split.images[split.labels == digit].mean(axis=0)[0]
    return mean


def _line(row: Row, mean: Array) -> Row:
    """A picture in numbers: what is kept, and how much it looks like the mean image of its class."""
    picture = _picture(row)
    keys = ("case", "run", "model", "label", "seed", "scoring_class", "scoring_labels", "sparsity", "seconds")
    return {
        **{key: row[key] for key in keys},
        "first_layer_kept": sum(map(sum, row["first_layer"])),
        "pixels_read": int(np.count_nonzero(picture)),
        "correlation_with_class_mean": round(float(np.corrcoef(picture.ravel(), mean.ravel())[0, 1]), 4),
    }


def _table(lines: Sequence[Row]) -> str:
    """How much the pictures look like the mean image of their class, with true labels and with random ones."""
    cells = [
        [case, *(f"{_mean_correlation(group, s):.2f}" for s in SPARSITIES)] for case, group in by_case(lines).items()
    ]
    table = markdown(["scored on", *(f"{100 * s:g} %" for s in SPARSITIES)], cells)
    return (
        f"Correlation of the picture with the mean image of its class, mean of ten classes, by sparsity:\n\n{table}\n\n"
        "Random labels know nothing of the classes: what they show as well comes from the images alone."
    )


def _mean_correlation(lines: Sequence[Row], sparsity: float) -> float:
    return float(np.mean([line["correlation_with_class_mean"] for line in lines if line["sparsity"] == sparsity]))

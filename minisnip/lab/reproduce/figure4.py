"""Figure 4: can a network learn labels that mean nothing? Dense against 99 %, on true and on shuffled labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from minisnip.lab.prune_and_train import SGD_RATES
from minisnip.lab.reproduce.budgets import CONVNET, Budget, Case, over_seeds
from minisnip.lab.reproduce.cells import by_case, cell, diverged, where
from minisnip.lab.reproduce.recipes import ALGORITHM_1, protocol
from minisnip.lab.reproduce.report import Report
from minisnip.lab.run_folder import TITLES
from minisnip.lab.tables import Row, markdown

NETWORKS = {"dense": 0.0, "99 %": 0.99}
COLUMNS = ("epoch", "iterations", "learning_rate", "train_loss", "train_error_percent", "validation_error_percent")


def plan(budget: Budget, dataset: str) -> list[Case]:
    """Four cases. The scores are always from true labels; the dense network has none."""
    return [
        case
        for name, sparsity in NETWORKS.items()
        for labels in ("true", "shuffled")
        for case in over_seeds(
            f"{name}, {labels} labels",
            budget,
            dataset,
            CONVNET,
            sparsity=sparsity,
            training_labels=labels,
            training_images=budget.memorized,
            **ALGORITHM_1,
        )
    ]


def report(rows: Sequence[Row]) -> Report:
    """A line for each epoch of each run, the table of how it ends, and the figure."""
    from minisnip.lab import plots

    images = rows[0]["training_images"]
    trained = f"the first {images:,} training images" if images else "all training images"
    title = f"{TITLES[CONVNET]}, {where(rows)}, learning rate {SGD_RATES[CONVNET]:g}, {trained}"
    figure = plots.memorization({case: _histories(group) for case, group in by_case(rows).items()}, title)
    header = ["network, labels trained on", "training loss, nats", "training error, %", "test error, %"]
    ends = ("train_loss", "train_error_percent", "test_error_percent")
    cells = [[case, *(_end(group, key) for key in ends)] for case, group in by_case(rows).items()]
    text = f"{title}\n\nIn the last epoch:\n\n{markdown(header, cells)}\n\n{protocol(CONVNET)}{diverged(rows)}"
    return Report(list(_lines(rows)), text, {"figure4": figure})


def _end(rows: Sequence[Row], key: str) -> str:
    return cell([history[-1][key] for history in _whole(rows)], len(rows))


def _histories(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Mean over the seeds that went to the end, by iteration."""
    keys, whole = ("iterations", "train_loss", "train_error_percent"), _whole(rows)
    if not whole:
        return {key: [] for key in keys}
    return {key: np.mean([[epoch[key] for epoch in history] for history in whole], axis=0).tolist() for key in keys}


def _whole(rows: Sequence[Row]) -> list[list[Row]]:
    """The histories of the runs that did not diverge."""
    return [row["history"] for row in rows if not row["diverged"]]


def _lines(rows: Sequence[Row]) -> Iterator[Row]:
    shared = ("case", "run", "model", "label", "seed", "sparsity", "training_labels", "training_images", "seconds")
    for row in rows:
        for epoch in row["history"]:
            yield {**{key: row[key] for key in shared}, **{key: epoch[key] for key in (*COLUMNS, "test_error_percent")}}

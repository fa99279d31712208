"""Table 3: the initialization that SNIP scores, at 90 %; what is trained is always a fresh Glorot draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minisnip.lab.reproduce import paper
from minisnip.lab.reproduce.budgets import CONVNET, MLP, Budget, Case, over_seeds
from minisnip.lab.reproduce.cells import diverged, score, select, where
from minisnip.lab.reproduce.report import Report, lines_of
from minisnip.lab.run_folder import TITLES
from minisnip.lab.tables import Row, markdown

NAMES = {
    "normal": "normal, std 0.1 (RN)",
    "truncated_normal": "truncated normal, std 0.1 (TN)",
    "glorot": "Glorot (VS-X)",
    "he": "He (VS-H)",
}
ADAM: dict[str, Any] = {"optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 0.0, "schedule": "constant"}
MODELS = (MLP, CONVNET)


def plan(budget: Budget, dataset: str) -> list[Case]:
    """Four initializations for each network."""
    options: dict[str, Any] = {"sparsity": 0.9, "trained_init": "glorot", **ADAM}
    return [
        case
        for model in MODELS
        for init in NAMES
        for case in over_seeds(init, budget, dataset, model, init=init, **options)
    ]


def report(rows: Sequence[Row]) -> Report:
    """results as CSV, and the table."""
    lines = lines_of(rows)
    return Report(lines, table(lines))


def table(lines: Sequence[Row]) -> str:
    """The table of the CSV's lines."""
    header = ["initialization scored", *(f"{TITLES[m]}, {who}" for m in MODELS for who in ("paper (MNIST)", "ours"))]
    cells = []
    for init, name in NAMES.items():
        row = [name]
        for model in MODELS:
            row += [paper.INITIALIZATIONS[init][model], score(select(lines, model=model, case=init))]
        cells.append(row)
    captions = "; ".join(f"{TITLES[m]} on {where(select(lines, model=m))}" for m in MODELS)
    return "\n\n".join(
        [
            "Test error in percent at 90 %, mean ± standard deviation over seeds: " + captions + ".",
            markdown(header, cells),
            "Adam at a constant 1e-3, no weight decay, batches of 100; 100 images to score. Trained is another draw "
            f"than the one that is scored, always Glorot's. The validation split chose the epoch.{diverged(lines)}",
        ]
    )

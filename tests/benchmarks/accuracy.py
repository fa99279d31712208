"""Accuracy on MNIST: SNIP beside the dense network and random pruning, over seeds.

    python -m tests.benchmarks.accuracy [--seeds 3] [--out runs/accuracy]

Each run has a result file; one that is finished is not computed again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minisnip.lab.experiment import Experiment, record
from minisnip.lab.report import mean_and_std
from minisnip.lab.runs import run_all
from minisnip.nn.models import TITLES
from tests.benchmarks.table import print_table

# model, epochs, (criterion, sparsity) of each row; LeNet-5-Caffe costs ten times as much for each epoch
PLAN = (
    ("lenet-300-100", 30, (("snip", 0.0), ("snip", 0.95), ("random", 0.95), ("snip", 0.98), ("random", 0.98))),
    ("lenet-5-caffe", 10, (("snip", 0.0), ("snip", 0.98), ("snip", 0.99))),
)
HEADER = ("network", "criterion", "sparsity", "connections kept", "epochs", "seeds", "test error")


def rows(seeds: int) -> Iterator[list[Experiment]]:
    """One list of experiments, over seeds, for each row of the table."""
    for model, epochs, cases in PLAN:
        for criterion, sparsity in cases:
            yield [
                Experiment(model, sparsity=sparsity, criterion=criterion, seed=seed, epochs=epochs)
                for seed in range(seeds if model == "lenet-300-100" else min(seeds, 2))
            ]


def cells(experiments: list[Experiment], results: list[dict[str, Any]]) -> tuple[object, ...]:
    """A row of the table, from its runs."""
    first = experiments[0]
    return (
        TITLES[first.model],
        first.criterion if first.sparsity else "none (dense)",
        first.percent,
        f"{results[0]['kept']:,}",
        first.epochs,
        len(experiments),
        f"{mean_and_std([result['test_error_percent'] for result in results])} %",
    )


def main() -> None:
    """Print the table of the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/accuracy"))
    options = parser.parse_args()
    print_table(HEADER, (cells(row, run_all(options.out, row, record, jobs=1)) for row in rows(options.seeds)))


if __name__ == "__main__":
    main()

"""Accuracy on MNIST: SNIP beside the dense network and random pruning, over seeds.

    python -m tests.benchmarks.accuracy [--seeds 3] [--out runs/accuracy]

Each run has a folder of its own; one that is finished is not computed again, one that was killed goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minisnip import data
from minisnip.lab import run_folder
from minisnip.lab.prune_and_train import Config, run
from tests.benchmarks.table import print_table

# model, epochs, (criterion, sparsity) of each row; LeNet-5-Caffe costs ten times as much for each epoch
PLAN = (
    ("lenet-300-100", 30, (("snip", 0.0), ("snip", 0.95), ("random", 0.95), ("snip", 0.98), ("random", 0.98))),
    ("lenet-5-caffe", 10, (("snip", 0.0), ("snip", 0.98), ("snip", 0.99))),
)
HEADER = ("network", "criterion", "sparsity", "connections kept", "epochs", "seeds", "test error")


def rows(seeds: int) -> Iterator[list[Config]]:
    """One list of configurations, over seeds, for each row of the table."""
    for model, epochs, cases in PLAN:
        for criterion, sparsity in cases:
            yield [
                Config.usual(model, sparsity=sparsity, criterion=criterion, seed=seed, epochs=epochs)
                for seed in range(seeds if model == "lenet-300-100" else min(seeds, 2))
            ]


def result(config: Config, dataset: data.Dataset, out: Path) -> dict[str, Any]:
    """The result of a run; computed if it is not there."""
    folder = out / run_folder.default(config).name
    found = run_folder.open_for(folder, config, resume=True)
    return found or run_folder.write(folder, run(config, dataset, folder, resume=True))


def cells(configs: list[Config], results: list[dict[str, Any]]) -> tuple[object, ...]:
    """A row of the table, from its runs."""
    config, errors = configs[0], [r["test_error_percent"] for r in results]
    return (
        run_folder.TITLES[config.model],
        config.criterion if config.sparsity else "none (dense)",
        config.percent,
        f"{results[0]['kept']:,}",
        config.epochs,
        len(configs),
        f"{np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f} %",
    )


def main() -> None:
    """Print the table of the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/accuracy"))
    options = parser.parse_args()
    dataset = data.load("mnist")
    print_table(
        HEADER,
        (cells(configs, [result(c, dataset, options.out) for c in configs]) for configs in rows(options.seeds)),
    )


if __name__ == "__main__":
    main()

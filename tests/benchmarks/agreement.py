"""How well the derivative predicts a deletion: g_j beside ΔL_j, for every connection of both LeNets.

    python -m tests.benchmarks.agreement    writes tests/benchmarks/results/agreement/agreement.json and table.md

One batch of 100 MNIST images, before training, seed 0; a minute on two cores. `minisnip agree` has the figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from minisnip.data import load
from minisnip.lab.agree import compare_scores
from minisnip.lab.experiment import Experiment
from minisnip.lab.report import Row, as_markdown, save
from minisnip.lab.runs import commit, versions
from minisnip.nn.models import TITLES
from tests.benchmarks.problem import PAPERS

FOLDER = Path(__file__).parent / "results" / "agreement"
SHARES = (90, 95, 98, 99)


def rows(networks: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[Row]:
    """A line for each layer of each network, and one for all of them."""
    for model, layers in networks.items():
        for layer, row in layers.items():
            yield {
                "network": TITLES[model],
                "layer": layer,
                "connections": f"{row['connections']:,}",
                "Pearson": f"{row['pearson']:.4f}",
                "Spearman": f"{row['spearman']:.4f}",
                "equal signs": f"{100 * row['equal_signs']:.1f} %",
                **{f"precision at {share} %": f"{row[f'precision_{share}']:.2f}" for share in SHARES},
            }


def measured() -> dict[str, Any]:
    """The numbers of both networks, and where they come from."""
    data = load("mnist")
    networks = {model: compare_scores(Experiment(model=model), data).report["agreement"] for model in PAPERS}
    origin = {"command": "-m tests.benchmarks.agreement", "commit": commit(), "versions": versions()}
    return {**origin, "networks": networks}


if __name__ == "__main__":
    record = measured()
    table = as_markdown([*rows(record["networks"])])
    save(FOLDER, {"agreement.json": json.dumps(record, indent=1) + "\n", "table.md": table + "\n"})
    print(table)

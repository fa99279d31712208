"""Figure 1: test error against sparsity for both networks, with a band over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minisnip.lab.prune_and_train import SGD_RATES
from minisnip.lab.reproduce import paper
from minisnip.lab.reproduce.budgets import CONVNET, MLP, Budget, Case, over_seeds
from minisnip.lab.reproduce.cells import diverged, errors, percent, score, select, where
from minisnip.lab.reproduce.recipes import ALGORITHM_1, protocol
from minisnip.lab.reproduce.report import Report, lines_of
from minisnip.lab.run_folder import TITLES
from minisnip.lab.tables import Row, markdown

SPARSITIES = {MLP: (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99), CONVNET: (0.0, 0.5, 0.9, 0.95, 0.98, 0.99)}


def plan(budget: Budget, dataset: str) -> list[Case]:
    """Algorithm 1 at each sparsity; three of them are table 1's very runs."""
    return [
        case
        for model, sparsities in SPARSITIES.items()
        for s in sparsities
        for case in over_seeds(percent(s), budget, dataset, model, sparsity=s, **ALGORITHM_1)
    ]


def report(rows: Sequence[Row]) -> Report:
    """CSV, table and figure."""
    from minisnip.lab import plots  # here, so that `import minisnip` does not wait for matplotlib

    groups = {
        model: {s: select(rows, model=model, sparsity=s) for s in sparsities}
        for model, sparsities in SPARSITIES.items()
    }
    names = {m: f"{TITLES[m]}, learning rate {SGD_RATES[m]:g}\n{where(select(rows, model=m))}" for m in groups}
    curves = {names[m]: _curve(m, by_sparsity) for m, by_sparsity in groups.items()}
    cells = [[TITLES[m], percent(s), score(found)] for m, g in groups.items() for s, found in g.items()]
    caption = "; ".join(name.replace("\n", " on ") for name in names.values())
    table = markdown(("network", "sparsity", "test error, %"), cells)
    text = f"{caption}\n\n{table}\n\n{protocol(MLP, CONVNET)}{diverged(rows)}"
    return Report(lines_of(rows), text, {"figure1": plots.sparsity_curves(curves)})


def _curve(model: str, by_sparsity: dict[float, list[Row]]) -> dict[str, Any]:
    """What the figure needs, in percent: the band is mean ± standard deviation."""
    found = {s: e for s, rows in by_sparsity.items() if (e := errors(rows))}
    return {
        "sparsity": [100 * s for s in found],
        "mean": [float(np.mean(e)) for e in found.values()],
        "std": [float(np.std(e, ddof=1)) if len(e) > 1 else 0.0 for e in found.values()],
        "paper": {0.0: paper.DENSE[model], **paper.SNIP[model]},
    }

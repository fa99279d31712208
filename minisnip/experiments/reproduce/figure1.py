"""Figure 1: test error against sparsity for both networks, with a band over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minisnip.experiments.reproduce import paper
from minisnip.experiments.reproduce.budgets import CONVNET, MLP, Budget, Case, over_seeds
from minisnip.experiments.reproduce.recipes import ALGORITHM_1
from minisnip.experiments.reproduce.report import Report, diverged, errors, lines_of, where
from minisnip.experiments.run_folder import TITLES
from minisnip.experiments.tables import Row, markdown, mean_and_std

SPARSITIES = {MLP: (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99), CONVNET: (0.0, 0.5, 0.9, 0.95, 0.98, 0.99)}


def plan(budget: Budget, dataset: str) -> list[Case]:
    """Algorithm 1 at each sparsity; three of them are table 1's very runs."""
    return [
        case
        for model, sparsities in SPARSITIES.items()
        for s in sparsities
        for case in over_seeds(f"{100 * s:g} %", budget, dataset, model, sparsity=s, **ALGORITHM_1)
    ]


def report(rows: Sequence[Row]) -> Report:
    """CSV, table and figure."""
    from minisnip import plots  # here, so that `import minisnip` does not wait for matplotlib

    groups = {model: {s: _at(rows, model, s) for s in sparsities} for model, sparsities in SPARSITIES.items()}
    names = {m: f"{TITLES[m]}\n{where([r for r in rows if r['model'] == m])}" for m in groups}
    curves = {names[m]: _curve(m, by_sparsity) for m, by_sparsity in groups.items()}
    cells = [
        [TITLES[m], f"{100 * s:g} %", mean_and_std(e) if e else "–"] for m, g in groups.items() for s, e in g.items()
    ]
    caption = "; ".join(name.replace("\n", " on ") for name in names.values())
    text = f"{caption}\n\n{markdown(('network', 'sparsity', 'test error, %'), cells)}{diverged(rows)}"
    return Report(lines_of(rows), text, {"figure1": plots.sparsity_curves(curves)})


def _at(rows: Sequence[Row], model: str, sparsity: float) -> list[float]:
    return errors([row for row in rows if (row["model"], row["sparsity"]) == (model, sparsity)])


def _curve(model: str, by_sparsity: dict[float, list[float]]) -> dict[str, Any]:
    """What the figure needs, in percent: the band is mean ± standard deviation."""
    found = {s: e for s, e in by_sparsity.items() if e}
    return {
        "sparsity": [100 * s for s in found],
        "mean": [float(np.mean(e)) for e in found.values()],
        "std": [float(np.std(e, ddof=1)) if len(e) > 1 else 0.0 for e in found.values()],
        "paper": {0.0: paper.DENSE[model], **paper.SNIP[model]},
    }

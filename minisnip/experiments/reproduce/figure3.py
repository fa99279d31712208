"""Figure 3: how many images the scoring batch needs: the error, and the pixels that are still read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minisnip.experiments.reproduce import paper
from minisnip.experiments.reproduce.budgets import MLP, Budget, Case, over_seeds
from minisnip.experiments.reproduce.recipes import ALGORITHM_1
from minisnip.experiments.reproduce.report import Report, by_case, diverged, errors, lines_of, where
from minisnip.experiments.run_folder import TITLES
from minisnip.experiments.tables import Row, markdown, mean_and_std


def plan(budget: Budget, dataset: str) -> list[Case]:
    """LeNet-300-100 at 90 %; 100 images are figure 1's very runs."""
    options = {"sparsity": 0.9, **ALGORITHM_1}
    return [
        case
        for images in paper.SCORING_IMAGES
        for case in over_seeds(f"{images:,}", budget, dataset, MLP, scoring_images=images, **options)
    ]


def report(rows: Sequence[Row]) -> Report:
    """CSV, table and figure; the picture is that of the first seed."""
    from minisnip import plots

    groups = by_case(rows)
    ours = {int(case.replace(",", "")): errors(group) for case, group in groups.items()}
    pictures = {group[0]["scoring_images"]: np.array(group[0]["first_layer"]) for group in groups.values()}
    cells = [
        [f"{n:,}", f"{paper.SCORING_IMAGES[n]:.2f}", mean_and_std(e) if e else "–", f"{np.count_nonzero(pictures[n])}"]
        for n, e in ours.items()
    ]
    header = ["images to score", "paper: test error, %", "ours: test error, %", "pixels still read (seed 0)"]
    title = f"{TITLES[MLP]} at 90 %, {where(rows)}"
    figure = plots.scoring_batches({n: e for n, e in ours.items() if e}, paper.SCORING_IMAGES, pictures, title)
    return Report(lines_of(rows), f"{title}\n\n{markdown(header, cells)}{diverged(rows)}", {"figure3": figure})

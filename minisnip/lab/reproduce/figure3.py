"""Figure 3: how many images the scoring batch needs: the error, and the pixels that are still read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minisnip.lab.reproduce import paper
from minisnip.lab.reproduce.budgets import MLP, Budget, Case, over_seeds
from minisnip.lab.reproduce.cells import diverged, errors, percent, score, select, where
from minisnip.lab.reproduce.recipes import ALGORITHM_1, protocol
from minisnip.lab.reproduce.report import Report, lines_of
from minisnip.lab.run_folder import TITLES
from minisnip.lab.tables import Row, markdown

SPARSITY = 0.9


def plan(budget: Budget, dataset: str) -> list[Case]:
    """LeNet-300-100 at 90 %; 100 images are figure 1's very runs."""
    options = {"sparsity": SPARSITY, **ALGORITHM_1}
    return [
        case
        for images in paper.SCORING_IMAGES
        for case in over_seeds(f"{images:,}", budget, dataset, MLP, scoring_images=images, **options)
    ]


def report(rows: Sequence[Row]) -> Report:
    """CSV, table and figure; the picture is that of the first seed."""
    from minisnip.lab import plots

    groups = {images: select(rows, scoring_images=images) for images in paper.SCORING_IMAGES}
    pictures = {images: np.array(group[0]["first_layer"]) for images, group in groups.items()}
    cells = [
        [f"{n:,}", f"{paper.SCORING_IMAGES[n]:.2f}", score(group), f"{np.count_nonzero(pictures[n])}"]
        for n, group in groups.items()
    ]
    header = ["images to score", "paper (MNIST): test error, %", "ours: test error, %", "pixels still read (seed 0)"]
    title = f"{TITLES[MLP]} at {percent(SPARSITY)}, {where(rows)}"
    ours = {n: e for n, group in groups.items() if (e := errors(group))}
    figure = plots.scoring_batches(ours, paper.SCORING_IMAGES, pictures, title)
    text = f"{title}\n\n{markdown(header, cells)}\n\n{protocol(MLP)}{diverged(rows)}"
    return Report(lines_of(rows), text, {"figure3": figure})

"""Figures of the paper, drawn from our runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from minisnip.autodiff.engine import Array
from minisnip.lab.plots.agreement import percent_axis
from minisnip.lab.plots.colors import BLUE, GRAY, ORANGE


def sparsity_curves(curves: Mapping[str, Mapping[str, Any]], title: str = "") -> Figure:
    """Figure 1: test error against the connections kept, a panel for each network, beside the paper's numbers.

    Parameters
    ----------
    curves : dict of {"sparsity", "mean", "std", "paper"}, in percent, by the title of the panel
        Sparsity 0 is the dense network, drawn as a level; `paper` is a dict from sparsity to error.
    """
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (name, curve) in zip(panels, curves.items(), strict=True):
        _sparsity_panel(axes, curve)
        axes.set(title=name, xscale="log", xlabel="connections kept (%)", ylim=(0, None))
        percent_axis(axes)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("test error (%)")
    panels[0].legend(frameon=False, loc="upper left")
    return figure


def _sparsity_panel(axes: Axes, curve: Mapping[str, Any]) -> None:
    sparsity, mean, std = (np.array(curve[key], np.float64) for key in ("sparsity", "mean", "std"))
    pruned = sparsity > 0
    for i in np.flatnonzero(~pruned):
        axes.axhspan(mean[i] - std[i], mean[i] + std[i], color=GRAY, alpha=0.25, linewidth=0)
        axes.axhline(mean[i], color=GRAY, linestyle="--", label="dense")
    kept, middle, spread = 100 - sparsity[pruned], mean[pruned], std[pruned]
    axes.fill_between(kept, middle - spread, middle + spread, color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(kept, middle, color=BLUE, marker="o", label="SNIP, mean ± std over seeds")
    printed = {s: error for s, error in curve["paper"].items() if s > 0}
    axes.plot(
        [100 - s for s in printed], [*printed.values()], "D", mfc="none", color=ORANGE, label="SNIP, the paper (MNIST)"
    )
    if 0.0 in curve["paper"]:
        axes.axhline(curve["paper"][0.0], color=ORANGE, linestyle=":", label="dense, the paper (MNIST)")


def class_pictures(blocks: Mapping[str, Array], rows: Sequence[str], columns: Sequence[str], title: str) -> Figure:
    """Figure 2: pictures in a grid, sparsities down and classes across; one block under the other.

    Parameters
    ----------
    blocks : dict of (rows, columns, H, W) arrays, in 0 … 1, by name
        Of each picture, white is its largest value: at 90 % as at 10 % the shape is to be seen.
    """
    figure = Figure(figsize=(0.55 * len(columns) + 1.2, 0.55 * len(rows) * len(blocks) + 1.8), layout="constrained")
    figure.suptitle(f"{title}\nrows: sparsity; black: no unit; white: the most of this picture", fontsize=10)
    for part, (name, pictures) in zip(
        figure.subfigures(len(blocks), 1, squeeze=False)[:, 0], blocks.items(), strict=True
    ):
        part.suptitle(name, fontsize=10, fontweight="bold")
        panels = part.subplots(len(rows), len(columns), squeeze=False)
        for line, row, images in zip(panels, rows, pictures, strict=True):
            line[0].set_ylabel(row, fontsize=8, rotation=0, ha="right", va="center")
            for axes, image in zip(line, images, strict=True):
                axes.imshow(image, cmap="gray", vmin=0, vmax=max(float(image.max()), 1e-9))
                axes.set(xticks=[], yticks=[])
        for axes, column in zip(panels[0], columns, strict=True):
            axes.set_title(column, fontsize=8 if len(column) < 9 else 6)
    return figure


def scoring_batches(
    ours: Mapping[int, Sequence[float]], paper: Mapping[int, float], pictures: Mapping[int, Array], title: str
) -> Figure:
    """Figure 3: test error against the images in the scoring batch, and the pixels read after each.

    Parameters
    ----------
    ours : dict of test errors in percent over seeds, by the number of images
    paper : dict of test errors in percent
    pictures : dict of (H, W) counts of kept connections
    """
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    figure.suptitle(title)
    above, below = figure.subfigures(2, 1, height_ratios=(1.6, 1), squeeze=False)[:, 0]
    axes = above.subplots()
    axes.plot([*ours], [np.mean(errors) for errors in ours.values()], color=BLUE, marker="o", label="ours, mean")
    seeds = [(1.12 * images, error) for images, errors in ours.items() for error in errors]  # beside the mean
    axes.plot([x for x, _ in seeds], [y for _, y in seeds], ".", color=BLUE, alpha=0.5, label="ours, each seed")
    axes.plot([*paper], [*paper.values()], "D", mfc="none", color=ORANGE, label="the paper (MNIST)")
    axes.set(xscale="log", yscale="log", xlabel="images in the scoring batch", ylabel="test error (%)")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    top = max(picture.max() for picture in pictures.values())
    panels = below.subplots(1, len(pictures), squeeze=False)[0]
    for panel, (images, picture) in zip(panels, pictures.items(), strict=True):
        shown = panel.imshow(picture, cmap="viridis", vmin=0, vmax=top)
        panel.set(xticks=[], yticks=[], title=f"{images:,} image{'s' if images > 1 else ''}")
    below.colorbar(shown, ax=list(panels), label="units that\nread a pixel", shrink=0.8)
    return figure


def memorization(curves: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> Figure:
    """Figure 4: training loss and error against the iteration, for true labels (solid) and shuffled ones (dashed).

    Parameters
    ----------
    curves : dict of {"iterations", "train_loss", "train_error_percent"} by "<network>, <true or shuffled> labels"
    """
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    figure.suptitle(title)
    loss, error = figure.subplots(1, 2)
    networks = list(dict.fromkeys(name.partition(",")[0] for name in curves))
    for name, curve in curves.items():
        color = (BLUE, ORANGE)[networks.index(name.partition(",")[0]) % 2]
        line = "--" if "shuffled" in name else "-"
        for axes, key in ((loss, "train_loss"), (error, "train_error_percent")):
            axes.plot(curve["iterations"], curve[key], line, color=color, label=name, marker=".", markersize=4)
    loss.set(xlabel="iteration", ylabel="training loss (nats)", yscale="log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    loss.yaxis.set_major_formatter("{x:g}")
    loss.yaxis.set_minor_formatter(NullFormatter())
    error.set(xlabel="iteration", ylabel="training error (%)", ylim=(-2, 100))
    for axes in (loss, error):
        axes.grid(alpha=0.3)
    figure.legend(*error.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=4)
    return figure

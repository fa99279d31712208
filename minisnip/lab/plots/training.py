"""Figures of one run: how it trained, and what its mask keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from minisnip.autodiff.engine import Array
from minisnip.lab.plots.colors import BLUE, COLORS


def training_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """Loss and error against the epoch, one color for each run: training dashed, validation solid.

    Parameters
    ----------
    histories : dict of lists of rows, as in `TrainResult.history`
        By the name of the run.
    title : str
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    figure.suptitle(title)
    loss, error = figure.subplots(1, 2)
    for (name, rows), color in zip(histories.items(), COLORS, strict=False):
        _curves(loss, rows, "loss", name, color)
        _curves(error, rows, "error_percent", name, color)
    loss.set(xlabel="epoch", ylabel="cross-entropy (nats)", yscale="log")
    error.set(xlabel="epoch", ylabel="error (%)", yscale="log")
    for axes in (loss, error):
        axes.grid(alpha=0.3)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    error.legend(frameon=False)
    return figure


def _curves(axes: Axes, rows: Sequence[Mapping[str, Any]], quantity: str, name: str, color: str) -> None:
    epochs = [row["epoch"] for row in rows]
    for split, line in (("train", "--"), ("validation", "-")):
        values = [row[f"{split}_{quantity}"] for row in rows]
        axes.plot(epochs, values, line, color=color, label=f"{name}, {split}", marker="o", markersize=3)


def kept_per_layer(rows: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """One bar for each parameter: the share of its connections that is kept, and the counts.

    Parameters
    ----------
    rows : dict of {"kept", "total", "percent"}, as from `pruning.kept_per_layer`
    title : str
    """
    figure = Figure(figsize=(7.5, 1.4 + 0.38 * len(rows)), layout="constrained")
    axes = figure.subplots()
    percents = [row["percent"] for row in rows.values()]
    axes.barh(list(rows), percents, color=BLUE)
    for i, row in enumerate(rows.values()):
        axes.annotate(
            f"{row['kept']:,} of {row['total']:,}", (row["percent"], i), (4, 0), textcoords="offset points", va="center"
        )
    kept, total = (sum(row[key] for row in rows.values()) for key in ("kept", "total"))
    axes.set_title(f"{title}\n{kept:,} of {total:,} connections are kept")
    axes.set(xlabel="connections kept (%)", xlim=(0, 1.35 * max(*percents, 1e-9)))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def kept_pixels(counts: Array, title: str) -> Figure:
    """The input as an image: how often the kept connections of the first layer read each pixel.

    A connection of a linear layer reads one pixel, once; one of a convolution reads as many as it has windows.

    Parameters
    ----------
    counts : (H, W) integers
    title : str
    """
    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(counts, cmap="viridis", vmin=0)
    read = f"{np.count_nonzero(counts)} of {counts.size} pixels are read"
    axes.set(title=f"{title}\n{read}", xlabel="pixel column", ylabel="pixel row")
    figure.colorbar(image, ax=axes, label="times read by kept connections")
    return figure

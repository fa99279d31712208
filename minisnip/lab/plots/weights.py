"""The weights of a first layer as images, beside the parameters of every layer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from minisnip.autodiff.engine import Array
from minisnip.lab.plots.colors import BLUE


def weight_pictures(rows: Mapping[str, Array], counts: Mapping[str, int], title: str) -> Figure:
    """A row of pictures for each entry, a column for each unit; on the right a bar for each layer.

    Parameters
    ----------
    rows : dict of (units, H, W) arrays, by what stands at the left of the row
        All are drawn on one scale: red is negative, white 0, blue positive; the rare weights beyond it are clipped.
    counts : dict of int
        Parameters by layer.
    """
    figure = Figure(figsize=(10.5, 1.15 * len(rows) + 0.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    left, right = figure.subfigures(1, 2, width_ratios=(3.1, 1), squeeze=False)[0]
    _pictures(left, rows)
    _bars(right.subplots(), counts)
    return figure


def _pictures(part: SubFigure, rows: Mapping[str, Array]) -> None:
    scale = float(np.quantile(np.abs(np.concatenate([np.ravel(a) for a in rows.values()])), 0.995)) or 1.0
    panels = part.subplots(len(rows), max(map(len, rows.values())), squeeze=False)
    for line, (name, images) in zip(panels, rows.items(), strict=True):
        line[0].set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center")
        for axes, image in zip(line, images, strict=True):
            drawn = axes.imshow(image, cmap="RdBu", vmin=-scale, vmax=scale)
            axes.set(xticks=[], yticks=[])
    for i, axes in enumerate(panels[0]):
        axes.set_title(f"unit {i}", fontsize=9)
    part.colorbar(drawn, ax=panels.ravel().tolist(), label="weight, or its change", shrink=0.8, extend="both")


def _bars(axes: Axes, counts: Mapping[str, int]) -> None:
    total = sum(counts.values())
    axes.barh(list(counts), list(counts.values()), color=BLUE, height=0.5)
    for i, count in enumerate(counts.values()):
        axes.annotate(f"{count:,}: {100 * count / total:.1f} %", (0, i - 0.25), (3, 3), textcoords="offset points")
    axes.set_title(f"{total:,} parameters", fontsize=10)
    axes.set(xlabel="parameters", xlim=(0, 1.15 * max(counts.values())), ylim=(len(counts) - 0.5, -0.7))
    axes.xaxis.set_major_locator(MaxNLocator(2))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)

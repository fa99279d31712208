"""What pruning leaves of each layer, and what it saves: bytes and milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minisnip.autodiff.engine import Array
from minisnip.lab.plots.agreement import percent_axis
from minisnip.lab.plots.colors import BLUE, GRAY, ORANGE

STYLES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GRAY, "^", ":"))
FLOOR = 0.01  # percent: where an emptied layer is marked, for a logarithm has no 0


def collapse_and_cost(
    kept: Sequence[float],
    masks: Mapping[str, Sequence[Mapping[str, Array]]],
    shares: Sequence[float],
    costs: Mapping[str, Mapping[str, Sequence[float]]],
    title: str,
) -> Figure:
    """Above, how much is kept of each layer, a panel for each way of pruning; below, a panel for each cost.

    Parameters
    ----------
    kept, shares : sequences of float
        Connections kept in percent: of the masks, and of the costs.
    masks : dict of sequences of masks, by panel
        A weight that is empty is drawn as a cross at the bottom.
    costs : dict of dicts of numbers, by panel and by network
        A panel's name is its title and, behind the last comma, the unit.
    """
    figure = Figure(figsize=(10, 7), layout="constrained")
    figure.suptitle(title, fontsize=12)
    above, below = figure.subfigures(2, 1, height_ratios=(1.05, 1), squeeze=False)[:, 0]
    panels = above.subplots(1, len(masks), sharey=True, squeeze=False)[0]
    for axes, (name, ways) in zip(panels, masks.items(), strict=True):
        _layers(axes, kept, {n: [100 * float(np.mean(c[n])) for c in ways] for n in ways[0] if n.endswith("weight")})
        axes.set_title(name, fontsize=11)
    panels[0].set(ylabel="kept of the layer (%)")
    panels[-1].legend(frameon=False, loc="lower left")
    for axes, (name, curves) in zip(below.subplots(1, len(costs), squeeze=False)[0], costs.items(), strict=True):
        what, _, unit = name.rpartition(", ")
        _lines(axes, shares, curves)
        axes.set(ylabel=unit, ylim=(0, None))
        axes.set_title(what, fontsize=11)
        axes.legend(frameon=False)
    return figure


def _layers(axes: Axes, kept: Sequence[float], percents: Mapping[str, Sequence[float]]) -> None:
    """Of an emptied layer a cross, for a logarithm has no 0; one above the other, so that all are seen."""
    x, floors = np.array(kept), FLOOR * 1.9 ** np.arange(len(percents))
    y = {name.removesuffix(".weight"): np.array(values) for name, values in percents.items()}
    _lines(axes, kept, {name: np.where(values > 0, values, np.nan) for name, values in y.items()})
    for floor, values, (color, _, _) in zip(floors, y.values(), STYLES, strict=False):
        axes.plot(x[values == 0], np.full(np.sum(values == 0), floor), "x", color=color, ms=7, mew=2)
    if any(np.any(values == 0) for values in y.values()):
        axes.text(0.04, 0.04, "× emptied", transform=axes.transAxes)
    axes.set(yscale="log", ylim=(FLOOR / 1.6, 160), xticks=kept)
    axes.yaxis.set_major_formatter("{x:g}")


def _lines(axes: Axes, kept: Sequence[float], curves: Mapping[str, Any]) -> None:
    for (name, values), (color, marker, line) in zip(curves.items(), STYLES, strict=False):
        axes.plot(kept, values, line, color=color, marker=marker, markersize=5, label=name)
    axes.set(xscale="log", xlabel="connections kept in all (%)")
    percent_axis(axes)
    axes.grid(alpha=0.3)

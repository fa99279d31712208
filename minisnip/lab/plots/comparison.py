"""Figure of a comparison: test error against what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from minisnip.lab.plots.agreement import percent_axis
from minisnip.lab.plots.colors import COLORS, GRAY, SKY, YELLOW

MARKERS = "os^Dv<>Ph*X"


def error_curves(curves: Mapping[str, Mapping[str, Sequence[float]]], chance: float, title: str) -> Figure:
    """Test error against the connections kept, both logarithmic; bands from the least to the greatest of the seeds.

    Parameters
    ----------
    curves : dict of {"kept", "mean", "least", "greatest"}, in percent, by method
    chance : float
        The error of always giving the same answer, dotted.
    title : str
    """
    figure = Figure(figsize=(9.5, 5.2), layout="constrained")
    axes = figure.subplots()
    styles = zip(cycle((*COLORS, SKY, YELLOW)), cycle(MARKERS), strict=False)
    ordered = sorted(curves, key=lambda name: curves[name]["mean"][-1], reverse=True)  # the legend as the curves end
    for name, (color, marker) in zip(curves, styles, strict=False):
        curve = curves[name]
        line = "-" if list(curves).index(name) < len(COLORS) + 2 else "--"
        axes.fill_between(curve["kept"], curve["least"], curve["greatest"], color=color, alpha=0.15, linewidth=0)
        axes.plot(curve["kept"], curve["mean"], line, color=color, marker=marker, markersize=5, label=name)
    axes.axhline(chance, linestyle=":", color=GRAY, label="always the same answer")
    axes.set(xscale="log", yscale="log", xlabel="connections kept (%)", ylabel="test error (%)", title=title)
    percent_axis(axes)
    axes.yaxis.set_major_locator(FixedLocator([1, 1.5, 2, 3, 5, 10, 20, 50, 90]))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
    handles = {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    names = ["always the same answer", *ordered]
    axes.legend([handles[n] for n in names], names, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure

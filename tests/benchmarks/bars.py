"""The figure of the training steps: a bar for each library, a panel for each network."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minisnip.lab.plots.style import BLUE, GRAY, GREEN, ORANGE, PURPLE
from tests.benchmarks.table import milliseconds

COLORS = (GRAY, BLUE, ORANGE, ORANGE, GREEN, PURPLE)


def step_bars(panels: Mapping[str, Mapping[str, float | None]], title: str) -> Figure:
    """Seconds of a step, from 0, in milliseconds, each bar in its whole length.

    Parameters
    ----------
    panels : dict of dicts
        The title of each panel -> the name of each bar -> seconds, or None if the library is not installed.
    """
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots((len(panels) + 1) // 2, 2, sharey=True, squeeze=False).flat
    for axes, (name, bars) in zip(grid, panels.items(), strict=False):
        _bars(axes, bars)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("milliseconds for a step", fontsize=9)
    return figure


def _bars(axes: Axes, bars: Mapping[str, float | None]) -> None:
    """The last quarter of the panel is for the labels."""
    lengths = [1000 * (seconds or 0) for seconds in bars.values()]
    drawn = axes.barh(list(bars), lengths, color=COLORS[: len(bars)])
    for bar, name, seconds in zip(drawn, bars, bars.values(), strict=True):
        bar.set_alpha(0.5 if "1 thread" in name else 1)
        text = "not installed" if seconds is None else milliseconds(seconds)
        axes.annotate(
            text,
            (bar.get_width(), bar.get_y() + bar.get_height() / 2),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_xlim(0, 1.33 * max(lengths))
    axes.spines[["top", "right"]].set_visible(False)
    if not axes.yaxis_inverted():  # shared by the panels
        axes.invert_yaxis()

"""What a network of two inputs has learned: its decision boundary over time, and its loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from minisnip.autodiff.engine import Array
from minisnip.lab.plots.colors import BLUE, COLORS, GRAY, ORANGE

SHADES = LinearSegmentedColormap.from_list("blue to orange", ["#9CC7E4", "#FFFFFF", "#F2B48C"])
LINES = ("-", "--", "-.", ":")


def decision_boundaries(
    probabilities: Mapping[str, Array], extent: float, points: Array, labels: Array, title: str
) -> Figure:
    """A panel for each moment: blue and orange where the network answers 0 and 1, black the line between.

    Parameters
    ----------
    probabilities : dict of (n, n) arrays
        Of class 1, on a grid from -extent to extent, rows from below to above; by the panel's title.
    extent : float
    points : (N, 2)
    labels : (N,) of 0 and 1
    title : str
    """
    figure = Figure(figsize=(2.6 * len(probabilities), 3.5), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, len(probabilities), sharey=True, squeeze=False)[0]
    for axes, (moment, p) in zip(panels, probabilities.items(), strict=True):
        _boundary(axes, p, np.linspace(-extent, extent, len(p)))
        for label, color, marker in ((0, BLUE, "o"), (1, ORANGE, "^")):
            axes.scatter(*points[labels == label].T, s=7, color=color, marker=marker, linewidths=0)
        axes.set(title=moment, xlabel="first input", aspect="equal", xlim=(-extent, extent), ylim=(-extent, extent))
    panels[0].set_ylabel("second input")
    return figure


def _boundary(axes: Axes, p: Array, ticks: Array) -> None:
    axes.contourf(ticks, ticks, p, levels=np.linspace(0, 1, 11), cmap=SHADES)
    if p.min() < 0.5 < p.max():
        axes.contour(ticks, ticks, p, levels=[0.5], colors="black", linewidths=1.2)


def loss_curves(losses: Mapping[str, Sequence[float]], chance: float, title: str) -> Figure:
    """The loss against the step, one line for each run.

    Parameters
    ----------
    losses : dict of sequences, in nats
    chance : float
        The loss of a network that knows nothing, dotted.
    title : str
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.axhline(chance, linestyle=":", color=GRAY, label=f"knows nothing: {chance:.3f}")
    for (name, values), color, line in zip(losses.items(), COLORS, LINES, strict=False):
        axes.plot(values, line, color=color, label=name)
    axes.set(xlabel="step", ylabel="cross-entropy (nats)", ylim=(0, None), title=title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure

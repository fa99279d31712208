"""Figures of the definition beside the criterion: ΔL_j, what removing a connection does, and g_j, its derivative."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from minisnip.autodiff.engine import Array
from minisnip.lab.plots.colors import BLUE, GRAY, GREEN, ORANGE, PURPLE


def deletion_scatter(g: Mapping[str, Array], deltas: Mapping[str, Array], title: str) -> Figure:
    """ΔL_j against g_j, a panel for each parameter that is not all zero, as density: darker is more connections.

    Both axes are linear near zero and logarithmic beyond, for both signs. The diagonal is ΔL_j = g_j.
    """
    names = [name for name in g if np.any(g[name]) and np.any(deltas[name])]
    columns = 2 if len(names) == 4 else min(3, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(3.7 * columns, 0.9 + 3.6 * rows), layout="constrained")
    left_out = "\nparameters whose $g_j$ are all 0 are left out" if len(names) < len(g) else ""
    legend = f"darker: more connections; axes linear near 0, logarithmic beyond{left_out}"
    figure.suptitle(f"{title}\n{legend}", fontsize=10)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        density(axes, np.ravel(g[name]), np.ravel(deltas[name]))
        axes.set_title(f"{name}: {g[name].size:,}", fontsize=10)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel("$g_j$, the derivative (nats)", fontsize=10)
    figure.supylabel(r"$\Delta L_j$, the deletion (nats)", fontsize=10)
    return figure


def density(axes: Axes, x: Array, y: Array) -> None:
    """y against x, both linear near 0 and logarithmic beyond, for both signs; the diagonal is y = x."""
    reach = float(max(np.abs(x).max(), np.abs(y).max()))
    threshold = reach / 1e4  # linear below
    scaled = [np.arcsinh(a / threshold) for a in (x, y)]
    edge = float(np.arcsinh(reach / threshold)) * 1.05
    axes.hexbin(*scaled, gridsize=70, bins="log", mincnt=1, cmap="Blues", extent=(-edge, edge, -edge, edge), vmin=0.3)
    axes.plot([-edge, edge], [-edge, edge], color=ORANGE, linewidth=0.8)
    decade = math.floor(math.log10(reach))
    marks = [10.0 ** (decade - 2), 10.0**decade]
    ticks = [-marks[1], -marks[0], 0.0, marks[0], marks[1]]
    labels = ["0" if t == 0 else f"{'−' if t < 0 else ''}$10^{{{round(math.log10(abs(t)))}}}$" for t in ticks]
    axes.set_xticks(np.arcsinh(np.array(ticks) / threshold), labels, fontsize=8)
    axes.set_yticks(np.arcsinh(np.array(ticks) / threshold), labels, fontsize=8)
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")


def score_histogram(
    g: Mapping[str, Array], deltas: Mapping[str, Array], thresholds: Mapping[str, float], title: str
) -> Figure:
    """Histograms of |g_j| and |ΔL_j| over all connections, with the threshold of κ of each.

    Parameters
    ----------
    thresholds : {"g": float, "ΔL": float}
        The smallest score that is kept.
    """
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.subplots()
    flat = {key: np.concatenate([np.ravel(a) for a in s.values()]) for key, s in {"g": g, "ΔL": deltas}.items()}
    histogram(axes, flat, thresholds)
    axes.set_title(title)
    return figure


def histogram(axes: Axes, scores: Mapping[str, Array], thresholds: Mapping[str, float]) -> None:
    """The sizes of two flat scores, "g" and "ΔL", on a logarithmic axis, with the threshold of each."""
    styles = {"g": (BLUE, "-", "|g|, the derivative"), "ΔL": (ORANGE, "--", "|ΔL|, the deletion")}
    sizes = {key: np.abs(s) for key, s in scores.items()}
    top = max(a.max() for a in sizes.values())
    bins = np.geomspace(top * 1e-7, top, 120).tolist()
    for key, (color, line, label) in styles.items():
        label = f"{label}: kept from {thresholds[key]:.2e}"
        axes.hist(sizes[key], bins, histtype="step", color=color, linestyle=line, label=label)
        axes.axvline(thresholds[key], color=color, linestyle=line, linewidth=0.9)
    axes.set(xscale="log", xlabel="score (nats)", ylabel="connections", ylim=(0, 1.25 * axes.get_ylim()[1]))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(frameon=False, loc="upper left")


def overlap_curves(rows: Sequence[Mapping[str, float]], title: str) -> Figure:
    """How much of what SNIP keeps the definition keeps too, against sparsity; the chance level is dotted.

    Parameters
    ----------
    rows : list of {"sparsity", "jaccard", "precision"}
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    kept = np.array([100 * (1 - row["sparsity"]) for row in rows])
    for key, color, marker in (("precision", BLUE, "o"), ("jaccard", GREEN, "s")):
        axes.plot(kept, [100 * row[key] for row in rows], color=color, marker=marker, label=key)
    axes.plot(kept, kept, ":", color=GRAY, label="precision by chance")
    axes.set(xscale="log", xlabel="connections kept (%)", ylabel="overlap (%)", ylim=(0, 103), title=title)
    percent_axis(axes)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def difference_curves(errors: Mapping[str, Any], title: str) -> Figure:
    """The error of difference quotients against δ, a panel for each precision.

    Parameters
    ----------
    errors : dict of `pruning.DifferenceErrors`, by the name of the dtype
    """
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, len(errors), sharey=True, squeeze=False)[0]
    for axes, (dtype, e) in zip(panels, errors.items(), strict=True):
        for name, values, order, color, marker in (
            ("one-sided, as ΔL", e.one_sided, e.orders[0], BLUE, "o"),
            ("central", e.central, e.orders[1], GREEN, "s"),
            ("complex step", e.complex_step, float("nan"), PURPLE, "^"),
        ):
            label = name if math.isnan(order) else f"{name}: order {order:.2f}"
            axes.plot(e.deltas, np.maximum(values, 1e-17), color=color, marker=marker, markersize=4, label=label)
        axes.set(xscale="log", yscale="log", xlabel="δ", title=dtype, ylim=(2e-18, 10))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8, loc="lower right" if dtype == "float32" else (0.02, 0.33))
    panels[0].set_ylabel("relative error against $g_j$")
    return figure


def joint_curves(rows: Sequence[Mapping[str, float]], title: str) -> Figure:
    """What removing many connections at once does to the loss, beside the sum of their g_j.

    Parameters
    ----------
    rows : list of {"sparsity", "true", "linear"}, as from `pruning.joint_deletion`
    """
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    kept = [100 * (1 - row["sparsity"]) for row in rows]
    axes.plot(kept, [row["true"] for row in rows], color=BLUE, marker="o", label="L(w) − L(c ⊙ w), measured")
    axes.plot(
        kept, [row["linear"] for row in rows], "--", color=ORANGE, marker="s", label=r"$\Sigma\,g_j$ over what goes"
    )
    axes.axhline(0, color=GRAY, linewidth=0.8)
    axes.set(xscale="log", xlabel="connections kept (%)", ylabel="fall of the loss (nats)")
    axes.set_title(f"{title}\n$g_j$ speaks of one connection, not of many at once")
    percent_axis(axes)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def percent_axis(axes: Axes) -> None:
    """What is kept, from much to little, on a logarithmic axis with plain numbers."""
    axes.xaxis.set_major_locator(FixedLocator([50, 30, 20, 10, 5, 2, 1, 0.5, 0.2]))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.invert_xaxis()

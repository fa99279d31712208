"""Scores before training: how well the derivative g_j predicts the deletion ΔL_j, and how exact a derivative is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minisnip.autodiff.engine import Array, Arrays
from minisnip.lab.plots.style import BLUE, GRAY, ORANGE, kept_axis, panels, styled, titled_figure
from minisnip.pruning.masks import flatten

DERIVATIVE, DELETION = "$g_j$, the derivative (nats)", r"$\Delta L_j$, the deletion (nats)"


@styled
def deletion_scatter(g: Arrays, deltas: Arrays, title: str) -> Figure:
    """ΔL_j against g_j as a density; a panel for each parameter whose scores are not all zero.

    Both axes are linear near zero and logarithmic beyond, for both signs. The diagonal is ΔL_j = g_j.
    """
    names = [name for name in g if np.any(g[name]) and np.any(deltas[name])]
    columns = 2 if len(names) == 4 else min(3, len(names))
    rows = math.ceil(len(names) / columns)
    left_out = "\nparameters whose $g_j$ are all 0 are left out" if len(names) < len(g) else ""
    legend = f"darker: more connections; axes linear near 0, logarithmic beyond{left_out}"
    figure = titled_figure(3.7 * columns, 0.9 + 3.6 * rows, f"{title}\n{legend}")
    for i, name in enumerate(names, 1):
        axes = figure.add_subplot(rows, columns, i)
        _density(axes, np.ravel(g[name]), np.ravel(deltas[name]))
        axes.set_title(f"{name}: {g[name].size:,}")
    figure.supxlabel(DERIVATIVE)
    figure.supylabel(DELETION)
    return figure


@styled
def score_histogram(g: Arrays, deltas: Arrays, thresholds: Mapping[str, float], title: str) -> Figure:
    """Histograms of |g_j| and |ΔL_j| over all connections, with the threshold of κ of each.

    Parameters
    ----------
    thresholds : {"g": float, "ΔL": float}
        The smallest score that is kept.
    """
    figure, (axes,) = panels(8, 4.2, title)
    _histogram(axes, flatten(g), flatten(deltas), thresholds)
    return figure


@styled
def scores_and_threshold(g: Arrays, deltas: Arrays, thresholds: Mapping[str, float], title: str) -> Figure:
    """`deletion_scatter` of all connections in one panel, beside `score_histogram`.

    Parameters
    ----------
    g, deltas : dicts of arrays of the same shapes
    thresholds : as in `score_histogram`
    """
    x, y = flatten(g), flatten(deltas)
    figure, (left, right) = panels(10.5, 4.9, title, 2, width_ratios=(1, 1.3))
    _density(left, x, y)
    left.set(title=f"{x.size:,} connections; darker: more of them", xlabel=DERIVATIVE, ylabel=DELETION)
    _histogram(right, x, y, thresholds)
    right.set_title("the size of the scores, and the thresholds")
    return figure


def _density(axes: Axes, x: Array, y: Array) -> None:
    """y against x, both linear near 0 and logarithmic beyond, for both signs; the diagonal is y = x."""
    reach = float(max(np.abs(x).max(), np.abs(y).max()))
    linear, edge = reach / 1e4, 1.05 * math.asinh(1e4)
    x, y = np.arcsinh(x / linear), np.arcsinh(y / linear)
    axes.hexbin(x, y, gridsize=70, bins="log", mincnt=1, cmap="Blues", extent=(-edge, edge, -edge, edge), vmin=0.3)
    axes.plot([-edge, edge], [-edge, edge], "-", color=ORANGE, linewidth=0.8)
    decade = math.floor(math.log10(reach))
    ticks = {sign * 10.0**p: f"${sign * 10}^{{{p}}}$" for p in (decade - 2, decade) for sign in (-1, 1)} | {0.0: "$0$"}
    places = np.arcsinh(np.array([*ticks]) / linear)
    axes.set_xticks(places, list(ticks.values()))
    axes.set_yticks(places, list(ticks.values()))
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")


def _histogram(axes: Axes, g: Array, deltas: Array, thresholds: Mapping[str, float]) -> None:
    """Histograms of |g| and |ΔL| on a logarithmic axis, with the threshold of each."""
    sizes = {"g": np.abs(g), "ΔL": np.abs(deltas)}
    top = max(a.max() for a in sizes.values())
    bins = np.geomspace(top * 1e-7, top, 120).tolist()
    styles = {"g": (BLUE, "-", "$|g_j|$, the derivative"), "ΔL": (ORANGE, "--", r"$|\Delta L_j|$, the deletion")}
    for key, (color, line, label) in styles.items():
        label = f"{label}: kept from {thresholds[key]:.2e}"
        axes.hist(sizes[key], bins, histtype="step", color=color, linestyle=line, label=label)
        axes.axvline(thresholds[key], color=color, linestyle=line, linewidth=0.9)
    axes.set(xscale="log", xlabel="score (nats)", ylabel="connections", ylim=(0, 1.25 * axes.get_ylim()[1]))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="upper left")


@styled
def overlap_curves(rows: Sequence[Mapping[str, float]], title: str) -> Figure:
    """How many of the connections that SNIP keeps ΔL keeps too, against sparsity; the chance level is dotted.

    Parameters
    ----------
    rows : list of {"sparsity", "jaccard", "precision"}
    """
    figure, (axes,) = panels(7.5, 4.2, title)
    kept = [100 * (1 - row["sparsity"]) for row in rows]
    for key, label in (("precision", "precision"), ("jaccard", "Jaccard index")):
        axes.plot(kept, [100 * row[key] for row in rows], label=label)
    axes.plot(kept, kept, ":", color=GRAY, label="precision by chance")
    axes.set(ylabel="overlap (%)", ylim=(0, 103))
    kept_axis(axes)
    axes.legend()
    return figure


@styled
def joint_curves(rows: Sequence[Mapping[str, float]], title: str) -> Figure:
    """How the loss changes when many connections are removed at once, beside the sum of their g_j.

    Parameters
    ----------
    rows : list of {"sparsity", "true", "linear"}, as from `pruning.joint_deletion`
    """
    figure, (axes,) = panels(7.5, 4.4, title)
    kept = [100 * (1 - row["sparsity"]) for row in rows]
    axes.plot(kept, [row["true"] for row in rows], label="L(w) − L(c ⊙ w), measured")
    axes.plot(kept, [row["linear"] for row in rows], "s--", label=r"$\Sigma\,g_j$ over the removed connections")
    axes.axhline(0, color=GRAY, linewidth=0.8)
    axes.set(ylabel="fall of the loss (nats)", title="$g_j$ describes one connection, not many at once")
    kept_axis(axes)
    axes.legend()
    return figure


@styled
def difference_curves(errors: Mapping[str, Any], title: str) -> Figure:
    """The error of difference quotients against δ, a panel for each precision.

    Parameters
    ----------
    errors : dict of `pruning.DifferenceErrors`, by the name of the dtype
    """
    figure, columns = panels(10, 5.2, title, len(errors), sharey=True)
    for axes, (dtype, e) in zip(columns, errors.items(), strict=True):
        one_sided, central = (f"order {order:.2f}" for order in e.orders)
        axes.plot(e.deltas, _clipped(e.one_sided), label=f"one-sided, as ΔL: {one_sided}")
        axes.plot(e.deltas, _clipped(e.central), label=f"central: {central}")
        axes.plot(e.deltas, _clipped(e.complex_step), label="complex step")
        axes.set(xscale="log", yscale="log", xlabel="δ", title=dtype, ylim=(2e-18, 10))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15))
    columns[0].set_ylabel("relative error against $g_j$")
    return figure


@styled
def step_errors(steps: Array, errors: Arrays, chosen: Mapping[str, float], title: str) -> Figure:
    """The error of a numerical derivative against its step; truncation and round-off make a V.

    Parameters
    ----------
    steps : (n,) positive
    errors : dict of (n,) arrays
        Relative errors, by the name of the method.
    chosen : dict
        Steps to mark with a vertical line, by their labels.
    title : str
    """
    figure, (axes,) = panels(9, 4.8, title)
    for name, values in errors.items():
        axes.plot(steps, _clipped(values), markersize=3.5, label=name)
    for name, step in chosen.items():
        axes.axvline(step, linestyle=":", color=GRAY)
        axes.annotate(name, (step, 3e-18), (-5, 0), textcoords="offset points", ha="right", color=GRAY)
    axes.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative error of the derivative")
    axes.set(ylim=(1e-18, 300), xlim=(steps.min(), steps.max()))
    axes.legend(loc="lower right")
    return figure


def _clipped(errors: Array) -> Array:
    """A logarithmic axis has no place for the error 0 of an exact value."""
    return np.maximum(errors, 1e-17)

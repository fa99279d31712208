"""The error of a numerical derivative against its step: a V of truncation and round-off, or none."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from minisnip.autodiff.engine import Array
from minisnip.lab.plots.colors import COLORS, GRAY

MARKERS = "os^D"


def step_errors(steps: Array, errors: Mapping[str, Array], chosen: Mapping[str, float], title: str) -> Figure:
    """Both axes logarithmic; one curve for each way of taking the derivative.

    Parameters
    ----------
    steps : (n,) positive
    errors : dict of (n,) arrays
        Relative errors, by the name of the method.
    chosen : dict
        Steps to be marked by a vertical line, by what is said of them.
    title : str
    """
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    axes = figure.subplots()
    for (name, values), color, marker in zip(errors.items(), COLORS, MARKERS, strict=False):
        axes.plot(steps, np.maximum(values, 1e-17), color=color, marker=marker, markersize=3.5, label=name)
    for name, step in chosen.items():
        axes.axvline(step, linestyle=":", color=GRAY)
        axes.annotate(name, (step, 3e-18), (-5, 0), textcoords="offset points", ha="right", color=GRAY, fontsize=9)
    axes.set(xscale="log", yscale="log", xlabel="step h", ylabel="relative error of the derivative", title=title)
    axes.set(ylim=(1e-18, 300), xlim=(steps.min(), steps.max()))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    return figure

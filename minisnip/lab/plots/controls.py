"""Figures of controls: what is left of a method when one ingredient is spoiled, and how much its answer is luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from minisnip.lab.plots.colors import BLUE, GRAY, ORANGE


def control_errors(errors: Mapping[str, Sequence[float]], title: str) -> Figure:
    """A line of dots for each control, a dot for each seed; the first line is the method as it is.

    Parameters
    ----------
    errors : dict of test errors in percent, by what was spoiled
    title : str
    """
    figure = Figure(figsize=(8, 1.3 + 0.42 * len(errors)), layout="constrained")
    figure.suptitle(title, fontsize=11)  # wider than the axes
    axes = figure.subplots()
    first = next(iter(errors.values()))
    axes.axvspan(min(first), max(first), color=BLUE, alpha=0.15, linewidth=0)
    for i, own in enumerate(errors.values()):
        color = ORANGE if i else BLUE
        axes.plot(own, [i] * len(own), "o", color=color, alpha=0.7)
        axes.plot(sum(own) / len(own), i, "|", color=color, markersize=18, markeredgewidth=2)
    axes.set_yticks(range(len(errors)), list(errors))
    axes.set(xscale="log", xlabel="test error (%); dots: seeds, bars: their mean")
    axes.xaxis.set_major_locator(FixedLocator([1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 90]))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", alpha=0.3)
    axes.invert_yaxis()
    return figure


def overlap_by_batch(overlaps: Mapping[int, Sequence[float]], chance: Mapping[str, float], title: str) -> Figure:
    """How alike two masks are that were scored on different images, against the number of images.

    Parameters
    ----------
    overlaps : dict of Jaccard indices of pairs of masks, by the images in a batch
    chance : dict of float
        What two masks would have in common by chance, by name; dotted.
    title : str
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for images, found in overlaps.items():
        axes.plot([images] * len(found), found, "o", color=BLUE, alpha=0.5)
    axes.plot(list(overlaps), [sum(o) / len(o) for o in overlaps.values()], color=BLUE, label="two batches, their mean")
    for (name, level), line in zip(chance.items(), (":", "--", "-."), strict=False):
        axes.axhline(level, color=GRAY, linestyle=line, label=name)
    axes.set(xscale="log", ylim=(0, 1), xlabel="images in each batch", ylabel="overlap of the kept sets", title=title)
    axes.set_xticks(list(overlaps), [f"{images:,}" for images in overlaps])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper left")
    return figure

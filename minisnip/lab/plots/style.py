"""One style for every figure: Okabe and Ito's color-blind palette, and text that can be read on a projector."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import LogLocator, NullLocator

P = ParamSpec("P")

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, YELLOW, GRAY = "#56B4E9", "#E69F00", "#666666"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=COLORS * 2, marker=list("os^Dv<>Ph*Xd"), linestyle=["-"] * 6 + ["--"] * 6),
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "figure.labelsize": "medium",
    "figure.titlesize": "medium",
    "font.size": 11,
    "grid.alpha": 0.3,
    "legend.edgecolor": "none",
    "legend.fontsize": "small",
    "lines.markersize": 5,
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
}


SPOKEN = {"$": "", r"\Delta ": "Δ", r"\Sigma\,": "Σ "}  # the formulas of titles and labels, in words
LINE = re.compile(r"(?<!,)\n")  # ends a line of a title, but not after a comma


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the style above, and leave matplotlib's own settings as they are."""

    @wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with rc_context(STYLE):
            figure = draw(*args, **kwargs)
            for axes in figure.axes:
                for axis in (axes.xaxis, axes.yaxis):
                    axis.get_major_ticks(1)  # matplotlib makes the first tick when it is needed; the others copy it
        return figure

    return in_style


class DescribedFigure(Figure):
    """A figure that a notebook shows with alternative text."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        """The PNG and the words, as IPython asks for them."""
        picture, words = BytesIO(), describe(self)
        self.savefig(picture, bbox_inches="tight")
        data = {"image/png": b64encode(picture.getvalue()).decode(), "text/plain": words}
        return data, {"image/png": {"alt": words}}


def describe(figure: Figure) -> str:
    """What is written in a figure: its title, then for each of its axes the title, the labels and the legend.

    Axes without ticks that show an image are a gallery: its columns and rows are named once.
    """
    words = ". ".join(" ".join(part.split()) for part in _written(figure) if part.strip())
    for tex, spoken in SPOKEN.items():
        words = words.replace(tex, spoken)
    return words


def _written(figure: Figure) -> Iterator[str]:
    yield from LINE.split(figure.get_suptitle())
    parts: Sequence[Any] = figure.subfigs or [figure]
    for part in parts:
        yield part.get_suptitle() if isinstance(part, SubFigure) else ""
        gallery = [axes for axes in part.axes if axes.images and not len(axes.get_xticks())]
        yield from _gallery_labels(gallery)
        for axes in (axes for axes in part.axes if axes not in gallery):
            yield from _axes_texts(axes)
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        yield "Legend: " + "; ".join(text.get_text() for text in legend.get_texts()) if legend else ""


def _gallery_labels(gallery: Sequence[Axes]) -> Iterator[str]:
    for way, labels in (("Across", map(Axes.get_title, gallery)), ("Down", map(Axes.get_ylabel, gallery))):
        yield f"{way}: {'; '.join(named)}" if (named := [label for label in labels if label]) else ""


def _axes_texts(axes: Axes) -> Iterator[str]:
    yield from LINE.split(axes.get_title())
    if axes.axison:
        yield from (f"{way}: {label}" for way, label in _labels(axes) if label)
    yield ", ".join(text.get_text() for text in axes.texts if text.get_text())


def _labels(axes: Axes) -> list[tuple[str, str]]:
    return [("Horizontal axis", axes.get_xlabel()), ("Vertical axis", axes.get_ylabel())]


def titled_figure(width: float, height: float, title: str) -> Figure:
    """Make a figure of this size in inches; a title that is too long for it is wrapped."""
    figure = DescribedFigure(figsize=(width, height))
    figure.suptitle(title, wrap=True)
    return figure


def panels(width: float, height: float, title: str, count: int = 1, **options: Any) -> tuple[Figure, Sequence[Axes]]:
    """Make a figure as `titled_figure` does, with axes side by side; `options` are those of `Figure.subplots`."""
    figure = titled_figure(width, height, title)
    return figure, figure.subplots(1, count, squeeze=False, **options)[0]


def log_axis(axis: Axis, steps: Sequence[float] = (1, 2, 5)) -> None:
    """Ticks at `steps` times each power of 10, written as plain numbers; for an axis that is logarithmic already."""
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter("{x:,g}")
    axis.set_minor_locator(NullLocator())


def kept_axis(axes: Axes, label: str = "connections kept (%)") -> None:
    """A logarithmic horizontal axis from many connections to few."""
    axes.set(xscale="log", xlabel=label)
    log_axis(axes.xaxis)
    axes.invert_xaxis()

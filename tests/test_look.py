"""Every figure looks as it did when somebody last looked at it: sizes, colors, lines, limits, words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator

from minisnip.lab import plots
from tests.test_plots import EXAMPLES, drawn

EMPTIED = [{"fc1.weight": np.array([kept, kept]), "fc2.weight": np.ones(2)} for kept in (1.0, 0.0)]
COST = {"memory, kB": {"masked": [9.0, 9.0]}}
CROSSED = {
    name: {"kept": [50, 1], "mean": mean, "least": mean, "greatest": mean}
    for name, mean in (("best at last", [9, 1]), ("worst at last", [2, 8]))
}
FIGURES: dict[str, Callable[[str], Figure]] = {
    **EXAMPLES,
    "an emptied layer": lambda title: plots.collapse_and_cost([10, 2], {"once": EMPTIED}, [10, 1], COST, title),
    "a legend in the order of the ends": lambda title: plots.error_curves(CROSSED, 90.0, title),
}

DIGESTS = {
    "class_pictures": "0dfe2b84b342",
    "collapse_and_cost": "6e5afcff1797",
    "computation_graph": "6d7714bfcf6b",
    "control_errors": "7cc22ab51e54",
    "decision_boundaries": "8c01423f50ad",
    "deletion_scatter": "1e52c2441bb8",
    "difference_curves": "db4ecb2940c5",
    "error_curves": "36c3dbff32f0",
    "joint_curves": "dc57797d4e7f",
    "kept_per_layer": "a0ac5aa8affa",
    "kept_pixels": "9da5d163cfae",
    "length_curves": "e03ef5422c25",
    "loss_curves": "d1e025f482ef",
    "memorization": "dc7928da0c2f",
    "overlap_by_batch": "0107f7868421",
    "overlap_curves": "b31499e466f5",
    "score_histogram": "6b55b40eeb80",
    "scores_and_threshold": "2d452a673c63",
    "scoring_batches": "7b03b614d905",
    "sparsity_curves": "2ef66d5dc847",
    "step_errors": "ac8070b00003",
    "training_curves": "75c705f32497",
    "weight_pictures": "bff31250cb87",
    "an emptied layer": "8915857ec60c",
    "a legend in the order of the ends": "ad2ed0e53831",
}


def number(value: Any) -> str:
    """Four digits: another processor may compute the last ones otherwise."""
    return np.array2string(np.ma.filled(np.ma.asarray(value, float), np.nan), precision=4, suppress_small=True)


def color(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(to_hex(c, keep_alpha=True) for c in np.atleast_2d(value))


def grid(artist: Any) -> list[str]:
    """The ratios of the grid that the axes are in."""
    spec = vars(artist).get("_subplotspec")
    ratios = (spec.get_gridspec().get_width_ratios(), spec.get_gridspec().get_height_ratios()) if spec else ()
    return [number(r) for r in ratios]


def _has_own_ticks(axis: Any) -> bool:
    return isinstance(axis.get_major_locator(), FixedLocator)


OF: dict[type, Callable[[Any], list[Any]]] = {  # what is told of each kind of artist
    Figure: lambda a: [number(a.get_size_inches())],
    SubFigure: grid,
    Axes: lambda a: [
        number(a.get_xlim()),
        number(a.get_ylim()),
        a.get_xscale(),
        a.get_yscale(),
        a.get_aspect(),
        a.axison,
        *grid(a),
        *(number(axis.get_majorticklocs()) for axis in (a.xaxis, a.yaxis) if _has_own_ticks(axis)),
    ],
    Legend: lambda a: [a._loc, number(a._bbox_to_anchor._bbox.bounds) if a._bbox_to_anchor else "", a._ncols],
    Line2D: lambda a: [
        number(a.get_xdata()),
        number(a.get_ydata()),
        color(a.get_color()),
        color(a.get_markerfacecolor()),
        a.get_linestyle(),
        a.get_marker(),
        *map(number, (a.get_linewidth(), a.get_markersize(), a.get_markeredgewidth())),
    ],
    Patch: lambda a: [color(a.get_facecolor()), color(a.get_edgecolor()), number(a.get_linewidth())],
    Collection: lambda a: [
        color(a.get_facecolor()),
        number(a.get_linewidth()),
        number(a.get_sizes() if hasattr(a, "get_sizes") else 0),
    ],
    AxesImage: lambda a: [number(a.get_clim()), a.get_cmap().name],
    Text: lambda a: [
        a.get_text(),
        number(a.get_fontsize()),
        color(a.get_color()),
        a.get_rotation(),
        a.get_ha(),
        a.get_va(),
    ],
}


def look(figure: Figure) -> Iterator[str]:
    """A line for each artist that is seen, but for the ticks, which belong to matplotlib."""
    axis = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = {id(a) for x in axis for tick in (*x.get_major_ticks(), *x.get_minor_ticks()) for a in tick.findobj()}
    texts = [text for axes in figure.axes for text in axes.texts]
    for artist in figure.findobj(Artist):
        if id(artist) in ticks or artist in axis or not artist.get_visible():
            continue
        told = [a for kind, tell in OF.items() if isinstance(artist, kind) for a in tell(artist)]
        if isinstance(artist, Text) and artist in texts:
            told += [number(artist.xyann if isinstance(artist, Annotation) else artist.get_position())]
        yield " ".join(
            map(str, [type(artist).__name__, artist.get_alpha(), artist.get_zorder(), artist.get_label(), *told])
        )


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did(name: str) -> None:
    lines = [*look(drawn(FIGURES[name]("a title")))]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    assert digest == DIGESTS.get(name), f"{name} looks different: look at it, then store {digest}"

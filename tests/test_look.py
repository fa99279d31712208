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

from tests.test_plots import EXAMPLES, drawn

DIGESTS = {
    "class_pictures": "91d7f49666b8",
    "collapse_and_cost": "4706c7872931",
    "computation_graph": "5c15bcbdb8a5",
    "control_errors": "cd43fc2e71e5",
    "decision_boundaries": "94ba5390076b",
    "deletion_scatter": "c1ffb45135c2",
    "difference_curves": "2bacde53b2d6",
    "error_curves": "c49bd4c4a6b7",
    "joint_curves": "db5c4d086acc",
    "kept_per_layer": "40a6f4fe4dbd",
    "kept_pixels": "87e556353116",
    "loss_curves": "7b7f150e73e8",
    "memorization": "a841881cb6b3",
    "overlap_by_batch": "801fabaffcb0",
    "overlap_curves": "2559f235d3e9",
    "score_histogram": "44440b51102a",
    "scores_and_threshold": "5a93034b11ef",
    "scoring_batches": "c982154bc503",
    "sparsity_curves": "f6096aae6e07",
    "step_errors": "c8973bc98660",
    "training_curves": "a8bc232edbd6",
    "weight_pictures": "42ab1b5acfbb",
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


OF: dict[type, Callable[[Any], list[Any]]] = {  # what is told of each kind of artist
    Figure: lambda a: [number(a.get_size_inches())],
    SubFigure: grid,
    Axes: lambda a: [
        number(a.get_xlim()),
        number(a.get_ylim()),
        a.get_xscale(),
        a.get_yscale(),
        a.get_aspect(),
        *grid(a),
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
    ticks = {id(a) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for a in axis.findobj()}
    texts = [text for axes in figure.axes for text in axes.texts]
    for artist in figure.findobj(Artist):
        if id(artist) in ticks or not artist.get_visible():
            continue
        told = [a for kind, tell in OF.items() if isinstance(artist, kind) for a in tell(artist)]
        if isinstance(artist, Text) and artist in texts:
            told += [number(artist.xyann if isinstance(artist, Annotation) else artist.get_position())]
        yield " ".join(
            map(str, [type(artist).__name__, artist.get_alpha(), artist.get_zorder(), artist.get_label(), *told])
        )


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_figure_looks_as_it_did(name: str) -> None:
    lines = [*look(drawn(EXAMPLES[name]("a title")))]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    assert digest == DIGESTS.get(name), f"{name} looks different: look at it, then store {digest}"

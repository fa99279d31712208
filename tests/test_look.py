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

from minisnip.lab import plots
from tests.test_plots import EXAMPLES, drawn

EMPTIED = [{"fc1.weight": np.array([kept, kept]), "fc2.weight": np.ones(2)} for kept in (1.0, 0.0)]
COST = {"memory, kB": {"masked": [9.0, 9.0]}}
FIGURES: dict[str, Callable[[str], Figure]] = {
    **EXAMPLES,
    "an emptied layer": lambda title: plots.collapse_and_cost([10, 2], {"once": EMPTIED}, [10, 1], COST, title),
}

DIGESTS = {
    "class_pictures": "6b43eac5b5ba",
    "collapse_and_cost": "c4467e0b601d",
    "computation_graph": "70333df0b69e",
    "control_errors": "dd48d181648d",
    "decision_boundaries": "b67226899fdd",
    "deletion_scatter": "91eb0ba668de",
    "difference_curves": "bd7b87ed9f97",
    "error_curves": "44f64c53e49d",
    "joint_curves": "fb679f771890",
    "kept_per_layer": "f0efd356b4eb",
    "kept_pixels": "ec0a46176df2",
    "loss_curves": "a28ea9706109",
    "memorization": "70ffc3b41180",
    "overlap_by_batch": "d23939e7266a",
    "overlap_curves": "810bb8c8eebc",
    "score_histogram": "7287308ab34b",
    "scores_and_threshold": "328eadf36033",
    "scoring_batches": "0dc624a74144",
    "sparsity_curves": "c7e5e9a19a58",
    "step_errors": "5ef1406f3cd3",
    "training_curves": "ffce15e9ff73",
    "weight_pictures": "46240fabc1c5",
    "an emptied layer": "532d2701a415",
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
        a.axison,
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


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did(name: str) -> None:
    lines = [*look(drawn(FIGURES[name]("a title")))]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    assert digest == DIGESTS.get(name), f"{name} looks different: look at it, then store {digest}"

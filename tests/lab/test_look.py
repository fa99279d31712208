"""Every figure looks as it did when somebody last looked at it: `look.txt` describes each, artist by artist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
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
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.spines import Spine
from matplotlib.text import Annotation, Text
from matplotlib.ticker import LogFormatterSciNotation

from minisnip.lab import plots
from minisnip.pruning import DifferenceErrors
from tests.lab.test_plots import EXAMPLES, LABELS, POINTS, history

STORED = Path(__file__).with_name("look.txt")

RAMP = np.linspace(0.1, 0.9, 9)
EMPTIED = [
    {"fc1.weight": np.array([1, a, a, 0.0]), "fc1.bias": np.zeros(2), "fc2.weight": np.array([b, b])}
    for a, b in ((1, 1), (0, 1), (0, 0))
]
FULL = [{"conv1.weight": np.array([1.0, kept])} for kept in (1, 1, 0)]
COST = {
    "memory, kB": {"masked": [9.0, 9.0], "compact": [9.0, 2.0]},
    "a step, of 100 images, ms": {"masked": [3.0, 1.5]},
}
BIASES = {
    f"fc{i}.{kind}": {"kept": i * (kind == "weight"), "total": 1000 * i, "percent": 0.1 * (kind == "weight")}
    for i in (1, 2)
    for kind in ("weight", "bias")
}
METHODS = {
    f"method {i}": {"kept": [50, 1], "mean": [2 + i, 9 - 3 * i % 7], "least": [1, 8 - i], "greatest": [4 + i, 10]}
    for i in range(7)
}
MEMORIZED = {
    f"{network}, {labels} labels": {
        "iterations": [10, 20],
        "train_loss": [2 + i, i],
        "train_error_percent": [80, 9 * i],
    }
    for i, network in enumerate(("dense", "99 %"), start=1)
    for labels in ("true", "shuffled")
}
SPARSITIES = {
    "one": {
        "sparsity": [0.0, 50.0, 95.0],
        "mean": [1.5, 1.6, 2.0],
        "std": [0.1, 0.2, 0.3],
        "paper": {0.0: 1.7, 90.0: 2},
    },
    "other": {"sparsity": [90.0, 99.0], "mean": [2.0, 30.0], "std": [0.5, 4.0], "paper": {90.0: 1.0, 99.0: 9.0}},
}
STEPS = np.array([1.0, 1e-4, 1e-8])
DIFFERENCES = {
    name: DifferenceErrors(STEPS, scale * STEPS, scale * STEPS**2, 0 * STEPS, (1.0, 1.987))
    for name, scale in (("float64", 0.1), ("float32", 1.0))
}


def scores(*names: str) -> dict[str, Any]:
    return {name: np.geomspace(1e-5, 1, 5 + i) * (-1) ** np.arange(5 + i) for i, name in enumerate(names)}


FOUR, FIVE = scores(*"abcd"), {**scores(*"abcde"), "zero": np.zeros(2)}
MANY = {"w": np.repeat(np.geomspace(1e-3, 1, 4), [3000, 2000, 10, 1])}
PICTURES = {images: np.outer(RAMP, RAMP) * images for images in (1, 1000)}
FIGURES: dict[str, Callable[[str], Figure]] = {
    **EXAMPLES,
    "class_pictures, two blocks": lambda title: plots.class_pictures(
        {"true": np.zeros((1, 2, 3, 3)), "random": RAMP.reshape(1, 1, 3, 3).repeat(2, 1)}, ["10 %"], ["0", "1"], title
    ),
    "collapse_and_cost, emptied layers": lambda title: plots.collapse_and_cost(
        [50, 10, 2], {"once": EMPTIED, "often": FULL}, [10, 1], COST, title
    ),
    "collapse_and_cost, nothing emptied": lambda title: plots.collapse_and_cost(
        [50, 10, 2], {"once": FULL}, [10, 1], COST, title
    ),
    "control_errors, three rows": lambda title: plots.control_errors(
        {"as it is": [4.0, 4.4], "shuffled": [5.0, 6.0, 7.0], "random": [40.0]}, title
    ),
    "decision_boundaries, two panels": lambda title: plots.decision_boundaries(
        {"0 steps": np.full((9, 9), 0.4), "9 steps": np.tile(RAMP, (9, 1))}, 2.0, POINTS, LABELS, title
    ),
    "deletion_scatter, four panels": lambda title: plots.deletion_scatter(FOUR, FOUR, title),
    "deletion_scatter, five of six": lambda title: plots.deletion_scatter(FIVE, {**FIVE, "a": FIVE["a"] / 2}, title),
    "difference_curves, two panels": lambda title: plots.difference_curves(DIFFERENCES, title),
    "error_curves, seven methods": lambda title: plots.error_curves(METHODS, 90.0, title),
    "kept_by_gate, two networks": lambda title: plots.kept_by_gate(
        {name: {k: {"a": i, "b": 9 * i} for i, k in enumerate(("weight", "bias"))} for name in "xy"}, title
    ),
    "kept_of_networks, five": lambda title: plots.kept_of_networks(
        {name: {f"layer{j}": 9.0 * j for j in range(4 + i)} for i, name in enumerate("abcde")},
        dict.fromkeys("abcde", ("layer1",)),
        title,
    ),
    "kept_per_layer, no bias": lambda title: plots.kept_per_layer(BIASES, title),
    "kept_pixels, half of them": lambda title: plots.kept_pixels(np.array([[0, 3], [7, 0]]), title),
    "memorization, two networks": lambda title: plots.memorization(MEMORIZED, title),
    "overlap_by_batch, three levels": lambda title: plots.overlap_by_batch(
        {1: [0.1, 0.2], 100: [0.4]}, {"by chance": 0.05, "by layer": 0.1, "by size": 0.2}, title
    ),
    "score_histogram, thousands": lambda title: plots.score_histogram(MANY, FOUR, {"g": 1e-3, "ΔL": 0.5}, title),
    "scoring_batches, two sizes": lambda title: plots.scoring_batches(
        {1: [2.0, 2.2], 1000: [1.5]}, {1: 1.94, 1000: 1.6}, PICTURES, title
    ),
    "sparsity_curves, two networks": lambda title: plots.sparsity_curves(SPARSITIES, title),
    "sparsity_curves, no title": lambda _: plots.sparsity_curves(SPARSITIES),
    "step_errors, an exact one": lambda title: plots.step_errors(
        STEPS, {"one": STEPS, "exact": 0 * STEPS}, {"here": 1e-4, "there": 1e-6}, title
    ),
    "training_curves, two runs": lambda title: plots.training_curves({"a": history(3), "b": history(25)}, title),
    "weight_pictures, two units": lambda title: plots.weight_pictures(
        {"first": RAMP.reshape(1, 3, 3).repeat(2, 0), "change": -2 * RAMP.reshape(1, 3, 3).repeat(2, 0)},
        {"fc1": 3000, "fc2": 100},
        title,
    ),
}


def number(values: Any) -> str:
    """Four digits: another processor may compute the last ones otherwise. Of more than 24 numbers, their summary."""
    a: Any = np.ma.filled(np.ma.asarray(values, float), np.nan).ravel()
    a = np.where(np.abs(a) < 1e-9 * np.nanmax(np.abs(a), initial=0), 0, a)
    if a.size > 24:
        summary = np.nanmin(a), np.nanmax(a), np.nanmean(a), np.nanmean(a * np.linspace(0, 1, a.size))
        return f"{np.shape(values)} {number(summary)}"
    return "[" + " ".join(f"{v + 0:.4g}" for v in a) + "]"


def color(value: Any) -> str:
    several = np.ndim(value) == 2
    return " ".join(dict.fromkeys(to_hex(c, keep_alpha=True) for c in (value if several else [value])))


def grid(artist: Any) -> list[str]:
    """The ratios of the grid that the axes are in."""
    if not (spec := vars(artist).get("_subplotspec")):
        return []
    ratios = spec.get_gridspec().get_width_ratios(), spec.get_gridspec().get_height_ratios()
    return [f"ratios={''.join(map(number, ratios))} place={spec.num1}"]


def ticks(axis: Any) -> str:
    """Before a figure is laid out, ticks depend on its size but not on its fonts."""
    first, formatter = axis.get_major_ticks(1)[0], axis.get_major_formatter()
    shown = ("labels", first.label1.get_visible()), ("grid", first.gridline.get_visible())
    told = f"{' '.join(name for name, visible in shown if visible)} {number(first.label1.get_fontsize())}"
    if isinstance(formatter, LogFormatterSciNotation):  # matplotlib 3.11 chooses other powers of 10
        return f"{axis.axis_name}ticks=powers {told}"
    low, high = sorted(axis.get_view_interval())
    texts = formatter.format_ticks([place for place in axis.get_majorticklocs() if low <= place <= high])
    return f"{axis.axis_name}ticks={texts} {told} minor={len(axis.get_minorticklocs())}"


def colorbar(axes: Any) -> list[str]:
    """Where it is, and how large."""
    known = vars(axes).get("_colorbar_info") or {}
    return [f"{key}={known[key]}" for key in ("location", "shrink", "aspect", "pad") if key in known]


def outline(patch: Patch) -> str:
    if isinstance(patch, FancyArrowPatch):  # goes where its annotation says
        return f"{type(patch.get_arrowstyle()).__name__} {number([patch.shrinkA, patch.shrinkB])}"
    if isinstance(patch, FancyBboxPatch):
        return f"{number(patch.get_bbox().bounds)} {number(list(vars(patch.get_boxstyle()).values()))}"
    return number(patch.get_patch_transform().transform(patch.get_path().vertices))


def places(cells: Collection) -> list[str]:
    paths = cells.get_paths()
    corners = np.concatenate([path.vertices for path in paths]) if paths else np.zeros((0, 2))
    values = [] if cells.get_array() is None else [number(cells.get_array()), number(cells.get_clim())]
    return [f"{len(paths)} paths", number(corners), number(cells.get_offsets()), *values]


OF: dict[type, Callable[[Any], list[Any]]] = {  # what is told of each kind of artist
    Figure: lambda a: [number(a.get_size_inches()), type(a.get_layout_engine()).__name__],
    SubFigure: grid,
    Axes: lambda a: [
        number(a.get_xlim()),
        number(a.get_ylim()),
        a.get_xscale(),
        a.get_yscale(),
        f"aspect={a.get_aspect()}",
        f"below={a.get_axisbelow()}",
        *(["off"] if not a.axison else [ticks(a.xaxis), ticks(a.yaxis)]),
        "spines=" + " ".join(name for name, spine in a.spines.items() if spine.get_visible()),
        *grid(a),
        *colorbar(a),
    ],
    Legend: lambda a: [
        f"loc={a._loc}",
        number(a._bbox_to_anchor._bbox.bounds) if a._bbox_to_anchor else "",
        f"columns={a._ncols}",
        " | ".join(text.get_text() for text in a.get_texts()),
    ],
    Line2D: lambda a: [
        number(a.get_xdata()),
        number(a.get_ydata()),
        color(a.get_color()),
        color(a.get_markerfacecolor()),
        repr(a.get_linestyle()),
        repr(a.get_marker()),
        number([a.get_linewidth(), a.get_markersize(), a.get_markeredgewidth()]),
        f"every={a.get_markevery()}",
    ],
    Patch: lambda a: [outline(a), color(a.get_facecolor()), color(a.get_edgecolor()), number(a.get_linewidth())],
    Collection: lambda a: [
        *places(a),
        color(a.get_facecolor()),
        color(a.get_edgecolor()),
        number(a.get_linewidth()),
        number(a.get_sizes() if hasattr(a, "get_sizes") else 0),
        type(a.norm).__name__,
        color(a.get_cmap()([0.1, 0.5, 0.9])),
    ],
    AxesImage: lambda a: [number(a.get_array()), number(a.get_clim()), a.get_cmap().name, number(a.get_extent())],
    Text: lambda a: [
        repr(a.get_text()),
        number(a.get_position()) if a in getattr(a.axes, "texts", ()) else "",
        number(a.get_fontsize()),
        str(a.get_weight()),
        color(a.get_color()),
        f"{a.get_rotation():g}",
        a.get_ha(),
        a.get_va(),
        "wrapped" if a.get_wrap() else "",
    ],
    Annotation: lambda a: [f"{number(a.xy)} in {a.xycoords}, {number(a.xyann)} in {a.anncoords}"],
}


def of_matplotlib(figure: Figure) -> set[Artist]:
    """What is told with the axes and legends that it belongs to."""
    axis = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    marks = (tick for one in axis for tick in (*one.get_major_ticks(), *one.get_minor_ticks()))
    legends = (part for legend in figure.findobj(Legend) for part in legend.findobj(Text))
    grounds: list[Any] = figure.findobj(lambda a: isinstance(a, Figure | SubFigure | Axes))
    return {*axis, *(part for mark in marks for part in mark.findobj()), *legends, *(a.patch for a in grounds)}


def look(figure: Figure) -> Iterator[str]:
    """A line for each artist that is seen."""
    told_elsewhere = of_matplotlib(figure)
    for artist in figure.findobj(Artist):
        if artist in told_elsewhere or not artist.get_visible() or isinstance(artist, Spine):
            continue
        if not isinstance(artist, tuple(OF)) or (type(artist) is Text and not artist.get_text()):
            continue
        told = [a for kind, tell in OF.items() if isinstance(artist, kind) for a in tell(artist)]
        label = "" if re.match("_child|_nolegend", str(artist.get_label())) else artist.get_label()
        alpha = "" if artist.get_alpha() is None else f"alpha={artist.get_alpha()}"
        words = [type(artist).__name__, f"z={artist.get_zorder():g}", alpha, label, *told]
        yield " ".join(filter(None, map(str, words)))


def described(name: str) -> str:
    return "\n".join([f"# {name}", *look(FIGURES[name]("a title"))])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did(name: str) -> None:
    stored = {text.partition("\n")[0]: text for text in STORED.read_text(encoding="utf-8").rstrip().split("\n\n")}
    assert described(name) == stored.get(f"# {name}"), "look at it, then run: python -m tests.lab.test_look"


if __name__ == "__main__":
    STORED.write_text("\n\n".join(map(described, FIGURES)) + "\n", encoding="utf-8")

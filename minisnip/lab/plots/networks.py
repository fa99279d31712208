"""Pictures of one network: its graph, its decisions, its weights, and where its mask keeps connections."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.patches import FancyBboxPatch, Patch

from minisnip.autodiff.engine import Array, Arrays, Tensor, backward_order
from minisnip.lab.plots.style import BLUE, COLORS, GRAY, ORANGE, panels, styled, titled_figure
from minisnip.pruning.masks import flatten

SHADES = LinearSegmentedColormap.from_list("blue to orange", ["#9CC7E4", "#FFFFFF", "#F2B48C"])
BOX = 0.62, 0.74  # width and height of a Tensor's box, in a grid of 1 by 1
ARROW = {"arrowstyle": "-|>", "color": GRAY, "shrinkA": 0, "shrinkB": 0}

Place = tuple[float, float]


@styled
def computation_graph(output: Tensor, gradients: Mapping[int, float], names: Mapping[int, str], title: str) -> Figure:
    """A box for each Tensor, from the variables on the left to the output on the right.

    Parameters
    ----------
    output : Tensor of shape ()
    gradients : dict
        ∂output/∂node, by the id of the node; may lack some nodes.
    names : dict
        Labels, by the id of the node; the default is the name of its op.
    """
    places = _places(output)
    width, height = (1 + max(coordinates) for coordinates in zip(*places.values(), strict=True))
    title = f"{title}\nblue: value; orange: gradient of the output"
    figure, (axes,) = panels(2.3 * width, 1.5 * height + 0.6, title)
    for node, place in places.items():
        for _, parent in node.parents:
            _draw_arrow(axes, places[parent], place)
        name = names.get(id(node), node.op.__name__ if node.op else "variable")
        _draw_box(axes, place, name, float(node.value), gradients.get(id(node)))
    axes.set(xlim=(-0.45, width - 0.55), ylim=(-0.5, height - 0.5))
    axes.set_axis_off()
    return figure


def _places(output: Tensor) -> dict[Tensor, Place]:
    """x is the length of the longest path from a variable; the Tensors of a column are centered vertically."""
    depths: dict[Tensor, int] = {}
    for node in reversed(list(backward_order(output))):
        depths[node] = 1 + max([depths[parent] for _, parent in node.parents], default=-1)
    columns = [[node for node in depths if depths[node] == x] for x in range(depths[output] + 1)]
    tallest = max(map(len, columns))
    return {
        node: (float(x), (tallest + len(column)) / 2 - 1 - i)
        for x, column in enumerate(columns)
        for i, node in enumerate(column)
    }


def _draw_arrow(axes: Axes, start: Place, end: Place) -> None:
    """From the right side of a box to the left side of another, below the boxes in between."""
    tail, head = (start[0] + BOX[0] / 2, start[1]), (end[0] - BOX[0] / 2, end[1])
    axes.annotate("", head, tail, arrowprops=ARROW, zorder=0)


def _draw_box(axes: Axes, place: Place, name: str, value: float, gradient: float | None) -> None:
    (x, y), (width, height) = place, BOX
    corner = x - width / 2, y - height / 2
    axes.add_patch(FancyBboxPatch(corner, width, height, "round,pad=0,rounding_size=0.06", fc="white", ec=GRAY))
    axes.text(x, y + 0.2, name, ha="center", va="center")
    for number, color, above in ((value, BLUE, -0.02), (gradient, ORANGE, -0.23)):
        if number is not None:
            axes.text(x, y + above, f"{number:.3f}".replace("-", "−"), color=color, ha="center", va="center")


@styled
def decision_boundaries(probabilities: Arrays, extent: float, points: Array, labels: Array, title: str) -> Figure:
    """What a network of two inputs answers: blue for class 0, orange for class 1, a black line between them.

    Parameters
    ----------
    probabilities : dict of (n, n) arrays
        Probability of class 1 on a grid from -extent to extent, the lowest row first; by the panel's title.
    extent : float
    points : (N, 2)
    labels : (N,) of 0 and 1
    title : str
    """
    count = len(probabilities)
    figure, row = panels(2.6 * count, 3.4, title, count, sharey=True)
    for axes, (moment, p) in zip(row, probabilities.items(), strict=True):
        ticks = np.linspace(-extent, extent, len(p))
        axes.contourf(ticks, ticks, p, levels=np.linspace(0, 1, 11), cmap=SHADES)
        if p.min() < 0.5 < p.max():
            axes.contour(ticks, ticks, p, levels=[0.5], colors="black", linewidths=1.2)
        for label, color, marker in ((0, BLUE, "o"), (1, ORANGE, "^")):
            x, y = points[labels == label].T
            axes.scatter(x, y, s=7, color=color, marker=marker, linewidths=0)
        axes.set(title=moment, xlabel="first input", aspect="equal", xlim=(-extent, extent), ylim=(-extent, extent))
    row[0].set_ylabel("second input")
    return figure


@styled
def weight_pictures(rows: Arrays, counts: Mapping[str, int], title: str) -> Figure:
    """The weights of first-layer units as images, beside the number of parameters of every layer.

    Parameters
    ----------
    rows : dict of (units, H, W) arrays, by the label of the row
        All share one scale: red is negative, white 0, blue positive; the largest 0.5 % are clipped.
    counts : dict of int
        Number of parameters, by layer.
    """
    figure = titled_figure(10.5, 1.15 * len(rows) + 0.8, title)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 1))[0]
    scale = float(np.quantile(np.abs(flatten(rows)), 0.995)) or 1.0
    units = [f"unit {i}" for i in range(max(map(len, rows.values())))]
    *_, last = _gallery(left, rows, units, cmap="RdBu", clim=(-scale, scale))
    left.colorbar(last, ax=left.axes, label="weight, or its change", shrink=0.8, extend="both")
    axes, total = right.subplots(), sum(counts.values())
    _draw_bars(axes, counts, [f"{count:,}: {100 * count / total:.1f} %" for count in counts.values()])
    axes.set(title=f"{total:,} parameters", xticks=[])
    return figure


@styled
def class_pictures(blocks: Arrays, rows: Sequence[str], columns: Sequence[str], title: str) -> Figure:
    """Figure 2 of the paper: an image for each sparsity (down) and class (across), in blocks below each other.

    Parameters
    ----------
    blocks : dict of (rows, columns, H, W) arrays in [0, 1], by the title of the block
        White is the largest value of each image, so that its shape can be seen at every sparsity.
    """
    title = f"{title}\nrows: sparsity; black: no unit; white: the maximum of the image"
    figure = titled_figure(0.7 * len(columns) + 1.2, 0.65 * len(rows) * len(blocks) + 2.2, title)
    parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
    narrow = [column.replace("/", "/\n").replace(" ", "\n") for column in columns]
    for part, (name, images) in zip(parts, blocks.items(), strict=True):
        part.suptitle(name, fontweight="bold")
        for image in _gallery(part, dict(zip(rows, images, strict=True)), narrow, cmap="gray"):
            image.set_clim(0, max(float(np.max(np.asarray(image.get_array()))), 1e-9))
    return figure


def _gallery(part: SubFigure, rows: Arrays, columns: Sequence[str], **options: Any) -> Iterator[AxesImage]:
    """Draw a row of images for each entry, its name on the left, the names of the columns on top."""
    grid = part.subplots(len(rows), len(columns), squeeze=False)
    for axes, column in zip(grid[0], columns, strict=True):
        axes.set_title(column, fontsize="small")
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        line[0].set_ylabel(name, fontsize="small", rotation=0, ha="right", va="center")
        for axes, image in zip(line, images, strict=True):
            axes.set(xticks=[], yticks=[])
            yield axes.imshow(image, **options)


@styled
def kept_per_layer(rows: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """A bar for each parameter: the share of its connections that is kept, with the counts.

    Biases of which none is kept have no bar; the title names them.

    Parameters
    ----------
    rows : dict of {"kept", "total", "percent"}, as from `pruning.kept_per_layer`
    title : str
    """
    shown = {name: row for name, row in rows.items() if row["kept"] or not name.endswith("bias")}
    kept, total = (sum(row[key] for row in rows.values()) for key in ("kept", "total"))
    title = f"{title}\n{kept:,} of {total:,} connections are kept"
    if len(shown) < len(rows):
        title += f"; none of {', '.join(name for name in rows if name not in shown)}"
    figure, (axes,) = panels(8, 1.6 + 0.42 * len(shown), title)
    percents = {name: row["percent"] for name, row in shown.items()}
    _draw_bars(axes, percents, [f"{row['kept']:,} of {row['total']:,}" for row in shown.values()])
    axes.set(xlabel="connections kept (%)", xlim=(0, max(*percents.values(), 1)))
    return figure


@styled
def kept_of_networks(
    networks: Mapping[str, Mapping[str, float]], normalizations: Mapping[str, Collection[str]], title: str
) -> Figure:
    """A panel for each network: the share of each layer that is kept, from the first layer to the last.

    There are four or five panels in a row, whichever leaves fewer places empty.

    Parameters
    ----------
    networks : dict of dicts of float
        Percent, by the name of the layer; by the panel's title.
    normalizations : dict of collections of str
        The layers whose bars are gray, by the panel's title.
    title : str
    """
    columns = min(len(networks), *sorted((4, 5), key=lambda n: -len(networks) % n)[:1])
    rows = -(-len(networks) // columns)
    figure = titled_figure(2.5 * columns + 0.4, 2.1 * rows + 1.0, f"{title}\ngray: batch normalization")
    figure.supylabel("connections kept (%)")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, (name, layers) in zip(grid, networks.items(), strict=False):
        colors = [GRAY if layer in normalizations[name] else BLUE for layer in layers]
        axes.bar(range(1, len(layers) + 1), list(layers.values()), color=colors, width=0.8)
        few = len(layers) <= 5
        axes.set_title(name, fontsize="small")
        axes.set_xticks(range(1, len(layers) + 1) if few else [1, len(layers)], list(layers) if few else None)
        axes.grid(visible=False, axis="x")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(networks) :]:
        axes.set_axis_off()
    return figure


@styled
def kept_by_gate(networks: Mapping[str, Mapping[str, Mapping[str, float]]], title: str) -> Figure:
    """A panel for each network: the share of each gate's weights that is kept, for each parameter of the layer.

    The bias, of which a gate keeps far more, is below, on a scale of its own.

    Parameters
    ----------
    networks : dict of dicts of dicts of float
        Percent, by the letter of the gate; by the name of the parameter; by the panel's title.
    """
    parts = dict.fromkeys(part for own in networks.values() for part in own)
    rows = {"weights": [p for p in parts if not p.endswith("bias")], "biases": [p for p in parts if p.endswith("bias")]}
    rows = {what: row for what, row in rows.items() if row}
    gates = [max(map(len, own.values())) for own in networks.values()]  # a panel is as wide as it has gates
    figure = titled_figure(0.9 * sum(gates) + 0.6, 2.0 + 1.6 * len(rows), title)
    options: dict[str, Any] = {"sharex": "col", "sharey": "row", "width_ratios": gates}
    grid = figure.subplots(len(rows), len(networks), squeeze=False, height_ratios=(2, 1)[: len(rows)], **options)
    colors, width = dict(zip(parts, COLORS, strict=False)), 0.8 / max(map(len, rows.values()))
    for line, (what, row) in zip(grid, rows.items(), strict=True):
        for axes, own in zip(line, networks.values(), strict=True):
            _draw_gates(axes, {part: own[part] for part in row if part in own}, colors, width)
        line[0].set_ylabel(f"{what} kept (%)")
    for top, bottom, name in zip(grid[0], grid[-1], networks, strict=True):
        top.set_title(name)
        bottom.set_xlabel("gate")
    handles = [Patch(color=color, label=part) for part, color in colors.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _draw_gates(axes: Axes, parts: Mapping[str, Mapping[str, float]], colors: Mapping[str, str], width: float) -> None:
    """Bars of this width at each gate, side by side, with their numbers."""
    for i, (part, gates) in enumerate(parts.items()):
        places = np.arange(len(gates)) + (i - (len(parts) - 1) / 2) * width
        bars = axes.bar(places, list(gates.values()), width, color=colors[part])
        axes.bar_label(bars, [_short(share) for share in gates.values()], size="x-small")
        axes.set_xticks(range(len(gates)), list(gates))
    axes.margins(0.02, 0.1)
    axes.grid(visible=False, axis="x")
    axes.spines[["top", "right"]].set_visible(False)


def _short(percent: float) -> str:
    """Two digits at most, as a label must fit on its bar; "0" for nothing only."""
    if 0 < percent < 0.05:
        return "<0.1"
    return f"{percent:.1f}" if 0.05 <= percent < 9.95 else f"{percent:.0f}"


def _draw_bars(axes: Axes, lengths: Mapping[str, float], labels: Sequence[str]) -> None:
    """Horizontal bars from top to bottom, a label to the right of each."""
    bars = axes.barh(list(lengths), list(lengths.values()), color=BLUE, height=0.6)
    axes.bar_label(bars, labels, padding=4, fontsize="small")
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.spines[["top", "right"]].set_visible(False)


@styled
def kept_pixels(counts: Array, title: str) -> Figure:
    """The input as an image: how often the kept connections of the first layer read each pixel.

    A connection of a linear layer reads one pixel; one of a convolution reads a pixel for each of its windows.

    Parameters
    ----------
    counts : (H, W) integers
    title : str
    """
    figure, (axes,) = panels(5.6, 4.8, "")
    image = axes.imshow(counts, vmin=0)
    read = f"{np.count_nonzero(counts)} of {counts.size} pixels are read"
    axes.set_title(f"{title}\n{read}", wrap=True)
    axes.set(xlabel="pixel column", ylabel="pixel row")
    axes.grid(visible=False)
    figure.colorbar(image, ax=axes, label="times read by kept connections")
    return figure

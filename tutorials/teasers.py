"""Draw the lessons' teasers: small pictures, each of which asks its lesson's first question and does not answer it.

    python tutorials/teasers.py    writes tutorials/figures/teasers/1.png to 10.png

The docstring of each function describes its picture; the READMEs use it as alternative text. Nothing is downloaded: the
digits are drawn from fonts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from itertools import pairwise, product
from pathlib import Path
from typing import IO, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image

from minisnip.autodiff.engine import Array
from minisnip.data import glyphs
from minisnip.exercises import lesson_3
from minisnip.files import write_atomically
from minisnip.lab.plots.style import BLUE, GRAY, ORANGE, SKY, panels, styled
from minisnip.nn import lenet_300_100
from minisnip.pruning import connection_sensitivity, input_connections, keep_top

FOLDER = Path(__file__).parent / "figures" / "teasers"
SIZE, DPI = (2.56, 1.92), 156.25  # inches, and dots per inch: 400 × 300 pixels; a title and a table fit on its screen
PAPER = "#FAFAFA"
INK = LinearSegmentedColormap.from_list("paper to ink", ["white", BLUE], N=64)
DASHED: dict[str, Any] = {"edgecolor": ORANGE, "linestyle": (0, (2, 1.5)), "linewidth": 1.2, "facecolor": "none"}
ARROW = {"arrowstyle": "-|>", "color": GRAY, "shrinkA": 0, "shrinkB": 0}

Place = tuple[float, float]


def canvas(question: str) -> tuple[Figure, Axes]:
    """Make a light card with the question as its title, and axes that are not seen."""
    figure, (axes,) = panels(*SIZE, question)
    figure.set(facecolor=PAPER, edgecolor=GRAY, linewidth=2)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure, axes


def ask(axes: Axes, x: float, y: float, points: float = 20) -> None:
    """Draw an orange question mark."""
    axes.text(x, y, "?", size=points, color=ORANGE, weight="bold", ha="center", va="center_baseline")


def show(axes: Axes, image: Array, interpolation: str) -> None:
    """Draw an image (H, W) in blue ink, framed; 0 is white."""
    axes.imshow(image, cmap=INK, vmin=0, interpolation=interpolation)
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(GRAY)


@styled
def graph() -> Figure:
    """A graph without its gradients."""
    figure, axes = canvas("L = x · y + tanh(x)\n∂L/∂x = ?")
    places = {"x": (0, 1), "y": (0, 0), "x · y": (1.5, 1), "tanh x": (1.5, 0), "L": (3, 0.5)}
    for start, end in (("x", "x · y"), ("y", "x · y"), ("x", "tanh x"), ("x · y", "L"), ("tanh x", "L")):
        (x, y), (to_x, to_y) = places[start], places[end]
        axes.annotate("", (to_x - 0.5, to_y), (x + 0.5, y), arrowprops=ARROW)
    for name, (x, y) in places.items():
        corner, shape = (x - 0.5, y - 0.4), "round,pad=0,rounding_size=0.08"
        axes.add_patch(FancyBboxPatch(corner, 1, 0.8, shape, facecolor="white", edgecolor=BLUE))
        axes.text(x, y + 0.18, name, size=9, ha="center", va="center")
        axes.add_patch(Rectangle((x - 0.3, y - 0.32), 0.6, 0.3, **DASHED))
    ask(axes, 0, 0.83, points=9)
    axes.set(xlim=(-0.6, 3.6), ylim=(-0.5, 1.5))
    return figure


@styled
def shapes() -> Figure:
    """Two arrays of different shapes."""
    figure, axes = canvas("What is the shape\nof ∂L/∂b?")
    for column in range(3):
        for row in range(2):
            axes.add_patch(Rectangle((column, row), 0.9, 0.9, color=BLUE))
        axes.add_patch(Rectangle((4.5 + column, 0.5), 0.9, 0.9, color=ORANGE))
    axes.text(3.7, 0.95, "+", size=18, ha="center", va="center")
    for x, text in ((1.45, "x: (2, 3)"), (5.95, "b: (3,)")):
        axes.text(x, -0.3, text, ha="center", va="top")
    axes.add_patch(Rectangle((5.05, -2.3), 1.8, 0.9, **DASHED))
    ask(axes, 5.95, -1.85, points=11)
    axes.set(xlim=(-0.2, 7.6), ylim=(-2.5, 2))
    return figure


@styled
def spirals() -> Figure:
    """Two spirals of points."""
    figure, axes = canvas("Where does the line run?")
    points, labels = lesson_3.spirals(np.random.default_rng(0), 200)
    for label, color, marker in ((0, BLUE, "o"), (1, ORANGE, "^")):
        x, y = points[labels == label].T
        axes.scatter(x, y, s=9, color=color, marker=marker, linewidths=0)
    return figure


@styled
def digits() -> Figure:
    """Sixteen drawn digits."""
    figure, axes = canvas("Which pixels are never on?")
    images = glyphs(16)[0].reshape(4, 4, 28, 28)
    images = np.where(images > 0.4, images, 0)  # without the noise, which MNIST does not have
    show(axes, np.block([list(row) for row in images]), "nearest")
    for i in range(1, 4):
        axes.axhline(28 * i - 0.5, color=GRAY, linewidth=0.6)
        axes.axvline(28 * i - 0.5, color=GRAY, linewidth=0.6)
    return figure


def draw_units(axes: Axes, layers: Sequence[Sequence[Place]]) -> None:
    """A circle for each unit, after its connections are drawn."""
    for x, y in (unit for layer in layers for unit in layer):
        axes.plot(x, y, "o", markersize=9, markerfacecolor=SKY, markeredgecolor=BLUE, clip_on=False)


def layers_of(*sizes: int) -> list[list[Place]]:
    """Places of the units: a column for each layer, centered vertically."""
    return [[(1.5 * x, i - (size - 1) / 2) for i in range(size)] for x, size in enumerate(sizes)]


@styled
def cut() -> Figure:
    """A network with one connection cut."""
    figure, axes = canvas("How much does\nthe loss change?")
    layers = layers_of(3, 4, 2)
    missing = layers[0][2], layers[1][3]
    for before, after in pairwise(layers):
        for start, end in product(before, after):
            if (start, end) != missing:
                axes.plot(*zip(start, end, strict=True), "-", color=GRAY, linewidth=0.8, marker="")
    x, y = np.linspace(*missing, 12).T
    for part in (slice(5), slice(7, None)):
        axes.plot(x[part], y[part], "-", color=ORANGE, linewidth=2.5, marker="")
    draw_units(axes, layers)
    return figure


@styled
def curves() -> Figure:
    """An empty chart of error against sparsity."""
    figure, axes = canvas("Which curve is SNIP's?")
    axes.set_axis_on()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(aspect="auto", xlabel="fewer connections kept →", ylabel="error", facecolor=PAPER)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    for y in (0.15, 0.5, 0.85):  # one up, one level, one down: the true ones may not be guessed from here
        axes.plot([0.1, 0.31], [0.5, 0.5 + 0.6 * (y - 0.5)], ":", color=GRAY, linewidth=2, marker="")
        ask(axes, 0.45, y)
    axes.plot(0.1, 0.5, "o", color=GRAY, markersize=9)
    return figure


@styled
def picture() -> Figure:
    """A picture of a digit and a question mark."""
    figure, axes = canvas("Is this evidence?")
    images, labels = glyphs(1500)
    net, rows = lenet_300_100(), np.flatnonzero(labels == 3)[:100]
    scores = connection_sensitivity(net, net.init(0), images[rows], labels[rows])
    kept = input_connections(net, keep_top(scores, 0.9))[0]
    show(axes, kept, "gaussian")
    return figure


@styled
def empty() -> Figure:
    """A network whose middle is empty."""
    figure, axes = canvas("Why does it always\nanswer the same?")
    layers = layers_of(3, 4, 4, 2)
    for before, after in (layers[:2], layers[2:]):
        for start, end in product(before, after):
            axes.plot(*zip(start, end, strict=True), "-", color=GRAY, linewidth=0.8, marker="")
    draw_units(axes, layers)
    ask(axes, 2.25, 0)
    return figure


@styled
def loop() -> Figure:
    """One matrix that is used again and again."""
    figure, axes = canvas("One weight, 28 uses:\nhow many scores?")
    for i in range(4):
        corner, shape = (2 * i - 0.5, -0.4), "round,pad=0,rounding_size=0.08"
        axes.add_patch(FancyBboxPatch(corner, 1, 0.8, shape, facecolor="white", edgecolor=BLUE))
        axes.text(2 * i, 0, "U" if i < 3 else "…", size=11, ha="center", va="center")
        axes.annotate("", (2 * i, -0.45), (2 * i, -1.2), arrowprops=ARROW)
        axes.text(2 * i, -1.25, f"row {i + 1}" if i < 3 else "", size=7, ha="center", va="top")
        if i < 3:
            axes.annotate("", (2 * i + 1.5, 0), (2 * i + 0.5, 0), arrowprops=ARROW)
    axes.add_patch(Rectangle((-0.7, -0.6), 5.4, 1.2, **DASHED))
    ask(axes, 2, 1.15)
    axes.set(xlim=(-0.9, 6.9), ylim=(-1.9, 1.8))
    return figure


@styled
def two_frameworks() -> Figure:
    """A mask from NumPy, and an empty one from PyTorch."""
    figure, axes = canvas("Two frameworks:\nthe same mask?")
    mask = np.random.default_rng(10).random((6, 6)) < 0.3
    for corner, name in ((0, "NumPy"), (9, "PyTorch")):
        for row, column in np.ndindex(mask.shape):
            color = BLUE if mask[row, column] and corner == 0 else "white"
            axes.add_patch(Rectangle((corner + column, row), 1, 1, facecolor=color, edgecolor=GRAY, linewidth=0.6))
        axes.text(corner + 3, -0.4, name, size=9, ha="center", va="top")
    ask(axes, 12, 3)
    axes.set(xlim=(-0.5, 15.5), ylim=(-1.8, 6.5))
    return figure


TEASERS: tuple[Callable[[], Figure], ...]
TEASERS = (graph, shapes, spirals, digits, cut, curves, picture, empty, loop, two_frameworks)


def save_png(figure: Figure, file: IO[bytes]) -> None:
    """Write a PNG; the same figure gives the same bytes."""
    drawn = BytesIO()
    figure.savefig(drawn, dpi=DPI)
    Image.open(drawn).convert("RGB").quantize().save(file, "png", optimize=True)  # 256 colors: fewer bytes


def write_all(folder: Path = FOLDER) -> None:
    """Write the teaser of lesson n to n.png in this folder."""
    for number, draw in enumerate(TEASERS, start=1):
        write_atomically(folder / f"{number}.png", partial(save_png, draw()))


if __name__ == "__main__":
    write_all()

"""The picture of the README: the pixels that SNIP keeps when it scores with images of one digit only.

    python -m tests.benchmarks.kept_digits    writes tests/benchmarks/figures/kept_digits.png

The labels are the true ones. What random labels show is the question of lesson 7.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minisnip.autodiff.engine import Array
from minisnip.data import Split, load
from minisnip.files import write_atomically
from minisnip.lab.plots.style import panels, styled
from minisnip.nn import lenet_300_100
from minisnip.pruning import connection_sensitivity, input_connections, keep_top

FILE = Path(__file__).parent / "figures" / "kept_digits.png"
SPARSITY, IMAGES = 0.9, 100


def kept_pixels(split: Split, digit: int) -> Array:
    """How often the first layer still reads each pixel, scored with 100 images of a digit: (28, 28)."""
    net = lenet_300_100()
    rows = np.flatnonzero(split.labels == digit)[:IMAGES]
    scores = connection_sensitivity(net, net.init(0), split.images[rows], split.labels[rows])
    return np.asarray(input_connections(net, keep_top(scores, SPARSITY))[0])


@styled
def draw(pictures: list[Array]) -> Figure:
    """One picture for each digit, in a row."""
    figure, axes = panels(10, 1.15, "", len(pictures))
    for panel, picture in zip(axes, pictures, strict=True):
        panel.imshow(picture, cmap="gray", vmin=0)
        panel.set_axis_off()
    return figure


if __name__ == "__main__":
    train = load("mnist").train
    figure = draw([kept_pixels(train, digit) for digit in range(10)])
    write_atomically(FILE, partial(figure.savefig, dpi=120))
    print(FILE)

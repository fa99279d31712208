"""Every figure can be drawn, names its axes with units, and stays inside its frame."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from minisnip import plots


def history(epochs: int) -> list[dict[str, float]]:
    return [
        {"epoch": e, "train_loss": 1 / e, "validation_loss": 1.5 / e, "train_error_percent": 9 / e}
        | {"validation_error_percent": 0.0 if e == 3 else 10 / e}
        for e in range(1, epochs + 1)
    ]


def drawn(figure: Figure) -> Figure:
    figure.savefig(io.BytesIO(), format="png")
    return figure


def test_training_curves_have_a_line_for_each_split_of_each_run() -> None:
    figure = drawn(plots.training_curves({"pruned": history(5), "dense": history(5)}, "a title"))
    loss, error = figure.axes
    assert loss.get_ylabel() == "cross-entropy (nats)"
    assert error.get_ylabel() == "error (%)"
    assert [len(axes.lines) for axes in (loss, error)] == [4, 4]
    assert figure.get_suptitle() == "a title"


def test_a_run_of_one_epoch_can_be_drawn() -> None:
    figure = drawn(plots.training_curves({"pruned": history(1)}, "one epoch"))
    assert figure.axes[0].lines[0].get_marker() == "o"  # a line of one point would be invisible


def test_kept_per_layer_shows_the_counts_of_each_bar_inside_the_frame() -> None:
    rows = {
        "fc1.weight": {"kept": 8000, "total": 235_200, "percent": 3.4},
        "fc2.weight": {"kept": 1000, "total": 1000, "percent": 100.0},
    }
    figure = drawn(plots.kept_per_layer(rows, "a title"))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["8,000 of 235,200", "1,000 of 1,000"]
    frame = figure.bbox
    assert all(text.get_window_extent().x1 <= frame.x1 for text in axes.texts)


def test_kept_pixels_shows_the_image_and_how_many_pixels_are_read() -> None:
    counts = np.zeros((28, 28), int)
    counts[3, 4] = 7
    figure = drawn(plots.kept_pixels(counts, "a title"))
    assert figure.axes[0].get_title() == "a title\n1 of 784 pixels are read"
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), counts)

"""Every figure can be drawn, names its axes with units, and stays inside its frame."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from minisnip.lab import plots
from minisnip.pruning import DifferenceErrors


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


def test_the_scatter_puts_g_on_the_horizontal_axis_and_the_deletion_on_the_vertical_one() -> None:
    g, deltas = {"w": np.array([1.0, 1.0, -1e-9])}, {"w": np.array([-0.01, -0.01, 1e-9])}
    (axes,) = drawn(plots.deletion_scatter(g, deltas, "a title")).axes
    cells = axes.collections[0]
    offsets, counts = np.asarray(cells.get_offsets()), np.asarray(cells.get_array())
    x, y = offsets[np.argmax(counts)]
    assert x > 0 > y
    assert abs(x) > abs(y)


def test_the_histogram_marks_both_thresholds() -> None:
    scores = {"w": np.geomspace(1e-6, 1, 100)}
    (axes,) = drawn(plots.score_histogram(scores, scores, {"g": 1e-2, "ΔL": 2e-2}, "a title")).axes
    assert [line.get_xdata()[0] for line in axes.lines] == [1e-2, 2e-2]  # type: ignore[index]


def test_overlap_and_joint_deletion_stand_over_what_is_kept() -> None:
    overlap = [
        {"sparsity": 0.5, "jaccard": 0.9, "precision": 0.95},
        {"sparsity": 0.99, "jaccard": 0.7, "precision": 0.8},
    ]
    (axes,) = drawn(plots.overlap_curves(overlap, "a title")).axes
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xdata(), float), [50, 1])
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), float), [95, 80])
    joint = [{"sparsity": 0.5, "true": 0.1, "linear": 0.2}, {"sparsity": 0.99, "true": 0.3, "linear": 0.8}]
    (axes,) = drawn(plots.joint_curves(joint, "a title")).axes
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), float), [0.1, 0.3])
    np.testing.assert_allclose(np.asarray(axes.lines[1].get_ydata(), float), [0.2, 0.8])
    assert "one connection" in axes.get_title()


def test_the_difference_curves_have_a_panel_for_each_precision_with_the_orders() -> None:
    deltas = np.array([1.0, 0.1, 0.01])
    errors = DifferenceErrors(deltas, deltas, deltas**2, 0 * deltas, (1.0, 2.0))
    figure = drawn(plots.difference_curves({"float64": errors, "float32": errors}, "a title"))
    assert [axes.get_title() for axes in figure.axes] == ["float64", "float32"]
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()][:2] == ["one-sided, as ΔL: order 1.00", "central: order 2.00"]


def test_figures_of_the_paper_have_their_axes_and_a_picture_for_each_case() -> None:
    curve = {"sparsity": [0.0, 50.0, 95.0], "mean": [1.5, 1.6, 2.0], "std": [0.1] * 3, "paper": {0.0: 1.7, 95.0: 1.6}}
    figure = drawn(plots.sparsity_curves({"one": curve, "other": curve}))
    assert [axes.get_xlabel() for axes in figure.axes] == ["connections kept (%)"] * 2
    assert figure.axes[0].get_ylabel() == "test error (%)"
    pictures = np.random.default_rng(0).random((2, 3, 28, 28))
    figure = drawn(plots.class_pictures({"true": pictures, "random": pictures}, ["10 %", "90 %"], list("abc"), "t"))
    assert sum(len(axes.images) for part in figure.subfigs for axes in part.axes) == 12
    counts = {n: np.ones((28, 28)) for n in (1, 10)}
    figure = drawn(plots.scoring_batches({1: [2.0, 2.2], 10: [1.9]}, {1: 1.94, 10: 1.72}, counts, "t"))
    assert figure.subfigs[0].axes[0].get_ylabel() == "test error (%)"
    assert [axes.get_title() for axes in figure.subfigs[1].axes[:2]] == ["1 image", "10 images"]
    history: dict[str, Sequence[float]] = {
        "iterations": [10, 20],
        "train_loss": [2.0, 1.0],
        "train_error_percent": [80.0, 50.0],
    }
    names = [f"{network}, {labels} labels" for network in ("dense", "99 %") for labels in ("true", "shuffled")]
    figure = drawn(plots.memorization(dict.fromkeys(names, history), "t"))
    assert [axes.get_ylabel() for axes in figure.axes] == ["training loss (nats)", "training error (%)"]
    assert [line.get_linestyle() for line in figure.axes[0].lines] == ["-", "--", "-", "--"]

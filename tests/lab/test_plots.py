"""Every figure can be drawn, names its axes with units, stays inside its frame, and leaves matplotlib as it was."""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from minisnip import Tensor, grad, ops
from minisnip.lab import plots
from minisnip.lab.plots.style import BLUE
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


def test_a_figure_is_described_in_a_notebook_by_what_is_written_in_it() -> None:
    curves = {"steep": [1.0, 0.1], "flat": [1.0, 0.9]}
    figure = plots.step_errors(np.array([1e-3, 1e-2]), {k: np.array(c) for k, c in curves.items()}, {}, "Two\nlines")
    data, metadata = figure._repr_mimebundle_()  # type: ignore[attr-defined]
    words = "Two. lines. Horizontal axis: step h. Vertical axis: relative error of the derivative. Legend: steep; flat"
    assert (data["text/plain"], metadata) == (words, {"image/png": {"alt": words}})
    assert b64decode(data["image/png"]).startswith(b"\x89PNG")


def test_a_gallery_is_described_by_its_blocks_columns_and_rows() -> None:
    pictures = np.ones((2, 3, 28, 28))
    blocks, title = {"true": pictures, "random": pictures}, "Which,\nand $g_j$"
    words = plots.style.describe(plots.class_pictures(blocks, ["10 %", "90 %"], list("abc"), title))
    legend = "rows: sparsity; black: no unit; white: the maximum of the image"
    described = ". ".join(f"{block}. Across: a; b; c. Down: 10 %; 90 %" for block in blocks)
    assert words == f"Which, and g_j. {legend}. {described}"


def test_kept_by_gate_labels_every_bar_and_draws_all_of_them_equally_wide() -> None:
    gates = {"LSTM": {"w": {"i": 0.0, "f": 0.03, "g": 9.96, "o": 7.0}}, "GRU": {"w": {"r": 0.6, "z": 86.2, "n": 100.0}}}
    figure = drawn(plots.kept_by_gate(gates, "a title"))
    labels = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert labels == [["0", "<0.1", "10", "7.0"], ["0.6", "86", "100"]]
    widths = [bar.get_window_extent().width for axes in figure.axes for bar in axes.patches]
    assert max(widths) < 1.05 * min(widths)
    for axes in figure.axes:
        assert all(text.get_window_extent().y1 < axes.get_window_extent().y1 for text in axes.texts)


def test_the_biases_of_gates_have_a_scale_of_their_own_below_the_weights() -> None:
    parts = {
        "rnn.weight_ih": {"i": 0.6, "f": 1.5},
        "rnn.weight_hh": {"i": 0.2, "f": 0.5},
        "rnn.bias": {"i": 0.0, "f": 86.0},
    }
    figure = drawn(plots.kept_by_gate({"LSTM": parts}, "a title"))
    weights, biases = figure.axes
    assert (weights.get_ylabel(), biases.get_ylabel()) == ("weights kept (%)", "biases kept (%)")
    assert weights.get_ylim()[1] < 2 < 86 < biases.get_ylim()[1]
    assert (weights.get_title(), biases.get_xlabel()) == ("LSTM", "gate")
    assert len({round(bar.get_window_extent().width) for axes in (weights, biases) for bar in axes.patches}) == 1


@pytest.mark.parametrize(("count", "columns"), [(3, 3), (5, 5), (8, 4), (13, 5)])
def test_the_last_row_of_networks_is_as_full_as_it_can_be(count: int, columns: int) -> None:
    networks = {f"network {i}": {"fc1": 3.0, "fc2": 9.0} for i in range(count)}
    figure = plots.kept_of_networks(networks, dict.fromkeys(networks, ()), "a title")
    places = figure.axes[0].get_gridspec()
    assert places is not None
    assert (places.nrows, places.ncols) == (-(-count // columns), columns)
    assert [axes.get_title() for axes in figure.axes if axes.axison] == [*networks]


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


def test_overlap_and_joint_deletion_are_drawn_against_the_connections_kept() -> None:
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


def test_the_step_errors_have_a_curve_for_each_method_and_a_line_at_the_chosen_step() -> None:
    steps = np.geomspace(1e-12, 1, 5)
    errors = {"one": steps**2 + 1e-16 / steps, "other": 0 * steps}
    figure = plots.step_errors(steps, errors, {"here": 1e-6}, "a title")
    figure.savefig(io.BytesIO(), format="png")
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step h", "relative error of the derivative")
    one, other, chosen = axes.lines
    np.testing.assert_array_equal(np.asarray(one.get_ydata()), errors["one"])
    np.testing.assert_array_equal(np.asarray(other.get_ydata()), 1e-17)  # an exact value has a place on the axis
    np.testing.assert_array_equal(np.asarray(chosen.get_xdata()), 1e-6)
    assert [text.get_text() for text in axes.texts] == ["here"]


POINTS, LABELS = np.array([[-1.0, 0.0], [1.0, 0.5], [1.0, -0.5]]), np.array([0, 1, 1])


def test_the_boundary_is_drawn_in_each_panel_where_there_is_one() -> None:
    left_to_right = np.tile(np.linspace(0.1, 0.9, 11), (11, 1))
    panels = {"before": np.full((11, 11), 0.4), "after": left_to_right}
    figure = drawn(plots.decision_boundaries(panels, 2.0, POINTS, LABELS, "a title"))
    before, after = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["before", "after"]
    assert after.get_xlabel() == "first input"
    assert before.get_ylabel() == "second input"
    assert len(after.collections) == len(before.collections) + 1  # the contour
    contour = np.concatenate([path.vertices for path in after.collections[1].get_paths()])
    np.testing.assert_allclose(contour[:, 0], 0.0, atol=1e-9)
    assert [len(np.asarray(dots.get_offsets())) for dots in after.collections[-2:]] == [1, 2]


def test_the_loss_curves_are_drawn_against_the_step_with_the_level_of_chance() -> None:
    figure = drawn(plots.loss_curves({"one": [2.0, 1.0], "other": [0.7, 0.7, 0.7]}, np.log(2), "a title"))
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "cross-entropy (nats)")
    chance, *runs = axes.lines
    np.testing.assert_allclose(np.asarray(chance.get_ydata(), float), np.log(2))
    assert [len(np.asarray(line.get_ydata())) for line in runs] == [2, 3]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["knows nothing: 0.693", "one", "other"]


def test_weight_pictures_share_one_scale_and_the_bars_carry_counts_and_shares() -> None:
    rows = {"as drawn": np.zeros((3, 4, 5)), "trained": np.random.default_rng(0).normal(size=(3, 4, 5))}
    figure = plots.weight_pictures(rows, {"fc1": 300, "fc2": 100}, "a title")
    figure.savefig(io.BytesIO(), format="png")
    left, right = figure.subfigs
    images = [axes.images[0] for axes in left.axes if axes.images]
    assert len(images) == 6
    (limits,) = {image.get_clim() for image in images}
    assert limits[0] == -limits[1]  # 0 is white
    np.testing.assert_array_equal(np.asarray(images[4].get_array()), rows["trained"][1])
    assert [text.get_text() for text in right.axes[0].texts] == ["300: 75.0 %", "100: 25.0 %"]
    assert right.axes[0].get_title() == "400 parameters"


def test_pictures_that_are_all_zero_can_be_drawn() -> None:
    figure = plots.weight_pictures({"change": np.zeros((1, 2, 2))}, {"fc1": 4}, "t")
    figure.savefig(io.BytesIO(), format="png")
    assert figure.subfigs[0].axes[0].images[0].get_clim() == (-1, 1)  # a scale of 0 could not be drawn


def test_every_connection_is_in_the_scatter_and_the_histogram_marks_the_thresholds() -> None:
    g = {"w": np.geomspace(1e-4, 1, 60), "b": -np.geomspace(1e-3, 0.5, 40)}
    deltas = {name: g_j * 0.9 for name, g_j in g.items()}
    figure = plots.scores_and_threshold(g, deltas, {"g": 1e-2, "ΔL": 2e-2}, "a title")
    figure.savefig(io.BytesIO(), format="png")
    scatter, histogram = figure.axes
    assert np.asarray(scatter.collections[0].get_array()).sum() == 100
    assert scatter.get_xlabel() == "$g_j$, the derivative (nats)"
    assert scatter.get_ylabel() == r"$\Delta L_j$, the deletion (nats)"
    assert [line.get_xdata()[0] for line in histogram.lines] == [1e-2, 2e-2]  # type: ignore[index]
    assert histogram.get_xlabel() == "score (nats)"
    assert figure.get_suptitle() == "a title"


def test_controls_have_a_line_each_with_a_dot_for_each_seed_and_the_first_on_top() -> None:
    errors = {"as it is": [4.0, 4.4], "shuffled": [5.0, 6.0, 7.0]}
    (axes,) = drawn(plots.control_errors(errors, "a title")).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == list(errors)
    assert axes.yaxis_inverted()
    dots, means = axes.lines[::2], axes.lines[1::2]
    assert [list(np.asarray(line.get_xdata())) for line in dots] == list(errors.values())
    np.testing.assert_allclose([float(np.ravel(line.get_xdata())[0]) for line in means], [4.2, 6.0])
    assert axes.get_xlabel().startswith("test error (%)")


def test_overlaps_are_drawn_against_the_images_with_their_mean_and_the_levels_of_chance() -> None:
    overlaps, chance = {1: [0.1, 0.2], 100: [0.4]}, {"by chance": 0.05}
    (axes,) = drawn(plots.overlap_by_batch(overlaps, chance, "a title")).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["two batches, their mean", "by chance"]
    mean = axes.lines[2]
    assert {line.get_color() for line in axes.lines[:3]} == {BLUE}
    np.testing.assert_allclose(np.asarray(mean.get_xdata(), float), [1, 100])
    np.testing.assert_allclose(np.asarray(mean.get_ydata(), float), [0.15, 0.4])
    assert list(np.asarray(axes.lines[3].get_ydata())) == [0.05, 0.05]


def test_an_emptied_layer_is_a_cross_inside_the_frame_and_costs_have_units() -> None:
    masks = [
        {"fc1.weight": np.array([1.0, kept, 0.0, 0.0]), "fc1.bias": np.zeros(2), "fc2.weight": np.array([1.0, kept])}
        for kept in (1.0, 0.0)
    ]
    masks[1]["fc1.weight"][:] = 0
    costs: Any = {"memory, kB": {"masked": [1066, 1066]}, "a step, ms": {"masked": [np.nan, np.nan]}}
    figure = plots.collapse_and_cost([10, 2], {"once": masks}, [10, 1], costs, "a title")
    figure.savefig(io.BytesIO(), format="png")
    above, memory, step = figure.axes
    lines: list[Any] = list(above.lines)
    fc1, fc2, crosses, none = lines
    assert [line.get_label() for line in (fc1, fc2)] == ["fc1", "fc2"]
    assert list(fc2.get_ydata()) == [100, 50]
    assert above.yaxis.get_minorticklocs().size == 0
    assert [list(line.get_xdata()) for line in (crosses, none)] == [[2], []]
    assert all(above.get_ylim()[0] < y < above.get_ylim()[1] for y in crosses.get_ydata())
    assert [axes.get_title() for axes in figure.axes] == ["once", "memory", "a step"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["kept of the layer (%)", "kB", "ms"]
    assert memory.get_ylim()[0] == step.get_ylim()[0] == 0
    assert figure.get_suptitle() == "a title"


def small_graph(title: str) -> Figure:
    x, y = Tensor(2.0), Tensor(-1.0)
    output = x * y + ops.tanh(x)
    return plots.computation_graph(output, {id(x): float(grad(output, x)), id(output): 1.0}, {id(x): "x"}, title)


def test_the_graph_has_a_box_for_each_tensor_with_its_value_and_an_arrow_for_each_use() -> None:
    (axes,) = drawn(small_graph("a title")).axes
    assert len(axes.patches) == 5
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("") == 5  # arrows: x is used twice
    assert sorted(filter(None, texts)) == sorted(
        ["x", "2.000", "−0.929", "variable", "−1.000", "multiply", "−2.000", "tanh", "0.964", "add", "−1.036", "1.000"]
    )


def test_biases_of_which_none_is_kept_are_named_and_have_no_bar() -> None:
    rows = {
        "fc1.weight": {"kept": 0, "total": 20, "percent": 0.0},
        "fc1.bias": {"kept": 0, "total": 2, "percent": 0.0},
        "fc2.weight": {"kept": 4, "total": 8, "percent": 50.0},
        "fc2.bias": {"kept": 1, "total": 4, "percent": 25.0},
    }
    figure = drawn(plots.kept_per_layer(rows, "a title"))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["0 of 20", "4 of 8", "1 of 4"]  # an emptied layer is shown
    assert figure.get_suptitle() == "a title\n5 of 34 connections are kept; none of fc1.bias"


SCORES = {"w": np.array([1.0, -0.1, 1e-3]), "b": np.zeros(2)}
THRESHOLDS = {"g": 1e-2, "ΔL": 2e-2}
STEPS = np.array([1.0, 0.1, 0.01])
OVERLAPS = [{"sparsity": s, "jaccard": 0.9, "precision": 0.95} for s in (0.5, 0.99)]
JOINT = [{"sparsity": s, "true": s, "linear": 2 * s} for s in (0.5, 0.99)]
CURVE: dict[str, Any] = {"sparsity": [0.0, 50.0, 95.0], "mean": [1.5, 1.6, 2.0], "std": [0.1] * 3, "paper": {0.0: 1.7}}
MEMORIZED: dict[str, Sequence[float]] = {
    "iterations": [10, 20],
    "train_loss": [2.0, 1.0],
    "train_error_percent": [80.0, 50.0],
}
METHOD = {"kept": [50, 1], "mean": [2, 9], "least": [1, 8], "greatest": [3, 10]}
IMAGES = np.random.default_rng(0).random((2, 3, 28, 28))
MASKS = [{"fc1.weight": np.array([1.0, kept])} for kept in (1.0, 0.0)]
EXAMPLES: dict[str, Callable[[str], Figure]] = {
    "class_pictures": lambda title: plots.class_pictures(
        {"true": IMAGES}, ["10 %", "90 %"], ["0", "T-shirt/top", "Ankle boot"], title
    ),
    "collapse_and_cost": lambda title: plots.collapse_and_cost(
        [10, 2], {"once": MASKS}, [10, 1], {"memory, kB": {"masked": [9, 9]}}, title
    ),
    "computation_graph": small_graph,
    "control_errors": lambda title: plots.control_errors({"as it is": [4.0, 4.4], "shuffled": [5.0, 6.0]}, title),
    "decision_boundaries": lambda title: plots.decision_boundaries(
        {"0 steps": IMAGES[0, 0]}, 2.0, POINTS, LABELS, title
    ),
    "deletion_scatter": lambda title: plots.deletion_scatter(SCORES, SCORES, title),
    "difference_curves": lambda title: plots.difference_curves(
        {"float64": DifferenceErrors(STEPS, STEPS, STEPS**2, 0 * STEPS, (1.0, 2.0))}, title
    ),
    "error_curves": lambda title: plots.error_curves({"snip": METHOD, "random": METHOD}, 90.0, title),
    "joint_curves": lambda title: plots.joint_curves(JOINT, title),
    "kept_by_gate": lambda title: plots.kept_by_gate(
        {"LSTM-s": {"rnn.weight_ih": dict(zip("ifgo", (1.0, 2.0, 30.5, 0.0), strict=True))}}, title
    ),
    "kept_of_networks": lambda title: plots.kept_of_networks(
        {"MLP": {"fc1": 3.4, "fc2": 100.0}, "WRN": {"conv": 90.0, "bn": 50.0}}, {"MLP": (), "WRN": ("bn",)}, title
    ),
    "kept_per_layer": lambda title: plots.kept_per_layer(
        {"fc1.weight": {"kept": 9, "total": 9, "percent": 100.0}}, title
    ),
    "kept_pixels": lambda title: plots.kept_pixels(np.ones((28, 28), int), title),
    "length_curves": lambda title: plots.length_curves({"one": {100: (3.0, 2.5, 3.5), 200: (2.0, 1.9, 2.1)}}, title),
    "loss_curves": lambda title: plots.loss_curves({"one": [2.0, 1.0], "other": [0.7, 0.7]}, 0.7, title),
    "memorization": lambda title: plots.memorization(
        {"dense, true labels": MEMORIZED, "dense, shuffled labels": MEMORIZED}, title
    ),
    "overlap_by_batch": lambda title: plots.overlap_by_batch({1: [0.1, 0.2], 100: [0.4]}, {"by chance": 0.05}, title),
    "overlap_curves": lambda title: plots.overlap_curves(OVERLAPS, title),
    "score_histogram": lambda title: plots.score_histogram(SCORES, SCORES, THRESHOLDS, title),
    "scores_and_threshold": lambda title: plots.scores_and_threshold(SCORES, SCORES, THRESHOLDS, title),
    "scoring_batches": lambda title: plots.scoring_batches({1: [2.0, 2.2]}, {1: 1.94}, {1: np.ones((28, 28))}, title),
    "sparsity_curves": lambda title: plots.sparsity_curves({"one": CURVE, "other": CURVE}, title),
    "step_errors": lambda title: plots.step_errors(STEPS, {"one": STEPS}, {"here": 0.1}, title),
    "training_curves": lambda title: plots.training_curves({"pruned": history(5)}, title),
    "weight_pictures": lambda title: plots.weight_pictures(
        dict.fromkeys("abc", IMAGES[0]), {"fc1": 300, "fc2": 100}, title
    ),
}


def test_there_is_an_example_of_every_figure() -> None:
    assert list(EXAMPLES) == plots.__all__


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_long_title_is_wrapped_and_no_text_is_cut_in_a_style_that_matplotlib_does_not_keep(name: str) -> None:
    before = dict(matplotlib.rcParams)
    figure = drawn(EXAMPLES[name]("LeNet-300-100, magnitude-after-training at 99.5 %, Fashion-MNIST, " * 3))
    assert dict(matplotlib.rcParams) == before
    assert any("99.5 %" in text.get_text() for text in figure.findobj(Text))
    ticks = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for label in axis.get_ticklabels(which="both")  # some belong to ticks beyond the ends of the axis
    }
    texts = [text for text in figure.findobj(Text) if text.get_text() and text not in ticks]
    boxes = {text.get_text(): text.get_window_extent() for text in texts}
    frame = figure.bbox.padded(1)
    assert not [text for text, box in boxes.items() if not (frame.contains(*box.min) and frame.contains(*box.max))]
    sizes = [label.get_fontsize() for axes in figure.axes for label in axes.get_xticklabels()]
    assert sizes == pytest.approx([11 * 0.833] * len(sizes))  # ticks are made last, at the drawing


def test_a_comparison_highlights_five_curves_and_names_all() -> None:
    curve = {"kept": [50.0, 5.0], "mean": [2.0, 9.0], "least": [1.0, 8.0], "greatest": [3.0, 10.0]}
    figure = drawn(plots.error_curves({f"method {i}": curve for i in range(12)}, 90.0, "twelve methods"))
    (axes,) = figure.axes
    colors = [line.get_color() for line in axes.lines[1:]]
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    assert {"1", "1.5", "2", "3", "5", "7", "10"} <= set(ticks)
    assert axes.yaxis.get_minorticklocs().size == 0
    assert colors[5:] == ["#666666"] * 7
    assert len(set(colors[:5])) == 5
    assert "#666666" not in colors[:5]
    assert len(axes.collections) == 5  # bands
    legend = axes.get_legend()
    assert legend is not None
    assert {f"method {i}" for i in range(12)} <= {text.get_text() for text in legend.get_texts()}


def test_biases_that_keep_nothing_take_no_room() -> None:
    rows = {
        f"fc{i}.{kind}": {"kept": 5 * (kind == "weight"), "total": 10, "percent": 50.0}
        for i in (1, 2, 3)
        for kind in ("weight", "bias")
    }
    (axes,) = drawn(plots.kept_per_layer(rows, "a title")).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fc1.weight", "fc2.weight", "fc3.weight"]

"""What the figures draw is what the runs gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from minisnip.lab.reproduce import RESULTS
from tests.lab.fakes import diverge
from tests.lab.test_reproduction_reports import found_for


def drawn(name: str, found: Sequence[dict[str, Any]]) -> Any:
    """The one figure of these runs."""
    (figure,) = RESULTS[name].draw(found).values()
    return figure


def test_figures_1_and_4_tell_the_learning_rate() -> None:
    for name in ("figure1", "figure4"):
        found = found_for(name)
        assert "0.1 (0.02 for LeNet-5-Caffe dense or below 98 %, which diverges at 0.1)" in RESULTS[name].text(found)
        figure = drawn(name, found)
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        assert any("LeNet-5-Caffe" in title and "learning rate 0.02 or 0.1" in title for title in titles)


def test_figure_1_draws_the_means_with_a_band_of_one_standard_deviation() -> None:
    panel = drawn("figure1", found_for("figure1")).axes[0]
    lines = {str(line.get_label()): line for line in panel.lines}
    kept, means = (np.array(values) for values in lines["SNIP, mean ± std over seeds"].get_data())
    np.testing.assert_allclose(means, (100 - kept) / 20 + 0.1)
    band = panel.collections[0].get_paths()[0].vertices
    for x, mean in zip(kept, means, strict=True):
        here = band[np.isclose(band[:, 0], x), 1]
        assert [here.min(), here.max()] == pytest.approx([mean - 0.1, mean + 0.1])
    np.testing.assert_allclose(lines["SNIP, the paper (MNIST)"].get_data(), [[5.0, 2.0], [1.6, 2.4]])
    assert lines["dense, the paper (MNIST)"].get_ydata()[0] == 1.7


def test_figure_1_has_the_paper_and_ours_on_one_logarithmic_scale_in_both_panels() -> None:
    left, right = drawn("figure1", found_for("figure1")).axes
    assert left.get_ylim() == right.get_ylim()
    assert {axes.get_yscale() for axes in (left, right)} == {"log"}
    low, high = left.get_ylim()
    for error in (0.8, 0.9, 1.1, 1.6, 1.7, 2.4):
        assert low < error < high


def test_figure_2_draws_true_labels_above_random_ones() -> None:
    found = found_for("figure2")
    for row in found:
        row["first_layer"] = np.full((28, 28), 300 if row["control"] == "none" else 30)
        row["first_layer"][0, row["scoring_class"]] = round(10 * row["sparsity"])
    above, below = drawn("figure2", found).subfigs
    for part, labels, share in ((above, "true labels", 1.0), (below, "random labels", 0.1)):
        assert part.get_suptitle() == labels
        pictures = np.array([axes.images[0].get_array() for axes in part.axes]).reshape(9, 10, 28, 28)
        assert (pictures[:, :, 1:] == share).all()
        for digit in range(10):
            np.testing.assert_allclose(pictures[:, digit, 0, digit] * 300, range(1, 10))


def test_figure_3_draws_the_means_of_each_scoring_batch_and_its_picture() -> None:
    found = found_for("figure3")
    for row in found:
        row["test_error_percent"] = 5 - np.log10(row["scoring_images"]) + row["seed"] / 10
        row["first_layer"] = np.full((28, 28), row["scoring_images"])
    assert "| 1,000 | 1.56 | 2.10 ± 0.10 | 784 |" in RESULTS["figure3"].text(found)
    curve, *pictures, _ = drawn("figure3", found).axes
    ours, seeds, printed = curve.lines
    np.testing.assert_allclose(seeds.get_ydata()[:3], [5.0, 5.1, 5.2])
    np.testing.assert_allclose(ours.get_data(), [[1.0, 10.0, 100.0, 1_000.0, 10_000.0], [5.1, 4.1, 3.1, 2.1, 1.1]])
    np.testing.assert_allclose(printed.get_ydata(), [1.94, 1.72, 1.64, 1.56, 1.40])
    assert [axes.images[0].get_array()[0, 0] for axes in pictures] == [1, 10, 100, 1_000, 10_000]


def test_figure_4_draws_the_mean_of_each_case_over_the_seeds() -> None:
    found = found_for("figure4")
    cases = list(dict.fromkeys(row["case"] for row in found))
    for row in found:
        for epoch in row["history"]:
            epoch["train_error_percent"] = 10.0 * cases.index(row["case"]) + row["seed"] + epoch["epoch"]
    diverge(found[0], 90.0)
    _, error = drawn("figure4", found).axes
    curves = {str(line.get_label()): np.array(line.get_data()) for line in error.lines}
    np.testing.assert_allclose(curves["dense, true labels"], [[9.0, 18.0], [2.5, 3.5]])  # of seeds 1 and 2
    np.testing.assert_allclose(curves["99 %, shuffled labels"], [[9, 18], [32, 33]])
    assert [*curves] == cases

"""Agreement is counted right."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from minisnip.pruning import LayerCollapseWarning, agreement


@pytest.fixture(autouse=True)
def _collapse_is_no_concern() -> None:
    warnings.simplefilter("ignore", LayerCollapseWarning)


def test_a_score_agrees_with_itself_in_everything() -> None:
    rng = np.random.default_rng(0)
    scores = {"fc1.weight": rng.standard_normal((20, 10)), "fc2.weight": rng.standard_normal((5, 20))}
    for row in agreement(scores, scores).values():
        numbers = np.array([v for k, v in row.items() if k != "connections"])
        np.testing.assert_allclose(numbers[~np.isnan(numbers)], 1)  # NaN where a layer keeps nothing
    assert agreement(scores, scores)["all"]["connections"] == 300


def test_a_score_disagrees_with_its_negative_in_sign_but_keeps_the_same() -> None:
    scores = {"fc1.weight": np.random.default_rng(0).standard_normal((20, 10))}
    row = agreement(scores, {name: -s for name, s in scores.items()})["all"]
    assert row["pearson"] == pytest.approx(-1)
    assert row["spearman"] == pytest.approx(-1)
    assert row["equal_signs"] == 0
    assert row["jaccard_95"] == 1


def test_independent_scores_overlap_by_chance() -> None:
    rng = np.random.default_rng(0)
    a, b = ({"fc1.weight": rng.standard_normal((300, 300))} for _ in range(2))
    row = agreement(a, b, [0.9])["all"]
    assert abs(row["pearson"]) < 0.02
    assert row["precision_90"] == pytest.approx(0.1, abs=0.02)
    assert row["jaccard_90"] == pytest.approx(0.1 / 1.9, abs=0.02)


def test_spearman_sees_order_only_and_shares_the_ranks_of_equal_numbers() -> None:
    a = {"w": np.array([1.0, 2.0, 2.0, 3.0, 9.0])}
    row = agreement(a, {"w": a["w"] ** 3}, [])["w"]
    assert row["spearman"] == pytest.approx(1)
    assert row["pearson"] < 0.99
    tied = agreement(a, {"w": np.array([1.0, 3.0, 2.0, 4.0, 5.0])}, [])["w"]
    assert tied["spearman"] == pytest.approx(np.corrcoef([1, 2.5, 2.5, 4, 5], [1, 3, 2, 4, 5])[0, 1])


def test_a_layer_is_its_weight_and_its_bias_together() -> None:
    rng = np.random.default_rng(0)
    scores = {"fc1.weight": rng.standard_normal((20, 10)), "fc1.bias": np.zeros(20), "fc2.weight": np.ones((1, 20))}
    rows = agreement(scores, scores)
    assert {name: row["connections"] for name, row in rows.items()} == {"fc1": 220, "fc2": 20, "all": 240}


def test_precision_is_of_what_the_first_score_keeps() -> None:
    a = {"x": np.array([4.0, 3.0]), "y": np.array([1.0, 2.0])}  # keeps both of x
    b = {"x": np.array([4.0, 1.0]), "y": np.array([3.0, 2.0])}  # keeps one of each
    assert agreement(a, b, [0.5])["x"]["precision_50"] == 0.5
    assert agreement(b, a, [0.5])["x"]["precision_50"] == 1


def test_tiny_scores_are_scores_too() -> None:
    scores = {"w": 1e-200 * np.random.default_rng(0).standard_normal(50)}
    assert agreement(scores, scores, [])["w"]["pearson"] == pytest.approx(1)


def test_what_does_not_exist_is_nan() -> None:
    row = agreement({"bias": np.zeros(3)}, {"bias": np.zeros(3)}, [])["bias"]
    assert all(np.isnan(row[key]) for key in ("pearson", "spearman", "equal_signs"))


@pytest.mark.parametrize("constant", [0, 1])
def test_a_constant_has_no_correlation_with_anything(constant: int) -> None:
    scores = [{"w": np.array([1.0, 2.0, 4.0])}, {"w": np.full(3, 2.0)}]
    row = agreement(scores[constant], scores[1 - constant], [])["w"]
    assert np.isnan(row["pearson"])
    assert np.isnan(row["spearman"])


def test_two_connections_have_a_correlation_and_one_or_equal_ones_have_none() -> None:
    a, b = {"x.weight": np.array([1.0, 3.0])}, {"x.weight": np.array([5.0, 4.0])}
    row = agreement(a, b, [])["x"]
    assert (row["pearson"], row["spearman"]) == pytest.approx((-1, -1))
    for one, other in (([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0, 1.0])):
        row = agreement({"x.weight": np.array(one)}, {"x.weight": np.array(other)}, [])["x"]
        assert np.isnan([row["pearson"], row["spearman"]]).all()

"""Exactly κ connections are kept, whatever the scores."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minisnip.autodiff.engine import Array
from minisnip.nn import MODELS, cross_entropy
from minisnip.pruning import (
    METHODS,
    LayerCollapseWarning,
    apply_masks,
    collapse_sparsity,
    count_kept,
    invert,
    keep_top,
    keep_top_per_layer,
    kept_per_layer,
    mask_gradient,
    ones,
    report,
    warn_of_collapse,
)
from tests.networks import random_batch, random_params, small_mlp

# Few distinct values: most scores are tied.
tied_scores = st.dictionaries(
    st.sampled_from(["a.weight", "a.bias", "b.weight", "b.bias"]),
    hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=5), elements=st.sampled_from([0.0, 1.0, 2.0])),
    min_size=1,
)
sparsities = st.floats(0, 1, exclude_max=True)


def kept(masks: dict[str, Array]) -> int:
    return sum(int(c.sum()) for c in masks.values())


def keep_quietly(scores: Any, sparsity: float) -> dict[str, Array]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)
        return keep_top(scores, sparsity)


@given(tied_scores, sparsities)
def test_exactly_kappa_are_kept_under_ties(scores: dict[str, Array], sparsity: float) -> None:
    masks = keep_quietly(scores, sparsity)
    m = sum(s.size for s in scores.values())
    assert kept(masks) == round(m * (1 - sparsity))
    for name, c in masks.items():
        assert c.shape == scores[name].shape
        assert np.isin(c, (0, 1)).all()


@given(tied_scores, sparsities)
def test_no_removed_score_is_above_a_kept_one_and_the_lower_index_wins_a_tie(
    scores: dict[str, Array], sparsity: float
) -> None:
    """A stable sort is the oracle: slower than the selection, but plainly right."""
    flat = np.concatenate([s.ravel() for s in scores.values()])
    expected = np.zeros(flat.size)
    expected[np.argsort(-flat, kind="stable")[: round(flat.size * (1 - sparsity))]] = 1
    masks = keep_quietly(scores, sparsity)
    np.testing.assert_array_equal(np.concatenate([c.ravel() for c in masks.values()]), expected)


@given(tied_scores, sparsities, st.sampled_from([1e-6, 0.5, 3.0, 1e6]))
def test_positive_scaling_does_not_change_the_choice(scores: dict[str, Array], sparsity: float, factor: float) -> None:
    once = keep_quietly(scores, sparsity)
    scaled = keep_quietly({name: factor * s for name, s in scores.items()}, sparsity)
    for name in once:
        np.testing.assert_array_equal(once[name], scaled[name])


def test_normalizing_each_layer_does_change_the_choice() -> None:
    scores = {"a.weight": np.array([10.0, 9.0]), "b.weight": np.array([2.0, 1.0])}
    by_layer = {name: s / s.sum() for name, s in scores.items()}
    assert kept_per_layer(keep_quietly(scores, 0.5))["b.weight"]["kept"] == 0
    assert kept_per_layer(keep_quietly(by_layer, 0.5))["b.weight"]["kept"] == 1


@given(tied_scores)
def test_sparsity_zero_keeps_all(scores: dict[str, Array]) -> None:
    assert all(c.all() for c in keep_top(scores, 0).values())


def test_the_papers_counts_are_met_exactly() -> None:
    for model, sparsity, kappa in [("lenet-300-100", 0.95, 13_331), ("lenet-5-caffe", 0.98, 8_622)]:
        scores = MODELS[model]().init(np.random.default_rng(0))
        assert kept(keep_quietly({name: np.abs(w) for name, w in scores.items()}, sparsity)) == kappa


def test_float_error_in_one_minus_sparsity_loses_no_connection() -> None:
    assert int(100 * (1 - 0.9)) == 9  # the trap
    assert count_kept(100, 0.9) == 10


@pytest.mark.parametrize("sparsity", [1.2, 1.0, -0.1, float("nan")])
def test_a_sparsity_outside_zero_to_one_is_refused(sparsity: float) -> None:
    with pytest.raises(ValueError, match=rf"sparsity {sparsity} is not in \[0, 1\).*0.95 for 95 %"):
        keep_top({"a": np.ones(3)}, sparsity)


def test_scores_that_cannot_be_ranked_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1 scores of fc1.weight are NaN"):
        keep_top({"fc1.weight": np.array([1.0, np.nan])}, 0.5)
    with pytest.raises(ValueError, match="no scores to choose from"):
        keep_top({}, 0.5)


def test_an_emptied_layer_is_warned_of_by_name() -> None:
    scores = {"fc1.weight": np.zeros((2, 2)), "fc1.bias": np.ones(2), "fc2.weight": np.ones((2, 2))}
    with pytest.warns(LayerCollapseWarning, match=r"at sparsity 0.5 no connection of fc1 is kept"):
        keep_top(scores, 0.5)


@pytest.mark.parametrize("keep", [keep_top, keep_top_per_layer])
def test_the_warning_comes_once_and_points_to_the_line_that_asked(keep: Any) -> None:
    with pytest.warns(LayerCollapseWarning) as caught:
        keep({"a.weight": np.ones(99), "b.weight": np.zeros(1)}, 0.9)
    assert [warning.filename for warning in caught] == [__file__]


def test_masks_from_elsewhere_can_be_warned_of_too() -> None:
    masks = {"fc1.weight": np.ones((2, 2)), "fc2.weight": np.zeros((2, 2)), "fc2.bias": np.ones(2)}
    with pytest.warns(
        LayerCollapseWarning, match=r"at sparsity 0.4 no connection of fc2 is kept: nothing can be learned"
    ):
        warn_of_collapse(masks)
    warn_of_collapse({"fc1.weight": np.eye(2)})  # warnings are errors here


def test_pruned_biases_alone_are_no_reason_to_warn() -> None:
    masks = keep_top({"fc1.weight": np.ones((2, 2)), "fc1.bias": np.zeros(2)}, 0.5)  # warnings are errors here
    assert kept({"bias": masks["fc1.bias"]}) == 0


def test_masks_multiply_and_parameters_without_a_mask_stay() -> None:
    params = {"a": np.array([2.0, 3.0]), "b": np.array([5.0])}
    masked = apply_masks({"a": np.array([0.0, 1.0])}, params)
    np.testing.assert_array_equal(masked["a"], [0, 3])
    np.testing.assert_array_equal(masked["b"], [5])


@pytest.mark.parametrize("dtype", [int, bool, np.float64, np.float32])
def test_a_mask_of_any_dtype_leaves_its_parameter_in_its_own(dtype: Any) -> None:
    params = {"a": np.array([2.0, 3.0], np.float32), "b": np.array([5.0], np.float32)}
    masked = apply_masks({"a": np.array([0, 1], dtype)}, params)
    np.testing.assert_array_equal(masked["a"], [0, 3])
    assert {w.dtype for w in masked.values()} == {np.dtype(np.float32)}


def test_a_mask_that_fits_no_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mask a has shape \(1,\), the parameter shape \(2,\)"):
        apply_masks({"a": np.ones(1)}, {"a": np.ones(2)})
    with pytest.raises(ValueError, match=r"mask b has shape \(1,\), the parameter none"):
        apply_masks({"b": np.ones(1)}, {"a": np.ones(2)})


def test_ones_keeps_everything_and_can_leave_biases_out() -> None:
    params = MODELS["lenet-300-100"]().init(np.random.default_rng(0))
    assert kept(ones(params)) == 266_610
    assert kept(ones(params, biases=False)) == 266_200


def test_the_report_tells_kept_total_and_percent_for_each_layer_and_in_all() -> None:
    masks = {"fc1.weight": np.array([[1.0, 0.0], [0.0, 0.0]]), "fc1.bias": np.zeros(2)}
    assert kept_per_layer(masks)["fc1.weight"] == {"kept": 1, "total": 4, "percent": 25.0}
    lines = [line.split() for line in report(masks).splitlines()]
    assert lines == [
        ["parameter", "kept", "of"],
        ["fc1.weight", "1", "4", "25.00", "%"],
        ["fc1.bias", "0", "2", "0.00", "%"],
        ["all", "1", "6", "16.67", "%"],
    ]


def test_the_report_keeps_its_columns_apart_for_long_names_and_large_networks() -> None:
    lines = report({"block1_1.body.conv1.weight": np.ones(17_116_634, bool)}).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["block1_1.body.conv1.weight", "17,116,634", "17,116,634", "100.00", "%"]


def test_a_complex_mask_stays_complex_as_the_complex_step_needs() -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    c = {name: np.ones(w.shape, complex) for name, w in params.items()}
    c["fc1.weight"][0, 1] += 1e-20j
    derivative = np.imag(cross_entropy(net(apply_masks(c, params), x), y)) / 1e-20
    assert derivative == pytest.approx(mask_gradient(net, params, x, y)["fc1.weight"][0, 1], rel=1e-12)


@pytest.mark.parametrize("method", ["magnitude", "iterative-snip"])
def test_a_collapse_is_told_at_the_line_of_the_users_code(method: str) -> None:
    net, rng = small_mlp(), np.random.default_rng(0)
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    with pytest.warns(LayerCollapseWarning) as told:
        METHODS[method](net, params, x, y, 0.995)
    assert [warning.filename for warning in told] == [__file__]


INTEGERS = [np.uint8, np.uint16, np.uint64, np.int8, np.int64, bool]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("keep", [keep_top, keep_top_per_layer])
def test_scores_of_integers_and_booleans_are_ranked_as_the_same_floats(keep: Any, dtype: Any) -> None:
    rng, low = np.random.default_rng(0), -128 if dtype == np.int8 else 0
    scores = {
        name: rng.integers(low, 2 if dtype is bool else 128, 40).astype(dtype) for name in ("a.weight", "b.weight")
    }
    scores["a.weight"][:2] = low

    as_floats = {name: s.astype(np.float64) for name, s in scores.items()}

    for sparsity in (0.1, 0.5, 0.7):
        masks, expected = keep(scores, sparsity), keep(as_floats, sparsity)
        for name, c in masks.items():
            assert c.dtype == dtype
            np.testing.assert_array_equal(c, expected[name])
        inverted, expected = keep(invert(scores), sparsity), keep(invert(as_floats), sparsity)
        for name, c in inverted.items():
            np.testing.assert_array_equal(c, expected[name])


def test_collapse_is_found_in_unsigned_scores_too() -> None:
    scores = {"fc1.weight": np.array([9, 8], np.uint8), "fc2.weight": np.array([1, 6], np.uint8)}
    assert collapse_sparsity(scores) == 0.25


@pytest.mark.parametrize("use", [invert, lambda s: keep_top(s, 0.5), lambda s: keep_top_per_layer(s, 0.5)])
@pytest.mark.parametrize("scores", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_scores_that_are_no_real_numbers_are_refused(use: Any, scores: Any) -> None:
    with pytest.raises(TypeError, match=r"the scores of fc\.weight have dtype .*, expected real numbers"):
        use({"fc.weight": scores})


def test_scores_of_several_dtypes_are_inverted_together() -> None:
    scores = {"a.weight": np.array([5, 200], np.uint8), "b.weight": np.array([-3, 100], np.int8)}
    flat = np.concatenate([*invert(scores).values()])
    np.testing.assert_array_equal(np.argsort(flat), [1, 3, 0, 2])

"""Every control does what it says: it ablates one thing, and only that."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.nn import lenet_300_100
from minisnip.pruning import (
    invert,
    keep_top,
    noise_images,
    overlap,
    random_labels,
    random_masks,
    scoring_batch,
    shuffle_masks,
)


def counts(masks: dict[str, Array]) -> dict[str, int]:
    return {name: int(np.count_nonzero(c)) for name, c in masks.items()}


def some_masks() -> dict[str, Array]:
    rng = np.random.default_rng(5)
    return {name: (rng.random(s) < 0.1).astype(np.float32) for name, s in lenet_300_100().shapes().items()}


def test_a_shuffle_changes_every_mask_and_keeps_its_count_shape_and_dtype() -> None:
    before = some_masks()
    original = {name: c.copy() for name, c in before.items()}
    after = shuffle_masks(before, np.random.default_rng(0))
    assert counts(after) == counts(before)
    for name, c in after.items():
        assert (c.shape, c.dtype) == (before[name].shape, before[name].dtype)
        assert not np.array_equal(c, before[name])
        np.testing.assert_array_equal(before[name], original[name])


def test_a_seed_does_what_its_generator_does() -> None:
    x, y, masks = np.arange(60.0)[:, None], np.arange(60), some_masks()
    draws: list[Callable[[Any], Any]] = [
        lambda rng: scoring_batch(x, y, 9, rng)[1],
        lambda rng: random_labels(y, 10, rng),
        lambda rng: noise_images(x, rng),
        lambda rng: shuffle_masks(masks, rng)["fc1.weight"],
        lambda rng: random_masks(masks, counts(masks), rng)["fc1.weight"],
    ]
    for draw in draws:
        np.testing.assert_array_equal(draw(3), draw(np.random.default_rng(3)))


def test_after_a_shuffle_the_overlap_is_that_of_chance() -> None:
    before = some_masks()
    alike = overlap(before, shuffle_masks(before, np.random.default_rng(0)))
    assert alike.jaccard == pytest.approx(alike.chance_within_layers, rel=0.05)
    assert alike.jaccard < 0.1


def test_even_two_elements_change() -> None:
    for seed in range(20):
        after = shuffle_masks({"fc1.weight": np.array([1.0, 0.0])}, np.random.default_rng(seed))
        np.testing.assert_array_equal(after["fc1.weight"], [0, 1])


def test_a_shuffle_says_which_weights_it_cannot_change_and_refuses_if_it_can_change_none() -> None:
    rng = np.random.default_rng(0)
    whole = {"fc1.weight": np.array([1.0, 0.0]), "fc2.weight": np.ones(3), "fc2.bias": np.zeros(3)}
    with pytest.warns(UserWarning, match=r"^fc2\.weight is all ones or all zeros, so a shuffle leaves it"):
        after = shuffle_masks(whole, rng)
    np.testing.assert_array_equal(after["fc2.weight"], whole["fc2.weight"])
    with pytest.raises(ValueError, match="a shuffle would change nothing"):
        shuffle_masks({"fc1.weight": np.ones(3), "fc1.bias": np.zeros(3)}, rng)


def test_pruned_biases_alone_are_no_reason_to_warn_of_a_shuffle() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = shuffle_masks({"a.weight": np.array([1.0, 0.0]), "a.bias": np.zeros(2)}, np.random.default_rng(0))
    np.testing.assert_array_equal(after["a.weight"], [0, 1])
    assert not after["a.bias"].any()


def test_random_masks_have_the_counts_asked_for_at_places_that_the_seed_decides() -> None:
    params = {"fc1.weight": np.ones((4, 5), np.float32), "fc1.bias": np.ones(4, np.float32)}
    asked = {"fc1.weight": 7, "fc1.bias": 0}
    draws = [random_masks(params, asked, np.random.default_rng(seed)) for seed in range(300)]
    assert all(counts(draw) == asked for draw in draws)
    assert {c.dtype for c in draws[0].values()} == {np.dtype(np.float32)}
    shares = np.mean([draw["fc1.weight"] for draw in draws], axis=0)
    assert np.abs(shares - 7 / 20).max() < 0.15  # every place as likely
    for wrong, message in (
        ({"fc1.weight": 21}, r"a count of 21 for fc1\.weight, which has 20 elements"),
        ({"fc1.weight": -1}, "a count of -1"),
        ({"fc9.weight": 1}, r"a count of 1 for fc9\.weight, which is no parameter"),
    ):
        with pytest.raises(ValueError, match=message):
            random_masks(params, wrong, np.random.default_rng(0))


def test_drawing_the_weights_again_changes_every_weight_and_no_mask() -> None:
    net = lenet_300_100()
    scored, trained = (net.init(np.random.default_rng(seed)) for seed in (0, 1))
    kept = keep_top({name: np.abs(w) for name, w in scored.items()}, 0.5)
    assert all((scored[f"fc{i}.weight"] != trained[f"fc{i}.weight"]).mean() > 0.999 for i in (1, 2, 3))
    assert kept["fc1.weight"].shape == trained["fc1.weight"].shape


def test_inverted_scores_keep_exactly_what_was_removed() -> None:
    scores = {"a.weight": np.random.default_rng(0).random((10, 10))}
    kept, inverted = (keep_top(s, 0.5)["a.weight"] for s in (scores, invert(scores)))
    np.testing.assert_array_equal(kept + inverted, 1)


def test_random_labels_are_uniform_and_independent_of_the_true_ones() -> None:
    y = np.repeat(np.arange(10), 2000)
    drawn = random_labels(y, 10, np.random.default_rng(0))
    assert (drawn.dtype, drawn.shape) == (np.dtype(np.int64), y.shape)
    assert np.abs(np.bincount(drawn, minlength=10) - 2000).max() < 250
    assert np.mean(drawn == y) == pytest.approx(0.1, abs=0.01)


def test_noise_images_are_standard_normal_and_of_the_shape_and_dtype_of_the_images() -> None:
    x = np.zeros((50, 1, 28, 28), np.float32)
    noise = noise_images(x, np.random.default_rng(0))
    assert (noise.shape, noise.dtype) == (x.shape, x.dtype)
    assert (noise.mean(), noise.std()) == (pytest.approx(0, abs=0.02), pytest.approx(1, abs=0.02))
    assert not x.any()


@pytest.mark.parametrize("size", [1, 7, 60])
def test_a_scoring_batch_has_the_size_asked_for_distinct_images_and_their_own_labels(size: int) -> None:
    labels = np.arange(60)
    images = labels[:, None].astype(np.float32)
    x, y = scoring_batch(images, labels, size, np.random.default_rng(0))
    assert len(set(y.tolist())) == len(x) == size
    np.testing.assert_array_equal(x[:, 0], y)
    assert size == 1 or y.tolist() != sorted(y.tolist())


@pytest.mark.parametrize("size", [0, 61])
def test_a_scoring_batch_that_is_not_there_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"a scoring batch of {size}, but there are 60 images"):
        scoring_batch(np.zeros((60, 1)), np.zeros(60, int), size, np.random.default_rng(0))


def test_overlap_of_equal_disjoint_and_half_equal_masks() -> None:
    a = {"a.weight": np.array([1.0, 1, 0, 0]), "b.weight": np.array([1.0, 1, 0, 0])}
    assert overlap(a, a).jaccard == 1
    assert overlap(a, {name: 1 - c for name, c in a.items()}).jaccard == 0
    half = overlap(a, {"a.weight": np.array([1.0, 0, 1, 0]), "b.weight": np.array([0.0, 1, 1, 0])})
    assert half.jaccard == pytest.approx(2 / 6)
    assert half.chance == half.chance_within_layers == pytest.approx(2 / 6)  # 4 · 4 / 8 meet, of 4 + 4


def test_the_chance_levels_are_the_means_over_random_masks() -> None:
    rng = np.random.default_rng(0)
    a = {"a.weight": np.ones(30), "b.weight": (np.arange(300) < 30).astype(float)}
    b = {"a.weight": (np.arange(30) < 20).astype(float), "b.weight": (np.arange(300) < 40).astype(float)}
    params = {name: np.ones(c.shape) for name, c in a.items()}

    def mean(draw: Any) -> float:
        return float(np.mean([overlap(draw(a), draw(b)).jaccard for _ in range(2000)]))

    levels = overlap(a, b)
    assert mean(lambda c: random_masks(params, counts(c), rng)) == pytest.approx(levels.chance_within_layers, rel=0.02)
    anywhere = {"all": np.ones(330)}
    assert mean(lambda c: random_masks(anywhere, {"all": sum(counts(c).values())}, rng)) == pytest.approx(
        levels.chance, rel=0.02
    )
    assert levels.chance_within_layers > 1.5 * levels.chance  # equal counts per layer alone make masks alike


def test_a_parameter_of_one_number_meets_itself() -> None:
    masks = {"weight": np.array([1.0, 1, 0, 0]), "bias": np.ones(1)}
    assert overlap(masks, masks).chance_within_layers == pytest.approx(2 / 4)  # 2 · 2 / 4 + 1 meet, of 3 + 3


def test_overlap_of_nothing_is_nan_and_of_other_shapes_refused() -> None:
    empty = {"a.weight": np.zeros(3)}
    assert np.isnan(overlap(empty, empty).jaccard)
    with pytest.raises(ValueError, match="the same names and shapes are needed"):
        overlap(empty, {"a.weight": np.zeros(4)})


def test_the_chance_levels_know_how_much_each_of_the_two_masks_keeps() -> None:
    one, three = {"w": np.array([1.0, 0, 0, 0])}, {"w": np.array([0.0, 1, 1, 1])}
    for pair in ((one, three), (three, one)):
        levels = overlap(*pair)
        assert levels.jaccard == 0
        assert levels.chance == levels.chance_within_layers == pytest.approx(0.75 / 3.25)  # 1 · 3 / 4 meet, of 1 + 3

"""Per layer: the same share of each, exactly κ in all, and never more at a higher sparsity."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip.autodiff.engine import Array
from minisnip.nn import LENETS
from minisnip.pruning import LayerCollapseWarning, count_kept, keep_top_per_layer
from tests.pruning.test_masks import sparsities, tied_scores


def kept(masks: dict[str, Array]) -> dict[str, int]:
    """Ones per layer, weight and bias together."""
    counts: dict[str, int] = {}
    for name, c in masks.items():
        layer = name.partition(".")[0]
        counts[layer] = counts.get(layer, 0) + int(c.sum())
    return counts


def keep_quietly(scores: dict[str, Array], sparsity: float) -> dict[str, Array]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)
        return keep_top_per_layer(scores, sparsity)


@pytest.mark.parametrize("model", LENETS)
@pytest.mark.parametrize("sparsity", [0.5, 0.9, 0.95, 0.98, 0.99, 0.999])
def test_each_layer_of_a_lenet_keeps_exactly_its_share(model: str, sparsity: float) -> None:
    net = LENETS[model]()
    scores = {name: np.abs(w) for name, w in net.init(np.random.default_rng(0)).items()}
    sizes = kept({name: np.ones(s.shape) for name, s in scores.items()})
    counts = kept(keep_top_per_layer(scores, sparsity))
    shares = {layer: round(size * (1 - sparsity)) for layer, size in sizes.items()}
    kappa = count_kept(net.size, sparsity)
    assert sum(counts.values()) == kappa
    if sum(shares.values()) == kappa:
        assert counts == shares
    assert all(abs(counts[layer] - size * (1 - sparsity)) <= 1 for layer, size in sizes.items())


@given(tied_scores, sparsities)
def test_exactly_kappa_are_kept_in_all_and_the_best_of_each_layer(scores: dict[str, Array], sparsity: float) -> None:
    masks = keep_quietly(scores, sparsity)
    assert sum(kept(masks).values()) == count_kept(sum(s.size for s in scores.values()), sparsity)
    for layer, count in kept(masks).items():
        names = [name for name in scores if name.startswith(f"{layer}.")]
        flat, ones = (np.concatenate([a[name].ravel() for name in names]) for a in (scores, masks))
        expected = np.zeros(flat.size)
        expected[np.argsort(-flat, kind="stable")[:count]] = 1
        np.testing.assert_array_equal(ones, expected)


@given(tied_scores, st.lists(sparsities, min_size=2, max_size=2))
def test_at_a_higher_sparsity_nothing_is_kept_that_was_not_before(scores: dict[str, Array], two: list[float]) -> None:
    """Shares rounded one by one, or by largest remainder, fail here."""
    more, less = (keep_quietly(scores, s) for s in sorted(two))
    for name, c in less.items():
        assert (more[name] >= c).all()


def test_a_layer_of_low_scores_survives_and_the_dtype_stays() -> None:
    scores = {"fc1.weight": np.arange(50.0, 90.0, dtype=np.float32), "fc2.weight": np.arange(20.0, dtype=np.float32)}
    masks = keep_top_per_layer(scores, 0.9)
    assert kept(masks) == {"fc1": 4, "fc2": 2}
    assert masks["fc1.weight"].dtype == np.float32
    assert masks["fc2.weight"][-2:].all()


def test_nan_is_refused_and_a_collapse_warned_of() -> None:
    with pytest.raises(ValueError, match=r"1 scores of a\.weight are NaN"):
        keep_top_per_layer({"a.weight": np.array([1.0, np.nan])}, 0.5)
    with pytest.warns(LayerCollapseWarning, match="no connection of b is kept"):
        keep_top_per_layer({"a.weight": np.ones(99), "b.weight": np.ones(1)}, 0.9)

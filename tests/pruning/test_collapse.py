"""The highest sparsity before a layer is empty is exact."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given

from minisnip.autodiff.engine import Array
from minisnip.pruning import LayerCollapseWarning, collapse_sparsity, count_kept, emptied_layers, keep_top
from tests.pruning.test_masks import tied_scores


def emptied_with(scores: dict[str, Array], kappa: int, m: int) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)
        return emptied_layers(keep_top(scores, 1 - kappa / m))


@given(tied_scores)
def test_at_it_every_layer_keeps_a_weight_and_with_one_connection_less_one_does_not(scores: dict[str, Array]) -> None:
    """Under ties as well; found by trying."""
    m = sum(s.size for s in scores.values())
    sparsity = collapse_sparsity(scores)
    kappa = count_kept(m, sparsity)
    assert emptied_with(scores, kappa, m) == []
    if kappa > 1 and any(name.endswith("weight") for name in scores):
        assert emptied_with(scores, kappa - 1, m) != []


def test_the_layer_whose_best_weight_ranks_last_decides_and_biases_do_not_count_for_it() -> None:
    scores = {
        "a.weight": np.array([9.0, 1.0, 1.0, 1.0]),
        "b.weight": np.array([2.0]),
        "b.bias": np.array([8.0, 7.0, 6.0]),
    }
    assert collapse_sparsity(scores) == pytest.approx(1 - 5 / 8)  # 9, 8, 7, 6, then b's only weight


def test_scores_that_cannot_be_ranked_are_refused() -> None:
    with pytest.raises(ValueError, match="are NaN and cannot be ranked"):
        collapse_sparsity({"a.weight": np.array([np.nan])})

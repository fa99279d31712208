"""The same seed gives the same bytes with any number of BLAS threads, for every criterion."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minisnip.nn import Sequential
from minisnip.pruning import CRITERIA
from tests.networks import random_batch, random_params, small_mlp


@pytest.mark.parametrize("criterion", CRITERIA)
def test_blas_has_one_thread_while_a_criterion_scores(criterion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, rng, seen = small_mlp(), np.random.default_rng(0), set[int]()
    params, (x, y) = random_params(net, rng), random_batch(net, rng)
    call = Sequential.__call__

    def watched(self: Sequential, params: object, x: object) -> object:
        seen.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return call(self, params, x)  # type: ignore[arg-type]

    monkeypatch.setattr(Sequential, "__call__", watched)
    with threadpool_limits(2):
        CRITERIA[criterion](net, params, x, y, rng=0)
    assert seen <= {1}

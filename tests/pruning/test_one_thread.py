"""BLAS has one thread in every product of a score, so the same seed gives the same bytes on any machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minisnip import pruning
from minisnip.autodiff import ops, threads
from minisnip.pruning import CRITERIA
from tests.networks import random_batch, random_params, small_mlp

NET = small_mlp()
RNG = np.random.default_rng(0)
BATCH = (random_params(NET, RNG), *random_batch(NET, RNG))
CONNECTION = (next(iter(BATCH[0])), (0, 0))
SCORES: dict[str, Callable[[], Any]] = {
    **{name: partial(f, NET, *BATCH, rng=0) for name, f in CRITERIA.items()},
    "weight_gradient": lambda: pruning.weight_gradient(NET, *BATCH),
    "hessian_product": lambda: pruning.hessian_product(NET, *BATCH, BATCH[0]),
    "delta_loss_of": lambda: pruning.delta_loss_of(NET, *BATCH, [CONNECTION]),
    "mask_curvature": lambda: pruning.mask_curvature(NET, *BATCH, [CONNECTION]),
    "fisher_diagonal": lambda: pruning.fisher_diagonal(NET, *BATCH),
    "hutchinson_diagonal": lambda: pruning.hutchinson_diagonal(NET, *BATCH, rng=0, probes=2),
    "difference_errors": lambda: pruning.difference_errors(NET, *BATCH, [CONNECTION]),
    "joint_deletion": lambda: pruning.joint_deletion(NET, *BATCH, [0.5]),
}


@pytest.mark.parametrize("score", SCORES)
def test_blas_has_one_thread_in_every_product_of_a_score(score: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, product = set[int](), threads.product

    def watched(a: Any, b: Any) -> Any:
        seen.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return product(a, b)

    monkeypatch.setattr(ops, "product", watched)
    with threadpool_limits(2):
        SCORES[score]()
    assert seen <= {1}
    assert seen or score in ("random", "magnitude")

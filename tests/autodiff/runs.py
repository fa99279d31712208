"""Run an op forwards and backwards, twice: what the tests of every op have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minisnip import Tensor, grad, hvp, ops
from minisnip.autodiff.engine import Array


class Run(NamedTuple):
    """What came out of ⟨op(x), u⟩ with a random cotangent u and random vectors v."""

    value: Array
    gradients: list[Array]
    recorded: list[Array]  # the same gradients, by create_graph
    products: list[Array]


def run(op: Any, arrays: list[Array], metadata: dict[str, Any]) -> Run:
    """The value, its gradients and its Hessian-vector products, all in the dtype of the first array."""
    rng, dtype = np.random.default_rng(0), arrays[0].dtype
    inputs = [Tensor(x) for x in arrays]
    out = op(*inputs, **metadata)
    cotangent = np.asarray(rng.standard_normal(out.shape), dtype)
    vectors = [np.asarray(rng.standard_normal(x.shape), dtype) for x in arrays]
    scalar = ops.sum(out * out * cotangent)  # squared, so that linear ops have a second derivative too
    recorded = [g.value for g in grad(scalar, inputs, create_graph=True)]
    return Run(out.value, grad(scalar, inputs), recorded, hvp(scalar, inputs, vectors))

"""Reductions take away the axes that they are asked to, and no other of length 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad, ops


@pytest.mark.parametrize("reduce", [ops.sum, ops.mean, ops.max, ops.logsumexp])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, (0, 2), (1,), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_only_the_axes_asked_for_go(reduce: Any, axis: Any, keepdims: bool) -> None:
    x = Tensor(np.arange(3.0).reshape(1, 3, 1))
    y = reduce(x, axis, keepdims=keepdims)
    assert y.shape == np.sum(x.value, axis, keepdims=keepdims).shape
    assert grad(y.sum(), x).shape == (1, 3, 1)


@pytest.mark.parametrize("ddof", [2, 3, 4])
def test_a_variance_of_too_few_terms_divides_by_0_as_numpy_does(ddof: int) -> None:
    with np.errstate(divide="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        expected = np.var([1.0, 2.0], ddof=ddof)
    with np.errstate(divide="ignore"):
        assert ops.var(np.array([1.0, 2.0]), ddof=ddof) == expected == np.inf


def test_a_standard_deviation_of_1_is_1() -> None:
    x = Tensor(np.array([-1.0, 1.0]))
    y = ops.std(x)
    assert y.value == 1
    np.testing.assert_allclose(grad(y, x), [-0.5, 0.5])

"""Two gradients that are views of one array are given out as two arrays."""

import numpy as np

from minisnip import Tensor, grad


def test_two_reshapes_of_one_gradient_share_no_memory() -> None:
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones((3, 2)))
    weights = np.arange(6.0)

    of_a, of_b = grad(((a.reshape(6) + b.reshape(6)) * weights).sum(), [a, b])  # views of the same weights * 1
    of_a[...] = 7.0

    np.testing.assert_array_equal(of_b.ravel(), weights)

"""Selecting inputs is exact, differentiable, and says what it does."""

from __future__ import annotations

import numpy as np
import pytest

from minisnip import check_grads
from minisnip.nn import Flatten, Linear, Select, Sequential


def test_the_chosen_numbers_come_out_in_the_order_given() -> None:
    x = np.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(Select(6, (4, 0, 5))({}, x), [[4, 0, 5], [10, 6, 11]])


def test_the_gradient_goes_back_to_the_places_it_was_read_from() -> None:
    check_grads(lambda x: Select(6, (4, 0, 4))({}, x) ** 2, [np.random.default_rng(0).standard_normal((3, 6))])


def test_selections_are_equal_by_what_they_keep_and_print_short() -> None:
    assert Select(784, (1, 2)) == Select(784, (1, 2))
    assert len({Select(784, (1, 2)), Select(784, (1, 2)), Select(784, (2, 1))}) == 2
    assert str(Select(784, tuple(range(400)))) == "Select(400 of 784)"


def test_a_network_reads_only_the_selection_and_refuses_what_does_not_fit() -> None:
    net = Sequential((1, 2, 3), flatten=Flatten(), inputs=Select(6, (1, 3)), fc1=Linear(2, 2))
    params = net.init(np.random.default_rng(0))
    assert net(params, np.zeros((5, 1, 2, 3), np.float32)).shape == (5, 2)
    with pytest.raises(ValueError, match=r"layer inputs of Select: takes vectors of 6 numbers, got \(7,\)"):
        Sequential((7,), inputs=Select(6, (1, 3)))
    with pytest.raises(ValueError, match=r"Select keeps place 6 of 6 numbers: the places are 0 to 5"):
        Select(6, (0, 6))

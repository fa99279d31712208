"""The strategies of minisnip.testing keep what they promise."""

import builtins
import importlib
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from minisnip import testing
from minisnip.autodiff import conv2d
from minisnip.autodiff.engine import Array
from tests.autodiff.budget import examples

MAKERS: list[Any] = [testing.arrays, testing.positive_arrays, testing.nonzero_arrays, testing.distinct_arrays]
dtypes = st.sampled_from([np.float32, np.float64])


@pytest.mark.parametrize("make", MAKERS)
@examples(50)
@given(data=st.data())
def test_values_are_moderate_and_the_same_in_both_precisions(make: Any, data: Any) -> None:
    x: Array = data.draw(make(dtype=dtypes))

    assert x.dtype in (np.float32, np.float64)
    assert (np.abs(x) <= 8).all()
    np.testing.assert_array_equal(x.astype(np.float64) * 64, np.round(x.astype(np.float64) * 64))
    np.testing.assert_array_equal(x.astype(np.float32), x.astype(np.float64))


@pytest.mark.parametrize("make", MAKERS)
@examples(10)
@given(data=st.data())
def test_the_shape_can_be_given_or_drawn(make: Any, data: Any) -> None:
    assert data.draw(make((2, 0, 3))).shape == (2, 0, 3)
    assert data.draw(make(st.just((2, 3)))).shape == (2, 3)


@examples(50)
@given(testing.positive_arrays(), testing.nonzero_arrays(), testing.nonzero_arrays(gap=1.0))
def test_gaps_are_kept(positive: Array, nonzero: Array, far: Array) -> None:
    assert (positive >= 0.5).all()
    assert (np.abs(nonzero) >= 0.1).all()
    assert (np.abs(far) >= 1.0).all()


@examples(50)
@given(testing.distinct_arrays())
def test_distinct_values_are_well_separated(x: Array) -> None:
    assert (np.diff(np.sort(x, axis=None)) >= 1 / 64).all()


@pytest.mark.parametrize(
    "wanted", [lambda x: x.ndim == 0, lambda x: x.ndim == 3, lambda x: x.size > 10, lambda x: (x < 0).any()]
)
def test_arrays_of_every_kind_are_drawn(wanted: Any) -> None:
    assert wanted(find(testing.arrays(), wanted))  # NoSuchExample if there is none


@examples(50)
@given(testing.broadcastable_shapes(3))
def test_broadcastable_shapes_broadcast(shapes: Any) -> None:
    assert len(shapes) == 3
    np.broadcast_shapes(*shapes)


@examples(50)
@given(testing.matmul_shapes(), testing.matmul_shapes(stack_dims=0, vectors=False))
def test_matmul_takes_matmul_shapes(either: Any, matrices: Any) -> None:
    np.matmul(np.ones(either[0]), np.ones(either[1]))
    assert [len(shape) for shape in matrices] == [2, 2]
    assert matrices[0][1] == matrices[1][0]


@pytest.mark.parametrize("wanted", [lambda s: len(s[0]) == 1, lambda s: len(s[1]) == 1, lambda s: 4 in map(len, s)])
def test_vectors_and_stacks_are_among_them(wanted: Any) -> None:
    assert wanted(find(testing.matmul_shapes(), wanted))  # NoSuchExample if there is none


@examples(50)
@given(testing.conv_cases())
def test_conv_cases_fit(case: testing.ConvCase) -> None:
    out = conv2d(np.ones(case.images), np.ones(case.weight), case.stride, case.padding)

    assert out.shape[:2] == (case.images[0], case.weight[0])


@pytest.mark.parametrize(
    "wanted",
    [
        lambda c: c.stride > 1 and c.padding > 0,
        lambda c: c.weight[2] != c.weight[3],
        lambda c: (c.images[2] - c.weight[2] + 2 * c.padding) % c.stride > 0,
        lambda c: c.stride > c.weight[2],
    ],
    ids=["stride and padding", "an oblong kernel", "an unread rim", "gaps"],
)
def test_convolutions_of_every_kind_are_drawn(wanted: Any) -> None:
    assert wanted(find(testing.conv_cases(), wanted))  # NoSuchExample if there is none


def test_without_hypothesis_the_import_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_hypothesis(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "hypothesis":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_hypothesis)
    monkeypatch.delitem(sys.modules, "minisnip.testing")

    with pytest.raises(ImportError, match=r"pip install 'minisnip\[test\]'"):
        importlib.import_module("minisnip.testing")

"""Columns of a convolution that are made a part at a time give the convolution of those that are made at once."""

from __future__ import annotations

import numpy as np
import pytest

from minisnip import Tensor, grad, ops
from minisnip.autodiff import conv
from minisnip.autodiff.conv import conv2d
from minisnip.autodiff.engine import Array
from minisnip.autodiff.threads import one_thread, shared


def value_and_gradients(stride: int, padding: int | str) -> list[Array]:
    rng = np.random.default_rng(0)
    x, w, b = (Tensor(rng.standard_normal(shape)) for shape in ((3, 5, 9, 8), (4, 5, 3, 3), (4,)))
    out = conv2d(x, w, stride, padding, b)
    return [out.value, *grad(ops.sum(out * out * rng.standard_normal(out.shape)), [x, w, b])]


@pytest.mark.parametrize("padding", [0, 1, "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 5_000])
def test_parts_of_the_columns_give_the_same(
    size: int, stride: int, padding: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = value_and_gradients(stride, padding)
    monkeypatch.setattr(conv, "COLUMNS", size)
    in_parts = value_and_gradients(stride, padding)
    for a, b in zip(whole, in_parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    for threads in (1, 2):
        with one_thread, shared(threads):
            for a, b in zip(in_parts, value_and_gradients(stride, padding), strict=True):
                assert a.tobytes() == b.tobytes()


def test_no_image_has_no_columns() -> None:
    assert conv2d(np.zeros((0, 2, 4, 4)), np.zeros((3, 2, 3, 3))).shape == (0, 3, 2, 2)

"""Hypothesis strategies for property tests of an op: one `@given` line checks it on a hundred inputs.

The test of an op that you wrote takes three lines:

    >>> import numpy as np
    >>> from hypothesis import given
    >>> from minisnip import check_grads, ops, primitive
    >>> from minisnip.testing import arrays
    >>> softplus = primitive(lambda x: np.log1p(np.exp(x)), lambda g, out, x: g * ops.sigmoid(x))
    >>> @given(arrays())
    ... def test_softplus(x):
    ...     check_grads(softplus, x)
    >>> test_softplus()

If you forget the `g *`, Hypothesis reports the smallest array for which the derivative is wrong.

All values are multiples of 1/64: bounded, never subnormal, readable when printed, and the same in float32 and float64.
Distinct values are at least 1/64 apart, far more than the step of a finite difference.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np

try:
    import hypothesis.extra.numpy as hnp
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        "minisnip.testing needs Hypothesis, which is not installed: pip install 'minisnip[test]'"
    ) from error

from minisnip.autodiff.engine import Array

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = Shape | st.SearchStrategy[Shape]
ArrayStrategy: TypeAlias = st.SearchStrategy[Array]

STEP = 1 / 64


class ConvCase(NamedTuple):
    """Shapes, stride and padding of a convolution; the kernel fits the padded images."""

    images: Shape  # (N, C, H, W)
    weight: Shape  # (F, C, kh, kw)
    stride: int
    padding: int


def shapes(min_dims: int = 0, max_dims: int = 3, max_side: int = 4) -> st.SearchStrategy[Shape]:
    """Shapes of small arrays, () included."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, max_side=max_side)


def _multiples(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(math.ceil(low / STEP), math.floor(high / STEP)).map(lambda k: k * STEP)


def arrays(
    shape: Shapes | None = None, dtype: Any = np.float64, min_value: float = -2.0, max_value: float = 2.0
) -> ArrayStrategy:
    """Arrays of moderate numbers.

    Parameters
    ----------
    shape : tuple of int, or a strategy for one; default `shapes()`
    dtype : float32 or float64, or a strategy for one
    min_value, max_value : float
        Smallest and largest value, both included.
    """
    return hnp.arrays(dtype, shapes() if shape is None else shape, elements=_multiples(min_value, max_value))


def positive_arrays(shape: Shapes | None = None, dtype: Any = np.float64, min_value: float = 0.5) -> ArrayStrategy:
    """Arrays of numbers from `min_value` to 2, for log, sqrt, powers and denominators."""
    return arrays(shape, dtype, min_value)


def nonzero_arrays(shape: Shapes | None = None, dtype: Any = np.float64, gap: float = 0.1) -> ArrayStrategy:
    """Arrays of both signs with gap <= |x| <= 2: away from the kinks of |x| and ReLU, and from a pole at 0."""
    elements = _multiples(gap, 2.0) | _multiples(-2.0, -gap)
    return hnp.arrays(dtype, shapes() if shape is None else shape, elements=elements)


def distinct_arrays(shape: Shapes | None = None, dtype: Any = np.float64) -> ArrayStrategy:
    """Arrays without ties, for max and pooling: values differ by at least 1/64. Up to 1,000 elements."""
    return hnp.arrays(dtype, shapes() if shape is None else shape, elements=_multiples(-8.0, 8.0), unique=True)


def broadcastable_shapes(count: int = 2, max_dims: int = 3, max_side: int = 3) -> st.SearchStrategy[tuple[Shape, ...]]:
    """`count` shapes that broadcast against each other."""
    found = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=max_dims, max_side=max_side)
    return found.map(lambda broadcastable: broadcastable.input_shapes)


def matmul_shapes(stack_dims: int = 2, max_side: int = 3, vectors: bool = True) -> st.SearchStrategy[tuple[Shape, ...]]:
    """Two shapes that `a @ b` accepts.

    Parameters
    ----------
    stack_dims : int
        Largest number of leading axes, which broadcast; 0 for plain matrices.
    max_side : int
    vectors : bool
        Whether either or both may be vectors.
    """
    signature = "(n?,k),(k,m?)->(n?,m?)" if vectors else "(n,k),(k,m)->(n,m)"
    found = hnp.mutually_broadcastable_shapes(signature=signature, max_dims=stack_dims, max_side=max_side)
    return found.map(lambda broadcastable: broadcastable.input_shapes)


@st.composite
def conv_cases(draw: st.DrawFn, max_kernel: int = 3, max_stride: int = 3, max_padding: int = 2) -> ConvCase:
    """Convolutions whose kernel fits the padded images.

    Kernels may be oblong, strides may skip the border of the image, and windows may overlap or leave gaps.
    """
    side = st.integers(1, max_kernel)
    n, channels, filters, kh, kw = (draw(size) for size in [st.integers(1, 2)] * 3 + [side, side])
    stride, padding = draw(st.integers(1, max_stride)), draw(st.integers(0, max_padding))
    height, width = (max(1, k - 2 * padding) + draw(st.integers(0, 3)) for k in (kh, kw))
    return ConvCase((n, channels, height, width), (filters, channels, kh, kw), stride, padding)

"""What each kind of op takes: strategies of (arrays, metadata), made of `minisnip.testing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from minisnip.autodiff.conv import im2col
from minisnip.autodiff.engine import Array
from minisnip.testing import ArrayStrategy, ConvCase, Shape, arrays, broadcastable_shapes, conv_cases, shapes

Arguments: TypeAlias = tuple[list[Array], dict[str, Any]]  # op(*arrays, **metadata)
ArgumentStrategy: TypeAlias = st.SearchStrategy[Arguments]
Maker: TypeAlias = Callable[[Shape], ArrayStrategy]  # arrays, positive_arrays, ...
Indices: TypeAlias = Callable[[Shape], st.SearchStrategy[Any]]


def of(*inputs: ArrayStrategy, **metadata: st.SearchStrategy[Any]) -> ArgumentStrategy:
    return st.tuples(st.tuples(*inputs).map(list), st.fixed_dictionaries(metadata))


def for_shape(arguments: Callable[[Shape], ArgumentStrategy], min_dims: int = 0) -> ArgumentStrategy:
    """Metadata that depends on the shape: draw the shape first."""
    return shapes(min_dims=min_dims).flatmap(arguments)


def broadcast(*makers: Maker) -> ArgumentStrategy:
    """One array of each kind, of shapes that broadcast."""
    found = broadcastable_shapes(len(makers))
    return found.flatmap(lambda s: of(*[make(shape) for make, shape in zip(makers, s, strict=True)]))


def chosen() -> ArgumentStrategy:
    """Two arrays, and a condition to choose between them by."""
    return broadcastable_shapes(3).flatmap(lambda s: of(arrays(s[0]), arrays(s[1]), c=hnp.arrays(bool, s[2])))


def off_grid(shape: Shape) -> ArrayStrategy:
    """Never equal to one of `arrays`: half a step beside the multiples of 1/64."""
    return arrays(shape).map(lambda x: np.asarray(x + 1 / 128))


def bounded() -> ArgumentStrategy:
    """An array and two bounds, no two of which are ever equal."""
    return broadcast(arrays, off_grid, lambda shape: arrays(shape).map(lambda x: np.asarray(x + 1 / 256)))


def spread(shape: Shape) -> ArrayStrategy:
    """At least 1 apart from each other, so that a standard deviation is not near 0."""
    return arrays(shape).map(lambda x: np.asarray(x + 5.0 * np.arange(x.size).reshape(shape)))


def products(found: st.SearchStrategy[tuple[Shape, ...]]) -> ArgumentStrategy:
    return found.flatmap(lambda s: of(arrays(s[0]), arrays(s[1])))


def reduction(make: Maker = arrays) -> ArgumentStrategy:
    """An axis of any kind: None, a number or several; negative ones too."""

    def axes(ndim: int) -> st.SearchStrategy[Any]:
        some = st.integers(-ndim, ndim - 1) | hnp.valid_tuple_axes(ndim, min_size=1) if ndim else st.nothing()
        return st.none() | some

    return for_shape(lambda s: of(make(s), axis=axes(len(s)), keepdims=st.booleans()))


def one_axis() -> ArgumentStrategy:
    return for_shape(lambda s: of(arrays(s), axis=st.integers(-len(s), len(s) - 1)), min_dims=1)


def one_axis_or_none() -> ArgumentStrategy:
    return one_axis() | for_shape(lambda s: of(arrays(s), axis=st.none()))


def deviations() -> ArgumentStrategy:
    """At least three numbers: the deviation of two is linear, with a second derivative of 0."""
    axes, ddofs = st.sampled_from([None, 0, 1, -1, (0, 1)]), st.sampled_from([0, 1])
    return of(spread((3, 4)), axis=axes, keepdims=st.booleans(), ddof=ddofs)


SINGLE_AXES = [((), None), ((1,), 0), ((1, 3, 1), None), ((1, 3, 1), 0), ((1, 3, 1), (0, -1)), ((2, 1), -1), ((2,), ())]


def squeezed() -> ArgumentStrategy:
    return st.sampled_from(SINGLE_AXES).flatmap(lambda s: of(arrays(s[0]), axis=st.just(s[1])))


DOTTED = [((), (2, 3)), ((3,), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((3,), (2, 3, 2))]
DOTTED += [((2, 2, 3), (3, 2)), ((2, 3), (2, 2, 3, 2))]


def new_shape() -> ArgumentStrategy:
    return for_shape(lambda s: of(arrays(s), shape=st.sampled_from([-1, (-1,), s[::-1], (*s, 1), (1, *s[::-1]), s])))


def permuted() -> ArgumentStrategy:
    def permutations(ndim: int) -> st.SearchStrategy[Any]:
        return st.none() | st.permutations(range(ndim)).map(tuple) | st.permutations(range(-ndim, 0)).map(tuple)

    return for_shape(lambda s: of(arrays(s), axes=permutations(len(s))))


def stretched() -> ArgumentStrategy:
    return broadcastable_shapes().flatmap(lambda s: of(arrays(s[0]), shape=st.just(np.broadcast_shapes(*s))))


def summed() -> ArgumentStrategy:
    return broadcastable_shapes().flatmap(lambda s: of(arrays(np.broadcast_shapes(*s)), shape=st.just(s[0])))


# ---- Indices ---------------------------------------------------------------------------------------------------------


def slices(shape: Shape) -> st.SearchStrategy[Any]:
    """Numbers, slices with steps of both signs, ellipses and new axes."""
    return hnp.basic_indices(shape, allow_newaxis=True)


def integer_arrays(shape: Shape) -> st.SearchStrategy[Any]:
    """Up to 25 indices in axes of up to 4: repeats are the rule."""
    return hnp.integer_array_indices(shape, result_shape=shapes(min_dims=1, max_dims=2, max_side=5))


def boolean_mask(shape: Shape) -> st.SearchStrategy[Any]:
    return hnp.arrays(bool, shape)


MIXED_SHAPE = (3, 4, 2)
MIXED = [
    (slice(None, None, -1), [0, 0, -1]),
    ([2, 2, 0], slice(None), [1, 1, 0]),
    (Ellipsis, None, np.array([[1, 1], [0, 1]])),
    (1, np.array([True, False, True, True])),
    (np.array([True, False, True]), [3, 3]),
    (slice(2, None, -2), np.array([[True, False], [True, True], [False, False], [False, True]])),
    [0, 0, 0],
]


def taken(indices: Indices) -> ArgumentStrategy:
    return for_shape(lambda s: of(arrays(s), index=indices(s)), min_dims=1)


def put(indices: Indices) -> ArgumentStrategy:
    def at(shape: Shape, index: Any) -> ArgumentStrategy:
        return of(arrays(np.empty(shape)[index].shape), index=st.just(index), shape=st.just(shape))

    return for_shape(lambda s: indices(s).flatmap(lambda index: at(s, index)), min_dims=1)


def taken_at(index: Any) -> ArgumentStrategy:
    return of(arrays(MIXED_SHAPE), index=st.just(index))


@st.composite
def parts(draw: st.DrawFn) -> Arguments:
    """One to three arrays that can be joined."""
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    joined = axis % len(shape)
    return [draw(arrays((*shape[:joined], n, *shape[joined + 1 :]))) for n in sizes], {"axis": axis}


@st.composite
def equal_parts(draw: st.DrawFn) -> Arguments:
    """One to three arrays of one shape."""
    shape = draw(shapes())
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    return [draw(arrays(shape)) for _ in range(draw(st.integers(1, 3)))], {"axis": axis}


def padded() -> ArgumentStrategy:
    width = st.integers(0, 2)
    return for_shape(lambda s: of(arrays(s), widths=st.tuples(*[st.tuples(width, width)] * len(s))))


# ---- Windows ---------------------------------------------------------------------------------------------------------


def linear() -> ArgumentStrategy:
    sizes = st.tuples(*[st.integers(1, 3)] * 3)
    return sizes.flatmap(lambda s: of(arrays(s[:2]), arrays((s[2], s[1])), arrays(s[2:])))


def convolution() -> ArgumentStrategy:
    def arguments(case: ConvCase) -> ArgumentStrategy:
        metadata = {"stride": st.just(case.stride), "padding": st.just(case.padding)}
        return of(arrays(case.images), arrays(case.weight), **metadata)

    return conv_cases().flatmap(arguments)


def convolution_with_bias() -> ArgumentStrategy:
    def arguments(case: ConvCase) -> ArgumentStrategy:
        metadata = {"stride": st.just(case.stride), "padding": st.just(case.padding)}
        return of(arrays(case.images), arrays(case.weight), arrays(case.weight[:1]), **metadata)

    return conv_cases().flatmap(arguments)


def correlation() -> ArgumentStrategy:
    dry = conv_cases(max_padding=0)
    return dry.flatmap(lambda c: of(arrays(c.images), arrays(c.weight), stride=st.just(c.stride)))


def _behind(case: ConvCase) -> ArrayStrategy:
    """What has the shape of the convolution's output."""
    (n, _, *size), (filters, _, *kernel) = case.images, case.weight
    return arrays((n, filters, *((s - k) // case.stride + 1 for s, k in zip(size, kernel, strict=True))))


def correlation_input() -> ArgumentStrategy:
    def arguments(c: ConvCase) -> ArgumentStrategy:
        return of(_behind(c), arrays(c.weight), stride=st.just(c.stride), shape=st.just(c.images))

    return conv_cases(max_padding=0).flatmap(arguments)


def correlation_weight() -> ArgumentStrategy:
    def arguments(c: ConvCase) -> ArgumentStrategy:
        return of(_behind(c), arrays(c.images), stride=st.just(c.stride), shape=st.just(c.weight))

    return conv_cases(max_padding=0).flatmap(arguments)


def images_to_columns() -> ArgumentStrategy:
    dry = conv_cases(max_padding=0)
    return dry.flatmap(lambda c: of(arrays(c.images), kernel=st.just(c.weight[2:]), stride=st.just(c.stride)))


def columns_to_images() -> ArgumentStrategy:
    def arguments(case: ConvCase) -> ArgumentStrategy:
        kernel, stride = case.weight[2:], case.stride
        columns: Shape = im2col(np.empty(case.images), kernel, stride).shape
        metadata = {"kernel": st.just(kernel), "stride": st.just(stride), "shape": st.just(case.images)}
        return of(arrays(columns), **metadata)

    return conv_cases(max_padding=0).flatmap(arguments)


WINDOWS = [(2, None), (2, 1), (3, 1), (3, 2), (2, 3), (1, 2)]  # tiling, overlapping, with gaps


def pooling(make: Maker, kernel: int, stride: int | None) -> ArgumentStrategy:
    images = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(3, 4), st.integers(3, 5))
    return images.flatmap(lambda s: of(make(s), kernel=st.just(kernel), stride=st.just(stride)))


# ---- Sums of products ------------------------------------------------------------------------------------------------

EINSUMS: list[tuple[str, list[Shape]]] = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),  # a matrix product
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ba", [(2, 3)]),  # the output left out: its labels in the order of the alphabet
    ("ij->", [(2, 3)]),
    ("i,i,i->", [(3,), (3,), (3,)]),
    ("ij,k->ki", [(2, 3), (4,)]),  # j is in one operand alone
    ("ii->i", [(3, 3)]),  # diagonals
    ("ii", [(3, 3)]),
    ("iji,jk->k", [(2, 3, 2), (3, 2)]),
    ("ii,jj->ij", [(2, 2), (3, 3)]),
    ("...ij,...jk->...ik", [(2, 1, 2, 3), (4, 3, 2)]),  # stacks that broadcast
    ("i...,i->...", [(3, 2, 2), (3,)]),
    ("...i,i...", [(2, 3), (3, 1)]),
    ("i...->i...", [(3,)]),
    ("i,i->i", [(1,), (3,)]),  # a size of 1 is stretched
    ("i,i->", [(3,), (1,)]),
    (" i j , j -> i ", [(2, 3), (3,)]),
    (",i->i", [(), (3,)]),
]


def operands(subscripts: str, sizes: list[Shape]) -> ArgumentStrategy:
    return of(*map(arrays, sizes), subscripts=st.just(subscripts))


def labeled() -> ArgumentStrategy:
    return st.sampled_from(EINSUMS).flatmap(lambda row: operands(*row))

"""The table of ops under test: one row per op, with a strategy of its arguments. A new op is one new row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from minisnip import ops
from minisnip.autodiff import avg_pool2d, conv2d, max_pool2d
from minisnip.autodiff.conv import col2im, correlate, correlate_input, correlate_weight, im2col
from minisnip.testing import arrays, distinct_arrays, matmul_shapes, nonzero_arrays, positive_arrays, shapes
from tests.autodiff import op_arguments as args


@dataclass(frozen=True)
class Case:
    """An op and what to call it on, op(*arrays, **metadata): float64 arrays, away from the kinks."""

    name: str
    op: Callable[..., Any]
    arguments: args.ArgumentStrategy


WHOLE = st.sampled_from([0, 1, 2, 3, 0.0, 1.0, 2.0])
NOT_WHOLE = st.sampled_from([-2, -1, 0.5, 2.5])
WITH_VECTORS = [((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,))]


def conv2d_with_bias(x: Any, weight: Any, bias: Any, stride: int, padding: int) -> Any:
    return conv2d(x, weight, stride, padding, bias)


def by_labels(*operands: Any, subscripts: str) -> Any:
    return ops.einsum(subscripts, *operands)


CASES = [
    # ---- Element by element
    Case("add", ops.add, args.broadcast(arrays, arrays)),
    Case("subtract", ops.subtract, args.broadcast(arrays, arrays)),
    Case("multiply", ops.multiply, args.broadcast(arrays, arrays)),
    Case("divide", ops.divide, args.broadcast(arrays, nonzero_arrays)),
    Case("maximum", ops.maximum, args.broadcast(arrays, args.off_grid)),
    Case("minimum", ops.minimum, args.broadcast(arrays, args.off_grid)),
    Case("clip", ops.clip, args.bounded()),
    Case("clip from below", lambda x, low: ops.clip(x, low), args.broadcast(arrays, args.off_grid)),
    Case("logaddexp", ops.logaddexp, args.broadcast(arrays, arrays)),
    Case("where", lambda a, b, c: ops.where(c, a, b), args.chosen()),
    Case("power", ops.power, args.broadcast(positive_arrays, arrays)),
    Case("power by a number", lambda x, p: ops.power(x, p), args.of(arrays(), p=WHOLE)),
    Case("power of zero", lambda x, p: ops.power(x, p), args.of(arrays(min_value=0, max_value=0), p=WHOLE)),
    Case("power by a fraction", lambda x, p: ops.power(x, p), args.of(positive_arrays(), p=NOT_WHOLE)),
    Case("power of a number", lambda p, x: ops.power(x, p), args.of(arrays(), x=st.sampled_from([0.5, 1, 2, 3.0]))),
    Case("negative", ops.negative, args.of(arrays())),
    Case("exp", ops.exp, args.of(arrays())),
    Case("log", ops.log, args.of(positive_arrays())),
    Case("expm1", ops.expm1, args.of(arrays())),
    Case("log1p", ops.log1p, args.of(arrays(min_value=-0.5))),
    Case("sin", ops.sin, args.of(arrays())),
    Case("cos", ops.cos, args.of(arrays())),
    Case("square", ops.square, args.of(arrays())),
    Case("sqrt", ops.sqrt, args.of(positive_arrays())),
    Case("tanh", ops.tanh, args.of(arrays())),
    Case("sigmoid", ops.sigmoid, args.of(arrays())),
    Case("relu", ops.relu, args.of(nonzero_arrays())),
    Case("abs", ops.abs, args.of(nonzero_arrays())),
    Case("sign", ops.sign, args.of(nonzero_arrays())),
    Case("astype", lambda x: ops.astype(ops.astype(x, np.float64), x.dtype), args.of(arrays())),
    # ---- Reductions
    Case("sum", ops.sum, args.reduction()),
    Case("mean", ops.mean, args.reduction()),
    Case("max", ops.max, args.reduction(distinct_arrays)),
    Case("min", ops.min, args.reduction(distinct_arrays)),
    Case("prod", ops.prod, args.reduction()),
    Case("var", ops.var, args.reduction()),
    Case("std", ops.std, args.deviations()),
    Case("cumsum", ops.cumsum, args.one_axis_or_none()),
    Case("logsumexp", ops.logsumexp, args.reduction()),
    Case("log_softmax", ops.log_softmax, args.one_axis()),
    # ---- Matrix products
    Case("matmul", ops.matmul, args.products(matmul_shapes())),
    Case("matmul of matrices", ops.matmul, args.products(matmul_shapes(stack_dims=0, vectors=False))),
    Case("matmul of stacks", ops.matmul, args.products(matmul_shapes(vectors=False))),
    *[Case(f"matmul of {a} and {b}", ops.matmul, args.products(st.just((a, b)))) for a, b in WITH_VECTORS],
    Case("dot", ops.dot, args.products(st.sampled_from(args.DOTTED))),
    Case("outer", ops.outer, args.products(st.tuples(shapes(max_dims=2), shapes(max_dims=2)))),
    Case("einsum", by_labels, args.labeled()),
    Case("linear", ops.linear, args.linear()),
    # ---- Movement
    Case("reshape", ops.reshape, args.new_shape()),
    Case("transpose", ops.transpose, args.permuted()),
    Case("broadcast_to", ops.broadcast_to, args.stretched()),
    Case("sum_to", ops.sum_to, args.summed()),
    Case("take slices", ops.take, args.taken(args.slices)),
    Case("take integer arrays", ops.take, args.taken(args.integer_arrays)),
    Case("take a boolean mask", ops.take, args.taken(args.boolean_mask)),
    *[Case(f"take {index}", ops.take, args.taken_at(index)) for index in args.MIXED],
    Case("put slices", ops.put, args.put(args.slices)),
    Case("put integer arrays", ops.put, args.put(args.integer_arrays)),
    Case("put a boolean mask", ops.put, args.put(args.boolean_mask)),
    Case("concatenate", lambda *parts, axis: ops.concatenate(parts, axis), args.parts()),
    Case("stack", lambda *parts, axis: ops.stack(parts, axis), args.equal_parts()),
    Case("squeeze", ops.squeeze, args.squeezed()),
    Case("pad", ops.pad, args.padded()),
    # ---- Windows
    Case("im2col", im2col, args.images_to_columns()),
    Case("col2im", col2im, args.columns_to_images()),
    Case("conv2d", conv2d, args.convolution()),
    Case("correlate", correlate, args.correlation()),
    Case("correlate_input", correlate_input, args.correlation_input()),
    Case("correlate_weight", correlate_weight, args.correlation_weight()),
    Case("conv2d with a bias", conv2d_with_bias, args.convolution_with_bias()),
    *[Case(f"max_pool2d {k}, {s}", max_pool2d, args.pooling(distinct_arrays, k, s)) for k, s in args.WINDOWS],
    *[Case(f"avg_pool2d {k}, {s}", avg_pool2d, args.pooling(arrays, k, s)) for k, s in args.WINDOWS],
]

every_op = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])

"""The precision of the inputs is the precision of everything computed from them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, grad, hvp, ops
from tests.autodiff.budget import examples
from tests.autodiff.op_cases import Case, every_op
from tests.autodiff.runs import run


def all_arrays(op: Any, arrays: Any, metadata: Any) -> list[Any]:
    value, gradients, recorded, products = run(op, arrays, metadata)
    return [value, *gradients, *recorded, *products]


@every_op
@examples(15)
@given(data=st.data())
def test_float32_in_gives_float32_out_and_the_float64_numbers_rounded(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)

    double = all_arrays(case.op, arrays, metadata)
    single = all_arrays(case.op, [x.astype(np.float32) for x in arrays], metadata)

    assert {x.dtype for x in double} == {np.dtype(np.float64)}
    assert {x.dtype for x in single} == {np.dtype(np.float32)}
    for x64, x32 in zip(double, single, strict=True):
        np.testing.assert_allclose(x32, x64, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(x64).max(initial=0.0)))


@every_op
@examples(5)
@given(data=st.data())
def test_python_numbers_do_not_raise_the_precision(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)

    def with_numbers(*xs: Any, **metadata: Any) -> Any:
        out = case.op(*[1.0 * x + 0 for x in xs], **metadata)
        out = ops.where(out > 0, out, 0.0) + ops.maximum(out, 0.5) + ops.power(2, 0.1 * out)
        return (1 - out**2) / 3.0 - 2 * out + 1.0 / (out * out + True)

    found = all_arrays(with_numbers, [x.astype(np.float32) for x in arrays], metadata)

    assert {x.dtype for x in found} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "constant", [np.ones(3), np.float64(2.0), np.arange(1, 4)], ids=["array", "scalar", "integers"]
)
def test_a_gradient_has_the_dtype_of_its_input_whatever_it_met(constant: Any) -> None:
    x = Tensor(np.ones(3, np.float32))
    out = (x * constant * x).sum()
    assert out.dtype == np.float64  # as in NumPy

    assert grad(out, x).dtype == np.float32
    assert hvp(out, x, np.ones(3)).dtype == np.float32


def test_gradients_of_mixed_inputs_keep_the_precision_of_each() -> None:
    x, y = Tensor(np.ones(3, np.float32)), Tensor(np.ones(3, np.float64))

    by_x, by_y = grad((x * y).sum(), [x, y])

    assert (by_x.dtype, by_y.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_a_tensor_keeps_the_dtype_it_was_given(dtype: npt.DTypeLike) -> None:
    assert Tensor(np.zeros(2, dtype)).dtype == dtype


@pytest.mark.parametrize(("there", "back"), [(np.float32, np.float64), (np.float64, np.float32)])
def test_a_cast_hands_the_gradient_back_in_the_precision_of_the_input(there: Any, back: Any) -> None:
    x = Tensor(np.array([1.0, 2.0], there))

    y = x.astype(back)
    (recorded,) = grad((y**3).sum(), [x], create_graph=True)

    assert y.dtype == back
    for g in (grad((y * y).sum(), x), hvp((y * y).sum(), x, np.ones(2)), recorded):
        assert g.dtype == there
    np.testing.assert_array_equal(grad((y * y).sum(), x), [2.0, 4.0])
    assert ops.astype(np.ones(2, complex), there).dtype.kind == "c"  # the complex step passes through
    with pytest.raises(TypeError, match="holds floats, got dtype int64"):
        x.astype(np.int64)

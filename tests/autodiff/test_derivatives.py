"""Every op's derivatives of order 1 and 2 are right: differences of its values say so."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, check_grads, grad, ops
from minisnip.autodiff import compositions, conv
from minisnip.autodiff import ops as table
from minisnip.autodiff.engine import Primitive
from tests.autodiff.budget import examples
from tests.autodiff.derivatives_table import name_of
from tests.autodiff.op_arguments import EINSUMS
from tests.autodiff.op_cases import CASES, Case, every_op
from tests.benchmarks.table import RESULTS


@every_op
@examples(50)
@given(data=st.data())
def test_derivatives_match_the_differences_and_the_complex_step(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)

    report = check_grads(lambda *xs: case.op(*xs, **metadata), arrays, order=2)

    inputs = [f"input {i}" for i in range(len(arrays))]
    assert [(c.order, c.input, c.method) for c in report] == [
        (order, name, method)
        for order, names in ((1, inputs), (2, [*inputs, "the cotangent"]))
        for name in names
        for method in ("central difference", "complex step")
    ]


def test_the_differences_are_held_to_1e_6_and_the_complex_step_to_1e_12() -> None:
    for c in check_grads(ops.tanh, np.array([0.5, -1.0, 2.0])):
        largest = {"central difference": 1e-6, "complex step": 1.01e-12}[c.method]
        assert c.tolerance <= largest * c.limit / 1e-4  # the limit is 1e-4 of the derivative


def test_every_op_has_a_row_in_the_table() -> None:
    rows = {case.name.split(" ")[0] for case in CASES} | {
        "elementwise",
        "pick",
        "unpick",
    }  # test_adjoints.py has the last
    helpers = {"out_sizes", "windows", "padded", "image_shape", "border", "plus_bias", "selected", "reduced_axes"}

    for module in (table, compositions, conv):
        for name, op in vars(module).items():
            defined_here = isinstance(op, Primitive) or getattr(op, "__module__", "") == module.__name__
            if defined_here and not name.startswith("_") and name not in helpers:
                assert name in rows, f"give {name} a row in op_cases.py"


@pytest.mark.parametrize(("subscripts", "sizes"), EINSUMS, ids=[subscripts for subscripts, _ in EINSUMS])
def test_einsum_has_its_derivatives_for_every_kind_of_labels(subscripts: str, sizes: list[Any]) -> None:
    rng = np.random.default_rng(0)

    check_grads(lambda *xs: ops.einsum(subscripts, *xs), [rng.uniform(0.5, 2.0, size) for size in sizes])


def test_the_mixed_derivative_of_a_power_at_exponent_zero() -> None:
    x, p = Tensor(np.array(0.5)), Tensor(np.array(0.0))

    (by_x,) = grad(x**p, [x], create_graph=True)

    assert grad(by_x, p) == 2.0  # ∂²(x^p)/∂x∂p = x^(p-1) (1 + p log x) = 1/x at p = 0


def test_the_sites_table_has_a_row_for_each_op() -> None:
    """After a new op: python -m tests.autodiff.derivatives_table."""
    table = (RESULTS / "derivatives" / "table.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)
    assert shown == [name_of(case) for case in CASES]

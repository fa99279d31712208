"""How exactly every op's derivatives agree with differences: ops × orders × methods × precisions.

    python -m tests.autodiff.derivatives_table    a few minutes; writes tests/benchmarks/results/derivatives

Each op is checked on random arguments from its row in op_cases.py, which are the same in every run. A number is the
largest distance between `grad` and the difference, as a part of the derivative (or of 1, if the derivative is smaller).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minisnip import check_grads
from minisnip.autodiff.comparison import CONCLUSIVE, Comparison
from tests.autodiff.budget import examples
from tests.autodiff.op_cases import CASES, Case
from tests.benchmarks.table import RESULTS, print_table, write_result

EXAMPLES, ORDER = 25, 3
METHODS = ("central difference", "complex step")
Column = tuple[str, int, str]  # dtype, order, method
COLUMNS: list[Column] = [("float64", order, m) for order in range(1, ORDER + 1) for m in METHODS]
COLUMNS += [("float32", order, METHODS[1]) for order in (1, 2)]


def largest_errors(case: Case) -> dict[Column, float]:
    """The largest relative error in each column."""
    errors: dict[Column, float] = defaultdict(float)

    @settings(examples(EXAMPLES), derandomize=True, database=None)
    @given(data=st.data())
    def check(data: Any) -> None:
        arrays, metadata = data.draw(case.arguments)
        for dtype, order in ((np.float64, ORDER), (np.float32, 2)):
            for c in check_grads(lambda *xs: case.op(*xs, **metadata), arrays, order, dtype=dtype):
                column = (np.dtype(dtype).name, c.order, c.method)
                errors[column] = max(errors[column], relative_error(c, np.dtype(dtype)))

    check()
    return errors


def relative_error(c: Comparison, dtype: np.dtype[Any]) -> float:
    """The distance, as a part of the derivative, or of 1 if the derivative is smaller."""
    return c.apart / max(c.limit / CONCLUSIVE[dtype], 1.0)


def cell(error: float | None) -> str:
    """One digit; a dash where f does not allow the method."""
    return "–" if error is None else f"{error:.0e}" if error else "0"


def name_of(case: Case) -> str:
    """The name on one line."""
    return " ".join(case.name.split())


def rows() -> Iterator[list[str]]:
    """A row for each op."""
    for case in CASES:
        errors = largest_errors(case)
        yield [f"`{name_of(case)}`", *(cell(errors.get(column)) for column in COLUMNS)]


def main() -> None:
    """Print the table, write the result."""
    header = ["op", *(f"{dtype}, order {order}, {method}" for dtype, order, method in COLUMNS)]
    write_result(RESULTS / "derivatives", {"table": print_table(header, rows())}, examples=EXAMPLES)


if __name__ == "__main__":
    main()

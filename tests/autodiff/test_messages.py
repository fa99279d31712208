"""What the checks say, sentence by sentence and number by number: `messages.txt`, which `python -m` this file rewrites.

All functions here are of exact arithmetic (sums and products), so the numbers are the same on every machine.
"""

import warnings
from collections.abc import Callable
from itertools import count, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, check_gradient, check_grads, ops, primitive
from minisnip.autodiff import Comparison
from minisnip.autodiff.engine import Array, value_of

FILE = Path(__file__).with_name("messages.txt")
X = np.array([0.5, -0.25, 1.0])
Z = np.zeros(2)
OUTSIDE = Tensor(X)


def cube(slope: Callable[[Any, Any], Any]) -> Any:
    """The op x³, with a gradient of g and x."""
    return primitive(lambda x: x * x * x, lambda g, out, x: slope(g, x), name="cube")


def times(factor: float) -> Any:
    """The sum of x, with its gradient times a factor."""
    return primitive(lambda x: np.real(x) + (x - np.real(x)), lambda g, out, x: g * factor, name="times")


right = cube(lambda g, x: g * 3.0 * x * x)
twice = cube(lambda g, x: g * 6.0 * x * x)
by_value = cube(lambda g, x: g * 3.0 * value_of(x) ** 2)
square_by_value = primitive(lambda x: x * x, lambda g, out, x: g * 2.0 * value_of(x))
at_order_3 = cube(lambda g, x: g * square_by_value(x) * 3.0)
only_recorded = cube(lambda g, x: g * (6.0 if isinstance(g, Tensor) else 3.0) * x * x)
real_cube = primitive(lambda x: np.real(x) ** 3, lambda g, out, x: g * 3.0 * x * x, name="real_cube")
partly_real = primitive(lambda x: np.conj(x) * x, lambda g, out, x: g * 2.0 * x)
step = primitive(lambda x: np.heaviside(np.real(x), 0.5), lambda g, out, x: 0.0 * g, name="step")
single = primitive(lambda x: x * x * (1 + (x.dtype == np.float32) * 2e-3), lambda g, out, x: g * 2.0 * x)


def jump(height: float, near: float = 1.0) -> Any:
    """An odd function that jumps at 0, by one height close to 0 and by another farther away."""
    return primitive(
        lambda x: np.sign(np.real(x)) * np.where(abs(x) < 1e-9, near, height), lambda g, out, x: g, name="jump"
    )


def shared(p: Any) -> Any:
    return p["w"] * right(p["b"])


def hasty(x: Array) -> Any:
    return x


def total(x: Array) -> Any:
    return np.sum(x * x)


def of_calls(*values: float) -> Any:
    """The sum of x², times another number at each call; the last of them from then on."""
    calls = count()
    return lambda x: np.sum(x * x) * values[min(next(calls), len(values) - 1)]


def gradient_of_calls(*values: float) -> Any:
    calls = count()
    return lambda x: 2.0 * x * values[min(next(calls), len(values) - 1)]


def grads(f: Any, inputs: Any = X, order: Any = 1, **keywords: Any) -> Callable[[], Any]:
    return lambda: check_grads(f, inputs, order, **keywords)


def gradient(f: Any, df: Any, x: Any = X, **keywords: Any) -> Callable[[], Any]:
    return lambda: check_gradient(f, df, x, **keywords)


class Refusing:
    """As a tensor of PyTorch that requires a gradient."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        raise RuntimeError("detach() it first")


def parity(x: Any, bits: int) -> Any:
    return np.floor(np.real(x) * 2.0**bits) % 2


def ragged(x: Any) -> Any:
    """The sum of x², and a noise of 1e-13."""
    return np.sum(x * x + 1e-13 * parity(x, 40))


CASES: dict[str, Callable[[], Any]] = {
    # What is wrong with a gradient
    "a factor of two": grads(twice),
    "a factor of two, another seed": grads(twice, seed=5),
    "a factor of two, float32": grads(twice, dtype=np.float32),
    "a factor of two at order 2": grads(lambda x: right(x) + only_recorded(x), order=2),
    "a sign": grads(cube(lambda g, x: -3.0 * g * x * x)),
    "the sign of the cotangent is lost": grads(cube(lambda g, x: ops.abs(g) * 3.0 * x * x)),
    "no gradient": grads(cube(lambda g, x: 0.0 * g * x)),
    "a factor beside a constant that hides it from differences": grads(lambda x: ops.sum(twice(x)) + 1e13),
    "a factor in a sum with a large constant": grads(lambda x: ops.sum(twice(x)) + 1e8),
    "a part of 1e-11": grads(cube(lambda g, x: g * (3.0 + 3e-11) * x * x)),
    "the cotangent is missing": grads(cube(lambda g, x: 3.0 * x * x)),
    "the cotangent is missing, twice": grads(cube(lambda g, x: 6.0 * x * x)),
    "the cotangent is missing under other ops": grads(lambda x: ops.sum(cube(lambda g, x: 3.0 * x * x)(2.0 * x) * 3.0)),
    "the cotangent loses its sign under another op": grads(
        primitive(lambda x: 2.0 * x, lambda g, out, x: 2.0 * ops.abs(g)), np.arange(1.0, 6.0)
    ),
    "the cotangent is squared": grads(cube(lambda g, x: g * g * 3.0 * x * x)),
    "one element by 1e-6": grads(primitive(lambda x: 2.0 * x, lambda g, out, x: g * np.array([2.0, 2.0, 2.000002]))),
    "rounded to float32": grads(lambda x: (x.astype(np.float32) * 3.0).astype(np.float64), order=2),
    "at 5e-324": grads(lambda x: x * 2.0, np.array([5e-324])),
    "some elements": grads(cube(lambda g, x: g * np.array([3.0, 3.0, 4.0]) * x * x)),
    "elements apart by 1e-2": grads(primitive(lambda x: 2.0 * x, lambda g, out, x: g * np.array([1.0, 1.0, 1.01]))),
    "elements apart by 1e-4": grads(primitive(lambda x: 2.0 * x, lambda g, out, x: g * np.array([1.0, 1.0, 1.0001]))),
    "infinite": grads(cube(lambda g, x: g * np.inf)),
    "not a number": grads(cube(lambda g, x: g * np.nan)),
    "by its value at order 2": grads(by_value, order=2),
    "by its value at order 3": grads(at_order_3, order=3),
    "right at order 2": grads(at_order_3, order=2),
    "not linear in the cotangent": grads(cube(lambda g, x: value_of(g) * 3.0 * x * x), order=2),
    "in the second input": grads(lambda a, b: a * twice(b), [X, 2.0 * X]),
    "in a dict": grads(lambda p: p["w"] * twice(p["b"]), {"w": X, "b": 2.0 * X}),
    "under other ops": grads(lambda x: ops.sum(twice(2.0 * x) * 3.0)),
    "under other ops, float32": grads(lambda x: ops.sum(twice(2.0 * x) * 3.0), dtype=np.float32),
    "under other ops at order 2": grads(lambda x: ops.sum(by_value(2.0 * x) * 3.0), order=2),
    "twelve elements": grads(twice, np.arange(1.0, 13.0)),
    "thirteen elements": grads(twice, np.arange(1.0, 14.0).reshape(13, 1)),
    "forty elements": grads(lambda a, b: ops.sum(a) * twice(b), [np.ones(37), X]),
    "forty-one elements": grads(lambda a, b: ops.sum(a) * twice(b), [np.ones(38), X]),
    "no elements": grads(lambda a, b: ops.sum(a) + twice(b), (np.zeros((0, 2)), np.float64(0.5))),
    "at zero": grads(lambda x: twice(1.0 + x), Z),
    "no complex step": grads(lambda x: 2.0 * real_cube(x) + by_value(x) + twice(x)),
    "only a part is analytic": grads(lambda x: partly_real(x) + twice(x)),
    "a function with a name": grads(shared, {"w": X, "b": X}, order=1),
    "a gradient by hand": gradient(total, hasty),
    "a gradient by hand in float32, not said": gradient(total, lambda x: 2.0 * x.astype(np.float32), X / 3.0),
    "a gradient by hand, float32": gradient(total, hasty, dtype=np.float32, seed=2),
    "a gradient by hand, without a name": gradient(lambda a, b: total(a * b), lambda a, b: [a, b], [X, X]),
    **{
        f"the factor {factor}": grads(times(factor))
        for factor in (
            1 / 3000,
            1 / 500,
            1 / 64,
            1 / 8,
            0.5,
            1.004,
            1.006,
            0.996,
            0.994,
            -1.0004,
            -1.0006,
            -0.9996,
            0.0004,
            0.0006,
            -0.0004,
            3.0,
        )
    },
    "f does not depend on x": gradient(lambda x: np.sum(0.0 * x) + 1.0, np.ones_like),
    "twice x at a minimum of (x - 3)²": gradient(lambda x: np.sum((x - 3.0) ** 2), lambda x: 2.0 * x, np.full(2, 3.0)),
    # What is wrong with the point
    "at the end of its domain": grads(lambda x: x**1.5, np.array([0.0, 1.0])),
    "a kink": grads(ops.relu, Z),
    "a kink, beside a slope": grads(lambda x: ops.abs(x) + 3.0 * x, np.array([1.0, 0.0])),
    "a kink at 1e-9": grads(ops.relu, np.array([1e-9, 1.0])),
    "a step": grads(step, Z),
    "a jump, smaller close to zero by 1.9": grads(jump(1.9), Z),
    "a jump, smaller close to zero by 2": grads(jump(2.0), Z),
    "a jump, larger close to zero by 1.9": grads(jump(1.0, 1.9), Z),
    "a jump, larger close to zero by 2": grads(jump(1.0, 2.0), Z),
    "a jump beside a steep slope": grads(lambda x: jump(1.0)(x) + 8.0 * x, Z),
    **{
        f"a jump of {size} beside 2**51": gradient(
            lambda x, size=size: 2.0**51 + size * np.heaviside(np.real(x[0]), 0.0), np.ones_like, np.zeros(1)
        )
        for size in (499999.5, 500000.0, 500000.5, 500001.0)
    },
    "f is not finite": gradient(lambda x: np.inf, np.ones_like),
    "f is no number": grads(lambda x: x * np.nan),
    "f is random by 1e-9": gradient(of_calls(1.0, 1.0 + 0.9e-9), lambda x: 2.0 * x * (1.0 + 0.9e-9)),
    "f is random by more": gradient(of_calls(1.0, 1.0 + 1.1e-9), lambda x: 2.0 * x),
    "the gradient is random by 1e-9": gradient(total, gradient_of_calls(1.0, 1.0 + 0.9e-9, 1.0)),
    "the gradient is random by more": gradient(total, gradient_of_calls(1.0, 1.0 + 1.2e-9, 1.0)),
    "a small gradient is random": gradient(lambda x: 1e-12 * total(x), gradient_of_calls(1e-12, 2e-12)),
    "inconclusive": grads(lambda x: ops.sum(real_cube(x)) + 1e16),
    "inconclusive and wrong": grads(lambda x: 2.0 * ops.sum(real_cube(x)) + 1e12),
    **{
        f"beside {constant} in {dtype.__name__}": gradient(
            lambda x, constant=constant: total(np.real(x)) + constant, lambda x: 2.0 * x, dtype=dtype
        )
        for dtype, constant in product([np.float64, np.float32], [3e7, 1e8, 3e8, 3e9, 1e10, 3e10])
    },
    "infinite beside x": gradient(lambda x: np.sum(np.where(np.real(x) == 0.0, 1.0, np.inf)), np.ones_like, Z),
    "f is no number in float32": grads(
        primitive(lambda x: x + (np.array([1.0, np.nan, 2.0]) if x.dtype == np.float32 else 0.0), lambda g, out, x: g),
        dtype=np.float32,
    ),
    "f itself in float32": grads(single, dtype=np.float32),
    **{
        f"f in float32 is off by {part}": grads(
            primitive(lambda x, part=part: x + (x.dtype == np.float32) * part, lambda g, out, x: g),
            np.array([1e-3, 1.0]),
            dtype=np.float32,
        )
        for part in (0.995e-3, 1.005e-3)
    },
    "f is no number, in float32 too": grads(lambda x: x * np.array([1.0, np.nan, 1.0]), dtype=np.float32),
    # What is compared
    "right": grads(right),
    "right at order 3": grads(right, order=3),
    "right in float32": grads(right, dtype=np.float32),
    "right at zero": grads(right, Z, order=2),
    "right in a list": grads(lambda a, b: a * b, [X, np.float64(2.0)], order=2),
    "right, real numbers only": grads(real_cube),
    "right, a part with real numbers only": grads(partly_real),
    **{
        f"gradient times {factor}, the complex step is off by {part}": gradient(
            lambda x, part=part: np.sum(np.real(x) + (1.0 + part) * (x - np.real(x))),
            lambda x, part=part, factor=factor: factor * (1.0 + part) * np.ones(3),
        )
        for factor, part in (
            *product([1.0], [1e-9, 2e-9, 3e-9, 4e-9, 5e-9]),
            *product([2.0], [6e-9, 9e-9, 1.2e-8, 1.5e-8, 1.8e-8]),
        )
    },
    "right, of an input that does not matter": grads(lambda a, b: right(a), [X, X], order=2),
    "right, a part drops the imaginary part with a warning": gradient(
        lambda x: np.sum(x) + np.sum(np.asarray(x).astype(np.float64)), lambda x: np.full(3, 2.0)
    ),
    "right, constant": gradient(lambda x: np.sum(0.0 * x), np.zeros_like),
    "right, a large constant": grads(lambda x: ops.sum(right(x)) + 1e8),
    "right, by hand": gradient(total, lambda x: 2.0 * x),
    "right, by hand, float32": gradient(total, lambda x: 2.0 * x, dtype=np.float32),
    "right, by hand, a dict": gradient(
        lambda p: p["a"] * np.sum(p["b"]),
        lambda p: {"b": p["a"] * np.ones(3), "a": np.sum(p["b"])},
        {"a": np.array(2), "b": X},
    ),
    "right but for noise that f has too": gradient(ragged, lambda x: 2.0 * x + 2e-11 * parity(x + 2.0**-33, 33)),
    "right but for more noise": gradient(ragged, lambda x: 2.0 * x + 5e-11 * (1.0 + 9.0 * parity(x, 33))),
    "right but for noise at zero": gradient(ragged, lambda x: 2.0 * x + 1e-10 * (1.0 + parity(x, 40)), Z),
    "right but for noise, float32": gradient(
        ragged, lambda x: 2.0 * x.astype(np.float64) + 1e-4 * (1.0 + 9.0 * parity(x, 22)), dtype=np.float32
    ),
    "right but for a smooth error": gradient(ragged, lambda x: 2.0 * x + 1e-10),
    "right but for the last digits": gradient(lambda x: total(x) + 1e3, lambda x: 2.0 * x + 5e-12 * np.sign(x)),
    "wrong by more than the last digits": gradient(lambda x: total(x) + 1e3, lambda x: 2.0 * x + 5e-11 * np.sign(x)),
    # What cannot be checked
    "order 0": grads(right, order=0),
    "order 1.5": grads(right, order=1.5),
    "order True": grads(right, order=True),
    "a negative seed": grads(right, seed=-1),
    "a generator": gradient(total, hasty, seed=np.random.default_rng(3)),
    "a seed of text": gradient(total, hasty, seed="a"),
    "a masked array": grads(right, np.ma.array(X, mask=[False, True, False])),
    "order of NumPy": grads(right, order=np.int64(1)),
    "no inputs": grads(right, []),
    "no inputs, by hand": gradient(total, hasty, {}),
    "a list of numbers": grads(right, [0.5, 1]),
    "a list of lists": grads(right, [[0.5, 1.0], [2.0, 3.0]]),
    "a list of numbers of NumPy": grads(right, [np.float64(0.5), np.float64(2.0)]),
    "a list of a number and an array": grads(lambda a, b: a * b, [0.5, X]),
    "text": grads(right, "x"),
    "None": grads(right, [X, None]),
    "a complex input": grads(right, {"z": 1j * X}),
    "an infinite input": grads(right, [X, np.array([np.inf])]),
    "integers": grads(right, np.array([2])),
    "booleans": grads(right, np.array([True])),
    "no function": grads(0.3),
    "no function, by hand": gradient(total, 0.3),
    "a Tensor from outside": grads(lambda x: right(OUTSIDE)),
    "no Tensor": grads(lambda x: 1.0),
    "another dtype": grads(right, dtype=np.float16),
    "no dtype": grads(right, dtype="single precision"),
    "two numbers": gradient(lambda x: x[:2], hasty),
    "one number in an array": gradient(lambda x: [[total(x)]], lambda x: 2.0 * x),
    "a gradient of another shape": gradient(total, lambda x: x[:2]),
    "a gradient of numbers": gradient(total, lambda x: [2.0 * v for v in x.tolist()]),
    "two gradients": gradient(total, lambda x: [x, x]),
    "no gradients": gradient(total, lambda x: []),
    "a complex gradient": gradient(total, lambda x: 1j * x),
    "a gradient of None": gradient(total, lambda x: None),
    "f of None": gradient(lambda x: None, hasty),
    "f of what refuses to be an array": gradient(lambda x: Refusing(), hasty),
    "a dict for an array": gradient(total, lambda x: {"x": x}),
    "an array for a dict": gradient(lambda p: total(p["x"]), lambda p: p["x"], {"x": X}),
    "another key": gradient(lambda p: total(p["x"]), lambda p: {"y": p["x"]}, {"x": X}),
}


def without_roundoff(c: Comparison) -> str:
    """What a comparison says; of a complex step that is right to the last digits, which differ by machine, no more."""
    exact = c.method == "complex step" and c.apart < 1e-13
    return str(c).partition(" along")[0] + ": the complex step agrees" if exact else str(c)


def said(call: Callable[[], Any]) -> str:
    """The report or the error of a check, and the kinds of warnings, if any."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            words = [*map(without_roundoff, call())]
        except (AssertionError, ValueError, TypeError) as error:
            words = [f"{type(error).__name__}: {error}"]
    return "\n".join([*words, *sorted({f"warned: {w.category.__name__}" for w in warned})])


def rewrite() -> None:
    """Write down what all cases say today."""
    FILE.write_text("\n".join(f"# {name}\n{said(call)}\n" for name, call in CASES.items()), encoding="utf-8")


def expected() -> dict[str, str]:
    """What each case says in the file."""
    blocks = ("\n" + FILE.read_text(encoding="utf-8")).split("\n# ")[1:]
    return {name: text.strip() for name, _, text in (block.partition("\n") for block in blocks)}


@pytest.mark.parametrize("name", CASES)
def test_a_check_says_what_is_written_down(name: str) -> None:
    assert said(CASES[name]) == expected()[name]


def test_a_comparison_at_the_border_of_its_tolerance() -> None:
    c = Comparison(1, "x", "difference", X, 1.5, 1.0, 0.5, 0.5, "df", "; a note")
    known = (
        "derivative of order 1 by x along the direction [ 0.5 , -0.25,  1.  ]: df gives 1.5, the difference 1; they "
    )

    assert repr(c) == known + "agree: they differ by 0.5, and the tolerance is 0.5; a note"
    assert repr(c._replace(analytic=0.5)) == known.replace("1.5", "0.5") + repr(c).partition("they ")[2]
    assert repr(c._replace(limit=0.25, note="")) == known + (
        "differ by 0.5, and the tolerance 0.5 is too large to tell: inconclusive"
    )
    assert repr(c._replace(tolerance=0.25)) == known + "differ by 0.5, more than the tolerance 0.25; a note"
    assert not c._replace(analytic=np.inf, tolerance=np.inf).agrees


if __name__ == "__main__":
    rewrite()

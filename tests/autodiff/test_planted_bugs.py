"""check_grads sees wrong derivatives: each bug that others shipped is planted and must be caught."""

import math
import os
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from minisnip import Tensor, check_gradient, check_grads, grad, ops, primitive
from minisnip.autodiff.engine import Array, value_of
from minisnip.testing import arrays, nonzero_arrays
from tests.autodiff.budget import examples

RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Mutant:
    """A function with a wrong derivative, and where to look."""

    name: str
    f: Any
    inputs: list[Array]


def square() -> list[Array]:
    return [RNG.standard_normal((3, 3)), RNG.standard_normal((3, 3))]


def swap(x: Any) -> Any:
    return ops.transpose(x, (1, 0))


def assigned(x: Array, index: Any, shape: Any) -> Array:
    out = np.zeros(shape, x.dtype)
    out[index] = x
    return out


twice = primitive(np.tanh, lambda g, out, x: 2.0 * g * (1.0 - out * out))
minus = primitive(np.subtract, lambda g, out, a, b: g, lambda g, out, a, b: g)
unscaled = primitive(np.tanh, lambda g, out, x: 1.0 - out * out)
quarter_turned = primitive(
    np.matmul, lambda g, out, a, b: ops.matmul(g, b), lambda g, out, a, b: ops.matmul(swap(a), g)
)
reordered = primitive(
    np.matmul, lambda g, out, a, b: ops.matmul(g, swap(b)), lambda g, out, a, b: ops.matmul(g, swap(a))
)
flat_transpose = primitive(np.transpose, lambda g, out, x: ops.reshape(g, x.shape))
first_row = primitive(  # adds b to every row of a, but takes its gradient from the first row only
    np.add, lambda g, out, a, b: g, lambda g, out, a, b: ops.reshape(ops.take(g, slice(0, 1)), b.shape)
)
averaged = primitive(np.sum, lambda g, out, x: ops.broadcast_to(g / x.size, x.shape))
last_wins = primitive(lambda x, i: x[i], lambda g, out, x, i: primitive(assigned)(g, i, x.shape))
one_use = primitive(lambda x: x * x, lambda g, out, x: g * x)  # d(x·x) with one of the two contributions dropped
leaky = primitive(lambda x: x * (x.real > 0), lambda g, out, x: g * np.where(value_of(x) > 0, 1.0, 1e-3))

WRONG = [
    Mutant("a factor of two", twice, [RNG.standard_normal(4)]),
    Mutant("a sign", minus, square()),
    Mutant("the cotangent forgotten", unscaled, [RNG.standard_normal(4)]),
    Mutant("a matrix not transposed", quarter_turned, square()),
    Mutant("the factors in the wrong order", reordered, square()),
    Mutant("reshape in place of transpose", flat_transpose, [RNG.standard_normal((3, 3))]),
    Mutant("a broadcast axis not summed", first_row, [RNG.standard_normal((3, 2)), RNG.standard_normal(2)]),
    Mutant("a mean's gradient for a sum", averaged, [RNG.standard_normal((2, 3))]),
    Mutant("= for += at a repeated index", lambda x: last_wins(x, [0, 0, 1]), [RNG.standard_normal(3)]),
    Mutant("a dropped contribution", one_use, [RNG.standard_normal(3)]),
    Mutant("an error of one in a thousand", leaky, [np.array([-1.0, 1.0, -2.0])]),
    Mutant("one wrong op among many", lambda a, b: ops.logsumexp(twice(a) @ b, 1), square()),
]


@pytest.mark.parametrize("mutant", WRONG, ids=[mutant.name for mutant in WRONG])
def test_a_wrong_gradient_is_caught_at_order_one(mutant: Mutant) -> None:
    with pytest.raises(AssertionError, match="derivative of order 1"):
        check_grads(mutant.f, mutant.inputs, order=1)


detached_tanh = primitive(np.tanh, lambda g, out, x: g * (1.0 - value_of(out) ** 2))
detached_exp = primitive(np.exp, lambda g, out, x: g * value_of(out))
detached_cotangent = primitive(np.sin, lambda g, out, x: value_of(g) * primitive(np.cos)(value_of(x)))
doubled_exp = primitive(np.exp, lambda g, out, x: 2.0 * g * out)
wrong_below = primitive(np.exp, lambda g, out, x: g * doubled_exp(x))

DETACHED = [
    Mutant("tanh by its value", detached_tanh, [RNG.standard_normal(3)]),
    Mutant("exp by its value", detached_exp, [RNG.standard_normal(3)]),
    Mutant("everything by value", detached_cotangent, [RNG.standard_normal(3)]),
    Mutant("a wrong op in a right VJP", wrong_below, [RNG.standard_normal(3)]),
    Mutant("by value, under other ops", lambda a, b: ops.exp(detached_tanh(a @ b)), square()),
]


@pytest.mark.parametrize("mutant", DETACHED, ids=[mutant.name for mutant in DETACHED])
def test_a_vjp_that_cannot_be_differentiated_is_right_at_order_one_and_caught_at_order_two(mutant: Mutant) -> None:
    check_grads(mutant.f, mutant.inputs, order=1)

    with pytest.raises(AssertionError, match="derivative of order 2"):
        check_grads(mutant.f, mutant.inputs, order=2)


@examples(25)
@given(nonzero_arrays())
def test_the_true_op_passes_where_its_mutants_fail(x: Array) -> None:
    check_grads(ops.tanh, x)
    with pytest.raises(AssertionError):
        check_grads(twice, x)
    with pytest.raises(AssertionError):
        check_grads(detached_tanh, x)


def test_hypothesis_finds_a_bug_that_only_some_inputs_show() -> None:
    clipped = primitive(lambda x: x * x, lambda g, out, x: g * ops.maximum(2.0 * x, -2.0))  # wrong below -1

    @settings(examples(200), database=None)
    @given(arrays())
    def test_clipped(x: Array) -> None:
        check_grads(clipped, x)

    with pytest.raises(AssertionError, match="grad gives"):
        test_clipped()


# ---- Scale: the verdict does not depend on the units of f and of x ---------------------------------------------------

no_gradient = primitive(np.tanh, lambda g, out, x: 0.0 * g * x)
real_tanh = primitive(lambda x: np.tanh(np.real(x)), lambda g, out, x: g * (1.0 - out * out))  # no complex step
real_square = primitive(lambda x: np.real(x) ** 2, lambda g, out, x: g * 2.0 * x)
twice_real_tanh = primitive(lambda x: np.tanh(np.real(x)), lambda g, out, x: 2.0 * g * (1.0 - out * out))
no_gradient_real = primitive(lambda x: np.tanh(np.real(x)), lambda g, out, x: 0.0 * g * x)
X = np.array([0.25, -1.5, 0.75])


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e-8, 1e-6, 1.0, 1e8, 1e30, 1e200])
@pytest.mark.parametrize("op", [no_gradient, no_gradient_real, twice, twice_real_tanh, unscaled])
def test_a_wrong_gradient_is_caught_at_any_scale(op: Any, scale: float) -> None:
    with pytest.raises(AssertionError, match="derivative of order 1"):
        check_grads(lambda x: scale * op(x), X)


RIGHT: dict[str, tuple[Any, Array]] = {
    "a sum beside a large constant": (lambda x: ops.sum(x) + 1e8, X),
    "a square at a million": (lambda x: x * x, 1e6 * X),
    "a logarithm near zero": (ops.log, np.array([1e-4, 3e-4])),
    "a logarithm near and far from zero": (ops.log, np.array([1e-7, 1.0, 1e3])),
    "a steep function": (lambda x: ops.tanh(1000.0 * x), 1e-3 * X),
    "a steep function at steep and at flat points": (lambda x: ops.tanh(1000.0 * x), np.array([1e-3, 1.0])),
    "a saturated function": (ops.tanh, np.array([8.0, -9.0])),
    "a small loss": (lambda z: -ops.log_softmax(z)[0, 0], np.array([[20.0, 0.0, 1.0]])),
    "a zero": (ops.exp, np.zeros(3)),
    "a minimum": (lambda x: x * x, np.zeros(3)),
    "a steep function at zero": (lambda x: ops.tanh(1e12 * x), np.zeros(3)),
    "a flat function at zero": (lambda x: ops.exp(1e-12 * x), np.zeros(3)),
    "a zero of the logarithm": (ops.log, np.ones(2)),
    "a Hessian of round-off": (lambda x: ops.sqrt(x) * ops.sqrt(x), np.array([0.3, 0.7])),
    "real numbers only": (real_tanh, X),
    "real numbers only, and a constant": (lambda x: ops.sum(real_tanh(x)) + 1e6, X),
    "real numbers only, steep": (lambda x: real_tanh(1000.0 * x), 1e-3 * X),
    "real numbers only, saturated": (real_tanh, np.array([8.0, -9.0])),
    "real numbers only, at zero": (lambda x: real_tanh(1e12 * x), np.zeros(3)),
    "close to a kink": (lambda x: ops.relu(x) * x, np.array([1e-9, 1.0, -1e-8])),
    "a product of zeros": (ops.prod, np.zeros(5)),
    "a product of zeros and another number": (ops.prod, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1 / 64]])),
    "a cube at zero": (lambda x: x * x * x, np.zeros(3)),
    "real numbers only, a minimum": (real_square, np.zeros(3)),
    "real numbers only, an inflection": (lambda x: real_square(x) * x, np.zeros(3)),
    "no elements": (ops.tanh, np.zeros((0, 3))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_gradient_passes_wherever_it_is(name: str) -> None:
    f, x = RIGHT[name]
    for seed in range(20):
        check_grads(f, x, order=1 if "real" in name else 2, seed=seed)


VERDICTS: dict[str, tuple[Any, bool]] = {
    "right": (lambda x: ops.tanh(x) * x, True),
    "right, real": (real_tanh, True),
    "a factor": (twice, False),
    "a factor, real": (twice_real_tanh, False),
    "no gradient": (no_gradient_real, False),
    "one in a thousand": (lambda x: x * x + leaky(x), False),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_units_change_no_verdict(name: str) -> None:
    f, right = VERDICTS[name]
    for i, j in product(range(-12, 13), range(-12, 13)):
        if (i + 2 * j) % 5 == 0:  # a fifth of the pairs, with every i and every j
            a, b = 10.0**i, 10.0**j
            words = verdict(lambda x, a=a, b=b: a * f(x / b), b * X, 1 if "real" in name else 2)
            assert words == ("right" if right else "wrong"), f"a = {a}, b = {b}"


def verdict(f: Any, x: Array, order: int) -> str:
    try:
        check_grads(f, x, order)
    except AssertionError as error:
        return "wrong" if "more than the tolerance" in str(error) else "inconclusive"
    return "right"


SEEDS = int(os.environ.get("MINISNIP_SEEDS", "50"))


@pytest.mark.parametrize(("forward", "seeds"), [(np.tanh, SEEDS), (lambda x: np.tanh(np.real(x)), SEEDS)])
def test_one_wrong_element_of_a_thousand_is_found_in_every_seed(forward: Any, seeds: int) -> None:
    x = RNG.standard_normal(1000)
    factor = np.ones(1000)
    one_off = primitive(forward, lambda g, out, x: g * factor * (1.0 - out * out))
    check_grads(one_off, x, order=1)
    missed = []
    for seed in range(seeds):
        factor[:] = 1.0
        factor[seed] += 1e-3  # relative to that element
        try:
            check_grads(one_off, x, order=1, seed=seed)
            missed.append(seed)
        except AssertionError:
            pass
    assert missed == []


def test_a_vjp_that_is_not_linear_in_the_cotangent_is_caught_at_order_two() -> None:
    by_value = primitive(np.negative, lambda g, out, x: -value_of(g))  # right numbers; not to be differentiated by g

    check_grads(by_value, X, order=1)
    with pytest.raises(AssertionError, match="derivative of order 2 by the cotangent"):
        check_grads(by_value, X, order=2)


# ---- float32 ---------------------------------------------------------------------------------------------------------

naive = primitive(lambda x: np.log(1 + np.exp(x)), lambda g, out, x: g * ops.exp(x) / (1.0 + ops.exp(x)))
cancelled = primitive(np.tanh, lambda g, out, x: g * ((1.0 + 3e3 - out * out) - 3e3))


def in_single(x: Any) -> Any:
    return 2.0 if value_of(x).dtype == np.float32 else 1.0


only_there = primitive(np.tanh, lambda g, out, x: g * (1.0 - out * out) * in_single(x))


@pytest.mark.parametrize(("op", "x"), [(naive, [100.0]), (cancelled, [0.5, 1.0]), (only_there, [0.5])])
def test_what_only_float32_does_wrong_is_found_in_float32(op: Any, x: Any) -> None:
    check_grads(op, np.array(x))
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        check_grads(op, np.array(x), dtype=np.float32)


def test_a_forward_function_that_is_wrong_in_float32_alone_is_found() -> None:
    overflow = primitive(lambda x: np.log(1 + np.exp(x)), lambda g, out, x: g * ops.sigmoid(x))
    check_grads(overflow, np.array([1.0, 100.0]))
    with np.errstate(all="ignore"), pytest.raises(AssertionError, match="f gives inf in float32 and 100 in float64"):
        check_grads(overflow, np.array([1.0, 100.0]), dtype=np.float32)


@pytest.mark.parametrize(
    "f", [ops.tanh, ops.exp, ops.sigmoid, lambda x: ops.log_softmax(x), lambda x: x / (1.0 + x * x)]
)
@pytest.mark.parametrize("size", [1, 3, 300])
def test_a_right_op_passes_in_float32(f: Any, size: int) -> None:
    for seed in range(10):
        check_grads(f, np.random.default_rng(seed).standard_normal(size), dtype=np.float32, seed=seed)


# ---- Gradients from anywhere -----------------------------------------------------------------------------------------


def test_a_backward_pass_written_by_hand_is_checked() -> None:
    a = RNG.standard_normal((4, 3))

    def loss(w: Array) -> Any:
        return np.sum(np.tanh(a @ w) ** 2)

    def backward(w: Array) -> Array:
        out = np.tanh(a @ w)
        return a.T @ (2.0 * out * (1.0 - out**2))

    def hasty(w: Array) -> Array:
        out = np.tanh(a @ w)
        return a.T @ (out * (1.0 - out**2))

    report = check_gradient(loss, backward, np.ones((3, 2)))
    assert {c.method for c in report} == {"central difference", "complex step"}
    assert all(c.agrees for c in report)
    with pytest.raises(
        AssertionError,
        match=r"(?s)^check_gradient: .*hasty gives .*1/2 of.*repeat: check_gradient\(loss, hasty",
    ):
        check_gradient(loss, hasty, np.ones((3, 2)))


def test_a_gradient_that_another_program_computes_in_float32_is_judged_by_its_own_noise() -> None:
    def f(x: Array) -> Any:
        return float(np.sum(np.tanh(x.astype(np.float32))))  # as PyTorch would: float32 inside, real numbers only

    def df(x: Array) -> Array:
        return 1 - np.tanh(x.astype(np.float32)) ** 2

    for seed in range(20):
        check_gradient(f, df, X, seed=seed, dtype=np.float32)
        with pytest.raises(AssertionError, match="more than the tolerance"):
            check_gradient(f, lambda x: 1.01 * df(x), X, seed=seed, dtype=np.float32)


def test_a_closed_over_tensor_is_a_constant_and_grad_may_be_called_inside() -> None:
    t = Tensor(X)
    check_grads(lambda x: x * t, X)
    check_grads(lambda x: grad(ops.sum(ops.tanh(x) * t), x, create_graph=True) * x, X)


straight_through = primitive(lambda x: np.round(np.real(x)) + (x - np.real(x)), lambda g, out, x: g)


def test_a_straight_through_gradient_is_caught_though_the_complex_step_agrees_with_it() -> None:
    with pytest.raises(AssertionError, match="the central difference 0;"):
        check_grads(straight_through, np.array([0.3, 1.2]), order=1)


@pytest.mark.parametrize("x", [[1.0, 0.0], [0.0, 0.0], [-2.0, 0.0, 3.0]])
@pytest.mark.parametrize("f", [ops.abs, ops.relu, lambda x: ops.maximum(x, 0.0) - x])
def test_a_kink_is_refused_even_where_the_gradient_is_the_mean_of_both_slopes(f: Any, x: list[float]) -> None:
    with pytest.raises(AssertionError, match="f has a kink here"):
        check_grads(f, np.array(x), order=1)


@pytest.mark.parametrize("spread", [1e-3, 1e-2, 0.1, 1.0])
def test_a_deep_network_with_a_tiny_gradient_and_biases_of_zero_is_right(spread: float) -> None:
    rng = np.random.default_rng(0)
    sizes, x = [2, 32, 32, 32, 2], rng.standard_normal((8, 2))
    params = {f"w{i}": spread * rng.standard_normal((n, m)) for i, (n, m) in enumerate(pairwise(sizes))}
    params |= {f"b{i}": np.zeros(m) for i, m in enumerate(sizes[1:])}

    def loss(p: Any) -> Any:
        out: Any = x
        for i in range(4):
            out = ops.tanh(out @ p[f"w{i}"] + p[f"b{i}"])
        return -ops.mean(ops.log_softmax(out)[:, 0])

    for seed in range(5):
        check_grads(loss, params, seed=seed)


# ---- Functions of two parts, one of which drops the imaginary part ---------------------------------------------------

A, B, PENALTIES = RNG.standard_normal((50, 10)), RNG.standard_normal(50), [1.0, 0.1, 1e-2, 1e-4]


@pytest.mark.parametrize("weight", PENALTIES)
@pytest.mark.parametrize(
    ("penalty", "slope"),
    [
        (lambda w: np.sum(np.abs(w)), np.sign),
        (np.linalg.norm, lambda w: w / np.linalg.norm(w)),
        (np.var, lambda w: 2 * (w - w.mean()) / w.size),
    ],
    ids=["abs", "norm", "var"],
)
def test_a_forgotten_penalty_is_found_though_the_complex_step_does_not_see_it(
    penalty: Any, slope: Any, weight: float
) -> None:
    def loss(w: Array) -> Any:
        return np.mean((A @ w - B) ** 2) + weight * penalty(w)

    def forgotten(w: Array) -> Any:
        return 2 * A.T @ (A @ w - B) / 50

    def right(w: Array) -> Any:
        return forgotten(w) + weight * slope(w)

    for seed in range(20):
        w = np.random.default_rng(seed).standard_normal(10)
        check_gradient(loss, right, w, seed=seed)
        with pytest.raises(AssertionError):
            check_gradient(loss, forgotten, w, seed=seed)


# ---- The border of a domain, kinks close to x, noise, many scales ----------------------------------------------------


@pytest.mark.parametrize("small", [1e-2, 1e-4, 1e-6])
def test_a_right_gradient_at_the_border_of_a_domain_passes(small: float) -> None:
    check_gradient(lambda x: float(np.sum(np.log(np.real(x)))), lambda x: 1 / x, np.array([small, 1.0]))
    check_gradient(lambda x: float(np.sum(np.real(x) ** 1.5)), lambda x: 1.5 * np.sqrt(x), np.array([small, 1.0]))
    check_gradient(  # math.log raises
        lambda x: math.log(x[0]) + x[1] ** 2, lambda x: np.array([1 / x[0], 2 * x[1]]), np.array([small, 1.0])
    )


def message_of(check: Any, *args: Any, **keywords: Any) -> str:
    """What the check raises; nothing if it passes."""
    try:
        check(*args, **keywords)
    except AssertionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("distance", 10.0 ** np.arange(-13, -2))
def test_a_kink_close_to_x_is_named_or_does_not_matter(distance: float) -> None:
    real_relu = primitive(lambda x: np.maximum(np.real(x), 0), lambda g, out, x: g * (value_of(x) > 0))
    for op in (ops.relu, real_relu):
        words = message_of(check_grads, op, np.array([distance, 1.0]), order=1)
        assert not words or "f has a kink here or very close" in words
        assert "wrong by itself" not in words


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("size", [1, 3, 30, 1000])
def test_a_vjp_with_fewer_digits_than_f_is_caught(dtype: Any, size: int) -> None:
    rounded = primitive(np.tanh, lambda g, out, x: (g * (1.0 - out * out)).astype(dtype).astype(np.float64))
    for seed in range(10):
        with pytest.raises(AssertionError):
            check_grads(rounded, np.random.default_rng(seed).standard_normal(size), order=1, seed=seed)


def test_a_random_vjp_is_recognized() -> None:
    rng = np.random.default_rng(0)
    noisy = primitive(np.tanh, lambda g, out, x: g * (1.0 - out * out) * (1 + 1e-4 * rng.standard_normal(x.shape)))
    with pytest.raises(AssertionError, match="The gradient by the input is another at the second call: it is random"):
        check_grads(noisy, X, order=1)


def scaled(factor: Array, slope: Any, g: Any, out: Any, x: Any) -> Any:
    return g * factor * slope(value_of(x))


def root(x: Array) -> Any:
    return np.sqrt(1 + x * x)


@pytest.mark.parametrize("spread", ["one large", "twelve decades", "cauchy"])
def test_one_wrong_element_among_numbers_of_many_scales_is_found(spread: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(1000)
    if spread == "one large":
        x[0] = 1e6
    elif spread == "twelve decades":
        x = x * 10.0 ** rng.uniform(-6, 6, 1000)
    else:
        x = rng.standard_cauchy(1000)
    factor = np.ones(1000)
    pairs: list[tuple[Any, Any]] = [(np.tanh, lambda x: 1 - np.tanh(x) ** 2), (root, lambda x: x / root(x))]
    for f, slope in pairs:
        one_off = primitive(f, partial(scaled, factor, slope))
        check_grads(one_off, x, order=1)
        derivative = abs(slope(x))
        for seed in rng.permutation(np.flatnonzero(derivative > 0.1 * derivative.mean()))[:25]:
            factor[:] = 1.0
            factor[seed] += 1e-3
            with pytest.raises(AssertionError):
                check_grads(one_off, x, order=1, seed=int(seed))
        factor[:] = 1.0


@pytest.mark.parametrize(
    "around", [lambda y: y, ops.sum, lambda y: 3.0 * ops.sum(y * y)], ids=["alone", "sum", "square"]
)
@pytest.mark.parametrize(
    "vjp",
    [
        lambda g, out, x: 3.0 * ops.abs(g),
        lambda g, out, x: 3.0 * ops.where(value_of(g) > 0, g, 0.0),  # "guided" backpropagation
        lambda g, out, x: 3.0 * ops.where(value_of(g) > 0, g, 1.001 * g),
    ],
    ids=["absolute", "guided", "by a part"],
)
def test_a_vjp_that_is_not_linear_in_the_sign_of_g_never_passes(vjp: Any, around: Any) -> None:
    wrong = primitive(lambda x: 3.0 * x, vjp, name="thrice")
    for seed in range(40):
        with pytest.raises(AssertionError, match=r"The op thrice.* is wrong by itself"):
            check_grads(lambda x: around(wrong(x)), np.array([2.0, 0.5]), order=1, seed=seed)


def decades(low: int, high: int) -> Array:
    return 10.0 ** np.arange(low, high + 1)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (ops.sqrt, [1e-12, 1.0]),
        (ops.log, [1e-19, 1.0]),
        (ops.log, [1e-14, 1.0]),
        (ops.log, [1e-8, 1e8]),
        (ops.sqrt, decades(-15, 15)),
        (lambda x: ops.power(x, 0.3), decades(-9, 9)),
        (lambda x: ops.sum(ops.log(x) * ops.sqrt(x)), decades(-10, 10)),
        *((op, [10.0**k]) for op in (ops.sin, ops.cos) for k in range(3, 12)),
        *((ops.sin, [10.0**k, 1.0]) for k in range(3, 12)),
    ],
)
def test_x_of_any_scales_is_judged_right_if_it_is(f: Any, x: Any) -> None:
    for seed in range(10):
        check_grads(f, np.array(x), order=2, seed=seed)


@pytest.mark.parametrize("scales", [[1e-12, 1.0], [1e-8, 1e8], decades(-12, 12)])
def test_a_wrong_element_is_found_at_each_scale_where_whole_arrays_decide_nothing(scales: Any) -> None:
    x = np.array(scales)
    for wrong in range(len(x)):
        factor = np.where(np.arange(len(x)) == wrong, 1.01, 1.0)
        one_off = primitive(np.sqrt, partial(scaled, factor, lambda x: 0.5 / np.sqrt(x)))
        for seed in range(3):
            with pytest.raises(AssertionError, match="wrong by itself"):
                check_grads(one_off, x, order=1, seed=seed)


@pytest.mark.parametrize("k", range(3, 12))
def test_a_wrong_gradient_of_a_fast_oscillation_is_no_jump(k: int) -> None:
    wrong = primitive(np.sin, lambda g, out, x: g * 1.001 * np.cos(value_of(x)), name="sine")
    words = message_of(check_grads, wrong, np.array([10.0**k]), order=1)
    assert "The op sine, here of shape (1,), is wrong by itself" in words


def test_a_gradient_that_cancels_exactly_is_right() -> None:
    exact = np.array([0.171875, 1.078125, -1.25])  # its sum is 0
    for seed in range(50):
        check_grads(lambda a, b: ops.einsum("i,i->", a, b), [exact, np.zeros(1)], seed=seed)
    with pytest.raises(AssertionError):
        check_gradient(
            lambda a, b: np.sum(a) * b, lambda a, b: [np.full(3, b), np.sum(a) + 1e-13], [exact, np.float64(0.0)]
        )


@pytest.mark.parametrize("error", [1e-3, 1e-5, 2.0, -1.0])
def test_one_wrong_element_is_not_called_a_factor(error: float) -> None:
    factor = np.ones(1000)
    factor[123] += error
    one_off = primitive(np.exp, lambda g, out, x: g * out * factor)
    for seed in range(20):
        x = np.random.default_rng(seed).standard_normal(1000)
        assert "some elements are wrong" in message_of(check_grads, one_off, x, order=1, seed=seed)


@pytest.mark.parametrize(("f", "x"), [(np.exp, [1e-3, 2e-3]), (lambda x: x * x + 1, [0.02, 0.03])])
def test_float32_finds_a_thousandth_beside_a_constant(f: Any, x: list[float]) -> None:
    slope = np.exp if f is np.exp else lambda x: 2 * x
    right, wrong = (
        primitive(f, lambda g, out, x, part=part: g * slope(value_of(x)) * part) for part in (1.0, np.float32(1.001))
    )
    for seed in range(20):
        check_grads(right, np.array(x), order=1, seed=seed, dtype=np.float32)
        assert "a factor" in message_of(check_grads, wrong, np.array(x), order=1, seed=seed, dtype=np.float32)


def test_a_function_that_rounds_to_float32_is_told_so() -> None:
    def f(x: Any) -> Any:
        return ops.exp(x.astype(np.float32)).astype(np.float64)

    words = message_of(check_grads, f, np.array([0.3, 0.7]))
    assert "f computes in float32 from the op astype on, so it rounds: pass dtype=np.float32" in words
    assert "wrong" not in words
    check_grads(f, np.array([0.3, 0.7]), dtype=np.float32)


@pytest.mark.parametrize(("f", "x"), [(lambda x: x * 2.0, 5e-324), (lambda x: x * 1e300, 1e5)])
def test_numbers_at_the_limits_of_float64_are_not_blamed_on_an_op(f: Any, x: float) -> None:
    words = message_of(check_grads, f, np.array([x]), order=1)
    assert not words or ("too close to the limits of float64" in words and "wrong" not in words)


@pytest.mark.parametrize(("real", "x"), [(False, [23.0, 0.0]), (False, [0.0, 3.0, 23.0]), (True, [14.0, 0.0])])
@pytest.mark.parametrize("factor", [0.0, -1.0, 1.1, 2.0])
def test_a_wrong_element_is_found_beside_a_much_larger_one(x: list[float], factor: float, real: bool) -> None:
    def forward(x: Any) -> Any:
        return np.exp(np.real(x) if real else x)

    wrong = np.where(np.array(x) < 1.0, factor, 1.0)
    one_off = primitive(forward, partial(scaled, wrong, np.exp))
    right = primitive(forward, partial(scaled, np.ones(len(x)), np.exp))
    for seed in range(5):
        assert not message_of(check_grads, right, np.array(x), order=1, seed=seed)
        assert "wrong by itself" in message_of(check_grads, one_off, np.array(x), order=1, seed=seed)


def test_a_wrong_gradient_that_grows_fast_is_not_taken_for_one_that_cancels() -> None:
    wrong = primitive(np.exp, lambda g, out, x: 0.96 * g * out)
    words = message_of(check_grads, lambda x: ops.sum(wrong((x * x) ** 3 * 0.4)), np.array([1.9, -2.2, 0.7]), order=1)
    assert "0.96 times the difference" in words or "some elements" in words

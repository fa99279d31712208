"""check_grads says what it compared, takes every structure of inputs, and knows its limits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from minisnip import Tensor, check_gradient, check_grads, jacobian, ops, primitive, value_and_grad
from minisnip.autodiff.engine import Array
from minisnip.testing import arrays
from tests.autodiff.budget import examples

twice = primitive(np.tanh, lambda g, out, x: 2.0 * g * (1.0 - out * out))


@examples(25)
@given(arrays())
def test_three_lines_prove_an_op_of_your_own(x: Array) -> None:
    check_grads(lambda x: ops.log(1.0 + ops.exp(x)), x)


def test_a_failure_names_the_order_the_input_the_direction_both_numbers_and_the_tolerance() -> None:
    with pytest.raises(AssertionError) as failure:
        check_grads(lambda a, b: ops.tanh(a) * twice(b), [np.ones(2), np.array([0.25, 0.5])])

    number = r"-?[\d.]+(?:e-?\d+)?"
    failure.match(
        rf"^check_grads: derivative of order 1 by input 1 along the direction \[ ?{number}, +{number}\]: "
        rf"grad gives {number}, the central difference {number}; they differ by {number}, "
        rf"more than the tolerance {number}\. "
    )
    words = str(failure.value).split()
    grad_gives, difference = (float(words[words.index(word) + 1].strip(",;")) for word in ("gives", "difference"))
    assert grad_gives == pytest.approx(2 * difference)  # a factor of two was planted, and can be read off


def test_a_comparison_that_agrees_says_so() -> None:
    for c in check_grads(ops.tanh, np.ones(2)):
        assert c.agrees
        assert "they agree" in str(c)
        assert "more than" not in str(c)


def message_of(call: Any, *args: Any, **keywords: Any) -> str:
    with pytest.raises(AssertionError) as failure:
        call(*args, **keywords)
    return str(failure.value)


minus = primitive(np.subtract, lambda g, out, a, b: g, lambda g, out, a, b: g)
without_g = primitive(np.tanh, lambda g, out, x: 1.0 - out * out)
by_value = primitive(np.tanh, lambda g, out, x: g * (1.0 - out.value**2 if isinstance(out, Tensor) else 1.0 - out**2))
partly = primitive(np.tanh, lambda g, out, x: g * (1.0 - out * out) * np.array([1.0, 1.0, 3.0]))
infinite = primitive(np.tanh, lambda g, out, x: g * np.inf)
X = np.array([0.5, -0.25, 1.0])
OUTSIDE = Tensor(X)


@pytest.mark.parametrize(
    ("f", "inputs", "words"),
    [
        (twice, X, "2.00 times the difference: a factor"),
        (minus, [X, 2 * X], "-1.00 times the difference: the sign"),
        (primitive(np.tanh, lambda g, out, x: 0.0 * g), X, "zero: no gradient arrives"),
        (without_g, X, "right with g = 1: the VJP does not multiply by g"),
        (by_value, X, "right at order 1, so the VJP is not made of ops alone"),
        (partly, X, "some elements"),
        (infinite, X, "not finite"),
        (ops.relu, np.zeros(3), "a kink"),
        (ops.abs, np.array([1.0, 0.0]), "a kink"),
        (lambda x: ops.sum(twice(ops.exp(x)) * 3.0), X, "The op tanh, here of shape (3,), is wrong by itself"),
        (lambda x: ops.sqrt(by_value(x) + 2.0), X, "The op tanh, here of shape (3,), is wrong by itself"),
    ],
)
def test_the_message_says_what_the_numbers_suggest(f: Any, inputs: Any, words: str) -> None:
    with np.errstate(all="ignore"):
        assert words in message_of(check_grads, f, inputs)


def test_a_random_function_is_recognized() -> None:
    rng = np.random.default_rng(0)
    assert "another value at the second call: f is random" in message_of(
        check_grads, lambda x: x * rng.standard_normal(3), X
    )


@pytest.mark.parametrize("f", [ops.log, ops.sqrt, lambda x: 1.0 / (x - x)])
def test_a_function_that_is_not_finite_is_recognized(f: Any) -> None:
    with np.errstate(all="ignore"):
        assert "f is not finite here" in message_of(check_grads, f, -np.ones(2))


def test_a_failure_prints_a_line_that_repeats_it() -> None:
    for inputs in (X, [X], {"w": X, "b": np.float64(0.1)}):

        def f(*args: Any) -> Any:
            values = list(args[0].values()) if isinstance(args[0], dict) else list(args)
            return sum((ops.sum(twice(v)) for v in values[1:]), start=ops.sum(twice(values[0])))

        message = message_of(check_grads, f, inputs, order=1, seed=3)
        line = message.splitlines()[-1].removeprefix("repeat: ")
        with pytest.raises(AssertionError) as again:
            eval(line, {"check_grads": check_grads, "np": np, "f": f})
        assert str(again.value) == message


def test_the_line_of_a_large_input_names_it_and_that_of_float32_its_dtype() -> None:
    assert message_of(check_grads, twice, np.ones(500)).endswith("repeat: check_grads(f, inputs, order=1, seed=0)")
    assert "order=1, seed=7, dtype=np.float32)" in message_of(check_grads, twice, X, seed=7, dtype=np.float32)


def test_what_no_method_can_decide_is_inconclusive_and_says_how_to_rescale() -> None:
    for f in (lambda x: ops.sum(real_only(x)) + 1e16, lambda x: ops.sum(modulus(x)) + 1e18):
        message = message_of(check_grads, f, X + 5.0)
        assert "inconclusive" in message
        assert "subtract" in message
        assert "more than the tolerance" not in message


def test_a_failure_is_shown_at_the_line_of_the_user() -> None:
    calls: list[tuple[Any, ...]] = [
        (check_grads, twice, X),
        (check_grads, by_value, X),
        (check_grads, lambda x: ops.sum(real_only(x)) + 1e16, X),
        (check_gradient, np.sum, np.zeros_like, X),
    ]
    for call, *args in calls:
        with pytest.raises(AssertionError) as failure:
            call(*args)
        shown = failure.traceback.filter(failure)
        assert shown[-1].path == Path(__file__)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: check_grads(ops.exp, X, order=0), ValueError, "order is 0"),
        (lambda: check_grads(ops.exp, X, order=1.5), ValueError, "order is 1.5"),  # type: ignore[arg-type]
        (lambda: check_grads(lambda: 1.0, []), ValueError, "no inputs"),
        (lambda: check_grads(lambda p: 1.0, {}), ValueError, "no inputs"),
        (lambda: check_grads(ops.exp, [0.5, 1.0]), TypeError, "a list of numbers"),
        (lambda: check_grads(ops.exp, "x"), TypeError, "the input has dtype <U1"),
        (lambda: check_grads(ops.exp, [X, None]), TypeError, "input 1 has dtype object"),
        (lambda: check_grads(ops.exp, 1j * X), TypeError, "complex"),
        (lambda: check_grads(0.3, X), TypeError, "f is a float"),  # type: ignore[arg-type]
        (lambda: check_grads(lambda x: ops.exp(OUTSIDE), X), ValueError, "does not depend on any of its inputs"),
        (lambda: check_grads(ops.exp, X, dtype=np.int64), ValueError, "float32 or np.float64"),
        (lambda: check_gradient(0.3, np.cos, X), TypeError, "f is a float"),  # type: ignore[arg-type]
        (lambda: check_gradient(np.sin, 0.3, X), TypeError, "df is a float"),  # type: ignore[arg-type]
        (lambda: check_gradient(np.sin, np.cos, X), ValueError, "one number"),
        (lambda: check_gradient(np.sum, lambda x: np.ones(2), X), ValueError, "shape (2,)"),
        (lambda: check_gradient(np.sum, lambda x: [x, x], X), ValueError, "shape (3,) and dtype float64, shape (3,)"),
        (lambda: check_gradient(np.sum, lambda x: None, X), TypeError, "df answered with a NoneType"),
        (lambda: value_and_grad(ops.exp, X), ValueError, "a gradient is of one number"),
        (lambda: jacobian(lambda x: 1.0, X), TypeError, "answered with a float"),
    ],
)
def test_what_cannot_be_checked_gets_a_sentence(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert words in str(raised.value)
    assert str(raised.value).startswith(("check_grad", "value_and_grad:", "jacobian"))


def test_the_value_and_the_gradient_come_together_in_the_structure_of_the_inputs() -> None:
    value, gradient = value_and_grad(lambda x: ops.sum(x * x), X)
    assert value == np.sum(X * X)
    np.testing.assert_array_equal(gradient, 2 * X)
    value, gradients = value_and_grad(lambda p: ops.sum(p["a"] * p["b"]), {"a": X, "b": 2 * X})
    assert list(gradients) == ["a", "b"]
    np.testing.assert_array_equal(gradients["a"], 2 * X)
    assert value_and_grad(lambda x: ops.sum(x * x), X.astype(np.float32))[1].dtype == np.float32


def test_the_jacobian_has_the_shape_of_the_output_and_then_of_the_input() -> None:
    a = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(jacobian(lambda x: a @ x, X), a)
    by_a, by_x = jacobian(ops.matmul, [a, X])
    assert by_a.shape == (4, 4, 3)
    np.testing.assert_array_equal(by_a, np.eye(4)[:, :, None] * X)
    np.testing.assert_array_equal(by_x, a)
    assert jacobian(ops.sum, X).shape == (3,)
    assert jacobian(lambda x: x[:0], X).shape == (0, 3)
    np.testing.assert_array_equal(jacobian(lambda a, b: a * 2.0, [X, a])[1], np.zeros((3, 4, 3)))


def test_inputs_may_be_an_array_a_number_a_list_a_tuple_or_a_dict() -> None:
    x, y = np.ones(2), np.ones((3, 2))

    def names(inputs: Any, f: Any) -> list[str]:
        return [c.input for c in check_grads(f, inputs, order=1) if c.method == "central difference"]

    assert names(x, ops.exp) == ["the input"]
    assert names(0.5, ops.exp) == ["the input"]
    assert names([x, y], ops.multiply) == ["input 0", "input 1"]
    assert names((x, y), ops.multiply) == ["input 0", "input 1"]
    assert names({"w": x, "b": y}, lambda p: p["w"] * p["b"]) == ["input 'w'", "input 'b'"]
    assert names(Tensor(x), ops.exp) == ["the input"]


def test_a_failure_in_a_dict_names_the_key() -> None:
    with pytest.raises(AssertionError, match=r"by input 'fc1\.weight' along"):
        check_grads(lambda p: twice(p["fc1.weight"]), {"fc1.weight": np.ones(2)})


def test_float32_inputs_are_checked_in_float64_and_left_alone() -> None:
    x = np.ones(3, np.float32)

    check_grads(lambda x: ops.tanh(x) ** 3, x)

    np.testing.assert_array_equal(x, np.ones(3, np.float32))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_any_order_can_be_asked_for(order: int) -> None:
    report = check_grads(lambda x: ops.exp(x) * ops.tanh(x), np.array([0.1, -0.4]), order)

    assert [c.order for c in report if c.method == "complex step" and c.input == "the input"] == list(
        range(1, order + 1)
    )


def test_the_seed_draws_the_directions() -> None:
    def directions(seed: int) -> list[Any]:
        return [c.direction.tolist() for c in check_grads(ops.exp, np.ones(3), seed=seed)]

    assert directions(1) == directions(1) != directions(2)


modulus = primitive(np.abs, lambda g, out, x: g * np.sign(x))  # drops the imaginary part
conjugate_square = primitive(lambda x: np.conj(x) * x, lambda g, out, x: g * 2.0 * x)  # keeps it, and is not analytic
real_only = primitive(
    lambda x: np.floor(x) + x, lambda g, out, x: g
)  # np.floor refuses complex numbers with a TypeError
cast = primitive(lambda x: x.astype(np.float64) ** 2, lambda g, out, x: g * 2.0 * x)  # ComplexWarning


def refuse_complex(x: Array) -> Any:
    if np.iscomplexobj(x):
        raise RuntimeError("real numbers, please")
    return x * x


refusing = primitive(refuse_complex, lambda g, out, x: g * 2.0 * x)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (modulus, "drops the imaginary part"),
        (conjugate_square, "not analytic"),
        (real_only, "TypeError: <lambda> of shape (2,): ufunc 'floor'"),
        (cast, "ComplexWarning"),
        (refusing, "RuntimeError: real numbers, please"),
    ],
    ids=["abs", "conj", "floor", "astype", "RuntimeError"],
)
def test_where_the_complex_step_does_not_apply_differences_still_do_and_the_report_says_so(f: Any, reason: str) -> None:
    report = check_grads(f, np.array([0.25, -1.5]), order=1)

    assert {c.method for c in report} == {"central difference"}
    for c in report:
        assert reason in str(c)
        assert "no complex step" in str(c)


def test_and_still_catch_a_wrong_gradient() -> None:
    wrong = primitive(np.abs, lambda g, out, x: g)

    with pytest.raises(AssertionError, match="the central difference"):
        check_grads(wrong, np.array([0.25, -1.5]))


def test_an_error_too_small_for_differences_is_left_to_the_complex_step() -> None:
    slightly_off = primitive(np.tanh, lambda g, out, x: g * (1.0 - out * out) * (1.0 + 1e-11))

    with pytest.raises(AssertionError, match="the complex step"):
        check_grads(slightly_off, np.array([0.25, -1.5]), order=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_is_a_failure(value: float) -> None:
    broken = primitive(np.tanh, lambda g, out, x: g * value)

    with pytest.raises(AssertionError, match=f"grad gives -?{value}"):
        check_grads(broken, np.array(0.5), order=1)


def test_a_function_that_leaves_the_ops_is_refused() -> None:
    with pytest.raises(TypeError, match=r"answered with a ndarray: it must be made of minisnip\.ops and"):
        check_grads(lambda x: np.exp(x.value), np.ones(2))


def test_an_input_that_does_not_matter_has_gradient_zero() -> None:
    report = check_grads(lambda a, b: ops.exp(a), [np.ones(2), np.ones(2)])

    assert {c.analytic for c in report if c.input == "input 1"} == {0.0}


def test_a_kink_is_not_a_derivative() -> None:
    with pytest.raises(AssertionError):
        check_grads(ops.relu, np.zeros(3), order=1)


def test_the_gradients_of_a_dict_are_matched_by_name() -> None:
    x = {"a": np.ones(2), "b": np.ones(2)}

    def f(p: Any) -> Any:
        return np.sum(p["a"]) + 2 * np.sum(p["b"])

    check_gradient(f, lambda p: {"b": 2 * np.ones(2), "a": np.ones(2)}, x)
    for wrong in ({"x": np.ones(2), "y": 2 * np.ones(2)}, [np.ones(2), 2 * np.ones(2)]):
        with pytest.raises(ValueError, match=r"df gives .*, expected a dict with the keys \['a', 'b'\]"):
            check_gradient(f, lambda p, wrong=wrong: wrong, x)


def test_the_direction_of_a_large_input_is_not_printed() -> None:
    message = message_of(check_grads, twice, np.ones((20, 10, 5)))
    assert "along a random direction of shape (20, 10, 5): grad gives" in message
    assert len(message.splitlines()) == 2


def test_a_vjp_in_plain_numpy_is_right_at_order_one_and_the_message_at_order_two_says_why() -> None:
    plain = primitive(np.sin, lambda g, out, x: g * np.cos(x))
    check_grads(plain, X, order=1)
    message = message_of(check_grads, plain, X)
    assert "The gradient is right at order 1, but it cannot be differentiated again (np.cos of a Tensor" in message
    assert "write the VJP in ops, or check with order=1" in message


def test_a_wrong_transposition_is_no_forgotten_cotangent() -> None:
    flat = primitive(lambda a: a.T.copy(), lambda g, out, a: ops.reshape(g, a.shape))
    assert "does not multiply by g" not in message_of(check_grads, flat, np.arange(9.0).reshape(3, 3), order=1)


def test_a_step_and_an_infinite_input_are_named() -> None:
    step = primitive(lambda x: np.heaviside(np.real(x), 0.5), lambda g, out, x: 0.0 * g)
    assert "f jumps here" in message_of(check_grads, step, np.zeros(2), order=1)
    with pytest.raises(ValueError, match="the input is not finite"):
        check_grads(ops.tanh, np.array([1.0, np.inf]))

"""An error says what was given, what was expected and what to do about it."""

import functools
import inspect
import re
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad, hvp, ops, primitive
from minisnip.autodiff import avg_pool2d, conv2d, max_pool2d

x = Tensor(np.ones(3))
m = Tensor(np.ones((2, 3)))
images = np.ones((5, 2, 4, 4))
pair: Any = (2, 2)


def assert_says(error: type[Exception], call: Any, *phrases: str) -> None:
    with pytest.raises(error) as raised:
        call()
    for phrase in phrases:
        assert phrase in str(raised.value)


def assign(t: Tensor) -> None:
    t[0] = 1.0


def test_a_gradient_is_of_one_number() -> None:
    assert_says(ValueError, lambda: grad(m, m), "output has shape (2, 3)", "of one number", "take output.sum()")
    assert_says(ValueError, lambda: hvp(m, m, np.ones((2, 3))), "hvp: the output has shape (2, 3)", "output.sum()")


def test_the_input_must_be_in_the_graph() -> None:
    stranger = Tensor(np.ones(7))
    phrases = ("not computed from the input of shape (7,)", "x = Tensor(array)", "from that very x")

    assert_says(ValueError, lambda: grad(x.sum(), stranger), *phrases)
    assert_says(ValueError, lambda: grad(x.sum(), {"x": x, "stranger": stranger}), *phrases)
    assert_says(ValueError, lambda: hvp(x.sum(), stranger, np.ones(7)), "hvp: ", *phrases)


def test_a_plain_array_is_a_constant() -> None:
    remedy = "an array is a constant: wrap it (x = Tensor(array))"

    assert_says(TypeError, lambda: grad(x.sum(), x.value), "the input is a ndarray", remedy)
    assert_says(TypeError, lambda: grad(x.sum(), [x, x.value]), "the input is a ndarray", remedy)
    for output, kind in [(np.ones(()), "ndarray"), (1.0, "float")]:
        assert_says(TypeError, lambda output=output: grad(output, x), f"the output is a {kind}", remedy)
    assert_says(TypeError, lambda: hvp(x.sum(), 1.0, 1.0), "hvp: the input is a float", remedy)
    number: Any = 1.0
    assert_says(TypeError, lambda: hvp(number, x, np.ones(3)), "hvp: the output is a float", remedy)


def test_vectors_have_the_shapes_of_their_inputs() -> None:
    loss = (x * x).sum()

    assert_says(ValueError, lambda: hvp(loss, x, np.ones(4)), "hvp: a vector has shape (4,), its input (3,)", "equal")
    assert_says(ValueError, lambda: hvp(loss, [x], [1.0]), "hvp: a vector has shape (), its input (3,)")
    assert_says(ValueError, lambda: hvp(loss, [x], []), "hvp: got 0 vectors for 1 inputs")
    assert_says(ValueError, lambda: hvp(loss, {"x": x}, {"y": np.ones(3)}), "hvp: got 0 vectors", "by the same names")
    assert_says(TypeError, lambda: hvp(loss, {"x": x}, np.ones(3)), "hvp: the vectors are a ndarray, the inputs a dict")
    assert_says(TypeError, lambda: hvp(loss, x, {"x": np.ones(3)}), "hvp: the vectors are a dict", "same structure")


def test_a_vector_may_be_a_tensor_and_no_input_has_no_product() -> None:
    np.testing.assert_array_equal(hvp((x**3).sum(), x, Tensor(np.ones(3))), np.full(3, 6.0))
    assert hvp((x * x).sum(), [], []) == []


def test_a_tensor_is_not_changed_in_place() -> None:
    assert_says(
        TypeError, lambda: assign(Tensor(np.ones(2))), "t[i] = v", "not changed in place", "ops.where(mask, v, t)"
    )


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("exp", lambda: np.exp(x)),
        ("sum", lambda: np.sum(x)),
        ("concatenate", lambda: np.concatenate([x])),
        ("asarray", lambda: np.asarray(x)),
        ("asarray", lambda: np.array([x, x])),
        ("where", lambda: np.where(x > 0, x, 0.0)),
        ("add", lambda: np.add(1.0, x, out=np.ones(3))),
        ("multiply", lambda: np.multiply.reduce(x)),
    ],
)
def test_numpy_functions_refuse_a_tensor_and_name_the_op(name: str, call: Any) -> None:
    phrases = ("would lose how it was computed", "minisnip.ops", "t.value")

    assert_says(TypeError, call, f"np.{name} of a Tensor", *phrases)


def test_an_array_is_not_added_to_in_place() -> None:
    array = np.ones(3)

    with pytest.raises(TypeError, match=re.escape("np.add of a Tensor")):
        array += x

    np.testing.assert_array_equal(array, np.ones(3))


def test_a_tensor_is_not_a_truth_value() -> None:
    assert_says(TypeError, lambda: bool(x), "bool(t)", "ambiguous", "compare it (t > 0)", "t.value")


def test_a_tensor_holds_floats() -> None:
    assert_says(TypeError, lambda: Tensor([1, 2]), "holds floats, got dtype int64", ".astype(np.float64)")
    assert_says(TypeError, lambda: Tensor(np.ones(2, bool)), "got dtype bool")


def test_a_tensor_is_not_wrapped_twice() -> None:
    assert_says(TypeError, lambda: Tensor(x), "variable already", "Tensor(t.value) starts a new one")


@pytest.mark.parametrize(
    ("call", "shapes", "remedy"),
    [
        (lambda: m + np.ones(4), ["add", "(2, 3)", "(4,)", "could not be broadcast together"], "equal or broadcast"),
        (lambda: np.ones(4) * m, ["multiply", "(2, 3)", "(4,)"], "equal or broadcast"),
        (lambda: ops.where(np.ones(4) > 0, m, 0.0), ["where", "(2, 3)", "(4,)"], "equal or broadcast"),
        (lambda: m @ m, ["matmul", "(2, 3) and (2, 3)"], "(n, k) @ (k, m)"),
        (lambda: np.ones((3, 2)) @ np.ones((2, 4)) @ m, ["matmul", "(3, 4) and (2, 3)"], "(n, k) @ (k, m)"),
        (lambda: x @ m, ["matmul", "(2, 3)"], "inner sizes must be equal"),
        (lambda: m.reshape(7), ["reshape", "(2, 3)", "7"], ""),
        (lambda: ops.broadcast_to(m, (4, 4)), ["broadcast_to", "(2, 3)", "(4,4)"], ""),
        (lambda: ops.concatenate([m, np.ones((3, 4))]), ["concatenate", "(2, 3) and (3, 4)"], "joined axis"),
        (lambda: ops.stack([m, np.ones((2, 4))]), ["stack of shapes (2, 3) and (2, 4): all"], "joined axis"),
        (lambda: ops.squeeze(m, 0), ["squeeze", "(2, 3)", "not equal to one"], ""),
        (lambda: ops.dot(m, m), ["dot of shapes (2, 3) and (2, 3): matmul: "], "inner sizes must be equal"),
        (lambda: ops.linear(m, np.ones((4, 2)), np.ones(4)), ["linear", "(2, 3) and (4, 2)"], "W of (m, k)"),
        (lambda: ops.einsum("ij,jk->ik", m, m), ["einsum", "(2, 3) and (2, 3)"], ""),
        (lambda: ops.einsum("ij,jk->ik", m), ["einsum", "operands provided"], ""),
        (lambda: ops.einsum("ij->iij", m), ["einsum", "multiple times"], ""),
        (lambda: ops.concatenate([]), ["concatenate: there are no parts"], "at least one array"),
        (lambda: ops.stack([]), ["stack: there are no parts"], "at least one array"),
        (lambda: conv2d(images, np.ones((6, 3, 2, 2))), ["(5, 2, 4, 4)", "(6, 3, 2, 2)"], "must be equal"),
        (lambda: conv2d(images, np.ones((6, 2, 5, 2))), ["(5, 2)", "(4, 4)", "padding 0"], "kernel smaller"),
        (lambda: conv2d(images, np.ones((6, 2, 7, 7)), padding=1), ["(7, 7)", "padding 1"], "padding larger"),
        (
            lambda: conv2d(images, np.ones((6, 2, 2, 2)), bias=np.ones(1)),
            ["bias has shape (1,)"],
            "(6,): one number per filter",
        ),
        (lambda: conv2d(images[0], np.ones((6, 2, 2, 2))), ["(2, 4, 4)", "(N, C, H, W)"], "reshape"),
        (lambda: conv2d(images, np.ones((6, 2))), ["weight", "(6, 2)"], "four axes"),
        (lambda: conv2d(images[None], np.ones((6, 2, 2, 2))), ["(1, 5, 2, 4, 4)", "four axes (N, C, H, W)"], ""),
        (
            lambda: conv2d(images, np.ones((1, 6, 2, 2, 2))),
            ["weight is (1, 6, 2, 2, 2)", "four axes (F, C, kh, kw)"],
            "",
        ),
        (lambda: ops.matmul(m, 2.0), ["matmul of shape (2, 3)", "enough dimensions"], "(n, k) @ (k, m)"),
        (lambda: ops.matmul(2.0, m), ["matmul of shape (2, 3)", "enough dimensions"], "(n, k) @ (k, m)"),
        (lambda: ops.matmul(x, 2.0), ["matmul of shape (3,)", "enough dimensions"], "(n, k) @ (k, m)"),
        (lambda: ops.pad(x, [(0, -1)]), ["widths are [(0, -1)]"], "not negative, for each axis"),
        (lambda: ops.pad(m, [(0, 1)]), ["widths are [(0, 1)]"], "(before, after)"),
        (lambda: ops.pad(Tensor(1.0), [(0, 1)]), ["widths are [(0, 1)]"], "(before, after)"),
        (lambda: max_pool2d(images, 5), ["(5, 5)", "(4, 4)"], "kernel smaller"),
        (lambda: avg_pool2d(images, 5), ["(5, 5)", "(4, 4)"], "kernel smaller"),
        (lambda: max_pool2d(m, 2), ["max_pool2d", "(2, 3)", "(N, C, H, W)"], "reshape"),
    ],
)
def test_shapes_that_do_not_fit_are_both_named(call: Any, shapes: list[str], remedy: str) -> None:
    assert_says(ValueError, call, *shapes, remedy)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.var(m, 5), IndexError, "var of shape (2, 3): axis 5 is out of bounds for array of dimension 2"),
        (lambda: m.std(axis=5), IndexError, "std of shape (2, 3): axis 5 is out of bounds"),
        (lambda: ops.prod(m, 5), IndexError, "prod of shape (2, 3): axis 5 is out of bounds"),
        (lambda: m.mean(5), IndexError, "mean of shape (2, 3): axis 5 is out of bounds"),
        (lambda: ops.max(m, axis=5), IndexError, "max of shape (2, 3): axis 5 is out of bounds"),
        (lambda: ops.stack([x], 5), IndexError, "stack of shape (3,): axis 5 is out of bounds for array of"),
        (lambda: ops.concatenate([Tensor(1.0)]), IndexError, "concatenate of shape (): axis 0 is out of bounds"),
        (lambda: ops.concatenate([m, m], None), TypeError, "concatenate of shapes (2, 3) and (2, 3): 'NoneType'"),
        (lambda: ops.sum(m, [0, 1]), TypeError, "sum of shape (2, 3): 'list' object"),
        (lambda: ops.cumsum(m, (0, 1)), TypeError, "cumsum of shape (2, 3): 'tuple' object"),
        (lambda: ops.pad(m, 2), ValueError, "pad of shape (2, 3): widths are 2, expected (before, after)"),
        (lambda: ops.pad(m, [(1, 1)]), ValueError, "pad of shape (2, 3): widths are [(1, 1)], expected (before"),
        (lambda: ops.pad(m, [(1, 1), (-1, 1)]), ValueError, "(-1, 1)], expected (before, after), not negative"),
        (lambda: ops.pad(1.0, [(1, 1)]), ValueError, "pad: widths are [(1, 1)], expected"),
        (lambda: ops.clip(m, np.ones(4)), ValueError, "clip of shapes (2, 3) and (4,): operands could not be"),
        (lambda: ops.dot(m, np.ones((4, 2, 3))), ValueError, "dot of shapes (2, 3) and (4, 2, 3): matmul: Input"),
        (lambda: ops.einsum("ij,jk"), ValueError, "einsum: must specify the einstein sum"),
        (lambda: max_pool2d(images, pair), TypeError, "max_pool2d of shape (5, 2, 4, 4): kernel ((2, 2), (2, 2))"),
        (lambda: conv2d(images, images, stride=pair), TypeError, "must be whole numbers, not pairs"),
        (lambda: conv2d(images, images, stride=0), ValueError, "(5, 2, 4, 4): kernel (4, 4) and stride 0 must be at"),
        (lambda: conv2d(images, images, stride=0), ValueError, "conv2d of shapes (5, 2, 4, 4) and (5, 2, 4, 4): "),
        (lambda: ops.add(None, x), TypeError, "add of shape (3,): unsupported operand type"),
    ],
)
def test_an_error_names_the_function_that_was_called_and_the_shapes_it_was_given(
    call: Any, error: type[Exception], words: str
) -> None:
    assert_says(error, call, words)


def test_a_function_that_numpy_alone_has_is_not_recommended_as_an_op() -> None:
    assert_says(TypeError, lambda: np.isfinite(x), "np.isfinite of a Tensor", "if there is one", "t.value")


@pytest.mark.parametrize("argument", [np.zeros(3), x], ids=["array", "Tensor"])
def test_an_op_with_too_many_arguments_says_how_many_it_takes(argument: Any) -> None:
    buffer = np.ones(3)

    assert_says(
        TypeError, lambda: ops.exp(argument, buffer), "exp of shapes (3,) and (3,): got 2 arguments, expected 1"
    )
    assert_says(TypeError, lambda: ops.add(argument, x, x), "add of shapes", "got 3 arguments, expected 2")
    assert_says(TypeError, lambda: ops.relu(argument, 1.0), "relu of shape (3,): ", "takes 1 positional argument but 2")

    np.testing.assert_array_equal(buffer, np.ones(3))


def test_an_index_or_axis_that_is_not_there_is_an_index_error() -> None:
    assert_says(IndexError, lambda: m[5], "take", "(2, 3)", "index 5 is out of bounds")
    for reduce in (ops.sum, ops.mean, ops.max, ops.logsumexp):
        assert_says(IndexError, lambda reduce=reduce: reduce(m, 3), "axis 3 is out of bounds")


def test_a_vjp_of_the_wrong_shape_is_named() -> None:
    wrong = primitive(np.add, lambda g, out, a, b: g, lambda g, out, a, b: g)

    phrases = ("VJP 1 of add gave shape (2, 3)", "an argument of shape (3,)", "sum_to undoes a broadcast")
    assert_says(ValueError, lambda: grad(wrong(m, x).sum(), [m, x]), *phrases)


def test_an_argument_without_a_derivative_is_named() -> None:
    no_second = primitive(lambda a, b: a * b, lambda g, out, a, b: g * b)

    def where() -> Any:
        return grad(ops.where(m, m, 0.0).sum(), m)

    assert_says(TypeError, where, "where has no derivative by argument 0", "pass a plain array there")
    assert_says(TypeError, lambda: grad(no_second(m, x).sum(), x), "<lambda> has no derivative by argument 1")
    assert grad(no_second(m, x).sum(), m).shape == (2, 3)  # nobody asked for the other one


def test_the_remedy_speaks_of_shapes_only_where_they_are_the_cause() -> None:
    with pytest.raises(ValueError, match="Integers to negative integer powers") as raised:
        ops.power(np.array([2]), np.array(-1))
    assert "broadcast" not in str(raised.value)

    def refuse(a: Any, b: Any) -> Any:
        if np.any(a == 7):
            raise ValueError("no sevens")
        return a + b

    op = primitive(refuse, lambda g, out, a, b: g, name="picky", remedy="Equal shapes.")
    with pytest.raises(ValueError, match=r"^picky of shapes \(2,\) and \(2,\): no sevens$"):
        op(np.full(2, 7.0), Tensor(np.ones(2)))
    with pytest.raises(
        ValueError, match=r"^picky of shapes .* shapes \(2,\) \(3,\). If the shapes are the cause: Equal shapes.$"
    ):
        op(np.ones(2), Tensor(np.ones(3)))


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_the_remedy_is_kept_back_where_ones_fail_in_another_way(value: float) -> None:
    def refuse(a: Any) -> Any:
        raise ValueError(f"no {a[0]}")

    with pytest.raises(ValueError, match=rf"^picky of shape \(2,\): no {value}$"):
        primitive(refuse, None, name="picky", remedy="Other shapes.")(np.full(2, value))


class NotSquareError(ValueError):
    """Made of a message alone."""


class WrongSizeError(ValueError):
    """Made of more than a message."""

    def __init__(self, size: int, expected: int) -> None:
        super().__init__(f"size {size}, expected {expected}")


def refuse_to(error: Exception) -> Any:
    def forward(_: Any) -> Any:
        raise error

    return primitive(forward, None, name="op")


def test_an_error_keeps_its_kind() -> None:
    inverse = primitive(np.linalg.inv, None, remedy="Square matrices only.")

    assert_says(np.linalg.LinAlgError, lambda: inverse(np.zeros((2, 2))), "inv of shape (2, 2): Singular matrix")
    assert_says(np.linalg.LinAlgError, lambda: inverse(m), "If the shapes are the cause: Square matrices only.")
    assert_says(np.exceptions.AxisError, lambda: ops.sum(m, 5), "sum of shape (2, 3)")
    assert_says(NotSquareError, lambda: refuse_to(NotSquareError("no"))(x), "op of shape (3,): no")
    assert_says(ValueError, lambda: refuse_to(WrongSizeError(1, 2))(x), "op of shape (3,): size 1, expected 2")
    unknown = UnicodeDecodeError("utf-8", b"", 0, 1, "no")
    assert_says(UnicodeError, lambda: refuse_to(unknown)(x), "op of shape (3,): 'utf-8' codec")


def test_a_remedy_that_may_be_wrong_comes_after_the_cause_and_with_an_if() -> None:
    cholesky = primitive(np.linalg.cholesky, None, remedy="Square matrices only.")

    words = "not positive definite. If the shapes are the cause: Square matrices only."
    assert_says(np.linalg.LinAlgError, lambda: cholesky(-np.eye(2)), words)
    with pytest.raises(TypeError) as unsupported:
        ops.add(None, x)
    assert "shapes are the cause" not in str(unsupported.value)


def test_every_op_with_a_remedy_gives_the_cause_too() -> None:
    for name in ops.__all__:
        op = getattr(ops, name)
        if getattr(op, "remedy", ""):
            shapes = [(2, 3), (4, 5), (7,)][: len(inspect.signature(op).parameters)]
            if len(shapes) > 1:
                with pytest.raises(ValueError, match=r"broadcast|mismatch|do not fit") as raised:
                    op(*map(np.ones, shapes))
                assert str(raised.value).endswith(op.remedy)


def test_an_op_has_the_name_that_it_was_given() -> None:
    named = primitive(lambda x: x[:2] + np.ones(3), lambda g, out, x: g, name="shift")
    partly = primitive(functools.partial(np.add, 1.0), lambda g, out, x: g)

    assert named.__name__ == "shift"
    assert repr(named).startswith("<op shift(x): VJP ")
    assert_says(ValueError, lambda: named(x), "shift of shape (3,)")
    assert_says(ValueError, lambda: grad(named(Tensor(np.ones(5))[:1]).sum(), x), "grad: the output was not computed")
    assert partly.__name__ == "partial"
    assert float(partly(Tensor(1.0))) == 2.0


def test_einsum_takes_its_labels_first() -> None:
    labels: Any = m
    assert_says(
        TypeError,
        lambda: ops.einsum(labels, m),
        "einsum of shapes (2, 3) and (2, 3): the first argument is a Tensor",
        "'ij,jk->ik'",
    )

"""Nothing is changed in place: inputs stay as they were, and what is returned is the caller's own.

What the caller changes between the forward pass and `grad` changes no gradient either.
"""

import copy
import ctypes
import pickle
from array import array
from collections import namedtuple
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, grad, hvp, ops, primitive
from minisnip.autodiff.engine import Array
from minisnip.nn import lenet_300_100
from minisnip.nn.threads import uncut
from minisnip.training.loop import loss_gradient
from tests.autodiff.budget import examples
from tests.autodiff.op_cases import Case, every_op
from tests.autodiff.runs import run


def in_bytes(structure: Any) -> Any:
    """Every array in the structure as bytes, to compare before and after."""
    if isinstance(structure, dict):
        return {key: in_bytes(value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [in_bytes(value) for value in structure]
    return structure.tobytes() if isinstance(structure, np.ndarray) else structure


@every_op
@examples(10)
@given(data=st.data())
def test_neither_forward_nor_backward_nor_hvp_changes_the_inputs(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)
    before = in_bytes([arrays, metadata])

    run(case.op, arrays, metadata)

    assert in_bytes([arrays, metadata]) == before


@every_op
@examples(10)
@given(data=st.data())
def test_answers_share_no_memory_with_each_other_or_the_inputs(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)

    found = run(case.op, arrays, metadata)

    answers = [*found.gradients, *found.products]
    for i, answer in enumerate(answers):
        assert answer.flags.writeable
        assert not any(np.shares_memory(answer, other) for other in [*answers[:i], *arrays])


@pytest.mark.parametrize(
    "join",
    [
        lambda a, b: a + b,
        lambda a, b: a + b.reshape(3, 2).reshape(2, 3),
        lambda a, b: a.T + b.T,
        lambda a, b: ops.concatenate([a, b]),
        lambda a, b: ops.where(True, a, b) + ops.broadcast_to(b, (2, 3)),
        lambda a, b: a[::-1] + b[::-1],
        lambda a, b: (a + b) * np.full((2, 3), 2.0),  # the shared gradient is a fresh array that can be written to
        lambda a, b: (a + b.reshape(3, 2).reshape(2, 3)) * np.full((2, 3), 2.0),  # an array and a view of it
        lambda a, b: (a.T + b.T) * np.full((3, 2), 2.0),  # two views of one array
    ],
    ids=["a + b", "reshape", "transpose", "concatenate", "where", "slices", "(a + b) k", "reshape k", "transpose k"],
)
def test_changing_a_gradient_in_place_changes_nothing_else(join: Any) -> None:
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones((2, 3)))
    y = join(a, b)
    out = y.sum()
    first: list[Array] = grad(out, [a, b, y, out])
    expected = in_bytes(first)

    for i, gradient in enumerate(first):
        gradient[...] = 7.0
        assert in_bytes(first[i + 1 :]) == expected[i + 1 :]

    assert in_bytes([a.value, b.value]) == in_bytes([np.ones((2, 3))] * 2)
    assert in_bytes(grad(out, [a, b, y, out])) == expected


def test_the_same_input_asked_for_twice_is_answered_twice() -> None:
    x = Tensor(np.ones(3))

    for loss, expected in ((x.sum(), 1.0), ((x * x).sum(), 2.0)):  # its gradient cannot be written to, or it can
        first, second = grad(loss, [x, x])
        first[...] = 7.0

        np.testing.assert_array_equal(second, np.full(3, expected))


@pytest.mark.parametrize("part", [lambda a: a, lambda a: a[:]], ids=["the array", "views of it"])
def test_vjps_that_hand_out_one_array_of_their_own_give_gradients_that_share_nothing(part: Any) -> None:
    weights = np.ones(3)
    weighted = primitive(lambda a, b: weights @ (a + b), *[lambda g, out, a, b: part(weights)] * 2)
    a, b = Tensor(np.zeros(3)), Tensor(np.zeros(3))

    first, second = grad(weighted(a, b), [a, b])
    first[...] = 7.0

    np.testing.assert_array_equal(second, np.ones(3))


def test_hvp_leaves_the_vectors_alone() -> None:
    x, v = Tensor(np.arange(3.0)), np.ones(3)

    product = hvp((x * x * x).sum(), x, v)
    product[...] = 7.0

    np.testing.assert_array_equal(v, np.ones(3))


# ---- Changed between the forward pass and grad -----------------------------------------------------------------------


def spoil(structure: Any) -> None:
    """Overwrite every array, and empty every list, in place."""
    if isinstance(structure, np.ndarray):
        structure[...] = ~structure if structure.dtype == bool else 0 if structure.dtype.kind in "iu" else 77.0
    elif isinstance(structure, dict | list | tuple):
        for part in structure.values() if isinstance(structure, dict) else structure:
            spoil(part)
        if isinstance(structure, list):
            structure.clear()


@every_op
@examples(5)
@given(data=st.data())
def test_no_later_change_of_an_argument_changes_a_derivative(case: Case, data: Any) -> None:
    arrays, metadata = data.draw(case.arguments)
    constants = data.draw(st.sets(st.integers(0, len(arrays) - 1), max_size=len(arrays) - 1))

    def derivatives(change: Any) -> Any:
        bases, settings = [np.stack([x, x]) for x in arrays], copy.deepcopy(metadata)
        views = [base[1, ...] for base in bases]
        mixed = [x if i in constants else Tensor(x) for i, x in enumerate(views)]
        out = case.op(*mixed, **settings)
        loss, leaves = ops.sum(out * out), [x for x in mixed if isinstance(x, Tensor)]
        change([bases, settings])
        return in_bytes([grad(loss, leaves), hvp(loss, leaves, [np.ones(x.shape) for x in leaves])])

    assert derivatives(spoil) == derivatives(lambda _: None)


scale = primitive(lambda x, *, by: x * by["k"][0], lambda g, out, x, *, by: g * by["k"][0])
Factor = namedtuple("Factor", ["k"])
scale_by_name = primitive(lambda x, factor: x * factor.k, lambda g, out, x, factor: g * factor.k)
base, index = np.arange(1.0, 7.0), np.array([0, 2])
USES: dict[str, tuple[Any, Any]] = {  # f(x, a), and the array a that it reads
    "the array itself": (lambda x, a: Tensor(a) * x * x, np.ones(3)),
    "a view": (lambda x, a: Tensor(a[:3]) * x * x, base.copy()),
    "a constant on the right": (lambda x, a: x * x * a, np.ones(3)),
    "a constant on the left": (lambda x, a: a * x * x, np.ones(3)),
    "a view as a constant": (lambda x, a: x * x * a[::2], base.copy()),
    "a read-only view as a constant": (lambda x, a: x * x * np.broadcast_to(a, 3), np.ones(1)),
    "an index": (lambda x, a: x[a] * x[a], index.copy()),
    "an index in a tuple": (lambda x, a: ops.stack([x, x])[0, a] * x[a], index.copy()),
    "an index in a list": (lambda x, a: x[[*a]] * x[a], index.copy()),
    "a mask": (lambda x, a: x[a > 0] * x[np.asarray(a) > 0], np.array([0.0, 1.0, 1.0])),
    "a condition": (lambda x, a: ops.where(a, x * x, x), np.array([True, False, True])),
    "an array in a dict, by keyword": (lambda x, a: scale(x * x, by={"k": [a]}), np.ones(3)),
    "an array in a named tuple": (lambda x, a: scale_by_name(x * x, Factor(a)), np.ones(3)),
}


@pytest.mark.parametrize("use", USES)
def test_an_array_that_changes_after_the_forward_pass_changes_no_derivative(use: str) -> None:
    f, array = USES[use]

    def derivatives(change: Any) -> Any:
        x, a = Tensor(np.array([1.0, 2.0, 3.0])), array.copy()
        loss = f(x, a).sum()
        slope = (grad(loss, x, create_graph=True) ** 2).sum()
        change(a)
        return in_bytes([grad(loss, x), grad(slope, x), hvp(loss, x, np.ones(3))])

    assert derivatives(spoil) == derivatives(lambda _: None)


def test_the_numbers_of_a_tensor_cannot_be_changed() -> None:
    x = Tensor(np.ones((1, 3)))
    copies: list[Any] = [copy.copy(x), copy.deepcopy(x), copy.deepcopy(x * x), pickle.loads(pickle.dumps(x))]
    for tensor in (x, x * x, x[:, :2], ops.linear(x, np.eye(3), x[0]), Tensor(np.ones((1, 3)), copy=False), *copies):
        with pytest.raises(ValueError, match="read-only"):
            tensor.value[0] = 7.0
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            tensor.value.flags.writeable = True
        with pytest.raises(AttributeError):
            tensor.value = np.ones(3)


class Foreign:
    """An array of another library."""

    def __init__(self, numbers: Array) -> None:
        self.numbers = numbers

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numbers, dtype, copy=copy)


@pytest.mark.parametrize("kind", [array, memoryview, Foreign], ids=["array.array", "memoryview", "another library"])
def test_what_is_like_an_array_is_copied_too(kind: Any) -> None:
    memory = array("d", [1.0, 2.0, 3.0])
    numbers = np.asarray(memory)  # a view
    constant = memory if kind is array else kind(numbers)
    x = Tensor(np.ones(3))

    loss = (ops.multiply(x, constant) * x).sum()
    numbers[:] = 77.0

    np.testing.assert_array_equal(grad(loss, x), [2.0, 4.0, 6.0])


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_multiplied_element_by_element_as_an_array_is() -> None:
    x, c = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]])), np.array([[5.0, 6.0], [7.0, 8.0]])
    matrix: Any = np.matrix(c)

    for out in (x * matrix, matrix * x, ops.multiply(x, Tensor(matrix))):
        np.testing.assert_array_equal(out.value, x.value * c)
        np.testing.assert_array_equal(grad(out.sum(), x), c)


def test_a_masked_array_is_refused() -> None:
    masked: Any = np.ma.MaskedArray([1.0, 2.0, 3.0], mask=[False, True, False])

    for use in (lambda: Tensor(np.ones(3)) * masked, lambda: Tensor(masked), lambda: Tensor(np.ones(3))[masked > 1.0]):
        with pytest.raises(TypeError, match=r"lose the mask .* fill it first"):
            use()


def test_a_forward_function_that_uses_a_buffer_twice_is_refused() -> None:
    buffer = np.empty(3)
    into_buffer = primitive(lambda x: np.exp(x, out=buffer), lambda g, out, x: g * out, name="into_buffer")
    x = Tensor(np.zeros(3))
    first = into_buffer(x)

    with pytest.raises(ValueError, match=r"into_buffer of shape \(3,\): .*read-only"):
        into_buffer(Tensor(np.ones(3)))

    np.testing.assert_array_equal(grad(first.sum(), x), np.ones(3))


def double_in_place(g: Any, out: Any, a: Any, b: Any) -> Any:
    g *= 2.0
    return g


def test_a_vjp_cannot_change_the_gradient_that_other_vjps_are_given() -> None:
    greedy = primitive(lambda a, b: 2.0 * a + b, double_in_place, lambda g, out, a, b: g)
    weights, a, b = np.ones(3), Tensor(np.ones(3)), Tensor(np.ones(3))
    handed_over = primitive(np.sum, lambda g, out, x: weights)

    with pytest.raises(ValueError, match="read-only"):
        grad(handed_over(greedy(a, b)), [a, b])
    weights[:] = 7.0  # an array that a VJP refers to from outside stays its owner's to change

    np.testing.assert_array_equal(weights, np.full(3, 7.0))


def test_a_forward_function_cannot_change_what_it_is_given() -> None:
    in_place = primitive(lambda x, c: np.add(x, c, out=c), lambda g, out, x, c: g)
    constant = np.ones(3)

    with pytest.raises(ValueError, match="read-only"):
        in_place(Tensor(np.ones(3)), constant)
    with pytest.raises(ValueError, match="read-only"):
        in_place(np.ones(3), Tensor(constant))

    np.testing.assert_array_equal(constant, np.ones(3))


def test_without_a_copy_the_array_is_shared_and_stays_its_owners_to_change() -> None:
    w = np.ones(3)

    shared = Tensor(w, copy=False)
    w[0] = 7.0

    assert float(shared[0]) == 7.0
    memory = (ctypes.c_double * 3)(1.0, 2.0, 3.0)
    assert not np.shares_memory(Tensor(memory).value, np.asarray(memory))
    assert not np.shares_memory(Tensor(w).value, w)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_a_training_step_copies_neither_weights_nor_images(dtype: Any) -> None:
    net = lenet_300_100()
    params, images, labels = net.init(0), np.ones((2, 1, 28, 28), dtype), np.array([0, 1])
    seen: list[bool] = []

    def spy(weights: Any, x: Any) -> Any:
        seen.extend(np.shares_memory(weights[name].value, w) for name, w in params.items())
        seen.append(np.shares_memory(x.value if isinstance(x, Tensor) else x, images))
        return net(weights, x)

    loss_gradient(cast(Any, spy), params, images, labels, uncut)

    assert seen == [True] * (1 + len(params))

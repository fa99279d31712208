"""The walk through the graph: every use counts once, every node is visited once, and only what is needed."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad, hvp, ops, primitive
from minisnip.autodiff.engine import Primitive, backward_order


def counting_identity() -> tuple[Primitive, list[Any]]:
    """x -> x, and the list of the cotangents its VJP was called with."""
    calls: list[Any] = []

    def vjp(g: Any, out: Any, x: Any) -> Any:
        calls.append(g)
        return g

    return primitive(lambda x: x.copy(), vjp), calls


def test_a_variable_used_twice_gets_both_contributions() -> None:
    x = Tensor(3.0)

    assert grad(x * x + x, x) == 7.0
    assert grad(x + x, x) == 2.0
    assert grad(x * x * x - x * x, x) == 21.0
    assert hvp(x * x * x - x * x, x, 1.0) == 16.0


def test_contributions_are_added_to_a_copy() -> None:
    a, b = Tensor(np.ones(2)), Tensor(np.ones(2))

    by_a, by_b = grad(((a + b + a) * np.array([3.0, 5.0])).sum(), [a, b])  # one and the same cotangent for all three

    np.testing.assert_array_equal(by_a, [6.0, 10.0])
    np.testing.assert_array_equal(by_b, [3.0, 5.0])


def test_nested_diamonds_add_up() -> None:
    x = Tensor(3.0)
    y = x + x
    z = y * y + y * x  # 4 x² + 2 x²

    assert grad(z, x) == 36.0
    assert hvp(z, x, 1.0) == 12.0


def test_a_node_is_visited_once_however_many_paths_lead_to_it() -> None:
    identity, calls = counting_identity()
    x = Tensor(1.0)
    y = identity(x)
    for _ in range(60):
        y = y + y

    assert grad(y, x) == 2.0**60  # path by path, this would take 2**60 steps
    assert calls == [2.0**60]
    assert hvp(y * y, x, 1.0) == 2.0**121


def test_a_chain_of_50_000_ops_is_no_recursion() -> None:
    x = Tensor(1.0)
    y = x
    for _ in range(50_000):
        y = y + 1e-5

    assert y.value == pytest.approx(1.5)
    assert grad(y, x) == 1.0
    assert hvp(y * y, x, 1.0) == 2.0
    del y  # its Tensors are freed one inside the other; this must not overflow the stack either


def test_the_same_question_gets_the_same_bytes() -> None:
    rng = np.random.default_rng(0)
    x, w = Tensor(rng.standard_normal((8, 5))), Tensor(rng.standard_normal((5, 4)))
    loss = ops.logsumexp(ops.relu(x @ w)) * ops.tanh(x).mean()

    first, second = grad(loss, [x, w]), grad(loss, [x, w])
    recorded = grad(loss, [x, w], create_graph=True)

    for a, b, c in zip(first, second, recorded, strict=True):
        assert a.tobytes() == b.tobytes() == c.value.tobytes()


@pytest.mark.parametrize(
    "structure",
    [lambda a, b: a, lambda a, b: [a, b], lambda a, b: (b, a), lambda a, b: {"b": b, "a": a}],
    ids=["Tensor", "list", "tuple", "dict"],
)
def test_the_answer_has_the_structure_of_the_inputs(structure: Any) -> None:
    a, b = Tensor(np.ones(2)), Tensor(np.ones(3))
    loss, inputs = (a * a).sum() + (b * b).sum(), structure(a, b)
    vectors = structure(np.ones(2), np.ones(3))

    def shapes(x: Any) -> Any:
        if isinstance(x, dict):
            return {key: value.shape for key, value in x.items()}
        return type(x)(value.shape for value in x) if isinstance(x, list | tuple) else x.shape

    assert shapes(grad(loss, inputs)) == shapes(inputs)
    assert shapes(grad(loss, inputs, create_graph=True)) == shapes(inputs)
    assert shapes(hvp(loss, inputs, vectors)) == shapes(inputs)


def test_hvp_matches_the_vectors_of_a_dict_by_name() -> None:
    a, b = Tensor(np.ones(2)), Tensor(np.ones(2))

    products = hvp((a**3).sum() + (b**2).sum(), {"a": a, "b": b}, {"b": np.full(2, 10.0), "a": np.ones(2)})

    np.testing.assert_array_equal(products["a"], [6.0, 6.0])
    np.testing.assert_array_equal(products["b"], [20.0, 20.0])


def test_a_branch_that_does_not_reach_the_inputs_is_never_walked() -> None:
    needed, needed_calls = counting_identity()
    idle, idle_calls = counting_identity()
    x, other = Tensor(2.0), Tensor(3.0)
    out = needed(x) * idle(other) * idle(idle(other))

    assert grad(out, x) == 9.0
    assert hvp(out * out, x, 1.0) == 162.0
    assert (len(needed_calls) > 0, len(idle_calls)) == (True, 0)


def test_the_walk_stops_at_an_intermediate_input() -> None:
    below, calls = counting_identity()
    x = Tensor(2.0)
    y = below(x)

    assert grad(y * y, y) == 4.0
    assert calls == []


def test_an_input_and_what_was_computed_from_it_can_both_be_asked_for() -> None:
    x = Tensor(3.0)
    y = x * x
    z = y * x

    by_x, by_y, by_z = grad(z, [x, y, z])

    assert (by_x, by_y, by_z) == (27.0, 3.0, 1.0)


def test_create_graph_answers_with_tensors_to_any_order() -> None:
    x = Tensor(2.0)
    derivatives = [x**4]
    for _ in range(5):
        derivatives.append(grad(derivatives[-1], x, create_graph=True))

    assert all(isinstance(d, Tensor) for d in derivatives)
    assert [float(d) for d in derivatives] == [16.0, 32.0, 48.0, 48.0, 24.0, 0.0]


def test_the_derivatives_of_tanh_to_order_four() -> None:
    x, t = Tensor(0.5), np.tanh(0.5)
    found = []
    derivative = ops.tanh(x)
    for _ in range(4):
        derivative = grad(derivative, x, create_graph=True)
        found.append(float(derivative))

    s = 1 - t**2
    np.testing.assert_allclose(found, [s, -2 * t * s, (6 * t**2 - 2) * s, (16 * t - 24 * t**3) * s], rtol=1e-13)


def test_hvp_is_the_hessian_times_the_vector() -> None:
    rng = np.random.default_rng(0)
    a, x, v = rng.standard_normal((4, 4)), Tensor(rng.standard_normal(4)), rng.standard_normal(4)

    np.testing.assert_allclose(hvp(x @ a @ x, x, v), (a + a.T) @ v, rtol=1e-12)
    np.testing.assert_array_equal(hvp((3.0 * x).sum(), x, v), np.zeros(4))  # linear: no curvature


def test_hvp_takes_all_inputs_together() -> None:
    a, b = Tensor(np.array([1.0, 2.0])), Tensor(np.array([3.0, 4.0]))

    by_a, by_b = hvp((a * b).sum(), [a, b], [np.array([5.0, 6.0]), np.array([7.0, 8.0])])

    np.testing.assert_array_equal(by_a, [7.0, 8.0])  # ∂²/∂a∂b: each input answers with the other's vector
    np.testing.assert_array_equal(by_b, [5.0, 6.0])


def test_a_tensor_from_another_process_is_a_variable_like_any_other() -> None:
    x = pickle.loads(pickle.dumps(Tensor(np.array([1.0, 2.0]))))
    h = (x * x).sum()
    np.testing.assert_array_equal(grad(h + (3.0 * x).sum(), x), [5.0, 7.0])


def test_in_backward_order_each_node_comes_once_and_after_all_its_uses() -> None:
    a, b = Tensor(2.0), Tensor(3.0)
    c = a * b
    d = ops.tanh(c) + a
    out = d * c + d

    order = list(backward_order(out))

    assert order[0] is out
    assert len({id(node) for node in order}) == len(order) == 7
    place = {id(node): i for i, node in enumerate(order)}
    assert all(place[id(node)] < place[id(parent)] for node in order for _, parent in node.parents)


def test_the_gradient_of_a_copied_graph_is_that_of_the_graph() -> None:
    x = Tensor(np.array([1.0, 2.0]))
    y = copy.deepcopy((x * x).sum() + (3.0 * x).sum())
    (leaf,) = [node for node in backward_order(y) if node.op is None]
    assert (leaf.args, leaf.metadata, leaf.parents) == ((), {}, [])
    np.testing.assert_array_equal(grad(y, leaf), [5.0, 7.0])


def test_a_function_may_call_grad_inside_itself_and_close_over_a_tensor() -> None:
    k = Tensor(2.0)

    def slope(x: Tensor) -> Any:
        return (k * grad((x**3).sum(), x, create_graph=True)).sum()  # 2 · 3 x²

    x = Tensor(np.array([1.0, 2.0]))

    np.testing.assert_array_equal(grad(slope(x), x), [12.0, 24.0])
    np.testing.assert_array_equal(hvp(slope(x), x, np.ones(2)), [12.0, 12.0])
    assert grad(slope(x), k) == 15.0
    np.testing.assert_array_equal(grad((slope(x) * x).sum(), x), [30.0 + 36.0, 30.0 + 72.0])


def test_an_inner_variable_is_not_confused_with_the_outer_one() -> None:
    x = Tensor(3.0)
    y = x * 1.0

    inner = grad(x * y, y, create_graph=True)  # by y alone: x

    assert float(inner) == 3.0
    assert grad(x * inner, x) == 6.0  # d(x²)/dx; 4 x would be the confusion


def test_a_recorded_gradient_has_the_dtype_of_its_input() -> None:
    x = Tensor(np.ones(3, np.float32))
    (g,) = grad((x * np.ones(3) * x).sum(), [x], create_graph=True)

    assert g.dtype == np.float32
    np.testing.assert_array_equal(grad(g.sum(), x), np.full(3, 2.0, np.float32))

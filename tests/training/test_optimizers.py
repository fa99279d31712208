"""Each optimizer takes the step of its formula."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from minisnip.training import SCHEDULES, SGD, Adam, Optimizer, optimizers


def test_sgd_is_classical_momentum_with_an_l2_penalty() -> None:
    w, g, rate = {"w": np.array([1.0, -2.0])}, {"w": np.array([0.5, 0.25])}, 0.1
    sgd = SGD(momentum=0.9, weight_decay=0.01)
    state = sgd.start(w)
    expected, velocity = w["w"].copy(), np.zeros(2)
    for _ in range(3):
        sgd.step(w, g, state, rate)
        velocity = 0.9 * velocity + g["w"] + 0.01 * expected  # not Nesterov: no second look ahead
        expected = expected - rate * velocity
        np.testing.assert_allclose(w["w"], expected, rtol=1e-14)


def test_adams_first_step_is_the_learning_rate_whatever_the_size_of_the_gradient() -> None:
    for size in (1e-3, 1.0, 1e3):
        w = {"w": np.array([1.0, 1.0])}
        adam = Adam()
        adam.step(w, {"w": np.array([size, -size])}, adam.start(w), 0.01)
        np.testing.assert_allclose(w["w"], [0.99, 1.01], rtol=1e-6)


@pytest.mark.parametrize(("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-8), (0.3, 0.4, 0.5)])
def test_adam_is_the_formula_of_its_paper(beta1: float, beta2: float, epsilon: float) -> None:
    rng = np.random.default_rng(0)
    w = {"w": rng.standard_normal(4)}
    adam = Adam(beta1, beta2, epsilon, weight_decay=0.1)
    state, expected = adam.start(w), w["w"].copy()
    mean, square = np.zeros(4), np.zeros(4)
    for t in range(1, 6):
        gradient = rng.standard_normal(4)
        adam.step(w, {"w": gradient}, state, 0.01)
        g = gradient + 0.1 * expected
        mean, square = beta1 * mean + (1 - beta1) * g, beta2 * square + (1 - beta2) * g**2
        expected = expected - 0.01 * (mean / (1 - beta1**t)) / (np.sqrt(square / (1 - beta2**t)) + epsilon)
        np.testing.assert_allclose(w["w"], expected, rtol=1e-12)


@pytest.mark.parametrize("optimizer", [SGD(), Adam(weight_decay=0.1)])
def test_a_step_keeps_float32_and_leaves_the_gradient_alone(optimizer: SGD | Adam) -> None:
    w, g = {"w": np.ones(3, np.float32)}, {"w": np.full(3, 0.5, np.float32)}
    state = optimizer.start(w)
    optimizer.step(w, g, state, 0.1)
    assert w["w"].dtype == np.float32
    np.testing.assert_array_equal(g["w"], np.full(3, 0.5, np.float32))


def test_schedules_go_where_they_say() -> None:
    assert [SCHEDULES["constant"](i, 100) for i in (0, 50, 99)] == [1, 1, 1]
    assert [SCHEDULES["step"](i, 100) for i in (0, 24, 25, 50, 75, 99)] == pytest.approx([1, 1, 0.1, 0.01, 1e-3, 1e-3])
    assert [SCHEDULES["cosine"](i, 100) for i in (0, 50, 100)] == pytest.approx([1, 0.5, 0])
    assert [SCHEDULES["warmup"](i, 100) for i in (0, 1, 4, 24, 25, 99)] == pytest.approx([0.2, 0.4, 1, 1, 0.1, 1e-3])
    assert [SCHEDULES["warmup_cosine"](i, 100) for i in (0, 50, 100)] == pytest.approx([0.2, 0.5, 0])


def test_drops_come_every_25k_iterations_as_in_the_paper_if_the_run_has_100k() -> None:
    factors = [SCHEDULES["step"](i, 100_000) for i in (24_999, 25_000, 49_999, 50_000, 74_999, 75_000, 99_999)]
    assert factors == pytest.approx([1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("optimizer", [SGD(0.9, 0.1), Adam(weight_decay=0.1)], ids=["sgd", "adam"])
def test_a_step_piece_by_piece_is_the_step(monkeypatch: pytest.MonkeyPatch, optimizer: Optimizer) -> None:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"a": (7,), "b": (5, 2), "c": (1, 3, 2), "d": ()}
    start, g = ({name: rng.standard_normal(shape) for name, shape in shapes.items()} for _ in range(2))
    answers = []
    for piece in (optimizers.PIECE, 3, 1):
        monkeypatch.setattr(optimizers, "PIECE", piece)
        params = {name: np.array(w) for name, w in start.items()}
        state = optimizer.start(params)
        for _ in range(3):
            optimizer.step(params, {name: np.array(a) for name, a in g.items()}, state, 0.1)
        answers.append(params)
    for name in shapes:
        assert (answers[0][name] != start[name]).all()
        np.testing.assert_array_equal(answers[1][name], answers[0][name])
        np.testing.assert_array_equal(answers[2][name], answers[0][name])


@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=["sgd", "adam"])
@pytest.mark.parametrize("rows", [1, 2**16])
def test_a_step_takes_the_memory_of_a_piece_and_not_of_the_parameter(optimizer: Optimizer, rows: int) -> None:
    """A piece has 2**16 numbers: of eight rows one, or of 8 * 2**16 numbers an eighth."""
    params = {"w": np.ones((8 * rows, 2**16 // rows))}
    state, g = optimizer.start(params), {"w": np.ones_like(params["w"])}
    arrays = 2 if isinstance(optimizer, SGD) else 4  # at once
    tracemalloc.start()
    optimizer.step(params, g, state, 0.1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (arrays - 0.1) * 2**19 < most < (arrays + 0.1) * 2**19

"""Lesson 3's checks catch the answers that students give; its failing networks fail for the cause that is stated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, check_grads, grad
from minisnip.autodiff.engine import Array
from minisnip.exercises.lesson_3 import (
    FAILING_NETWORKS,
    SIZE,
    FailingNetwork,
    diagnosis,
    logits,
    momentum,
    relu_factor,
    spirals,
    spread,
)
from tests.exercises.wrong import assert_caught


def softmax(z: Array, axis: int = 1) -> Array:
    p = np.exp(z - z.max(axis=axis, keepdims=True))
    return np.asarray(p / p.sum(axis=axis, keepdims=True))


def one_hot(z: Array, labels: Array) -> Array:
    return np.eye(z.shape[1])[labels]


def naive(z: Array, labels: Array) -> Any:
    p = np.exp(z)
    return (p / p.sum(axis=1, keepdims=True) - one_hot(z, labels)) / len(labels)


def in_place(w: Array, v: Array, g: Array, rate: float, mu: float) -> Any:
    v = mu * v + g
    w -= rate * v
    return w, v


def old_velocity(w: Array, v: Array, g: Array, rate: float, mu: float) -> Any:
    return w - rate * v, mu * v + g


def mean_velocity(w: Array, v: Array, g: Array, rate: float, mu: float) -> Any:
    v = mu * v + (1 - mu) * g
    return w - rate * v, v


def velocity_with_rate(w: Array, v: Array, g: Array, rate: float, mu: float) -> Any:
    v = mu * v - rate * g
    return w + v, v


def nesterov(w: Array, v: Array, g: Array, rate: float, mu: float) -> Any:
    v = mu * v + g
    return w - rate * (g + mu * v), v


def multiplying_by(factor: float) -> Any:
    return lambda fan_in: factor / relu_factor(1.0, fan_in)


def diagnosis_at(loss: Any, params: Mapping[str, Array]) -> str:
    try:
        check_grads(loss, dict(params), order=1)
    except AssertionError:
        return "gradient"
    return "init"


def by_its_size(loss: Any, params: Mapping[str, Array]) -> str:
    weights = {name: Tensor(w) for name, w in params.items()}
    return "init" if max(np.abs(g).max() for g in grad(loss(weights), weights).values()) < 1e-3 else "gradient"


def by_the_weights(loss: Any, params: Mapping[str, Array]) -> str:
    return "gradient" if 0.1 < np.std(params["W"]) < 5 else "init"


WRONG = {
    "the softmax alone": (
        logits,
        lambda z, labels: softmax(z) / len(z),
        "less 1 at the true one",
        "The share of each class, without subtracting 1 at the true one.",
    ),
    "the sign": (
        logits,
        lambda z, labels: (one_hot(z, labels) - softmax(z)) / len(z),
        "less 1",
        "One-hot minus softmax: the loss would go up.",
    ),
    "not divided by N": (
        logits,
        lambda z, labels: softmax(z) - one_hot(z, labels),
        "divide by N",
        "The gradient of the sum of the losses, where the loss is their mean.",
    ),
    "along the batch": (
        logits,
        lambda z, labels: (softmax(z, 0) - one_hot(z, labels)) / len(z),
        "share of each class",
        "The softmax is taken over the images, not over the classes.",
    ),
    "overflow": (logits, naive, "subtract the largest", "exp(1000) is infinite: subtract the row's maximum first."),
    "no momentum": (
        momentum,
        lambda w, v, g, rate, mu: (w - rate * g, v),
        "velocity of the first goes on",
        "Plain gradient descent; the velocity is not used.",
    ),
    "a mean of gradients": (
        momentum,
        mean_velocity,
        "not as (1 - momentum) g",
        "(1 - momentum) g averages, as Adam does: here g counts in full.",
    ),
    "the old velocity": (
        momentum,
        old_velocity,
        "without momentum",
        "w moves by the velocity from before this gradient.",
    ),
    "uphill": (
        momentum,
        lambda w, v, g, rate, mu: (w + rate * (mu * v + g), mu * v + g),
        "w - rate",
        "Plus in place of minus.",
    ),
    "Nesterov": (momentum, nesterov, "counts in full", "Looks ahead by one more momentum step: another method."),
    "a velocity with the rate": (
        momentum,
        velocity_with_rate,
        "gradients alone",
        "Another convention, with the rate and the sign in v: the steps are the same, v is not.",
    ),
    "in place": (momentum, in_place, "make a new array", "`w -= …` changes the caller's array."),
    "exchanged": (
        momentum,
        lambda w, v, g, rate, mu: (mu * v + g, w - rate * (mu * v + g)),
        "expected",
        "(v, w) in place of (w, v).",
    ),
    "LeCun": (
        spread,
        lambda n: n**-0.5,
        "ReLU leaves half",
        "1/√fan_in keeps the signal without ReLU, which takes half of the mean square away.",
    ),
    "the variance": (
        spread,
        lambda n: 2 / n,
        "ten layers by",
        "2 / fan_in is the variance: its root is the standard deviation.",
    ),
    "a tenth and more": (spread, multiplying_by(1.101), "multiplies it by 1.1, ten layers by 3", ""),
    "a tenth and less": (spread, multiplying_by(0.899), "multiplies it by 0.9, ten layers by 0.3", ""),
    "one for all": (spread, lambda n: 0.01, "ten layers by", "One number for every width. The sum has fan_in terms."),
    "He of fan_out": (
        spread,
        lambda n: (2 / 2000) ** 0.5,
        "fan_in",
        "Counts the outputs of the layer. The sum of a unit runs over its inputs.",
    ),
    "always init": (diagnosis, lambda loss, params: "init", "whatever the loss does", "One cause for all."),
    "always gradient": (diagnosis, lambda loss, params: "gradient", "the gradient is right", "One cause for all."),
    "at the initial weights": (
        diagnosis,
        diagnosis_at,
        "drawn at random",
        "Checked where training starts, and there a wrong rule can be right by chance: at weights of 0.",
    ),
    "by the size of the gradient": (
        diagnosis,
        by_its_size,
        "20",
        "A small gradient may be right and a large one wrong.",
    ),
    "by the size of the weights": (
        diagnosis,
        by_the_weights,
        "a wrong rule can give the right gradient",
        "The weights say nothing about the rule of a derivative.",
    ),
    "no word": (diagnosis, lambda loss, params: False, "init", "Returns False, where one of two words is asked for."),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_the_spirals_are_balanced_two_arms_turned_into_each_other() -> None:
    points, labels = spirals(np.random.default_rng(0), 2000)
    assert points.shape == (2000, 2)
    assert np.bincount(labels).tolist() == [1000, 1000]
    assert np.abs(points).max() < 1.2 * SIZE
    middles = [points[labels == label].mean(axis=0) for label in (0, 1)]
    np.testing.assert_allclose(middles[0], -middles[1], atol=0.1)


def test_a_tenth_is_allowed() -> None:
    assert (
        spread.verdict(multiplying_by(0.901)) == spread.verdict(multiplying_by(1.099)) == "passed, tried on layers (4)."
    )


def test_the_same_seed_draws_the_same_spirals() -> None:
    one, other, third = (spirals(np.random.default_rng(seed), 10)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)


@pytest.mark.parametrize("network", FAILING_NETWORKS, ids=lambda network: network.symptoms())
def test_networks_fail_for_the_cause_that_is_stated(network: FailingNetwork) -> None:
    anywhere = {name: np.random.default_rng(0).standard_normal(w.shape) for name, w in network.params.items()}
    assert diagnosis_at(network.loss, anywhere) == network.cause


def test_one_wrong_gradient_is_right_at_the_initial_weights() -> None:
    last = FAILING_NETWORKS[-1]
    assert diagnosis_at(last.loss, last.params) != last.cause

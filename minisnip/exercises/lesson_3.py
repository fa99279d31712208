"""Lesson 3: a loss by its logits, momentum, the spread of initial weights, and why a network does not learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from minisnip import Tensor, grad, ops, primitive
from minisnip.autodiff.engine import Array, Op
from minisnip.exercises.differences import slopes
from minisnip.exercises.exercise import Exercise, Trial, shown
from minisnip.nn import cross_entropy

SIZE = 2.0  # the radius of the spirals


def spirals(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Points (count, 2) of two arms of a spiral with some noise, and which arm each is of: 0 or 1, half of each."""
    labels = np.arange(count) % 2
    turn = np.sqrt(rng.uniform(0.04, 1, count))
    angle = 2.5 * np.pi * turn + np.pi * labels
    points = SIZE * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.06 * rng.standard_normal(points.shape), labels


LOGITS: tuple[tuple[list[list[float]], list[int], str], ...] = (
    ([[0.0, 0.0]], [0], "softmax minus one-hot: the share of each class, less 1 at the true one"),
    ([[0.0, 0.0]], [1], "softmax minus one-hot: which class is the true one?"),
    ([[1.0, -1.0, 0.0]], [2], "the softmax of a row is exp(z) divided by the sum of exp(z) over that row"),
    ([[1.0, 0.0], [0.0, 2.0]], [0, 0], "the loss is the mean over the batch: divide by N"),
    ([[1.0, 0.0, -1.0], [0.5, 2.0, 1.0]], [1, 2], "the softmax runs along a row, not along the batch"),
    ([[1000.0, 0.0]], [1], "exp(1000) is infinite: subtract the largest logit of each row first, the softmax stays"),
)


def _logits(answer: Any) -> Iterator[Trial]:
    for rows, targets, hint in LOGITS:
        z, labels = np.array(rows), np.array(targets)
        expected = slopes(partial(cross_entropy, labels=labels), z)
        given = f"z = {shown(z)}, labels = {shown(labels)}"
        yield Trial(given, partial(answer, z.copy(), labels), expected, hint)


STEPS: tuple[tuple[list[float], float, float, str], ...] = (
    ([1.0], 0.5, 0.0, "without momentum: w - rate · g"),
    ([1.0], 0.5, 0.9, "the first step knows no older gradient: g counts in full, not as (1 - momentum) g"),
    ([1.0, 0.0], 0.5, 0.9, "the second gradient is 0, and the velocity of the first goes on"),
    (
        [1.0, 1.0, -1.0],
        0.1,
        0.5,
        "a gradient of k steps ago counts momentum^k; the rate stands before the whole velocity",
    ),
)


def _momentum(answer: Any) -> Iterator[Trial]:
    for gradients, rate, mu, hint in STEPS:
        moves = [sum(mu ** (t - s) * g for s, g in enumerate(gradients[: t + 1])) for t in range(len(gradients))]
        given = f"w = [2, 2], v = 0, rate = {rate}, momentum = {mu}, the gradients {gradients} in turn"
        yield Trial(given, partial(_walked, answer, gradients, rate, mu), np.full(2, 2.0) - rate * sum(moves), hint)
    yield Trial(
        "w = [1.], v = [0.], g = [1.]: the w that was given, after a step", partial(_left, answer), np.ones(1), OWN
    )


OWN = "the caller's w was changed: make a new array (w = w - …), do not write into the old one (w -= …)"


def _walked(answer: Any, gradients: list[float], rate: float, mu: float) -> Any:
    w, v = np.full(2, 2.0), np.zeros(2)
    for g in gradients:
        w, v = answer(w, v, np.full(2, g), rate, mu)
    return w


def _left(answer: Any) -> Array:
    w = np.ones(1)
    answer(w, np.zeros(1), np.ones(1), 0.5, 0.9)
    return w


STAYS = "a layer leaves the signal's size as it is, to a tenth"


def relu_factor(std: float, fan_in: int) -> float:
    """By what ReLU and a layer of weights with this standard deviation multiply the root mean square of a signal."""
    rng = np.random.default_rng(0)
    z, weight = rng.standard_normal((500, fan_in)), std * rng.standard_normal((fan_in, 2000))
    return float(np.sqrt(np.mean((np.maximum(z, 0) @ weight) ** 2) / np.mean(z**2)))


def _spread(answer: Any) -> Iterator[Trial]:
    for fan_in in (1, 10, 100, 784):
        yield Trial(f"fan_in = {fan_in}, ReLU", partial(_judged_spread, answer, fan_in), STAYS)


def _judged_spread(answer: Any, fan_in: int) -> str:
    factor = relu_factor(float(answer(fan_in)), fan_in)
    return STAYS if 0.9 < factor < 1.1 else f"a layer multiplies it by {factor:.2g}, ten layers by {factor**10:.1g}"


Loss = Callable[[Mapping[str, Any]], Any]

without_g = primitive(np.tanh, lambda g, out, x: 1 - out * out)
not_squared = primitive(np.tanh, lambda g, out, x: g * (1 - out))


@dataclass(frozen=True)
class Patient:
    """A network that does not learn as it should: its tanh, the spread of its first weights, and what is wrong."""

    squash: Op
    std: float
    illness: str
    hint: str = ""

    @property
    def params(self) -> dict[str, Array]:
        rng = np.random.default_rng(1)
        weights = {name: self.std * rng.standard_normal(shape) for name, shape in (("V", (2, 3)), ("W", (3, 2)))}
        return {**weights, "b": np.zeros(3)}

    def loss(self, params: Mapping[str, Any]) -> Any:
        points, labels = spirals(np.random.default_rng(0), 6)
        return cross_entropy(self.squash(points @ params["V"] + params["b"]) @ params["W"], labels)

    def complaint(self, steps: int = 100, rate: float = 0.1) -> str:
        """What can be seen from outside."""
        params = self.params
        for _ in range(steps):
            weights = {name: Tensor(w) for name, w in params.items()}
            slope = grad(self.loss(weights), weights)
            params = {name: w - rate * slope[name] for name, w in params.items()}
        before, after = float(self.loss(self.params)), float(self.loss(params))
        return f"weights of size {self.std:g}; in {steps} steps the loss goes from {before:.3f} to {after:.3f}"


RIGHT = "the gradient is right, and only the weights begin badly: let check_grads say so"
ELSEWHERE = "where all weights are 0, a wrong rule can give the right gradient: check at weights drawn at random"
PATIENTS = (
    Patient(ops.tanh, 0.001, "init", RIGHT),
    Patient(without_g, 0.6, "gradient"),
    Patient(ops.tanh, 0.0, "init", RIGHT),
    Patient(not_squared, 0.6, "gradient"),
    Patient(ops.tanh, 20.0, "init", RIGHT),
    Patient(not_squared, 0.0, "gradient", ELSEWHERE),
)


def _diagnosis(answer: Any) -> Iterator[Trial]:
    for patient in PATIENTS:
        yield Trial(patient.complaint(), partial(answer, patient.loss, patient.params), patient.illness, patient.hint)


logits = Exercise("3.1", "the loss by the logits", _logits, "softmax minus one-hot, divided by N")
momentum = Exercise("3.2", "a step with momentum", _momentum, "v ← momentum · v + g, then w ← w - rate · v")
spread = Exercise(
    "3.3",
    "the spread of the weights before ReLU",
    _spread,
    "a sum of fan_in terms has fan_in · std² times the mean square of one input, of which ReLU leaves half",
)
diagnosis = Exercise(
    "3.4",
    "bad init or bad gradient",
    _diagnosis,
    "check_grads raises an AssertionError if the gradient is wrong, whatever the loss does",
)

"""Lesson 8: when a layer is emptied, what is on a path, asking again after each cut, and cutting out dead units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.exercises.checks import Trial, agree, exercise, format_value

SEED = 8


@exercise(
    "8.1",
    "when a layer is emptied",
    "best first: with which of its scores does a layer get its first connection?",
    "a layer keeps something as soon as its best score is kept; which layer has to wait longest?",
    "take the best score of each layer, and the smallest of these; count all scores that are at least as large",
    own=("minisnip.pruning",),
)
def needed(answer: Any) -> Iterator[Trial]:
    """The answer is a function of the scores of each layer: how many must be kept so that no layer is empty."""
    rng = np.random.default_rng(SEED)
    layers: list[list[Array]] = [[np.array([3.0])], [np.array([1.0, 2.0]), np.array([3.0])]]
    layers += [[np.array([5.0, 4.0]), np.array([1.0, 0.5]), np.array([3.0])]]
    layers += [[rng.permutation(n) + rng.random() for n in (6, 3, 4)] for _ in range(5)]
    for scores in layers:
        given = f"scores = {_format_arrays(scores)}"
        expected, kind = _first_without_empty_layer(scores), f"networks of {len(scores)} layer{'s' * (len(scores) > 1)}"
        yield Trial(given, partial(answer, [s.copy() for s in scores]), expected, kind=kind)


def _format_arrays(arrays: Sequence[Array]) -> str:
    return str([a.tolist() for a in arrays])


def _first_without_empty_layer(scores: Sequence[Array]) -> int:
    """The answer by trying: keep one, two, three ... of the best."""
    flat = np.concatenate(scores)
    layer_of_score = np.repeat(np.arange(len(scores)), [s.size for s in scores])
    order = layer_of_score[np.argsort(-flat)]
    return next(k for k in range(1, flat.size + 1) if len(set(order[:k])) == len(scores))


PATHS: tuple[tuple[tuple[tuple[int, ...], ...], ...], ...] = (
    (((1,),), ((1,),)),
    (((0,),), ((1,),)),
    (((1,),), ((0,),)),
    (((1,), (0,)), ((0, 1),)),  # into the one unit and out of the other
    (((1,), (0,)), ((1, 1),)),
    (((1,),), ((1,), (1,)), ((0, 0),)),
)


@exercise(
    "8.2",
    "the connections on a path",
    "what must come before a connection, and what after it, if it is to be of use?",
    "two walks: which units does the input reach, going forward, and which reach the output, going backward? "
    "A connection needs a start of the first kind and an end of the second",
    "forward, a layer's units are reached if c @ reached > 0, with ones for the inputs; backward the same with c.T and "
    "ones for the outputs; count the ones of c whose start is reached and whose end reaches the output",
    own=("minisnip.pruning",),
)
def effective(answer: Any) -> Iterator[Trial]:
    """The answer is a function of the masks of each layer that counts the connections on a path to the output."""
    rng = np.random.default_rng(SEED)
    cases = [[np.array(c) for c in masks] for masks in PATHS]
    for widths in ((2, 3, 2), (3, 3, 2, 2), (2, 3, 3, 3, 1), (4, 3, 4, 2)):
        cases += [[(rng.random((n, m)) < 0.4).astype(int) for m, n in pairwise(widths)]]
    for masks in cases:
        given, kind = f"masks = {_format_arrays(masks)}", f"networks of {len(masks)} layers"
        yield Trial(given, partial(answer, [c.copy() for c in masks]), _by_walking_every_path(masks), kind=kind)


def _by_walking_every_path(masks: Sequence[Array]) -> int:
    """The number of connections on complete paths: one unit in each layer, all connections between them kept."""
    used = set()
    widths = [masks[0].shape[1], *(len(c) for c in masks)]
    for units in product(*map(range, widths)):
        steps = [(layer, units[layer + 1], units[layer]) for layer in range(len(masks))]
        if all(masks[layer][to, start] for layer, to, start in steps):
            used |= set(steps)
    return len(used)


AS_ASKED = "each round scores once, and keeps the best of the remaining connections"


@exercise(
    "8.3",
    "ask again after each cut",
    "when a round asks for scores, what does it tell `score`, and may a removed connection return?",
    "round t keeps round(size * (kappa / size) ** (t / rounds)); what is removed gets the score -inf",
    "begin with a mask of ones; in each round np.where(mask == 1, score(mask), -np.inf), and the best are kept",
    own=("minisnip.pruning",),
)
def iterate(answer: Any) -> Iterator[Trial]:
    """The answer is a function (score, size, kappa, rounds) that returns a mask; `score` is a function of a mask."""
    for size, kappa, rounds in ((4, 1, 1), (4, 1, 2), (9, 4, 2), (100, 10, 2), (100, 3, 5), (50, 50, 3)):
        given, kind = f"size = {size}, kappa = {kappa}, rounds = {rounds}", f"{rounds} round{'s' * (rounds > 1)}"
        yield Trial(given, partial(_judge_rounds, answer, size, kappa, rounds), AS_ASKED, kind=kind)


def _judge_rounds(answer: Any, size: int, kappa: int, rounds: int) -> str:
    """What is wrong with the rounds, if anything is."""
    rng, masks, seen = np.random.default_rng(SEED), list[Array](), list[Array]()

    def score(mask: Array) -> Array:
        masks.append(np.array(mask))
        seen.append(rng.random(size) + 1 - mask)  # removed connections look better than all that remain
        return seen[-1].copy()

    masks.append(np.array(answer(score, size, kappa, rounds)))
    kept = [int(mask.sum()) for mask in masks]
    wanted = [round(size * (kappa / size) ** (t / rounds)) for t in range(rounds + 1)]
    if masks[-1].shape != (size,) or not set(np.unique(masks[-1])) <= {0, 1}:
        return f"no mask of {size} zeros and ones"
    if kept != wanted:
        return f"after each round {kept} are kept, where {wanted} are asked for"
    for t, (before, scores, after) in enumerate(zip(masks, seen, masks[1:], strict=False), start=1):
        if np.any(after > before):
            return f"round {t} keeps again what was removed before"
        if np.any(after < before) and scores[after == 1].min() < scores[(after == 0) & (before == 1)].max():
            return f"round {t} removes a connection of higher score than one that it keeps"
    return AS_ASKED


@dataclass(frozen=True, eq=False)
class Outcome:
    """What is observed of a network with one hidden layer; equal if the outputs differ by round-off only."""

    hidden: int
    outputs: Array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outcome):
            return NotImplemented
        return self.hidden == other.hidden and agree(self.outputs, other.outputs)

    def __str__(self) -> str:
        outputs = format_value(self.outputs).replace("\n", "")
        return f"{self.hidden} hidden unit{'s' * (self.hidden != 1)}; outputs for three x {outputs}"


@exercise(
    "8.4",
    "cut out the dead units",
    "when does a hidden unit change no output?",
    "cut only dead units: the outputs stay the same. A unit is dead if nothing reads it, or if it reads nothing "
    "and relu(b1) is 0; a row of w1 or a column of w2 is dead if *all* of it is zero",
    "alive = w2.any(axis=0) & (w1.any(axis=1) | (b1 > 0)): keep these rows of w1 and b1, and these columns of w2",
    own=("minisnip.pruning",),
)
def compacted(answer: Any) -> Iterator[Trial]:
    """The answer is a function (w1, b1, w2) that returns smaller ones; the network is w2 @ relu(w1 @ x + b1)."""
    for w1, b1, w2 in _small_networks():
        given = f"w1 = {w1.tolist()}, b1 = {b1.tolist()}, w2 = {w2.tolist()}"
        alive = w2.any(axis=0) & (w1.any(axis=1) | (b1 > 0))
        hint = "" if (w1.any(axis=1) | (b1 == 0)).all() else "a unit that reads nothing still outputs relu(b1)"
        expected = Outcome(int(alive.sum()), _forward(w1, b1, w2))
        kind = "networks without dead units" if alive.all() else "networks with dead units"
        yield Trial(given, partial(_compact, answer, w1, b1, w2), expected, hint, kind)


def _small_networks() -> Iterator[tuple[Array, Array, Array]]:
    yield np.array([[1.0]]), np.array([0.0]), np.array([[2.0]])
    yield np.array([[1.0], [0.0]]), np.zeros(2), np.array([[2.0, 3.0]])
    yield np.array([[1.0], [1.0]]), np.zeros(2), np.array([[2.0, 0.0]])
    yield np.array([[1.0, 0.0]]), np.zeros(1), np.array([[2.0], [0.0]])
    yield np.array([[1.0, -1.0], [-1.0, 1.0]]), np.zeros(2), np.array([[2.0, 3.0]])  # rows that sum to 0
    yield np.array([[1.0], [0.0], [0.0]]), np.array([0.0, 2.0, -2.0]), np.array([[1.0, 1.0, 1.0]])
    rng = np.random.default_rng(SEED)
    for inputs, hidden, outputs in ((2, 4, 2), (3, 6, 2), (5, 9, 3)):
        w1 = rng.standard_normal((hidden, inputs)) * (rng.random((hidden, inputs)) < 0.4)
        w2 = rng.standard_normal((outputs, hidden)) * (rng.random((outputs, hidden)) < 0.4)
        yield w1, np.zeros(hidden), w2


def _compact(answer: Any, w1: Array, b1: Array, w2: Array) -> Outcome:
    w1, b1, w2 = answer(w1.copy(), b1.copy(), w2.copy())
    return Outcome(len(w1), _forward(w1, b1, w2))


def _forward(w1: Array, b1: Array, w2: Array) -> Array:
    """The outputs for x, -x and another input: every unit is active for one of the first two, whatever its weights."""
    x, another = np.random.default_rng(SEED).standard_normal((2, w1.shape[1]))
    out: Array = np.maximum(np.array([x, -x, another]) @ w1.T + b1, 0) @ w2.T
    return out

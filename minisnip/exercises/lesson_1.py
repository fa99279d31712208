"""Lesson 1: the derivatives of a product and of tanh, an order to walk a graph in, and a forgotten sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from operator import mul
from typing import Any

import numpy as np

from minisnip.exercises.checks import Trial, exercise, slope

SMALL = (0.0, 1.0, -1.0, 2.0, 0.5, 3.0)
Graph = Mapping[str, Sequence[str]]  # the parents of each node: what it was computed from

GRAPHS: tuple[Graph, ...] = (
    {"a": ()},
    {"b": ("a",), "a": ()},
    {"c": ("a", "b"), "a": (), "b": ("a",)},  # a is used by b and by c
    {"loss": ("p", "x"), "p": ("x", "y"), "y": ("x",), "x": ()},
    {"loss": ("d", "a"), "d": ("b", "c"), "c": ("b",), "b": ("a",), "a": ()},
)


@exercise(
    "1.1",
    "the VJPs of a product",
    "out = a b changes by b when a changes by 1, and by a when b does; g is what one unit of out is worth to the loss",
)
def product(answer: Any) -> Iterator[Trial]:
    """The answer is a function (g, a, b) that returns the gradients by a and by b."""
    for b in SMALL:
        for a in SMALL:
            for g in (1.0, 2.0):
                expected = (g * slope(partial(mul, b), a), g * slope(partial(mul, a), b))
                yield Trial(f"g = {g}, a = {a}, b = {b}", partial(answer, g, a, b), expected)


@exercise("1.2", "the VJP of tanh", "tanh' = 1 - tanh²: `out` is tanh(x) already; and do not forget g")
def tanh(answer: Any) -> Iterator[Trial]:
    """The answer is a function (g, out) that returns the gradient by x."""
    for g in (1.0, 2.0):
        for x in SMALL:
            out = float(np.tanh(x))
            yield Trial(f"g = {g}, x = {x}, out = tanh(x) = {out:.4f}", partial(answer, g, out), g * slope(np.tanh, x))


IN_ORDER = "each once, after all that use it"


@exercise(
    "1.3",
    "an order to walk backwards in",
    "a node may be visited as soon as all nodes that use it have been: count the uses that are still open",
)
def order(answer: Any) -> Iterator[Trial]:
    """The answer is a function of the parents of each node that returns the nodes, each after all that use it."""
    for graph in GRAPHS:
        yield Trial(f"parents = {dict(graph)}", partial(_judge_order, answer, graph), IN_ORDER)


def _judge_order(answer: Any, graph: Graph) -> str:
    """What is wrong with the order, if anything is."""
    names = list(answer({name: list(parents) for name, parents in graph.items()}))
    if sorted(names) != sorted(graph):
        return f"{names}, where the nodes are {sorted(graph)}"
    for user, parents in graph.items():
        for parent in parents:
            if names.index(parent) < names.index(user):
                return f"{names}, where {parent} comes before {user}, which uses it"
    return IN_ORDER


@exercise(
    "1.4",
    "the forgotten sum",
    "a second contribution is added to the first; the first one starts from 0; and the dict itself must change",
)
def accumulation(answer: Any) -> Iterator[Trial]:
    """The answer is a function (gradients, node, contribution) that adds the contribution to the dict."""
    for count in range(4):
        for contributions in combinations((3.0, 4.0, -1.0, 0.5), count):
            given = f"the contributions {', '.join(map(str, contributions)) or 'none'} to x, and 10.0 to y"
            expected = {"y": 10.0, **({"x": sum(contributions)} if contributions else {})}
            yield Trial(given, partial(_accumulate, answer, contributions), expected)


def _accumulate(answer: Any, contributions: Sequence[float]) -> dict[str, float]:
    gradients: dict[str, float] = {}
    answer(gradients, "y", 10.0)
    for g in contributions:
        answer(gradients, "x", g)
    return gradients

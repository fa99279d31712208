"""Lesson 1: the derivatives of a product and of tanh, an order to walk a graph in, and a sum that somebody forgot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from minisnip.exercises.differences import slope
from minisnip.exercises.exercise import Exercise, Trial

SMALL = (0.0, 1.0, -1.0, 2.0, 0.5, 3.0)
Graph = Mapping[str, Sequence[str]]  # the parents of each node: what it was computed from

GRAPHS: tuple[Graph, ...] = (
    {"a": ()},
    {"b": ("a",), "a": ()},
    {"c": ("a", "b"), "a": (), "b": ("a",)},  # a is used by b and by c
    {"loss": ("p", "x"), "p": ("x", "y"), "y": ("x",), "x": ()},
    {"loss": ("d", "a"), "d": ("b", "c"), "c": ("b",), "b": ("a",), "a": ()},
)


def _product(answer: Any) -> Iterator[Trial]:
    for b in SMALL:
        for a in SMALL:
            for g in (1.0, 2.0):
                expected = (g * slope(lambda t, b=b: t * b, a), g * slope(lambda t, a=a: a * t, b))  # type: ignore[misc]
                yield Trial(f"g = {g}, a = {a}, b = {b}", partial(answer, g, a, b), expected)


def _tanh(answer: Any) -> Iterator[Trial]:
    for g in (1.0, 2.0):
        for x in SMALL:
            expected = g * slope(np.tanh, x)
            yield Trial(
                f"g = {g}, x = {x}, out = tanh(x) = {np.tanh(x):.4f}", partial(answer, g, float(np.tanh(x))), expected
            )


def _order(answer: Any) -> Iterator[Trial]:
    for graph in GRAPHS:
        yield Trial(f"parents = {dict(graph)}", partial(_judged, answer, graph), "each once, after all that use it")


def _judged(answer: Any, graph: Graph) -> str:
    """What is wrong with the order, if anything is."""
    order = list(answer({name: list(parents) for name, parents in graph.items()}))
    if sorted(order) != sorted(graph):
        return f"{order}, where the nodes are {sorted(graph)}"
    place = {name: i for i, name in enumerate(order)}
    for user, parents in graph.items():
        for parent in parents:
            if place[parent] < place[user]:
                return f"{order}, where {parent} comes before {user}, which uses it"
    return "each once, after all that use it"


def _accumulation(answer: Any) -> Iterator[Trial]:
    """The answer is a function (gradients, node, contribution) that books a contribution."""
    for count in range(4):
        for contributions in combinations((3.0, 4.0, -1.0, 0.5), count):
            given = f"the contributions {', '.join(map(str, contributions)) or 'none'} to x, and 10.0 to y"
            expected = {"y": 10.0, **({"x": sum(contributions)} if contributions else {})}
            yield Trial(given, partial(_booked, answer, contributions), expected)


def _booked(answer: Any, contributions: Sequence[float]) -> dict[str, float]:
    gradients: dict[str, float] = {}
    answer(gradients, "y", 10.0)
    for g in contributions:
        answer(gradients, "x", g)
    return gradients


product = Exercise(
    "1.1",
    "the VJPs of a product",
    _product,
    "out = a b changes by b when a changes by 1, and by a when b does; g is what one unit of out is worth to the loss",
)
tanh = Exercise(
    "1.2",
    "the VJP of tanh",
    _tanh,
    "tanh' = 1 - tanh²: `out` is tanh(x) already; and do not forget g",
)
order = Exercise(
    "1.3",
    "an order to walk backwards in",
    _order,
    "a node may be visited as soon as all nodes that use it have been: count the uses that are still open",
)
accumulation = Exercise(
    "1.4",
    "the forgotten sum",
    _accumulation,
    "a second contribution is added to the first; the first one starts from 0; and it is the dict that has to change",
)

"""Lesson 1: the derivatives of a product and of tanh, an order to walk a graph in, and a forgotten sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from operator import mul
from typing import Any

import numpy as np

from minisnip.exercises.checks import GRADIENTS, Trial, exercise, slope

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
    "by how much does a · b change if a grows by 1? and if b does?",
    "out = a b changes by b when a changes by 1, and by a when b does; g is what one unit of out is worth to the loss",
    "each gradient is g times the other factor",
    own=GRADIENTS,
)
def product(answer: Any) -> Iterator[Trial]:
    """The answer is a function (g, a, b) that returns the gradients by a and by b."""
    for b in SMALL:
        for a in SMALL:
            for g in (1.0, 2.0):
                expected = (g * slope(partial(mul, b), a), g * slope(partial(mul, a), b))
                kind = "factors above 0" if a > 0 < b else "a factor of 0" if a * b == 0 else "a factor below 0"
                yield Trial(f"g = {g}, a = {a}, b = {b}", partial(answer, g, a, b), expected, kind=kind)


@exercise(
    "1.2",
    "the VJP of tanh",
    "what is the derivative of tanh, written with tanh itself?",
    "tanh' = 1 - tanh²: `out` is tanh(x) already; and do not forget g",
    "g times (1 - out²)",
    own=GRADIENTS,
)
def tanh(answer: Any) -> Iterator[Trial]:
    """The answer is a function (g, out) that returns the gradient by x."""
    for g in (1.0, 2.0):
        for x in SMALL:
            out, kind = float(np.tanh(x)), "x above 0" if x > 0 else "x below 0" if x < 0 else "x = 0"
            given = f"g = {g}, x = {x}, out = tanh(x) = {out:.4f}"
            yield Trial(given, partial(answer, g, out), g * slope(np.tanh, x), kind=kind)


IN_ORDER = "each once, after all that use it"


@exercise(
    "1.3",
    "an order to walk backwards in",
    "what must have been visited before a node's turn comes?",
    "a node may be visited as soon as all nodes that use it have been: count the uses that are still open",
    "begin with the nodes that have no open uses; take one, subtract 1 from the open uses of each of its parents, "
    "and add the parents that reach 0",
)
def order(answer: Any) -> Iterator[Trial]:
    """The answer is a function of the parents of each node that returns the nodes, each after all that use it."""
    for graph in GRAPHS:
        uses = [parent for parents in graph.values() for parent in parents]
        kind = "graphs with nodes of several uses" if len(uses) > len(set(uses)) else "graphs with nodes of one use"
        yield Trial(f"parents = {dict(graph)}", partial(_judge_order, answer, graph), IN_ORDER, kind=kind)


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
    "what does the dict hold for a node when its first contribution comes, and what when its second one comes?",
    "a second contribution is added to the first; the first one starts from 0; and the dict itself must change",
    "gradients.get(node, 0) is the sum so far: add the contribution, and store the new sum under the node",
    idle="changes nothing in the dict",
)
def accumulation(answer: Any) -> Iterator[Trial]:
    """The answer is a function (gradients, node, contribution) that adds the contribution to the dict."""
    for count in range(4):
        for contributions in combinations((3.0, 4.0, -1.0, 0.5), count):
            given = f"the contributions {', '.join(map(str, contributions)) or 'none'} to x, and 10.0 to y"
            expected = {"y": 10.0, **({"x": sum(contributions)} if contributions else {})}
            kind = f"{count or 'no'} contribution{'s' * (count != 1)}"
            yield Trial(given, partial(_accumulate, answer, contributions), expected, kind=kind)


def _accumulate(answer: Any, contributions: Sequence[float]) -> dict[str, float]:
    gradients: dict[str, float] = {}
    answer(gradients, "y", 10.0)
    for g in contributions:
        answer(gradients, "x", g)
    return gradients

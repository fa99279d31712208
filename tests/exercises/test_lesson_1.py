"""Lesson 1's checks catch the answers that students give."""

from __future__ import annotations

import pytest

from minisnip.exercises.lesson_1 import accumulation, order, product, tanh
from tests.exercises.wrong import assert_caught


def overwritten(gradients: dict[str, float], node: str, contribution: float) -> None:
    gradients[node] = contribution


def never_begun(gradients: dict[str, float], node: str, contribution: float) -> None:
    gradients[node] += contribution


def one_for_all(gradients: dict[str, float], node: str, contribution: float) -> None:
    gradients[node] = sum(gradients.values()) + contribution


def depth_first(parents: dict[str, list[str]]) -> list[str]:
    """Preorder from the output: visits a node before another that uses it."""
    (output,) = set(parents) - {p for own in parents.values() for p in own}
    order, stack = [], [output]
    while stack:
        name = stack.pop(0)
        if name not in order:
            order.append(name)
            stack = parents[name] + stack
    return order


WRONG = {
    "each factor by itself": (product, lambda g, a, b: (g * a, g * b), "what one unit"),
    "without g": (product, lambda g, a, b: (b, a), "g = 2.0"),
    "the sum's": (product, lambda g, a, b: (g, g), "expected"),
    "one for both": (product, lambda g, a, b: g * (a + b), "expected"),
    "tanh' of out": (tanh, lambda g, out: g * (1 - out), "1 - tanh²"),
    "tanh' without g": (tanh, lambda g, out: 1 - out**2, "g = 2.0"),
    "forwards": (order, lambda parents: sorted(parents, key=lambda n: len(parents[n])), "which uses it"),
    "depth first": (order, depth_first, "which uses it"),
    "twice": (order, lambda parents: [*parents, *parents], "where the nodes are"),
    "overwritten": (accumulation, overwritten, "added to the first"),
    "never begun": (accumulation, never_begun, "KeyError"),
    "one sum for all nodes": (accumulation, one_for_all, "and 10.0 to y"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])

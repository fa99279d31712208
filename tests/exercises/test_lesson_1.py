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
    "each factor by itself": (
        product,
        lambda g, a, b: (g * a, g * b),
        "what one unit",
        "a is weighted with a and b with b. If a grows by 1, a · b grows by b.",
    ),
    "without g": (
        product,
        lambda g, a, b: (b, a),
        "g = 2.0",
        "The local derivative alone: it must be multiplied by g, what one unit of the output is worth to the loss.",
    ),
    "the sum's": (product, lambda g, a, b: (g, g), "expected", "These are the VJPs of a + b."),
    "one for both": (
        product,
        lambda g, a, b: g * (a + b),
        "expected",
        "One number for two inputs. Each input has a gradient of its own.",
    ),
    "tanh' of out": (
        tanh,
        lambda g, out: g * (1 - out),
        "1 - tanh²",
        "1 - out in place of 1 - out²: the square of tanh is forgotten.",
    ),
    "tanh' without g": (tanh, lambda g, out: 1 - out**2, "g = 2.0", "The local derivative alone, not multiplied by g."),
    "forwards": (
        order,
        lambda parents: sorted(parents, key=lambda n: len(parents[n])),
        "which uses it",
        "Sorted by the number of parents, so nodes come before those that use them.",
    ),
    "depth first": (
        order,
        depth_first,
        "which uses it",
        "A walk along one path visits a node before another one that uses it: a contribution is lost.",
    ),
    "twice": (
        order,
        lambda parents: [*parents, *parents],
        "where the nodes are",
        "Each node is visited once: a second visit passes its gradient on twice.",
    ),
    "overwritten": (
        accumulation,
        overwritten,
        "added to the first",
        "`=` in place of `+=`: only the last contribution remains.",
    ),
    "never begun": (accumulation, never_begun, "KeyError", "`+=` on a name that the dict does not have yet."),
    "one sum for all nodes": (
        accumulation,
        one_for_all,
        "and 10.0 to y",
        "The sum of all nodes' gradients is added, not that of this node.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_a_dict_that_nothing_changes_is_told() -> None:
    verdict = accumulation.verdict(lambda gradients, node, contribution: None)
    assert verdict == "not started yet (or it changes nothing in the dict)."

"""Lesson 9's checks catch the answers that students give."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.exercises.lesson_9 import folded, kept_shares, snip_mask
from minisnip.pruning.masks import flatten, unflatten
from tests.exercises.wrong import assert_caught

Dict = dict[str, Array]


def top(scores: Dict, kappa: int) -> Dict:
    """Ones at the kappa highest of all names."""
    flat = flatten(scores)
    mask = np.zeros(flat.size)
    mask[np.argsort(-flat)[:kappa]] = 1
    return unflatten(mask, scores)


def mask_of(score: Callable[[Any, Dict], Dict]) -> Any:
    return lambda loss, w, kappa: top(score(loss, w), kappa)


def gradient(loss: Any, w: Dict) -> Dict:
    tensors = {n: Tensor(a) for n, a in w.items()}
    g: Dict = grad(loss(tensors), tensors)
    return g


def sizes(arrays: Dict) -> Dict:
    return {n: np.abs(a) for n, a in arrays.items()}


def products(loss: Any, w: Dict) -> Dict:
    g = gradient(loss, w)
    return {n: a * g[n] for n, a in w.items()}


def by_name(loss: Any, w: Dict, kappa: int) -> Dict:
    """All of kappa from the first name, as far as it goes, then from the next."""
    masks = {}
    for n, s in sizes(products(loss, w)).items():
        masks[n] = top({n: s}, min(kappa, s.size))[n]
        kappa -= int(masks[n].sum())
    return masks


def gates_by(count: Callable[[Array, Array], Any]) -> Any:
    def answer(c: Array, gates: str) -> Any:
        return {g: count(part, c) for g, part in zip(gates, np.split(c, len(gates)), strict=True)}

    return answer


def fold(scale: Callable[..., Any], shift: Callable[..., Any]) -> Any:
    def answer(w: Array, b: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Any:
        a = scale(gamma, var, eps)
        return w * a[:, None], shift(a, b, beta, mean)

    return answer


def right_scale(gamma: Array, var: Array, eps: float) -> Any:
    return gamma / np.sqrt(var + eps)


def right_shift(a: Array, b: Array, beta: Array, mean: Array) -> Any:
    return a * (b - mean) + beta


WRONG = {
    "magnitude": (snip_mask, mask_of(lambda loss, w: sizes(w)), "larger", "|w| alone: the loss is not asked."),
    "the gradient by w": (
        snip_mask,
        mask_of(lambda loss, w: sizes(gradient(loss, w))),
        "L/∂c",
        "|∂L/∂w| without the factor w.",
    ),
    "signed": (
        snip_mask,
        mask_of(products),
        "Rank |g|",
        "The sign is kept, so connections with a large negative slope rank last.",
    ),
    "name by name": (snip_mask, by_name, "all names together", "Ranked within each name, not all together."),
    "scores": (snip_mask, lambda loss, w, kappa: sizes(w), "kappa ones and else zeros", "The scores, not a mask."),
    "one array": (
        snip_mask,
        lambda loss, w, kappa: np.ones(4),
        "ndarray, where a dict",
        "One array, where a dict is asked for.",
    ),
    "counts": (kept_shares, gates_by(lambda part, c: int(part.sum())), "share", "Counts, where shares are asked for."),
    "by turns": (
        kept_shares,
        lambda c, gates: {g: c[k :: len(gates)].mean() for k, g in enumerate(gates)},
        "neigh",
        "Rows of a gate are neighbors, not every fourth row.",
    ),
    "of all connections": (
        kept_shares,
        gates_by(lambda part, c: part.sum() / c.size),
        "of that gate",
        "The share of all connections, where the share of this gate is asked for.",
    ),
    "of the kept": (
        kept_shares,
        gates_by(lambda part, c: part.sum() / c.sum()),
        "gates = 'ab'",
        "The gate's share of all that is kept, where the share of its connections is asked for.",
    ),
    "a list": (
        kept_shares,
        lambda c, gates: [p.mean() for p in np.split(c, len(gates))],
        "expected",
        "A dict by the gates' letters is asked for.",
    ),
    "the mean stays": (
        folded,
        fold(right_scale, lambda a, b, beta, mean: a * b + beta),
        "what is left",
        "The mean is not subtracted from the bias.",
    ),
    "the bias is not scaled": (
        folded,
        fold(right_scale, lambda a, b, beta, mean: b - a * mean + beta),
        "what is left",
        "γ/√(σ² + ε) multiplies the bias too.",
    ),
    "the variance for the deviation": (
        folded,
        fold(lambda gamma, var, eps: gamma / (var + eps), right_shift),
        "√",
        "Divided by the variance: the root is missing.",
    ),
    "without eps": (folded, fold(lambda gamma, var, eps: gamma / np.sqrt(var), right_shift), "ε", "ε is left out."),
    "eps outside": (
        folded,
        fold(lambda gamma, var, eps: gamma / (np.sqrt(var) + eps), right_shift),
        "ε",
        "ε belongs under the root.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_caught_with_a_word_that_helps(name: str) -> None:
    assert_caught(*WRONG[name])


def test_weight_times_gradient_is_the_same_answer() -> None:
    right = mask_of(lambda loss, w: sizes(products(loss, w)))
    assert snip_mask.verdict(right).startswith("passed")


def test_a_bias_of_another_shape_can_be_seen() -> None:
    def columns(w: Array, b: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Any:
        scale = (gamma / np.sqrt(var + eps))[:, None]
        return scale * w, scale * (b - mean)[:, None] + beta[:, None]

    got, expected = folded.verdict(columns).splitlines()[2:4]
    assert re.fullmatch(r"  got       \(\[\[\S+\]\], \[\[\S+\]\]\)", got)
    assert re.fullmatch(r"  expected  \(\[\[\S+\]\], \[\S+\]\)", expected)

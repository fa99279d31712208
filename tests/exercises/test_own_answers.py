"""An answer that only calls minisnip passes, and is told whose work it is; the lessons' tests see to the solutions."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, grad, ops
from minisnip.data.published import read_idx
from minisnip.exercises import Exercise, lesson_1, lesson_2, lesson_3, lesson_4, lesson_5, lesson_7, lesson_9
from minisnip.nn import cross_entropy
from minisnip.pruning import keep_top as k
from minisnip.pruning import overlap, random_labels, shuffle_masks


def product(g: Any, a: Any, b: Any) -> Any:
    x, y = Tensor(a), Tensor(b)
    return tuple(map(float, grad(x * y * g, [x, y])))


def logits(z: Any, labels: Any) -> Any:
    x = Tensor(z)
    return grad(cross_entropy(x, labels), x)


def exactly(scores: Any, kappa: int) -> Any:
    return k({"w": scores}, 1 - kappa / len(scores))["w"] if kappa else np.zeros(len(scores))


def by_overlap(a: Any, b: Any) -> Any:
    found = overlap({"w": a}, {"w": b})
    return found.jaccard, found.chance


def snip(loss: Any, w: Any, kappa: int) -> Any:
    c = {name: Tensor(np.ones(a.shape)) for name, a in w.items()}
    g = grad(loss({name: c[name] * w[name] for name in w}), c)
    return k({name: abs(a) for name, a in g.items()}, 1 - kappa / sum(a.size for a in w.values()))


CALLS: dict[str, tuple[Exercise, Any]] = {
    "grad": (lesson_1.product, product),
    "ops.sum_to": (lesson_2.unbroadcast, ops.sum_to),
    "nn.cross_entropy": (lesson_3.logits, logits),
    "data.read_idx": (lesson_4.idx, lambda content: read_idx(io.BytesIO(content), content[3])),
    "pruning.keep_top": (lesson_5.exactly, exactly),
    "pruning.random_labels": (lesson_7.blind_labels, random_labels),
    "pruning.shuffle_masks": (lesson_7.moved_masks, shuffle_masks),
    "pruning.overlap": (lesson_7.overlap_and_chance, by_overlap),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_answer_that_calls_minisnip_passes_and_is_told_so(name: str) -> None:
    exercise, answer = CALLS[name]
    verdict = exercise.verdict(answer)
    assert verdict.startswith("passed")
    assert verdict.endswith(f"  note      this calls minisnip.{name}: right, but the exercise is to write it")


def test_the_choice_of_snip_is_to_be_written_though_its_gradient_may_be_called() -> None:
    assert "note      this calls minisnip.pruning.keep_top:" in lesson_9.snip_mask.verdict(snip)

"""Progress bars count what they say, have the title that was asked for, and are off without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

from minisnip.pruning import deletion, delta_loss, difference_errors, taylor
from minisnip.training import loop, train
from tests.networks import random_batch, random_params, small_mlp, toy_dataset

NET = small_mlp()
PARAMS, BATCH = random_params(NET, np.random.default_rng(0)), random_batch(NET, np.random.default_rng(1))


CASES: dict[str, tuple[Any, Callable[[Any], object], dict[str, Any]]] = {
    "ΔL": (deletion, lambda title: delta_loss(NET, PARAMS, *BATCH, title=title), {"total": 7 + 5 + 4, "unit": "unit"}),
    "training": (
        loop,
        lambda title: train(NET, PARAMS, toy_dataset(), epochs=2, batch_size=40, title=title),
        {"total": 12, "initial": 0, "bar_format": loop.BAR},
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("title", ["a title", None])
def test_a_bar_has_the_title_and_the_total(name: str, title: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    module, call, expected = CASES[name]
    made: list[Any] = []

    def bar(*arguments: Any, **options: Any) -> Any:
        made.append(options)
        return tqdm(*arguments, **{**options, "disable": True})

    monkeypatch.setattr(module, "tqdm", bar)
    call(title)
    assert made == [{"desc": title, "disable": None if title else True, **expected}]


def test_difference_quotients_show_how_many_connections_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def bar(found: list[Any], **options: Any) -> list[Any]:
        made.append((len(found), options))
        return found

    monkeypatch.setattr(taylor, "tqdm", bar)
    difference_errors(NET, PARAMS, *BATCH, [("fc3.weight", (0, 0)), ("fc3.weight", (1, 1))], [0.1])
    assert made == [(2, {"desc": "shrinking δ", "disable": None})]

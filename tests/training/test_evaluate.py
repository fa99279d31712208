"""Evaluation reads every image once."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.threads import in_pieces
from minisnip.data import Split
from minisnip.nn import Linear, Sequential, cross_entropy
from minisnip.nn.threads import uncut
from minisnip.training import evaluate
from minisnip.training.loop import evaluate_in_shards
from tests.networks import random_batch, small_convnet, small_mlp


def test_every_image_counts_the_same_also_in_a_last_batch_that_is_not_full() -> None:
    net, rng = Sequential((3,), fc=Linear(3, 4)), np.random.default_rng(0)
    params = net.init(rng, dtype=np.float64)
    split = Split(rng.standard_normal((1201, 3)), rng.integers(0, 4, 1201))  # type: ignore[arg-type]
    logits = net(params, split.images)
    loss, error = evaluate(net, params, split, batch_size=500)
    assert loss == pytest.approx(float(cross_entropy(logits, split.labels)), rel=1e-12)
    assert error == pytest.approx(100 * np.mean(logits.argmax(axis=1) != split.labels))


@pytest.mark.parametrize("batch_size", [0, -5])
def test_a_batch_of_no_images_is_refused(batch_size: int) -> None:
    net = Sequential((3,), fc=Linear(3, 4))
    split = Split(np.zeros((2, 3), np.float32), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match=rf"batch_size {batch_size} and 2 images"):
        evaluate(net, net.init(np.random.default_rng(0)), split, batch_size=batch_size)


@pytest.mark.parametrize(
    "evaluated", [evaluate, lambda net, params, split: evaluate_in_shards(net, params, split, uncut)]
)
def test_500_images_are_evaluated_at_a_time(evaluated: Any) -> None:
    seen: list[int] = []

    class Watching(Linear):
        def __call__(self, params: Any, x: Any) -> Any:
            seen.append(len(x))
            return super().__call__(params, x)

    net = Sequential((3,), fc=Watching(3, 4))
    evaluated(net, net.init(0), Split(np.zeros((1001, 3), np.float32), np.zeros(1001, np.int64)))
    assert [n for n in seen if n] == [500, 500, 1]


def test_two_threads_take_an_mlp_s_batches_from_end_to_end() -> None:
    together = threading.Barrier(2, timeout=20)

    class Waiting(Linear):
        def __call__(self, params: Any, x: Any) -> Any:
            if len(x):
                together.wait()  # for another batch, in another thread
                assert in_pieces.get() is None
            return super().__call__(params, x)

    net = Sequential((3,), fc=Waiting(3, 4))
    evaluate(net, net.init(0), Split(np.zeros((1000, 3), np.float32), np.zeros(1000, np.int64)), threads=2)


@pytest.mark.parametrize("net", [small_mlp(), small_convnet()], ids=["mlp", "convolution"])
@pytest.mark.parametrize("batch_size", [1, 7, 130, 500, 5000])
def test_any_batch_size_and_number_of_threads_evaluate_every_image_once(net: Sequential, batch_size: int) -> None:
    params, (x, y) = net.init(0), random_batch(net, np.random.default_rng(0), 131)
    split = Split(x.astype(np.float32), y)
    logits = net(params, split.images)
    for threads in (1, 2):
        loss, error = evaluate(net, params, split, batch_size=batch_size, threads=threads)
        assert loss == pytest.approx(float(cross_entropy(logits, y)), rel=1e-5)
        assert error == 100 * np.mean(logits.argmax(axis=1) != y)

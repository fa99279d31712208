"""Threads of ours change how fast a product comes, and nothing else; BLAS has one thread inside."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from itertools import product as pairs
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from minisnip import Tensor, grad, hvp, primitive
from minisnip.autodiff import threads
from minisnip.autodiff.threads import in_pieces, one_thread, pool, product, shared
from minisnip.data import Dataset, Split, load
from minisnip.nn import MODELS, Linear, Sequential, cross_entropy
from minisnip.nn.threads import use_threads
from minisnip.pruning import connection_sensitivity, delta_loss
from minisnip.training import SGD, evaluate, train
from tests.networks import random_batch, small_mlp


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize(
    ("a", "b"),
    [((300, 784), (784, 100)), ((300, 100), (100, 784)), ((7, 3000), (3000, 1000)), ((1, 9000), (9000, 2000))],
)
def test_a_large_product_is_cut_and_is_right(a: Any, b: Any, threads: int) -> None:
    rng, parts = np.random.default_rng(0), list[slice]()
    x, y = rng.standard_normal(a), rng.standard_normal(b)

    def counted() -> Any:
        in_pieces.set(lambda f, given: parts.extend(given) or spread(f, given))  # type: ignore[func-returns-value]
        return product(x, y)

    with one_thread, pool(threads) as spread:
        found = copy_context().run(counted)
    np.testing.assert_allclose(found, x @ y, rtol=1e-12, atol=1e-9)
    assert len(parts) >= 2


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 40)] * 3), st.sampled_from("fdFDl"), st.sampled_from("fdFD"), st.data())
def test_a_product_is_numpys_whatever_is_cut(sizes: Any, left: str, right: str, data: st.DataObject) -> None:
    n, k, m = sizes
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    a, b = (10 * rng.standard_normal((n, k))).astype(left), rng.standard_normal((k, m)).astype(right)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "PIECE", 1)
        patch.setattr(threads, "LENGTH", 1)
        with shared(data.draw(st.sampled_from([1, 3]))):
            found = product(a, b)
    assert found.dtype == (a @ b).dtype
    np.testing.assert_allclose(found, a @ b, rtol=1e-4, atol=1e-3)


def test_what_does_not_fit_is_numpys_error() -> None:
    a, b = np.ones((600, 900)), np.ones((800, 700))
    with shared(2), pytest.raises(ValueError, match="size 800 is different from 900"):
        product(a, b)


def test_a_part_is_done_by_whoever_is_free() -> None:
    def who(part: int) -> int:
        time.sleep(0.2 if part == 0 else 0.01)
        return threading.get_ident()

    with pool(2) as spread:
        found = spread(who, range(6))
    assert len(set(found)) == 2
    assert len(set(found[2:])) == 1  # one thread was at part 0 or 1; the other took all that came after


def test_a_thread_that_does_not_begin_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = threading.Event()
    with pool(2) as spread:
        helper = threading.Thread(target=lambda: spread(lambda _: busy.wait(5), [0, 1]))
        helper.start()  # two parts that wait: they take the only other thread
        time.sleep(0.1)
        started = time.perf_counter()
        assert spread(lambda part: part, [0, 1, 2, 3]) == [0, 1, 2, 3]
        assert time.perf_counter() - started < 2
        busy.set()
        helper.join()


def test_after_an_error_no_other_part_begins() -> None:
    begun = []

    def fail(part: int) -> None:
        begun.append(part)
        time.sleep(0.05)
        if part == 1:
            raise ArithmeticError("part 1")

    with pytest.raises(ArithmeticError, match="part 1"), pool(2) as spread:
        spread(fail, range(100))
    assert len(begun) < 10


def test_blas_has_one_thread_inside_and_its_own_again_after_the_last_exit() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with one_thread:
            with one_thread:
                assert set(blas_threads()) <= {1}
            assert set(blas_threads()) <= {1}
        assert blas_threads() == before


def test_other_threads_enter_and_leave_without_harm() -> None:
    def enter(_: int) -> bool:
        with one_thread:
            return set(blas_threads()) <= {1}

    before = blas_threads()
    with one_thread, ThreadPoolExecutor(4) as executor:
        assert all(executor.map(enter, range(40)))
        assert set(blas_threads()) <= {1}
    assert blas_threads() == before


def test_a_network_a_gradient_and_a_hessian_product_of_a_plain_cell_have_one_thread_of_blas() -> None:
    seen: list[int] = []

    class Watching(Linear):
        def __call__(self, params: Any, x: Any) -> Any:
            seen.extend(blas_threads())
            return super().__call__(params, x)

    def watched(g: Any, out: Any, x: Any) -> Any:
        seen.extend(blas_threads())
        return g * 2.0

    double = primitive(lambda x: 2.0 * x, watched)
    net = Sequential((3,), fc=Watching(3, 2))
    with threadpool_limits(2, user_api="blas"):
        w = {name: Tensor(a) for name, a in net.init(0, dtype=np.float64).items()}
        loss = cross_entropy(double(net(w, np.ones((4, 3)))), np.array([0, 1, 0, 1]))
        grad(loss, w)
        hvp(loss, w, {name: np.ones(t.shape) for name, t in w.items()})
    assert len(seen) >= 3
    assert set(seen) == {1}


def run(model: str, workers: int, limit: int) -> list[Any]:
    """All that a run computes, as bytes."""
    net, dataset = MODELS[model](), load("glyphs")
    params, batch = net.init(0), (dataset.train.images[:100], dataset.train.labels[:100])
    with threadpool_limits(limit, user_api="blas"):
        result = train(net, params, dataset_of(dataset, 300), epochs=1, optimizer=SGD(), threads=workers, rng=0)
        scores = connection_sensitivity(net, result.params, *batch)
        loss = evaluate(net, result.params, dataset_of(dataset, 300).test, threads=workers)
    arrays = {**result.params, **{f"score:{name}": s for name, s in scores.items()}}
    return [loss, result.history, {name: a.tobytes() for name, a in arrays.items()}]


def dataset_of(dataset: Dataset, n: int) -> Dataset:
    """The first n images of each split."""
    train, validation, test = (
        Split(s.images[:n], s.labels[:n]) for s in (dataset.train, dataset.validation, dataset.test)
    )
    return replace(dataset, train=train, validation=validation, test=test)


@pytest.mark.parametrize("model", ["lenet-300-100", "lenet-5-caffe"])
def test_the_same_seed_gives_the_same_bytes_for_any_number_of_threads_of_ours_and_of_blas(model: str) -> None:
    first, *others = [run(model, workers, limit) for workers, limit in pairs((1, 2, 4), (1, 2)) if workers >= limit]
    for other in others:
        assert other == first


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_delta_loss_has_the_same_bytes_for_any_number_of_threads(limit: int) -> None:
    net = small_mlp()
    params, (x, y) = net.init(0), random_batch(net, np.random.default_rng(0))
    expected = delta_loss(net, params, x, y)
    with threadpool_limits(limit, user_api="blas"), use_threads(limit):
        found = delta_loss(net, params, x, y)
    assert {name: a.tobytes() for name, a in found.items()} == {name: a.tobytes() for name, a in expected.items()}

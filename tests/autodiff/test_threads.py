"""Threads of ours change how fast a product comes, and nothing else; BLAS has one thread inside."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from itertools import pairwise
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


def cut_of(a: tuple[int, ...], b: tuple[int, ...]) -> list[tuple[int, int]]:
    """The parts of a product that are given to threads; empty if it is not cut."""
    parts: list[tuple[int, int]] = []

    def record(f: Any, given: Any) -> list[Any]:
        parts.extend((part.start, part.stop) for part in given)
        found = threads.in_turn(f, given)
        whole = sum(part.stop - part.start for part in given)
        assert [r.size * whole for r in found] == [a[0] * b[1] * (part.stop - part.start) for part in given]
        return found

    token = in_pieces.set(record)
    try:
        x, y = np.ones(a), np.ones(b)
        np.testing.assert_array_equal(product(x, y), x @ y)
    finally:
        in_pieces.reset(token)
    return parts


@pytest.mark.parametrize(
    ("a", "b", "edges"),
    [
        ((256, 256), (256, 256), [0, 128, 256]),  # 2**24 multiplications: two pieces of 2**23
        ((256, 255), (255, 256), []),  # fewer
        ((256, 1024), (1024, 64), [0, 128, 256]),  # along its longer side
        ((64, 1024), (1024, 256), [0, 128, 256]),
        ((255, 1024), (1024, 255), []),  # 127 rows would be too few
        ((257, 1024), (1024, 64), [0, 128, 257]),
        ((511, 1024), (1024, 64), [0, 255, 511]),  # 3 pieces are possible, 2 is a power of two
        ((512, 1024), (1024, 64), [0, 128, 256, 384, 512]),
        ((512, 1023), (1023, 64), [0, 256, 512]),
        ((1, 2**14), (2**14, 1024), [0, 512, 1024]),
        ((2, 256, 256), (256, 256), []),  # a stack
        ((2**14,), (2**14, 1024), []),
    ],
)
def test_the_cut_depends_on_the_shapes_alone(a: Any, b: Any, edges: list[int]) -> None:
    assert cut_of(a, b) == list(pairwise(edges))


def test_a_subclass_of_arrays_is_not_cut() -> None:
    class Own(np.ndarray):
        pass

    x = np.ones((256, 256))
    with shared(2):
        assert type(product(x.view(Own), x)) is type(product(x, x.view(Own))) is Own


def test_after_the_sharing_a_product_is_not_cut_and_within_another_the_outer_one_goes_on() -> None:
    assert in_pieces.get() is None
    with shared(2):
        outer = in_pieces.get()
        with shared(1):
            assert in_pieces.get() is threads.in_turn
        assert in_pieces.get() is outer
    assert in_pieces.get() is None


@pytest.mark.parametrize("count", [1, 2, 4])
def test_so_many_threads_work_at_once_and_this_one_is_among_them(count: int) -> None:
    together = threading.Barrier(count)

    def who(part: int) -> tuple[int, int]:
        together.wait(5)
        return part, threading.get_ident()

    with pool(count) as spread:
        for _ in range(3):
            found = spread(who, list(range(count)))
            assert [part for part, _ in found] == list(range(count))
            idents = {ident for _, ident in found}
            assert len(idents) == count
            assert threading.get_ident() in idents
        assert spread(lambda part: part, []) == []


@pytest.mark.parametrize(("count", "parts", "most"), [(3, 12, 3), (4, 2, 2)])
def test_never_do_more_work_at_once(count: int, parts: int, most: int) -> None:
    lock, now, seen = threading.Lock(), [0], [0]

    def work(_: int) -> None:
        with lock:
            now[0] += 1
            seen.append(now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1

    with pool(count) as spread:
        spread(work, range(parts))
    assert max(seen) == most


def test_an_error_of_another_thread_is_raised_here() -> None:
    here, both = threading.get_ident(), threading.Barrier(2)

    def fail(_: int) -> None:
        both.wait(5)
        if threading.get_ident() != here:
            raise ArithmeticError("elsewhere")

    with pytest.raises(ArithmeticError, match="elsewhere"), pool(2) as spread:
        spread(fail, [0, 1])


def test_what_is_set_in_this_context_holds_in_the_other_threads_too() -> None:
    both = threading.Barrier(2)

    def seen(_: int) -> Any:
        both.wait(5)
        return in_pieces.get(), np.geterr()["over"], one_thread.depth

    with one_thread, shared(2), np.errstate(over="raise"):
        spread = in_pieces.get()
        assert spread is not None
        assert spread(seen, [0, 1]) == [(spread, "raise", 1)] * 2  # the limit of MKL is one of each thread


def test_parts_are_equal_or_differ_by_one() -> None:
    for n, count in ((10, 4), (7, 7), (3, 1), (1, 2), (0, 1)):
        parts = threads.equal_parts(n, count)
        assert len(parts) == count
        assert [i for part in parts for i in range(n)[part]] == list(range(n))
        sizes = {part.stop - part.start for part in parts}
        assert max(sizes) - min(sizes) <= 1


def test_the_libraries_are_looked_for_once() -> None:
    assert threads.blas() is threads.blas()

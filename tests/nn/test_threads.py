"""Shards change how fast an answer comes, and nothing else: not its bytes, not its errors, not Ctrl-C."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import loky
import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info

from minisnip.nn import Conv2d, Flatten, Linear, Sequential, lenet_5_caffe, lenet_300_100, threads
from minisnip.nn.threads import SHARD, cores
from minisnip.pruning import mask_gradient
from minisnip.training import evaluate, loop, train
from minisnip.training.loop import loss_gradient
from tests.networks import small_mlp, toy_dataset

CONV = Sequential((1, 3, 3), conv1=Conv2d(1, 3, 2), flatten=Flatten(), fc1=Linear(12, 4))
WORKERS = (1, 2, 4)


@pytest.mark.parametrize("n", [1, 2, 49, 50, 51, 99, 100, 101, 149, 1000])
def test_the_shards_are_every_image_once_in_order_and_none_is_too_large(n: int) -> None:
    parts = threads.cut(slice(0, n), SHARD)
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    sizes = [len(range(n)[part]) for part in parts]
    assert max(sizes) <= SHARD
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-n // SHARD)


def batch(n: int = 120) -> tuple[Any, Any]:
    dataset = toy_dataset()
    return dataset.train.images[:n], dataset.train.labels[:n]


def gradients(workers: int | None, n: int = 120) -> Any:
    params = CONV.init(np.random.default_rng(0))
    with threads.sharding(CONV, workers) as shards:
        return loss_gradient(CONV, params, *batch(n), shards)


def test_gradients_have_the_same_bytes_with_1_2_and_4_workers() -> None:
    (loss, wrong, g), *others = [gradients(workers) for workers in WORKERS]
    for other_loss, other_wrong, other in others:
        assert (other_loss, other_wrong) == (loss, wrong)
        assert {name: a.tobytes() for name, a in other.items()} == {name: a.tobytes() for name, a in g.items()}


def test_training_has_the_same_bytes_with_1_2_and_4_workers() -> None:
    params, dataset = CONV.init(np.random.default_rng(0)), toy_dataset()
    runs = [train(CONV, params, dataset, epochs=2, batch_size=120, threads=workers) for workers in WORKERS]
    for run in runs[1:]:
        assert run.history == runs[0].history
        assert all(run.params[name].tobytes() == runs[0].params[name].tobytes() for name in params)


@pytest.mark.parametrize("n", [101, 119, 120])
def test_gradients_are_those_without_shards_to_float_tolerance(n: int) -> None:
    params = CONV.init(np.random.default_rng(0))
    loss, wrong, g = gradients(2, n)
    plain_loss, plain_wrong, plain = loss_gradient(CONV, params, *batch(n), threads.uncut)
    assert wrong == plain_wrong
    assert loss == pytest.approx(plain_loss, rel=1e-6)
    for name in plain:
        np.testing.assert_allclose(g[name], plain[name], rtol=1e-4, atol=1e-6)


def test_evaluation_and_scores_do_not_depend_on_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    params, dataset = CONV.init(np.random.default_rng(0)), toy_dataset()
    found = []
    for workers in WORKERS:
        monkeypatch.setattr(threads, "cores", lambda workers=workers: workers)
        g = mask_gradient(CONV, params, *batch())
        found.append((evaluate(CONV, params, dataset.test), {name: a.tobytes() for name, a in g.items()}))
    assert found[0] == found[1] == found[2]


def threads_of(net: Any, workers: int | None, n: int = 4 * SHARD) -> set[int]:
    def who(part: slice) -> int:
        time.sleep(0.02)
        return threading.get_ident()

    with threads.sharding(net, workers) as shards:
        return set(shards(who, n))


def test_the_images_of_a_convolution_are_spread_over_threads_and_those_of_an_mlp_are_not() -> None:
    here = {threading.get_ident()}
    assert len(threads_of(lenet_5_caffe(), 2) - here) == 1
    assert threads_of(lenet_300_100(), 2) == here


def test_one_core_has_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 1)
    assert threads_of(lenet_5_caffe(), None) == {threading.get_ident()}


def test_cores_are_those_of_the_process_or_fewer_if_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(loky, "cpu_count", lambda: 4)  # looks at affinity and cgroups
    assert cores() == 4
    for asked, expected in {"1": 1, "3": 3, "9": 4, "0": 4, "many": 4, "": 4}.items():
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert cores() == expected


@pytest.mark.parametrize("net", [CONV, lenet_300_100()], ids=["convolution", "mlp"])
def test_blas_has_one_thread_inside_and_as_many_as_before_outside(net: Sequential) -> None:
    def blas(_: slice) -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas(slice(0))
    with threads.sharding(net, 2) as shards:
        assert all(set(counts) <= {1} for counts in shards(blas, 100))
    assert blas(slice(0)) == before


class OutOfInkError(Exception):
    pass


@pytest.mark.parametrize("workers", WORKERS)
def test_an_exception_in_a_worker_surfaces_as_itself(workers: int) -> None:
    def fail(part: slice) -> None:
        if part.start:
            raise OutOfInkError("shard 2")

    with pytest.raises(OutOfInkError, match="shard 2"), threads.sharding(CONV, workers) as shards:
        shards(fail, 2 * SHARD)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_is_raised_when_the_shards_under_way_are_done() -> None:
    done = []

    def slow(part: slice) -> None:
        time.sleep(0.3)
        done.append(part)

    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), threads.sharding(CONV, 2) as shards:
        shards(slow, 100 * SHARD)
    assert time.perf_counter() - started < 5
    assert len(done) < 10


def test_errstate_of_the_caller_holds_in_the_workers() -> None:
    def overflow(_: slice) -> Any:
        return np.exp(np.full(3, 1e4))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with threads.sharding(CONV, 2) as shards, np.errstate(over="ignore"):
            assert np.isinf(shards(overflow, 2 * SHARD)).all()


def test_no_workers_are_refused() -> None:
    wrong: Any
    for wrong, kind, sentence in ((0, ValueError, "at least 1"), (2.0, TypeError, "whole"), (True, TypeError, "whole")):
        with pytest.raises(kind, match=f"threads {wrong} must be a?.*{sentence}"), threads.sharding(small_mlp(), wrong):
            pass


def test_training_says_that_blas_cannot_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "blas", lambda: ThreadpoolController().select(user_api="none"))
    with pytest.warns(UserWarning, match="cannot be limited"):
        train(CONV, CONV.init(np.random.default_rng(0)), toy_dataset(), epochs=1)


@pytest.mark.parametrize("n", [51, 119])
def test_mask_gradients_are_those_without_shards_to_float_tolerance(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {name: w.astype(np.float64) for name, w in CONV.init(np.random.default_rng(0)).items()}
    found = mask_gradient(CONV, params, *batch(n), batch_size=n)
    monkeypatch.setattr(threads, "SHARD", 1000)
    for name, g in mask_gradient(CONV, params, *batch(n), batch_size=n).items():
        np.testing.assert_allclose(found[name], g, rtol=1e-10, atol=1e-14)


def test_training_uses_as_many_threads_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def watched(net: Any, workers: int) -> Any:
        asked.append(workers)
        return threads.sharding(net, workers)

    monkeypatch.setattr(loop, "sharding", watched)
    train(CONV, CONV.init(np.random.default_rng(0)), toy_dataset(), epochs=1, threads=3)
    assert asked == [3]


def test_a_number_of_threads_holds_inside_and_none_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loky, "cpu_count", lambda: 7)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with threads.use_threads(3):
        with threads.use_threads(None):
            assert cores() == 3
        with threads.use_threads(1):
            assert cores() == 1
        assert cores() == 3
    assert cores() == 7


def test_one_thread_and_a_number_of_numpy_are_accepted() -> None:
    for number in (1, np.int64(2)):
        found = threads.checked(number)  # type: ignore[arg-type]
        assert type(found) is int
        assert found == number


FAULTS = """
import resource, sys
import numpy as np
from minisnip.nn import Linear, Sequential
from minisnip.nn.threads import sharding

if sys.argv[1] == "inside":
    with sharding(Sequential((1,), fc=Linear(1, 1)), 1):
        pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for size in range(16, 32):
    np.ones(size * 2**20, np.uint8)  # takes and frees a block that is larger than the one before
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(where: str) -> int:
    """Without huge pages, of which a block needs a few only."""
    command = [sys.executable, "-c", FAULTS, where]
    environment = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"}
    return int(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another `free`")
@pytest.mark.skipif(HUGE.exists() and "[always]" in HUGE.read_text(), reason="huge pages everywhere")
def test_blocks_of_less_than_32_mib_are_kept_for_the_next_step() -> None:
    """The system hands out a page at the first write to it, a page fault."""
    assert page_faults("inside") < page_faults("outside") / 4

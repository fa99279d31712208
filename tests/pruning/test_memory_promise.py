"""The memory limit of ΔL holds for any number of threads and any layer, down to the least that it says it needs."""

from __future__ import annotations

import re
import tracemalloc
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.threads import pool
from minisnip.nn import Conv2d, Flatten, Linear, ReLU, Sequential
from minisnip.pruning import deletion, delta_loss
from tests.networks import random_batch, random_params


def wide_windows() -> Sequential:
    """The columns of the second convolution are 49 times its images."""
    return Sequential(
        (1, 24, 24),
        conv1=Conv2d(1, 2, 1),
        relu=ReLU(),
        conv2=Conv2d(2, 1, 7, padding=3),
        flatten=Flatten(),
        fc=Linear(576, 4),
    )


def least(net: Sequential) -> int:
    """What the sentence on too little memory says is needed."""
    params, (x, y) = random_params(net, np.random.default_rng(0)), random_batch(net, np.random.default_rng(0))
    with pytest.raises(ValueError, match="is too little, this network needs at least") as raised:
        delta_loss(net, params, x, y, memory_limit=1)
    return int(re.findall(r"[\d,]+$", str(raised.value))[0].replace(",", ""))


def peak(net: Sequential, name: str, memory_limit: int) -> int:
    """The most bytes that ΔL of one parameter holds."""
    params, (x, y) = random_params(net, np.random.default_rng(0)), random_batch(net, np.random.default_rng(0))
    tracemalloc.start()
    delta_loss(net, params, x, y, names=[name], memory_limit=memory_limit)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread does the work of all, so that what it holds at once is the same in every run."""
    monkeypatch.setattr(deletion, "pool", lambda threads: pool(1))
    monkeypatch.setattr(deletion, "CACHE", 2**40)  # so that nothing else bounds the batches


def test_columns_of_a_later_convolution_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "cores", lambda: 1)
    net = wide_windows()
    for limit in (least(net), 2**23):
        assert peak(net, "conv1.weight", limit) <= limit


def test_the_limit_decides_how_many_threads_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def one_thread(threads: int) -> Any:
        asked.append(threads)
        return pool(1)

    monkeypatch.setattr(deletion, "pool", one_thread)
    monkeypatch.setattr(deletion, "CACHE", 2**16)
    net = wide_windows()
    for cores in (1, 4):
        monkeypatch.setattr(deletion, "cores", lambda cores=cores: cores)
        for limit in (least(net), 2**30):
            peak(net, "conv1.bias", limit)
    assert asked == [1, 1, 1, 4]


def test_copies_of_large_later_weights_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one filter of conv2 feeds all 576 · 300 weights of fc."""
    layers = wide_windows().layers
    net = Sequential((1, 24, 24), **{**layers, "fc": Linear(576, 300), "relu2": ReLU(), "fc2": Linear(300, 4)})
    parameters = sum(w.nbytes for w in random_params(net, np.random.default_rng(0)).values())
    assert least(net) > 3 * parameters + 4 * 8 * 576 * 300
    assert peak(net, "conv2.bias", least(net)) <= least(net)


def test_what_a_row_needs_is_counted_by_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row before conv2 holds its unit's 576 positions four times, the next outputs three times, columns twice, ..."""
    monkeypatch.setattr(deletion, "cores", lambda: 1)
    conv1 = 4 * 576 + 3 * 576 + 2 * 49 * 2 * 576 + 3 * 576 + 3 * 4  # its unit, conv2, conv2's columns, flatten, fc
    parameters = 2 + 2 + 98 + 1 + 4 * 576 + 4
    image = (2 + 2 + 2 + 1) * 576 + (99 + 1 + 1) * 576 + 4 + (577 + 4 + 4 + 4)  # columns, outputs, what enters, leaves
    copies = 4 * 4 * 576  # of fc's weights
    assert least(wide_windows()) == 8 * (3 * parameters + copies + 2 * image + conv1)

"""The benchmarks of what a step is made of, and of what compacting gives, measure what they say."""

from __future__ import annotations

import numpy as np
import pytest

from minisnip.autodiff.engine import Primitive
from minisnip.nn import MODELS, threads
from minisnip.training import SGD
from minisnip.training.loop import Recipe, Run, initial_state, kept_connections, train_step
from tests.benchmarks import compaction, op_times, step_parts, turns
from tests.benchmarks import sharding as benchmark_of_sharding
from tests.benchmarks.problem import MOMENTUM, RATE, WEIGHT_DECAY, Problem, first, problem
from tests.benchmarks.turns import SMOKE
from tests.test_benchmarks import images_like_mnist


def test_the_parts_of_a_step_are_a_step() -> None:
    given = problem(MODELS["lenet-300-100"](), images_like_mnist().train, 0.95)
    ours, theirs = ({name: w.copy() for name, w in given.params.items()} for _ in range(2))
    parts = step_parts.one_step(given, ours, RATE)
    assert [next(parts) for _ in range(2 * len(step_parts.PARTS))] == [*step_parts.PARTS] * 2
    kept, optimizer = kept_connections(given.masks), SGD(MOMENTUM, WEIGHT_DECAY)
    run = Run(given.net, kept, Recipe(1, len(given.images), optimizer, RATE, "constant"), splits={})
    state = initial_state(theirs, kept, optimizer, rng=0)
    for _ in range(2):
        train_step(run, state, (given.images, given.labels), RATE, threads.uncut)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert any(not np.array_equal(ours[name], given.params[name]) for name in ours)


def test_parts_and_floor_are_of_each_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (step_parts, compaction):
        monkeypatch.setattr(module, "mnist_or_glyphs", images_like_mnist)
    asked: list[Problem] = []

    def microseconds(given: Problem, steps: int) -> list[float]:
        asked.append(given)
        return [*range(steps, steps + len(step_parts.PARTS)), 900.0, 300.0]

    monkeypatch.setattr(step_parts, "microseconds", microseconds)
    compaction.snip.cache_clear()
    rows = list(step_parts.measure(SMOKE))
    compaction.snip.cache_clear()
    assert step_parts.section(rows).count("| 900 | 300 | 600 |") == 4
    kept = [sum(np.count_nonzero(c) for c in given.masks.values()) for given in asked]
    assert kept[0] == 0
    assert kept[1] == 13_331
    assert kept[1] > kept[2] > kept[3] > 0
    assert asked[0].net.size == asked[1].net.size > asked[2].net.size > asked[3].net.size
    assert len(step_parts.microseconds(asked[3], 2)) == len(step_parts.PARTS) + 2


def test_ops_are_timed_and_what_they_call_is_not_counted_twice() -> None:
    split = first(images_like_mnist().train, 2)
    net = MODELS["lenet-5-caffe"]()
    times = op_times.once(net, net.init(np.random.default_rng(0)), split.images, split.labels)
    whole = times.pop(("all", "with the walk"))
    assert {op for op, _ in times} >= {"correlate", "linear", "relu", "cross_entropy"}
    assert {which for _, which in times} == {"forward", "backward"}
    assert 0 < sum(times.values()) < whole
    assert "timed" not in Primitive.__call__.__qualname__


def test_compaction_measures_all_four_and_checks_that_they_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "mnist_or_glyphs", images_like_mnist)
    monkeypatch.setattr(compaction, "SPARSITIES", (0.98,))
    monkeypatch.setattr(compaction, "PAPERS", {"lenet-300-100": MODELS["lenet-300-100"]})
    compaction.snip.cache_clear()
    (row,) = compaction.measure(SMOKE)
    compaction.snip.cache_clear()
    assert {*row["step_ms"]} >= {*compaction.KINDS}
    assert {len(ms) for work in ("step_ms", "evaluation_ms") for ms in row[work].values()} == {SMOKE.pairs}
    assert compaction.section([row]).count("| LeNet-300-100 | 98 % |") == 4
    masked = {name: problem(MODELS["lenet-300-100"](), images_like_mnist().train) for name in compaction.KINDS}
    masked["compacted"] = problem(MODELS["lenet-300-100"](), images_like_mnist(21).train)
    with pytest.raises(AssertionError):
        compaction.race("step", masked, SMOKE)


def test_the_lesson_is_given_the_medians_of_compaction() -> None:
    steps = {"dense": [8.0, 10.0, 90.0], "masked": [7.0] * 3, "compacted": [2.0] * 3}
    row = {"network": "LeNet", "sparsity": "99.5 %", "step_ms": steps}
    assert compaction.for_lesson([row]).splitlines()[2:] == [
        "network,sparsity_percent,dense,masked,compacted",
        "LeNet,99.5,10.0,7.00,2.00",
    ]


def test_sharding_times_cuts_in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE", 0)
    monkeypatch.setattr(benchmark_of_sharding, "mnist_or_glyphs", images_like_mnist)
    (row,) = benchmark_of_sharding.measure(SMOKE)
    assert [len(ms) for ms in row["turns_ms"].values()] == [SMOKE.pairs] * 2
    assert threads.SHARD == 50

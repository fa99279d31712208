"""The benchmarks run, and compare the same work; what they measure is not asserted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from minisnip.data import Dataset, Split, load
from minisnip.lab.report import as_markdown
from minisnip.nn import LENETS, Flatten, Linear, Sequential
from tests.benchmarks import (
    agreement,
    architectures,
    big,
    compaction,
    explorer,
    exported,
    growth,
    import_time,
    race,
    training_step,
    turns,
)
from tests.benchmarks import problem as benchmark_of_problem
from tests.benchmarks.contestants import matmul_, minisnip_
from tests.benchmarks.growth import Series
from tests.benchmarks.problem import first, problem
from tests.benchmarks.table import ratio
from tests.benchmarks.turns import SMOKE, Effort, Entry, Turns, take_turns, take_turns_in
from tests.lab.browser import FOUND
from tests.networks import toy_dataset
from tests.table2 import SMALL

HERE = "tests.test_benchmarks"


def images_like_mnist(size: int = 20) -> Dataset:
    """Random images of MNIST's shape, without a download."""
    rng, toy = np.random.default_rng(0), toy_dataset(train=size)
    train = replace(toy.train, images=rng.standard_normal((size, 1, 28, 28)).astype(np.float32))
    return replace(toy, train=train, test=train)


def peer(name: str, package: str) -> Callable[..., Callable[[], float]]:
    """What makes the peer's work; skips the test where it is not installed."""
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[bench]'")
    module, function = name.split(":")
    make: Callable[..., Callable[[], float]] = getattr(
        import_module(f"tests.benchmarks.contestants.{module}"), function
    )
    return make


@pytest.mark.parametrize(("name", "package"), [(f"{p}_:step", p) for p in ("torch", "autograd", "mygrad")])
@pytest.mark.parametrize("model", LENETS)
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.95])
def test_peers_take_the_same_training_steps(name: str, package: str, model: str, sparsity: float) -> None:
    theirs = peer(name, package)
    given = problem(LENETS[model](), images_like_mnist().train, sparsity)
    assert sum(np.count_nonzero(c) for c in given.masks.values()) == (
        sparsity and round(given.net.size * (1 - sparsity))
    )
    works = minisnip_.step(given), theirs(given)
    ours, others = ([work() for _ in range(4)] for work in works)
    np.testing.assert_allclose(others, ours, rtol=1e-5)
    assert len(set(ours)) == 4  # the steps moved something


@pytest.mark.parametrize("model", LENETS)
@pytest.mark.parametrize("work", ["evaluation", "scoring"])
def test_pytorch_evaluates_and_scores_alike(model: str, work: str) -> None:
    theirs = peer(f"torch_:{work}", "torch")
    given = problem(LENETS[model](), images_like_mnist().test)
    assert theirs(given)() == pytest.approx(getattr(minisnip_, work)(given)(), rel=1e-5)


@pytest.mark.parametrize("name", ["vgg", "wrn", "lstm", "alexnet"])
@pytest.mark.parametrize("work", ["step", "scoring"])
def test_pytorch_steps_and_scores_other_architectures_alike(work: str, name: str) -> None:
    theirs = peer(f"torch_:{work}", "torch")
    net, rng = SMALL[name](), np.random.default_rng(0)
    given = problem(net, Split(rng.standard_normal((12, *net.input_shape), np.float32), rng.integers(0, 10, 12)))
    works = getattr(minisnip_, work)(given), theirs(given)
    ours, others = ([once() for _ in range(3)] for once in works)
    np.testing.assert_allclose(others, ours, rtol=2e-4)


def test_a_step_and_the_scoring_of_other_architectures_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architectures, "WORKS", architectures.WORKS[1:3])
    rows = list(architectures.measure(SMOKE))
    assert [(row["work"], row["network"]) for row in rows] == [("a step", "LSTM-b"), ("score", "VGG-D")]
    assert all(row["peak_bytes"] > 0 for row in rows)
    assert len(architectures.tables(rows)["table"]) == 2 + 2


def test_the_shipped_architectures_are_the_tables_of_their_numbers_with_every_goal() -> None:
    rows = json.loads((architectures.OUT / "architectures.json").read_text(encoding="utf-8"))["rows"]
    for name, lines in architectures.tables(rows).items():
        assert (architectures.OUT / f"{name}.md").read_text(encoding="utf-8") == "\n".join(lines) + "\n"
    assert [row["network"] for row in rows] == ["LSTM-s", "LSTM-b", "VGG-D", "WRN-16-8"]
    assert [(goal.limit, goal.unit) for goal in architectures.goals(rows)] == [
        (1.3, "×"),
        *[(1.3, "×"), (1, " GiB")],
        *[(2, "×"), (4, " GiB")] * 2,
    ]


def test_exported_networks_are_measured_and_every_one_is_in_the_tables() -> None:
    pytest.importorskip("minisnip.export", reason="pip install '.[export]'")
    rows = list(exported.measure(SMOKE))
    assert len(rows) == 2 * 4
    for row in rows:
        assert row["bytes"]["masked"] == row["bytes"]["dense"] > row["bytes"]["compacted"]
        assert {kind: len(ms) for kind, ms in row["turns_ms"]["1 image"].items()} == dict.fromkeys(compaction.KINDS, 2)
    found = exported.tables(rows)
    assert [len(lines) for lines in found.values()] == [2 + 2 + 8] * 3
    assert "LeNet-300-100 | 90 % | 1,0" in found["1_sizes"][4]
    assert len(exported.for_lesson(rows).splitlines()) == 3 + 8


def test_the_shipped_exports_are_the_tables_of_their_numbers() -> None:
    if not exported.OUT.exists():
        pytest.skip("not measured yet: python -m tests.benchmarks.exported")
    record = json.loads((exported.OUT / "exported.json").read_text(encoding="utf-8"))
    for name, lines in exported.tables(record["rows"]).items():
        assert (exported.OUT / f"{name}.md").read_text(encoding="utf-8") == "\n".join(lines) + "\n"


@pytest.mark.skipif(FOUND is None, reason="no Chromium is installed: apt install chromium")
def test_the_first_load_and_each_control_of_the_explorer_have_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "mnist_or_glyphs", lambda: load("glyphs"))
    rows = list(explorer.measure(SMOKE))
    assert [row["what"] for row in rows] == [explorer.LOAD, *explorer.CHANGES]
    assert all(len(row["turns_ms"]) == 2 and min(row["turns_ms"]) > 0 for row in rows)
    assert len(explorer.tables(rows)["table"]) == 2 + len(rows)


@pytest.mark.parametrize(("name", "package"), [("torch_:selection", "torch"), ("argsort_:selection", "numpy")])
def test_peers_select_as_many(name: str, package: str) -> None:
    assert peer(name, package)(10_000, 0.9)() == minisnip_.selection(10_000, 0.9)() > 0


def test_the_floor_multiplies_what_a_step_multiplies() -> None:
    shapes = list(matmul_.shapes(LENETS["lenet-5-caffe"](), 100))
    assert shapes == [(20, 25, 57_600), (50, 500, 6_400), (500, 800, 100), (10, 500, 100)]
    net = Sequential((4,), fc1=Linear(4, 3), fc2=Linear(3, 2))
    sizes = [(a.shape, b.shape, out.shape) for a, b, out in matmul_.products(net, 5)]
    assert sizes[:2] == [((3, 4), (4, 5), (3, 5)), ((3, 5), (5, 4), (3, 4))]  # W x, g xᵀ; images need no gradient
    assert sizes[2:] == [((2, 3), (3, 5), (2, 5)), ((2, 5), (5, 3), (2, 3)), ((3, 2), (2, 5), (3, 5))]
    assert math.isnan(matmul_.step(problem(Sequential((4,), fc1=Linear(4, 3)), first(toy_dataset().train, 5)))())


@pytest.mark.parametrize("shapes", [((300, 784), (784, 100)), ((100, 784), (784, 300)), ((5, 6), (6, 7))])
def test_the_pieces_of_a_product_are_the_product(shapes: tuple[tuple[int, int], ...]) -> None:
    a, b = (np.random.default_rng(0).standard_normal(shape) for shape in shapes)
    out = np.empty((len(a), b.shape[1]))
    pieces = matmul_.pieces(a, b, out, 2)
    assert len(pieces) == (2 if len(a) > 5 else 1)
    for factors in pieces:
        np.matmul(*factors)
    np.testing.assert_allclose(out, a @ b)


def counting(start: float) -> Callable[[], float]:
    numbers = iter(np.arange(start, start + 1000))
    return lambda: float(next(numbers))


def failing() -> Callable[[], float]:
    raise OSError("nothing works here")


def test_contestants_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE", 0)
    entries = {"a": Entry(f"{HERE}:counting", (0,)), "b": Entry(f"{HERE}:counting", (7,))}
    done = take_turns(entries, Effort(pairs=3, steps=4))
    assert [turn.first for turn in done.values()] == [[0, 1, 2], [7, 8, 9]]
    assert all(len(turn.seconds) == 3 and min(turn.seconds) > 0 and turn.steps == 4 for turn in done.values())


def test_an_error_in_a_contestant_surfaces_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE", 0)
    with pytest.raises(OSError, match="nothing works here"):
        take_turns({"a": Entry(f"{HERE}:counting", (0,)), "b": Entry(f"{HERE}:failing")}, Effort(1, 1))


def test_ratios_are_of_pairs() -> None:
    assert ratio([1, 4, 9], [1, 2, 3]) == (2, 1, 3)


def test_pytorch_in_one_thread_takes_turns_with_minisnip(monkeypatch: pytest.MonkeyPatch) -> None:
    peer("torch_:step", "torch")
    monkeypatch.setattr(turns, "PAUSE", 0)
    given = problem(LENETS["lenet-300-100"](), images_like_mnist().train, 0.95)
    contestants = {name: training_step.STEP[name] for name in (race.US, race.ONE_THREAD)}
    row = race.race(race.entries(contestants, (given,)), Effort(pairs=1, steps=2))
    assert [len(ms) for ms in row["turns_ms"].values()] == [1, 1]


def test_other_work_is_not_compared() -> None:
    with pytest.raises(ArithmeticError, match="other got"):
        race.check_same_work({"minisnip": Turns([1.0], 1), "other": Turns([2.0], 1)}, 1e-3)
    race.check_same_work({"minisnip": Turns([1.0], 1), race.FLOOR: Turns([math.nan], 1)}, 1e-3)


@pytest.mark.parametrize("model", LENETS)
def test_pytorch_trains_an_epoch_alike(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = peer("torch_:epoch", "torch")
    data = images_like_mnist(250)
    monkeypatch.setattr(benchmark_of_problem, "mnist_or_glyphs", lambda: replace(data, validation=data.train))
    ours = minisnip_.epoch(model, 1.0)
    assert theirs(model, 1.0)() == pytest.approx(first_loss := ours(), rel=1e-4)
    assert ours() == first_loss != minisnip_.epoch(model, 0.5)()  # each time from the beginning


def test_the_floor_works_in_the_threads_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    images: list[int] = []
    threads: list[set[int]] = []

    def one_product(net: Sequential, n: int) -> list[tuple[Any, ...]]:
        images.append(n)
        return [tuple(np.zeros((1, 1)) for _ in range(3))]

    def look(a: Any, b: Any, out: Any) -> None:
        threads.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})

    monkeypatch.setattr(matmul_, "products", one_product)
    monkeypatch.setattr(np, "matmul", look)
    for model, shards in (("lenet-5-caffe", [50, 50]), ("lenet-300-100", [100])):
        with threadpool_limits(2):
            matmul_.step(problem(LENETS[model](), first(images_like_mnist().train, 100)))()
        assert images == shards
        assert threads == [{1}] * len(shards)
        images.clear()
        threads.clear()


def test_growth_measures_every_point() -> None:
    split = images_like_mnist().train
    net = Sequential((1, 28, 28), flatten=Flatten(), fc1=Linear(784, 10))
    given = Series("a step", "batch", growth.STEP, {n: (problem(net, first(split, n)),) for n in (5, 50)})
    rows = list(growth.points(given, SMOKE))
    assert [row["x"] for row in rows] == [5, 50]
    assert all(row["peak_bytes"] > 0 and len(row["turns_ms"]) == SMOKE.pairs for row in rows)
    assert growth.section(rows).count("| a step | batch | 5 |") == 2  # the exponents, and the point


def test_growth_covers_batch_width_depth_and_m() -> None:
    series = list(growth.series(images_like_mnist().train))
    assert [(each.grows, len(each.points)) for each in series] == [
        ("batch", 5),
        ("batch", 5),
        ("width ×", 5),
        ("hidden layers of 300", 5),
        ("m", 4),
        ("m", 5),
        ("batch", 4),
        ("m", 4),
    ]
    assert series[2].points[1][0].net.shapes() == LENETS["lenet-300-100"]().shapes()
    assert list(series[3].points[2][0].net.layers) == ["flatten", "fc1", "relu1", "fc2", "relu2", "fc3"]


def test_exponent_of_a_power() -> None:
    assert growth.exponent([1, 2, 4], [3, 24, 192]) == pytest.approx(3)


def test_import_time_tells_who_imports_matplotlib() -> None:
    rows = list(import_time.measure(SMOKE))
    assert [row["command"] for row in rows] == list(import_time.COMMANDS)
    assert [row["matplotlib"] for row in rows] == [False] * 4
    assert import_time.has_matplotlib("import matplotlib")


def test_every_second_round_goes_backwards_and_a_turn_is_warmed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, int]] = []

    def ask(name: str, steps: int, warm_up: int) -> tuple[list[float], list[float]]:
        asked.append((name, steps, warm_up))
        return [0.0] * steps, [9.0, 1.0, 2.0, 3.0, 8.0][:steps]

    monkeypatch.setattr(turns, "_process", lambda entry: nullcontext(partial(ask, entry.make)))
    done = take_turns({"a": Entry("a"), "b": Entry("b")}, Effort(pairs=2, steps=5))
    assert asked[:2] == [("a", 3, 0), ("b", 3, 0)]
    assert asked[2:] == [("a", 5, 5), ("b", 5, 5), ("b", 5, 5), ("a", 5, 5)]
    assert done["a"].seconds == [3.0, 3.0]  # the median
    assert take_turns({"a": Entry("a")}, Effort(pairs=1, steps=50), slow=0.5)["a"].steps == 10
    assert take_turns({"a": Entry("a")}, Effort(pairs=1, steps=50), slow=2.0)["a"].steps == 50  # the first sets up
    asked.clear()
    take_turns({"a": Entry("a")}, Effort(pairs=2, steps=1))
    assert asked == [("a", 1, 0)] * 3  # what takes long is never done in vain


def test_everybody_has_a_turn_in_each_situation(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    @contextmanager
    def situation(name: str) -> Iterator[None]:
        happened.append(f"enter {name}")
        yield
        happened.append(f"leave {name}")

    def ask(name: str, steps: int, warm_up: int) -> tuple[list[float], list[float]]:
        happened.append(name)
        return [0.0], [0.001]

    monkeypatch.setattr(turns, "_process", lambda entry: nullcontext(partial(ask, entry.make)))
    given = {name: partial(situation, name) for name in ("alone", "busy")}
    done = take_turns_in(given, {"a": Entry("a"), "b": Entry("b")}, Effort(pairs=2, steps=1))
    there, back = ["enter alone", "a", "b", "leave alone"], ["enter busy", "a", "b", "leave busy"]
    assert happened[2:] == [*there, *back, "enter busy", "b", "a", "leave busy", "enter alone", "b", "a", "leave alone"]
    assert {len(turn.seconds) for found in done.values() for turn in found.values()} == {2}


def test_what_is_evaluated_are_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    efforts: list[Effort] = []

    def noted(entries: dict[str, Entry], effort: Effort, slow: float) -> dict[str, Any]:
        given.append(entries["minisnip"].arguments[0])
        efforts.append(effort)
        return {}

    monkeypatch.setattr(training_step, "race", noted)
    data = images_like_mnist()
    data = replace(data, test=replace(data.test, labels=9 - data.test.labels))
    rows = [*training_step.training_rows(data, Effort()), *training_step.other_rows(data, Effort())]
    assert [row["work"] for row in rows] == ["a step"] * 4 + ["evaluate"] * 2 + ["score"] * 2
    assert [effort.steps for effort in efforts] == [50] * 4 + [5] * 2 + [50] * 2
    assert len(given[4].labels) == 10_000
    np.testing.assert_array_equal(given[4].labels[:20], data.test.labels)
    np.testing.assert_array_equal(given[6].labels[:20], data.train.labels)


def test_pruning_of_any_size_is_timed_and_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(big, "mnist_or_glyphs", images_like_mnist)
    rows = list(big.measure(SMOKE))
    assert [row["work"] for row in rows] == list(big.WORKS)
    assert all(row["peak_bytes"] > 0 and row["turns_ms"]["minisnip"] for row in rows)
    assert 14e6 < growth.mlp(big.HIDDEN).size < 16e6
    assert big.section(rows).count("| `") == 5


def test_memory_is_that_of_the_work_alone() -> None:
    net = growth.mlp((30,))
    peak = minisnip_.extra_bytes("gradient", problem(net, first(images_like_mnist().train, 100)))()
    assert 4 * net.size < peak < 2**22  # not the block of `keep_freed_memory`


def test_the_shipped_agreement_is_the_table_of_its_numbers() -> None:
    record = json.loads((agreement.FOLDER / "agreement.json").read_text(encoding="utf-8"))
    table = as_markdown([*agreement.rows(record["networks"])])
    assert (agreement.FOLDER / "table.md").read_text(encoding="utf-8") == table + "\n"

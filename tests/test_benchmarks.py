"""The benchmarks run, and compare the same work; what they measure is not asserted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.data import Dataset
from minisnip.lab.report import as_markdown
from minisnip.nn import LENETS, Flatten, Linear, Sequential
from tests.benchmarks import agreement, growth, import_time, training_step, turns
from tests.benchmarks.bars import step_bars
from tests.benchmarks.contestants import matmul_, minisnip_
from tests.benchmarks.problem import first, problem
from tests.benchmarks.turns import Entry, Turns, ratio, take_turns
from tests.networks import toy_dataset

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


def counting(start: float) -> Callable[[], float]:
    numbers = iter(np.arange(start, start + 1000))
    return lambda: float(next(numbers))


def failing() -> Callable[[], float]:
    raise OSError("nothing works here")


def test_contestants_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE", 0)
    done = take_turns({"a": Entry(f"{HERE}:counting", (0,)), "b": Entry(f"{HERE}:counting", (7,))}, rounds=3, steps=4)
    assert [turn.first for turn in done.values()] == [[0, 1, 2], [7, 8, 9]]
    assert all(len(turn.seconds) == 3 and min(turn.seconds) > 0 and turn.steps == 4 for turn in done.values())


def test_an_error_in_a_contestant_surfaces_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE", 0)
    with pytest.raises(OSError, match="nothing works here"):
        take_turns({"a": Entry(f"{HERE}:counting", (0,)), "b": Entry(f"{HERE}:failing")}, rounds=1, steps=1)


def test_ratios_are_of_pairs() -> None:
    ours, theirs = Turns([], 1, [1, 4, 9]), Turns([], 1, [1, 2, 3])
    assert ratio(ours, theirs) == (2, 1, 3)


def test_training_step_prints_tables_and_writes_json_and_figure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(turns, "PAUSE", 0)
    monkeypatch.setattr(training_step, "mnist_or_glyphs", images_like_mnist)
    monkeypatch.setattr(training_step, "TEST_IMAGES", 20)
    monkeypatch.setattr(training_step, "SCORES", 1000)
    monkeypatch.setattr(training_step, "LENETS", {"lenet-300-100": LENETS["lenet-300-100"]})
    for name in training_step.PACKAGES:  # importing them in so many processes takes a minute
        monkeypatch.setitem(training_step.PACKAGES, name, "a_package_that_nobody_has")
    training_step.installed.cache_clear()
    training_step.main(["--pairs", "2", "--steps", "2", "--out", str(tmp_path)])
    training_step.installed.cache_clear()
    lines = capsys.readouterr().out.splitlines()
    works = ["a step", "a step", "evaluate 20 images", "score a batch of 100", "keep_top of 1,000 scores"]
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {work}" for work in works]
    assert all(line.count("not installed") == 5 for line in lines[2:])  # four peers and the ratio to one
    record = json.loads((tmp_path / "training_step.json").read_text())
    assert len(record["rows"]) == 5
    assert len(record["rows"][0]["turns"]["minisnip"]["turns_ms"]) == 2
    assert (tmp_path / "training_step.png").stat().st_size > 10_000


def test_pytorch_in_one_thread_takes_turns_with_minisnip(monkeypatch: pytest.MonkeyPatch) -> None:
    peer("torch_:step", "torch")
    monkeypatch.setattr(turns, "PAUSE", 0)
    given = problem(LENETS["lenet-300-100"](), images_like_mnist().train, 0.95)
    contestants = {name: training_step.STEP[name] for name in (training_step.US, training_step.ONE_THREAD)}
    done = training_step.race(contestants, (given,), 1, 2)
    assert [len(turn.seconds) for turn in done.values()] == [1, 1]


def test_other_work_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_step, "take_turns", lambda *_: {"minisnip": Turns([1.0], 1), "other": Turns([2.0], 1)})
    with pytest.raises(ArithmeticError, match="other got"):
        training_step.race({}, (), 1, 1)


def test_no_bar_is_cut() -> None:
    figure = step_bars({"a": {"x": 0.001, "y": 0.1, "z": None}, "b": {"x": 0.001, "y": 0.002, "z": None}}, "title")
    long, short = figure.axes
    assert [round(bar.get_width(), 6) for bar in long.patches] == [1, 100, 0]  # type: ignore[attr-defined]
    assert long.get_xlim()[1] > 100
    assert [text.get_text() for text in long.texts] == ["1.00", "100", "not installed"]
    assert [text.get_text() for text in short.texts] == ["1.00", "2.00", "not installed"]


def test_growth_measures_every_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE", 0)
    split = images_like_mnist().train
    net = Sequential((1, 28, 28), flatten=Flatten(), fc1=Linear(784, 10))
    rows = list(growth.rows({n: problem(net, first(split, n)) for n in (5, 50)}, pairs=1, steps=2))
    assert [row[0] for row in rows] == ["5", "50", "exponent", "exponent, last two"]
    assert all(float(row[3]) > 0 for row in rows[:2])


def test_growth_covers_batch_width_and_depth() -> None:
    series = dict(growth.series(images_like_mnist().train))
    assert [len(problems) for problems in series.values()] == [5, 5, 5, 5]
    assert series["LeNet-300-100: width ×"][1].net.shapes() == LENETS["lenet-300-100"]().shapes()
    assert list(series["hidden layers of 300"][2].net.layers) == ["flatten", "fc1", "relu1", "fc2", "relu2", "fc3"]


def test_exponent_of_a_power() -> None:
    assert growth.exponent([1, 2, 4], [3, 24, 192]) == pytest.approx(3)


def test_import_time_tells_who_imports_matplotlib() -> None:
    rows = list(import_time.rows(repeats=1))
    assert [row[0] for row in rows] == [f"`{command}`" for command in import_time.COMMANDS]
    assert [row[3] for row in rows] == ["no"] * 4
    assert import_time.has_matplotlib("import matplotlib")


def test_every_second_round_goes_backwards_and_a_turn_is_warmed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, int]] = []

    def ask(pipe: str, steps: int, warm_up: int) -> tuple[list[float], list[float]]:
        asked.append((pipe, steps, warm_up))
        return [0.0] * steps, [9.0, 1.0, 2.0, 3.0, 8.0][:steps]

    monkeypatch.setattr(turns, "_process", lambda entry: nullcontext(entry.make))
    monkeypatch.setattr(turns, "_ask", ask)
    done = take_turns({"a": Entry("a"), "b": Entry("b")}, rounds=2, steps=5)
    assert asked[:2] == [("a", 3, 0), ("b", 3, 0)]
    assert asked[2:] == [("a", 5, 5), ("b", 5, 5), ("b", 5, 5), ("a", 5, 5)]
    assert done["a"].seconds == [3.0, 3.0]  # the median
    assert take_turns({"a": Entry("a")}, rounds=1, steps=50, slow=0.5)["a"].steps == 10
    assert take_turns({"a": Entry("a")}, rounds=1, steps=50, slow=2.0)["a"].steps == 50  # the first time sets up


def test_a_line_of_the_table_of_timings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_step, "installed", lambda name: name != "MyGrad")
    done = {"minisnip": Turns([1.0], 50, [0.002, 0.004]), "PyTorch": Turns([1.0], 10, [0.004, 0.004])}
    row = ("a step", "net", "dense", done)
    cells = ["–", "3.00", "4.00 (10 a turn)", "–", "–", "not installed", "–", "0.75 (0.50–1.00)", "–"]
    assert training_step.cells(row, 50) == ["a step", "net", "dense", *cells]
    record = training_step.as_json(row)
    assert record["turns"]["PyTorch"] == {"steps": 10, "turns_ms": [4.0, 4.0], "first": [1.0]}
    assert record["ratio_median_least_greatest"] == {"PyTorch": (0.75, 0.5, 1.0)}


def test_what_is_evaluated_are_test_images_and_only_that_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def race(*arguments: Any) -> dict[str, Turns]:
        asked.append(arguments)
        return {}

    monkeypatch.setattr(training_step, "race", race)
    data = images_like_mnist()
    data = replace(data, test=replace(data.test, labels=9 - data.test.labels))
    for rows in (training_step.training_rows(data, 7, 50), training_step.other_rows(data, 7, 50)):
        list(rows)
    assert [call[4:] for call in asked] == [()] * 4 + [(turns.SLOW,)] * 5
    evaluated = asked[4][1][0]
    np.testing.assert_array_equal(evaluated.labels[:20], data.test.labels)
    np.testing.assert_array_equal(asked[6][1][0].labels[:20], data.train.labels)


def test_the_shipped_agreement_is_the_table_of_its_numbers() -> None:
    record = json.loads((agreement.FOLDER / "agreement.json").read_text(encoding="utf-8"))
    table = as_markdown([*agreement.rows(record["networks"])])
    assert (agreement.FOLDER / "table.md").read_text(encoding="utf-8") == table + "\n"

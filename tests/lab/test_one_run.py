"""One run does what its experiment says, and reports what validation chose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from minisnip import data, training
from minisnip.lab import experiment
from minisnip.lab.experiment import SGD_RATES, Experiment, record
from minisnip.lab.reproduce.recipes import AUTHORS, PROTOCOL
from minisnip.nn import lenet_300_100
from minisnip.pruning import CRITERIA

TINY = Experiment(dataset="glyphs", iterations=7, batch_size=50, training_images=300, **PROTOCOL)
GLYPHS = data.load("glyphs")


def few_tests(name: str) -> data.Dataset:
    """The glyphs, with little to evaluate."""
    validation, test = (data.Split(s.images[:200], s.labels[:200]) for s in (GLYPHS.validation, GLYPHS.test))
    return replace(GLYPHS, validation=validation, test=test)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "load", few_tests)


def seen(monkeypatch: pytest.MonkeyPatch, config: Experiment) -> dict[str, Any]:
    """What is trained, and on what."""
    found: dict[str, Any] = {}

    def watched(net: Any, params: Any, dataset: Any, *, masks: Any = None, **options: Any) -> Any:
        found.update(params=params, dataset=dataset, masks=masks or {}, **options)
        return training.train(net, params, dataset, masks=masks, **options)

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "train", watched)
        found["result"] = record(config)
    return found


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_algorithm_1_trains_the_scored_weights_and_the_authors_code_another_draw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = seen(monkeypatch, TINY)
    authors = seen(monkeypatch, replace(TINY, **AUTHORS))
    scored = seen(monkeypatch, replace(TINY, init="lecun"))
    assert same(first["params"], few_net_params("glorot"))
    assert same(authors["masks"], scored["masks"])
    assert not same(authors["params"], scored["params"])
    spread = float(np.std(authors["params"]["fc1.weight"])) * 28
    assert spread == pytest.approx(1, rel=0.01)  # LeCun: Var w = 1 / 784


def few_net_params(scheme: str) -> dict[str, Any]:
    rng = np.random.default_rng(TINY.seed).spawn(1)[0]
    return lenet_300_100().init(rng, scheme)


def test_the_dense_network_has_no_masks_and_counts_all_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = seen(monkeypatch, replace(TINY, sparsity=0.0))
    assert dense["masks"] == {}
    assert dense["result"]["kept"] == 266_610
    assert seen(monkeypatch, TINY)["result"]["kept"] == 13_331


def test_shuffled_labels_are_trained_on_and_true_ones_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    true, shuffled = (seen(monkeypatch, replace(TINY, training_labels=labels)) for labels in ("true", "shuffled"))
    assert same(true["masks"], shuffled["masks"])
    labels, others = true["dataset"].train.labels, shuffled["dataset"].train.labels
    assert not np.array_equal(labels, others)
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(others))
    np.testing.assert_array_equal(true["dataset"].train.images, shuffled["dataset"].train.images)
    assert same(vars(true["dataset"].validation), vars(shuffled["dataset"].validation))


def test_one_class_is_scored_with_its_images_and_random_labels_are_random(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[Any] = []

    def criterion(net: Any, params: Any, x: Any, y: Any, *, rng: Any = None) -> Any:
        batches.append((x, y))
        return {name: np.ones_like(w) for name, w in params.items()}

    monkeypatch.setitem(CRITERIA, "snip", criterion)
    for control in ("none", "random-labels"):
        record(replace(TINY, scoring_class=3, control=control, iterations=0, test_split="never"))
    (x, y), (same_x, random) = batches
    np.testing.assert_array_equal(x, same_x)
    assert set(y) == {3}
    assert len(y) == 100
    assert len(set(random)) > 5


def test_without_iterations_nothing_is_trained() -> None:
    result = record(replace(TINY, iterations=0))
    assert result["history"] == []
    assert result["test_error_percent"] is None
    assert np.array(result["first_layer"]).shape == (28, 28)


def test_validation_chooses_and_what_the_test_split_would_choose_is_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(*_: Any, **options: Any) -> Any:
        """The epochs that validation, test and training error would choose differ; the last is none of them."""
        errors = ((5.0, 7.0, 3.0), (4.0, 6.0, 4.0), (6.0, 5.0, 5.0), (7.0, 8.0, 6.0))
        names = ("validation_error_percent", "test_error_percent", "train_error_percent")
        history = [dict(zip(names, row, strict=True)) for row in errors]
        return training.TrainResult({}, history, best_epoch=2, seconds=1.0, finished=True, compact=None)

    monkeypatch.setattr(experiment, "train", trained)
    result = record(TINY)
    assert result["best_epoch"] == 2
    assert result["validation_error_percent"] == 4.0
    assert result["test_error_percent"] == 6.0
    assert result["test_error_percent_if_the_test_split_had_chosen"] == 5.0


def test_the_epoch_that_is_reported_has_the_lowest_validation_error() -> None:
    result = record(replace(TINY, iterations=30))
    history = result["history"]
    assert [row["iterations"] for row in history] == [6, 12, 18, 24, 30]
    chosen = int(np.argmin([row["validation_error_percent"] for row in history]))
    assert result["best_epoch"] == chosen + 1
    assert result["test_error_percent"] == history[chosen]["test_error_percent"]


def test_at_the_papers_learning_rate_the_dense_lenet_5_caffe_diverges_at_once_and_at_ours_it_does_not() -> None:
    dense = replace(TINY, model="lenet-5-caffe", sparsity=0.0, batch_size=100, iterations=20, schedule="constant")
    dense = replace(dense, training_images=2_000)
    assert "the training loss became" in record(replace(dense, learning_rate=0.1))["diverged"]
    assert record(replace(dense, learning_rate=SGD_RATES["lenet-5-caffe"]))["diverged"] == ""


def test_a_run_may_leave_the_test_split_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unread:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError("the test split was read")

    unread: Any = Unread()
    monkeypatch.setattr(experiment, "load", lambda name: replace(few_tests(name), test=unread))
    result = record(replace(TINY, test_split="never"))
    assert result["test_error_percent"] is None
    assert result["validation_error_percent"] is not None
    with pytest.raises(AssertionError, match="the test split was read"):
        record(TINY)


def test_a_run_that_diverges_says_so_and_has_no_error() -> None:
    result = record(replace(TINY, learning_rate=1e30))
    assert "the training loss became" in result["diverged"]
    assert result["test_error_percent"] is None
    assert record(TINY)["diverged"] == ""


def test_the_same_configuration_gives_the_same_result_but_for_the_seconds() -> None:
    first, second = (record(TINY) for _ in range(2))
    for row in (first, second):
        del row["seconds"], row["seconds_to_prune"], row["seconds_to_train"]
    assert first == second


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "snap"}, "unknown criterion 'snap': choose one of snip"),
        ({"trained_init": "xavier"}, "unknown trained_init 'xavier': choose one of glorot"),
        ({"sparsity": 1.0}, r"sparsity 1\.0 is not in \[0, 1\)"),
        ({"iterations": -1}, "iterations -1 must be finite and not negative"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **options)

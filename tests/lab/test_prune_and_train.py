"""A run prunes what it says, and depends on its configuration alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset, Split, load
from minisnip.lab.experiment import Experiment, Run, run
from minisnip.nn import MODELS
from minisnip.pruning import CRITERIA, LayerCollapseWarning
from tests.networks import first_images

SMALL: dict[str, Any] = {"dataset": "glyphs", "epochs": 1}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return first_images(load("glyphs"), 1200)


def kept(comparison: Run) -> int:
    return sum(int(np.count_nonzero(c)) for c in comparison.masks.values())


@pytest.mark.parametrize(
    ("model", "sparsity", "kappa"), [("lenet-300-100", 0.95, 13_331), ("lenet-5-caffe", 0.98, 8_622)]
)
def test_the_paper_s_networks_keep_exactly_kappa_connections(
    dataset: Dataset, model: str, sparsity: float, kappa: int
) -> None:
    comparison = run(Experiment(model, sparsity=sparsity, **SMALL), dataset)
    assert kept(comparison) == kappa
    for name, c in comparison.masks.items():
        assert (comparison.trained.params[name][c == 0] == 0).all()


def test_the_same_configuration_gives_the_same_bytes_and_another_seed_others(dataset: Dataset) -> None:
    first, again, other = (run(Experiment(seed=seed, **SMALL), dataset) for i, seed in enumerate((0, 0, 1)))
    for name in first.masks:
        assert first.masks[name].tobytes() == again.masks[name].tobytes()
        assert first.trained.params[name].tobytes() == again.trained.params[name].tobytes()
    assert any((first.masks[name] != other.masks[name]).any() for name in first.masks)


def test_the_dense_twin_starts_from_the_same_weights_and_sees_the_same_batches(dataset: Dataset) -> None:
    """At sparsity 0 the pruned network is the dense one, so the twins must end alike."""
    pruned, dense = (run(Experiment(sparsity=sparsity, **SMALL), dataset) for sparsity in (1e-9, 0.0))
    for name, w in pruned.trained.params.items():
        assert w.tobytes() == dense.trained.params[name].tobytes()


def test_fresh_init_keeps_the_mask_and_trains_another_draw(dataset: Dataset) -> None:
    usual, fresh = (
        run(Experiment(trained_init=init, learning_rate=1e-9, **SMALL), dataset) for init in (None, "glorot")
    )
    for name, c in usual.masks.items():
        np.testing.assert_array_equal(c, fresh.masks[name])
    first_layers = [c.trained.params["fc1.weight"][usual.masks["fc1.weight"] == 1] for c in (usual, fresh)]
    assert abs(np.corrcoef(first_layers)[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "vgg"}, "unknown model 'vgg': choose one of lenet-300-100, lenet-5-caffe"),
        ({"criterion": "luck"}, "unknown criterion 'luck'"),
        ({"sparsity": 1.2}, r"sparsity 1.2 is not in \[0, 1\)"),
        ({"epochs": 0}, "epochs 0 must be above 0"),
        ({"seed": -1}, "seed -1 must be finite and not negative"),
    ],
)
def test_a_wrong_configuration_is_refused_before_any_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Experiment(**options)


def test_more_scoring_images_than_there_are_is_refused(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="scoring_images 1201, but there are 1,200 training images"):
        run(Experiment(scoring_images=1201, **SMALL), dataset)


def test_the_dense_lenet_5_caffe_trains_with_its_usual_learning_rate(dataset: Dataset) -> None:
    """The 0.1 of LeNet-300-100 makes it diverge within twenty steps."""
    comparison = run(Experiment("lenet-5-caffe", sparsity=0.0, **SMALL), dataset)
    assert comparison.trained.history[-1]["train_loss"] < 2.4


def test_scoring_reads_the_first_images_of_the_shuffled_training_split(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Array] = []

    def spy(net: Any, params: Any, x: Array, y: Array, *, rng: Any = None) -> dict[str, Array]:
        seen.append(x)
        return {name: np.abs(w) for name, w in params.items()}

    monkeypatch.setitem(CRITERIA, "snip", spy)
    run(Experiment(**SMALL), dataset)
    (x,) = seen
    rows = {image.tobytes(): i for i, image in enumerate(dataset.train.images)}
    order = [rows[image.tobytes()] for image in x]  # all of them are in the training split
    assert len(order) == 100
    assert sorted(order) != list(range(100))


def test_the_test_error_is_that_of_the_test_split_and_the_validation_error_of_the_other(dataset: Dataset) -> None:
    """With every test label wrong, the one is 100 % and the other is not."""
    net, config = MODELS["lenet-300-100"](), Experiment(**SMALL)
    first = run(config, dataset)
    answers = net(first.trained.params, dataset.test.images).argmax(axis=1)
    mislabeled = replace(dataset, test=Split(dataset.test.images, (answers + 1) % 10))
    again = run(config, mislabeled)
    assert again.test_error == 100
    assert again.validation_error == first.validation_error != 100


def test_every_option_of_the_training_reaches_it(dataset: Dataset) -> None:
    """Changing any one of them changes the weights."""
    options: list[dict[str, Any]] = [{}, {"weight_decay": 0.01}, {"learning_rate": 0.05}, {"schedule": "constant"}]
    options += [{"optimizer": "adam", "learning_rate": 1e-3}, {"batch_size": 50}, {"epochs": 2}, {"init": "he"}]
    options += [
        {"scoring_images": 50},
        {"criterion": "random"},
        {"seed": 1},
        {"sparsity": 0.9},
        {"trained_init": "glorot"},
    ]
    weights = {
        run(Experiment(**{**SMALL, **o}), dataset).trained.params["fc1.weight"].tobytes() for i, o in enumerate(options)
    }
    assert len(weights) == len(options)


@pytest.mark.parametrize("options", [{}, {"iterations": 0}, {"criterion": "magnitude-after-training"}])
def test_a_collapse_is_warned_of_once_at_the_line_that_runs_the_experiment(
    dataset: Dataset, options: dict[str, Any]
) -> None:
    experiment = Experiment(**{**SMALL, "criterion": "magnitude", "sparsity": 0.9999, **options})
    with pytest.warns(LayerCollapseWarning, match="no connection of .* is kept: nothing can be learned") as caught:
        run(experiment, dataset)
    assert [warning.filename for warning in caught] == [__file__]


def test_the_glyphs_are_neither_trivial_nor_impossible_for_the_dense_lenet_300_100() -> None:
    trained = run(Experiment(sparsity=0.0, **{**SMALL, "epochs": 10}), load("glyphs"))
    assert trained.test_error is not None
    assert 0.5 < trained.test_error < 5

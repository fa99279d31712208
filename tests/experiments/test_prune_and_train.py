"""A run prunes what it says, and depends on its configuration alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.data import Dataset, load
from minisnip.experiments.prune_and_train import Comparison, Config, run
from tests.networks import first_images

SMALL: dict[str, Any] = {"dataset": "glyphs", "epochs": 1}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return first_images(load("glyphs"), 1200)


def kept(comparison: Comparison) -> int:
    return sum(int(np.count_nonzero(c)) for c in comparison.masks.values())


@pytest.mark.parametrize(
    ("model", "sparsity", "kappa"), [("lenet-300-100", 0.95, 13_331), ("lenet-5-caffe", 0.98, 8_622)]
)
def test_the_paper_s_networks_keep_exactly_kappa_connections(
    dataset: Dataset, tmp_path: Path, model: str, sparsity: float, kappa: int
) -> None:
    comparison = run(Config.usual(model, sparsity=sparsity, **SMALL), dataset, tmp_path)
    assert kept(comparison) == kappa
    for name, c in comparison.masks.items():
        assert (comparison.pruned.trained.params[name][c == 0] == 0).all()


def test_the_same_configuration_gives_the_same_bytes_and_another_seed_others(dataset: Dataset, tmp_path: Path) -> None:
    first, again, other = (
        run(Config(seed=seed, **SMALL), dataset, tmp_path / str(i)) for i, seed in enumerate((0, 0, 1))
    )
    for name in first.masks:
        assert first.masks[name].tobytes() == again.masks[name].tobytes()
        assert first.pruned.trained.params[name].tobytes() == again.pruned.trained.params[name].tobytes()
    assert any((first.masks[name] != other.masks[name]).any() for name in first.masks)


def test_the_dense_twin_starts_from_the_same_weights_and_sees_the_same_batches(
    dataset: Dataset, tmp_path: Path
) -> None:
    """At sparsity 0 the pruned network is the dense one, so the twins must end alike."""
    comparison = run(Config(sparsity=0.0, compare_dense=True, **SMALL), dataset, tmp_path)
    assert comparison.dense is not None
    for name, w in comparison.pruned.trained.params.items():
        assert w.tobytes() == comparison.dense.trained.params[name].tobytes()


def test_fresh_init_keeps_the_mask_and_trains_another_draw(dataset: Dataset, tmp_path: Path) -> None:
    usual, fresh = (
        run(Config(fresh_init=fresh, learning_rate=1e-9, **SMALL), dataset, tmp_path / str(fresh))
        for fresh in (False, True)
    )
    for name, c in usual.masks.items():
        np.testing.assert_array_equal(c, fresh.masks[name])
    first_layers = [c.pruned.trained.params["fc1.weight"][usual.masks["fc1.weight"] == 1] for c in (usual, fresh)]
    assert abs(np.corrcoef(first_layers)[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "vgg"}, "unknown model 'vgg': choose one of lenet-300-100, lenet-5-caffe"),
        ({"criterion": "luck"}, "unknown criterion 'luck'"),
        ({"sparsity": 1.2}, r"sparsity 1.2 is not in \[0, 1\)"),
        ({"epochs": 0}, "epochs 0 must be above 0"),
        ({"seed": -1}, "seed -1 must not be negative"),
    ],
)
def test_a_wrong_configuration_is_refused_before_any_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**options)


def test_more_scoring_images_than_there_are_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="scoring_images 1201, but there are 1200 training images"):
        run(Config(scoring_images=1201, **SMALL), dataset, tmp_path)


def test_the_dense_lenet_5_caffe_trains_with_its_usual_learning_rate(dataset: Dataset, tmp_path: Path) -> None:
    """The 0.1 of LeNet-300-100 makes it diverge within twenty steps."""
    comparison = run(Config.usual("lenet-5-caffe", sparsity=0.0, **SMALL), dataset, tmp_path)
    assert comparison.pruned.trained.history[-1]["train_loss"] < 2.4

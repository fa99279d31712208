"""The command trains any network of Table 2 whose images the data set has, and says why if it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minisnip.lab.cli import main
from minisnip.lab.compare import _effective
from minisnip.lab.experiment import Experiment, check_sizes, load, record
from minisnip.nn import LSTM, MODELS, BatchNorm, Flatten, Linear, Sequential, recurrent_network

SMALL: dict[str, Any] = {
    "model": "lstm-s",
    "dataset": "glyphs",
    "training_images": 200,
    "epochs": 1,
    "scoring_images": 20,
}


@pytest.fixture(autouse=True)
def small_lstm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "lstm-s", lambda: recurrent_network(LSTM, 8))


def test_a_recurrent_network_is_pruned_and_trained_and_its_paths_are_not_counted() -> None:
    row = record(Experiment(**SMALL, sparsity=0.5))
    assert row["kept"] == round(MODELS["lstm-s"]().size / 2)
    assert row["effective"] is None
    assert len(row["first_layer"]) == 28
    assert len(row["history"]) == 1
    assert _effective([row]) == "–"


def test_a_dense_network_counts_the_parameters_that_can_be_pruned() -> None:
    row = record(Experiment(**SMALL, sparsity=0.0))
    assert row["kept"] == MODELS["lstm-s"]().size


def test_a_data_set_with_other_images_is_refused_before_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    experiment = Experiment(model="vgg-like", dataset="glyphs")
    with pytest.raises(ValueError, match=r"model vgg-like takes images of shape \(3, 32, 32\), those of glyphs"):
        check_sizes(experiment, load("glyphs"))


@pytest.mark.parametrize("size", ["scoring_images", "batch_size"])
def test_batch_normalization_refuses_batches_of_one_before_the_work(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = Sequential((1, 28, 28), flatten=Flatten(), fc1=Linear(784, 4), bn=BatchNorm(4), fc2=Linear(4, 10))
    monkeypatch.setitem(MODELS, "lstm-s", lambda: net)
    with pytest.raises(
        ValueError, match="lstm-s has batch normalization: scoring_images and batch_size must be 2 or more"
    ):
        check_sizes(Experiment(**{**SMALL, size: 1}), load("glyphs"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--criterion", "synflow"], "synflow is not defined for layer rnn"),
        (["--compact"], "paths are known through"),
        (["--criterion", "delta-loss"], "delta_loss_of gives it for chosen connections"),
    ],
)
def test_what_is_not_defined_for_a_network_is_one_sentence(
    options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ["train", "--model", "lstm-s", "--dataset", "glyphs", "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main([*shared, *options]) == 1
    assert sentence in capsys.readouterr().err


def test_a_comparison_refuses_a_criterion_that_is_not_defined_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["compare", "--model", "lstm-s", "--dataset", "glyphs", "--out", str(tmp_path / "comparison")])
    assert caught.value.code == 2
    assert "synflow is not defined for layer rnn of type LSTM: name the other criteria" in capsys.readouterr().err
    assert not (tmp_path / "comparison").exists()

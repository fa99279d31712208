"""A run that was stopped and resumed ends with the same bytes as one that was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.files import load_arrays, save_arrays, save_text, write_atomically
from minisnip.nn import lenet_5_caffe, lenet_300_100
from minisnip.pruning import connection_sensitivity, keep_top, ones
from minisnip.training import SGD, Adam, CheckpointError, Optimizer, loop, train
from minisnip.training.checkpoint import save_checkpoint
from tests.lab.test_numerics import images as patterns
from tests.networks import small_mlp, toy_dataset
from tests.training.test_loop import same, snip_masks, start

NET = small_mlp()


@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=["sgd", "adam"])
@pytest.mark.parametrize("stop_after", [1, 4])
@pytest.mark.parametrize("compact", [False, True], ids=["whole", "compact"])
def test_resuming_is_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: Optimizer, stop_after: int, compact: bool
) -> None:
    dataset, params = toy_dataset(), start()
    masks = snip_masks(params, dataset, 0.8)
    options: dict[str, Any] = {"optimizer": optimizer, "learning_rate": 0.01, "rng": 3, "compact": compact}
    uninterrupted = train(NET, params, dataset, masks, 6, **options)

    class Killed(BaseException):
        pass

    def killed(*arguments: Any) -> None:
        save(*arguments)
        if len(arguments[1].history) == stop_after:
            raise Killed

    save = save_checkpoint
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        with pytest.raises(Killed):
            train(NET, params, dataset, masks, 6, **options, checkpoint=tmp_path / "c.npz")
    with pytest.raises(CheckpointError, match="the network differs"):
        train(
            NET,
            params,
            dataset,
            masks,
            6,
            **{**options, "compact": not compact},
            checkpoint=tmp_path / "c.npz",
            resume=True,
        )
    resumed = train(NET, params, dataset, masks, 6, **options, checkpoint=tmp_path / "c.npz", resume=True)
    assert same(resumed, uninterrupted)
    assert resumed.best_epoch == uninterrupted.best_epoch


@pytest.mark.parametrize("compact", [False, True], ids=["masked", "compact"])
@pytest.mark.parametrize("make", [lenet_300_100, lenet_5_caffe])
def test_a_run_with_augmentation_and_average_that_is_stopped_after_every_epoch_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, compact: bool
) -> None:
    net, dataset = make(), patterns()
    params = net.init(0)
    masks = keep_top(connection_sensitivity(net, params, dataset.train.images, dataset.train.labels), 0.95)
    options: dict[str, Any] = {"batch_size": 25, "learning_rate": 0.02, "augment": "shift,flip", "average": 0.9}
    arguments = (net, params, dataset, masks, 4)
    uninterrupted = train(*arguments, **options, compact=compact)

    class Killed(BaseException):
        pass

    def killed(*arguments: Any) -> None:
        save_checkpoint(*arguments)
        raise Killed

    file = tmp_path / "c.npz"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", killed)
        for _ in range(4):
            with pytest.raises(Killed):
                train(*arguments, **options, compact=compact, checkpoint=file, resume=True)
    resumed = train(*arguments, **options, compact=compact, checkpoint=file, resume=True)
    assert same(resumed, uninterrupted)
    assert resumed.best_epoch == uninterrupted.best_epoch


def test_resuming_a_finished_run_trains_no_further(tmp_path: Path) -> None:
    dataset, file = toy_dataset(), tmp_path / "c.npz"
    first = train(NET, start(), dataset, epochs=3, checkpoint=file)
    before = file.stat().st_mtime_ns
    assert same(train(NET, start(), dataset, epochs=3, checkpoint=file, resume=True), first)
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 4}, "epochs was 3, now 4"),
        ({"learning_rate": 0.2}, r"learning_rate was 0\.1, now 0\.2"),
        ({"augment": "shift:2"}, "augment was None, now shift:2"),
        ({"average": 0.9}, r"optimizer was SGD\(.*\), now Averaged\(optimizer=SGD\(.*\), decay=0\.9\)"),
        ({"rng": 1}, "the weights, masks or seed differ"),
        ({"params": start(9)}, "the weights, masks or seed differ"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_what_differs_is_named(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    options: dict[str, Any] = {
        "params": start(),
        "dataset": toy_dataset(),
        "epochs": 3,
        "checkpoint": tmp_path / "c.npz",
    }
    train(NET, **options)
    with pytest.raises(ValueError, match=message):
        train(NET, **{**options, **changed}, resume=True)


def test_a_checkpoint_knows_nothing_of_options_that_are_off_so_that_an_older_one_can_be_resumed(tmp_path: Path) -> None:
    train(NET, start(), toy_dataset(), epochs=1, checkpoint=tmp_path / "c.npz")
    arrays = load_arrays(tmp_path / "c.npz")
    settings = {"network", "dataset", "start", "epochs", "batch_size", "optimizer", "learning_rate", "schedule"}
    assert set(json.loads(str(arrays["facts"]))["settings"]) == settings | {"iterations"}
    assert not any("average" in name for name in arrays)


def test_a_mask_that_differs_only_where_the_weights_are_zero_is_another_run(tmp_path: Path) -> None:
    params, file = start(), tmp_path / "c.npz"  # biases start at zero
    masks = ones(params)
    train(NET, params, toy_dataset(), masks, 1, checkpoint=file)
    with pytest.raises(CheckpointError, match="the weights, masks or seed differ"):
        train(NET, params, toy_dataset(), {**masks, "fc1.bias": 0 * masks["fc1.bias"]}, 1, checkpoint=file, resume=True)


def test_a_damaged_checkpoint_is_refused_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "c.npz"
    train(NET, start(), toy_dataset(), epochs=1, checkpoint=file)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"c.npz cannot be read as .npz .*damaged"):
        train(NET, start(), toy_dataset(), epochs=1, checkpoint=file, resume=True)
    save_arrays(file, {"something": np.zeros(3)})
    with pytest.raises(ValueError, match=r"c.npz is not a whole checkpoint"):
        train(NET, start(), toy_dataset(), epochs=1, checkpoint=file, resume=True)


def test_nothing_is_ever_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        save_arrays(tmp_path / "a.npz", {"a": np.array([{}])})
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    save_text(file, "old")

    def fail(opened: Any) -> None:
        opened.write(b"half")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_atomically(file, fail)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_arrays_come_back_with_their_names_dtypes_and_bytes_and_the_note_is_in_the_file(tmp_path: Path) -> None:
    arrays = {"fc1.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(3)}
    save_arrays(tmp_path / "a.npz", arrays, "glyphs (not MNIST)")
    found = load_arrays(tmp_path / "a.npz")
    assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in found.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()
    }
    assert b"glyphs (not MNIST)" in (tmp_path / "a.npz").read_bytes()


@pytest.mark.parametrize(
    ("error", "best_epoch", "whole"),
    [
        (0, 1, True),
        (100, 1, True),
        (-0.5, 1, False),
        (100.5, 1, False),
        (50, 2, False),
        (50, 0, False),
        ("50", 1, False),
    ],
)
def test_a_checkpoint_has_errors_in_percent_and_the_best_epoch_is_the_one_with_the_lowest(
    tmp_path: Path, error: Any, best_epoch: int, whole: bool
) -> None:
    file = tmp_path / "c.npz"
    train(NET, start(), toy_dataset(), epochs=1, checkpoint=file)
    arrays = load_arrays(file)
    facts = json.loads(str(arrays["facts"]))
    facts["history"][0]["validation_error_percent"], facts["best_epoch"] = error, best_epoch
    save_arrays(file, {**arrays, "facts": np.array(json.dumps(facts))})
    if whole:
        resumed = train(NET, start(), toy_dataset(), epochs=1, checkpoint=file, resume=True)
        assert resumed.history[0]["validation_error_percent"] == error
    else:
        with pytest.raises(CheckpointError, match=r"c.npz is not a whole checkpoint"):
            train(NET, start(), toy_dataset(), epochs=1, checkpoint=file, resume=True)

"""Augmentation changes what is trained on, at random and by no more than it says, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.data import Dataset, Split
from minisnip.nn import Linear, Sequential, lenet_5_caffe, lenet_300_100
from minisnip.pruning import connection_sensitivity, keep_top
from minisnip.training import loop, train
from minisnip.training.augment import Augmentation
from tests.lab.test_numerics import images as patterns
from tests.networks import small_mlp, toy_dataset
from tests.training.test_loop import same, start

NET = small_mlp()


def moved(image: Array, dy: int, dx: int, black: float) -> Array:
    """One image (C, H, W), moved by a plain loop: down by dy and right by dx."""
    found = np.full_like(image, black)
    channels, height, width = image.shape
    for c, y, x in product(range(channels), range(height), range(width)):
        if 0 <= y - dy < height and 0 <= x - dx < width:
            found[c, y, x] = image[c, y - dy, x - dx]
    return found


def versions(image: Array, augment: str, black: float = 0.0) -> dict[bytes, tuple[int, int, bool]]:
    """All that may become of an image: its bytes, and how it was moved and whether it was mirrored."""
    change = Augmentation.parse(augment)
    steps = range(-change.shift, change.shift + 1)
    found = {(dy, dx, False): moved(image, dy, dx, black) for dy, dx in product(steps, steps)}
    if change.flip:
        found |= {(dy, dx, True): a[:, :, ::-1] for (dy, dx, _), a in found.items()}
    return {np.ascontiguousarray(a).tobytes(): how for how, a in found.items()}


ALL = ["shift", "shift:2", "shift:4", "flip", "shift,flip"]


@pytest.mark.parametrize("augment", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_image_is_moved_as_a_plain_loop_moves_it_and_all_its_channels_alike(augment: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3, 6, 5)).astype(dtype)
    before = x.copy()
    change = replace(Augmentation.parse(augment), black=dtype(-0.4))
    found = change(x, rng)
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(found, x)
    assert found.dtype == dtype
    how = [versions(image, augment, -0.4)[new.tobytes()] for image, new in zip(x, found, strict=True)]
    assert len(set(how)) > min(len(versions(x[0], augment)), 60) / 2


@pytest.mark.parametrize("augment", ["shift", "shift:2", "flip", "shift,flip"])
def test_all_moves_and_mirrors_are_equally_likely_together(augment: str) -> None:
    image = np.arange(1.0, 29).reshape(1, 4, 7)
    known = versions(image, augment)
    n = 2_000 * len(known)
    found = Augmentation.parse(augment)(np.repeat(image[None], n, axis=0), np.random.default_rng(1))
    counts = Counter(known[new.tobytes()] for new in found)
    assert len(counts) == len(known)
    spread = np.sqrt(2_000 * (1 - 1 / len(known)))  # of a binomial count
    assert max(abs(count - 2_000) for count in counts.values()) < 4 * spread


def test_what_enters_at_the_border_is_a_black_pixel_of_the_data_set_which_is_not_zero() -> None:
    glyphs = data.load("glyphs")
    black = glyphs.train.images.min()
    assert glyphs.black.shape == (1, 1, 1)
    assert glyphs.black == black == glyphs.train.images[0, 0, 0, 0]
    assert black < -0.1
    bright = np.full((50, 1, 28, 28), 3, np.float32)
    found = Augmentation.parse("shift:3").fit(glyphs)(bright, np.random.default_rng(0))
    assert set(np.unique(found)) == {black, np.float32(3)}


def watched(
    monkeypatch: pytest.MonkeyPatch, dataset: Dataset, augment: str, seed: int = 0
) -> tuple[list[Any], list[Split]]:
    """The batches that are trained on, and the splits that are evaluated."""
    batches: list[Any] = []
    splits: list[Split] = []
    step, evaluate = loop.train_step, loop.evaluate_in_shards

    def train_step(run: Any, state: Any, batch: Any, *others: Any) -> Any:
        batches.append(batch)
        return step(run, state, batch, *others)

    def evaluate_in_shards(net: Any, params: Any, split: Split, *others: Any) -> Any:
        splits.append(split)
        return evaluate(net, params, split, *others)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", train_step)
        patch.setattr(loop, "evaluate_in_shards", evaluate_in_shards)
        options: dict[str, Any] = {"batch_size": 60, "augment": augment, "rng": seed, "watch": {"test": dataset.test}}
        train(NET, start(), dataset, epochs=3, **options)
    return batches, splits


def test_training_sees_changed_images_with_their_own_labels_and_evaluation_the_images_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset, untouched = toy_dataset(), toy_dataset()
    batches, splits = watched(monkeypatch, dataset, "shift,flip")
    known = {key: i for i, image in enumerate(dataset.train.images) for key in versions(image, "shift,flip")}
    seen = Counter[int]()
    for x, y in batches:
        places = [known[image.tobytes()] for image in x]
        np.testing.assert_array_equal(y, dataset.train.labels[places])
        seen.update(places)
    assert set(seen.values()) == {3}  # each image once an epoch
    assert len({image.tobytes() for x, _ in batches for image in x}) > 2 * len(dataset.train.labels)
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(dataset, name).images, getattr(untouched, name).images)
    assert [len(split.labels) for split in splits] == [60] * 6
    for split, name in zip(splits, ["validation", "test"] * 3, strict=True):
        np.testing.assert_array_equal(split.images, getattr(dataset, name).images)


def test_each_step_of_each_seed_has_changes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = toy_dataset()
    known = {key: how for image in dataset.train.images for key, how in versions(image, "shift,flip").items()}
    changes = [
        tuple(known[image.tobytes()] for image in x)
        for seed in (1, 2)
        for x, _ in watched(monkeypatch, dataset, "shift,flip", seed)[0]
    ]
    assert len(changes) == len(set(changes)) == 24


def test_the_same_seed_gives_the_same_bytes_and_each_augmentation_others() -> None:
    dataset = toy_dataset()
    first, again, other_seed, larger, none = (
        train(NET, start(), dataset, epochs=3, rng=seed, augment=augment)
        for seed, augment in ((1, "shift"), (1, "shift:1"), (2, "shift"), (1, "shift:2"), (1, None))
    )
    assert same(first, again)
    assert not any(same(first, other) for other in (other_seed, larger, none))


@pytest.mark.parametrize("make", [lenet_300_100, lenet_5_caffe])
def test_training_the_compact_network_takes_the_same_steps_on_augmented_images(make: Any) -> None:
    net, dataset = make(), patterns()
    params = net.init(0, dtype=np.float64)
    masks = keep_top(connection_sensitivity(net, params, dataset.train.images, dataset.train.labels), 0.98)
    whole, small = (
        train(net, params, dataset, masks, 2, batch_size=25, learning_rate=0.02, augment="shift,flip", compact=compact)
        for compact in (False, True)
    )
    assert small.compact is not None
    assert small.compact.net.size < net.size / 2
    for a, b in zip(whole.history, small.history, strict=True):
        assert a == pytest.approx(b, rel=1e-9)
    x = dataset.test.images.astype(np.float64)
    np.testing.assert_allclose(net(small.params, x), net(whole.params, x), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("shfit", "unknown augmentation 'shfit': choose one of shift, flip; did you mean 'shift'"),
        ("", "unknown augmentation ''"),
        ("shift:0", "augment 'shift:0': expected each name once, and pixels for shift only, such as 'shift'"),
        ("shift:-1", "augment 'shift:-1': expected"),
        ("shift:", "augment 'shift:': expected"),
        ("flip:2", "augment 'flip:2': expected"),
        ("shift,shift:2", "augment 'shift,shift:2': expected each name once"),
        ("shift:3", r"augment shift:3 moves images of 3 x 3 pixels out of sight: shift by fewer"),
    ],
)
def test_an_augmentation_that_makes_no_sense_is_refused(augment: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(NET, start(), toy_dataset(), augment=augment)


@pytest.mark.parametrize("augment", [("shift", "flip"), True, 1])
def test_what_is_no_text_is_refused(augment: Any) -> None:
    with pytest.raises(TypeError, match=r"augment .* is (a tuple|a bool|an int), expected text such as 'shift'"):
        train(NET, start(), toy_dataset(), augment=augment)


@pytest.mark.parametrize("augment", ["flip", "shift"])
def test_inputs_that_are_no_images_are_refused(augment: str) -> None:
    net = Sequential((9,), fc=Linear(9, 4))
    toy = toy_dataset()
    splits: dict[str, Any] = {
        name: Split(getattr(toy, name).images.reshape(-1, 9), getattr(toy, name).labels)
        for name in ("train", "validation", "test")
    }
    with pytest.raises(ValueError, match=rf"augment {augment} takes images \(C, H, W\), got inputs of shape \(9,\)"):
        train(net, net.init(0), replace(toy, **splits), augment=augment)


@pytest.mark.parametrize(
    ("text", "short"),
    [(" flip , shift:1", "shift,flip"), ("shift:02", "shift:2"), ("flip", "flip"), ("shift:1", "shift")],
)
def test_equal_augmentations_have_one_name(text: str, short: str) -> None:
    assert str(Augmentation.parse(text)) == short


@pytest.mark.parametrize("size", [(3, 5), (5, 3)])
def test_a_move_is_by_fewer_pixels_than_the_smaller_side(size: tuple[int, int]) -> None:
    toy = toy_dataset()
    rng = np.random.default_rng(0)
    splits: dict[str, Any] = {
        name: Split(rng.random((9, 4, *size)).astype(np.float32), np.zeros(9, np.int64))
        for name in ("train", "validation", "test")
    }
    dataset = replace(toy, **splits)
    assert Augmentation(shift=2).fit(dataset).shift == 2
    with pytest.raises(ValueError, match=rf"shift:3 moves images of {size[0]} x {size[1]} pixels out of sight"):
        Augmentation(shift=3).fit(dataset)


def test_with_the_black_of_three_channels_it_can_still_be_compared_and_be_a_key() -> None:
    one, other = (Augmentation(shift=1, black=np.zeros((3, 1, 1))) for _ in range(2))
    assert len({one, other, one}) == 2
    assert one != other

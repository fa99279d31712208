"""The one seeded problem that every contestant is given, so that all do the same work."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.nn import MODELS, Sequential
from minisnip.pruning import apply_masks, keep_top

BATCH = 100  # images
PAPERS = {model: MODELS[model] for model in ("lenet-300-100", "lenet-5-caffe")}  # the networks that are timed
RATE, MOMENTUM, WEIGHT_DECAY = 0.02, 0.9, 5e-4  # of every contestant's SGD


@dataclass(frozen=True)
class Problem:
    """A network, its weights (zero where they are pruned), the masks (none if it is dense) and a batch."""

    net: Sequential
    params: dict[str, Array]
    masks: dict[str, Array]
    images: Array
    labels: Array


def problem(net: Sequential, split: data.Split, sparsity: float = 0.0, dtype: type = np.float32) -> Problem:
    """Weights as the network draws them, and a random mask over all weights and biases."""
    rng = np.random.default_rng(0)
    params = net.init(rng, dtype=dtype)
    masks = keep_top({name: rng.random(w.shape, np.float32) for name, w in params.items()}, sparsity)
    masks = masks if sparsity else {}
    return Problem(net, apply_masks(masks, params), masks, split.images.astype(dtype, copy=False), split.labels)


def mnist_or_glyphs() -> data.Dataset:
    """MNIST, or the glyphs where it cannot be had: its label says which."""
    try:
        return data.load("mnist")
    except data.DataUnavailableError:
        return data.load("glyphs")


def first(split: data.Split, size: int) -> data.Split:
    """The first images of a split, again from the beginning if it has too few."""
    rows = np.arange(size) % len(split.labels)
    return data.Split(split.images[rows], split.labels[rows])


def shortened(share: float) -> data.Dataset:
    """The data set with the first images to train and to validate: this share of them, and one batch at least."""
    found = mnist_or_glyphs()
    train, validation = (
        first(split, max(BATCH, round(share * len(split.labels)))) for split in (found.train, found.validation)
    )
    return replace(found, train=train, validation=validation)


def scores(size: int) -> dict[str, Array]:
    """Random scores, not negative, float32, in ten arrays."""
    parts = np.array_split(np.abs(np.random.default_rng(0).standard_normal(size, np.float32)), 10)
    return {str(i): part for i, part in enumerate(parts)}

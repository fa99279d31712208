"""Read a split: its loss and its error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.data import Split
from minisnip.nn import Sequential, cross_entropy
from minisnip.nn.threads import Shards, sharding


def evaluate(
    net: Sequential,
    params: Mapping[str, Array],
    split: Split,
    *,
    batch_size: int = 500,
    workers: int | None = None,
) -> tuple[float, float]:
    """Mean cross-entropy (nats) and the share of wrong answers (percent) over all images of a split.

    `workers` threads, one on each core if it is None (`minisnip.nn.threads`); the answer does not depend on it.
    """
    if batch_size < 1 or len(split.labels) == 0:
        raise ValueError(f"batch_size {batch_size} and {len(split.labels)} images: at least 1 of each is needed")
    with sharding(net, workers) as shards:
        return evaluate_in_shards(shards, net, params, split, batch_size)


def evaluate_in_shards(
    shards: Shards, net: Sequential, params: Mapping[str, Array], split: Split, batch_size: int = 500
) -> tuple[float, float]:
    """The same, where threads are at work already."""
    loss, wrong = 0.0, 0
    for start in range(0, len(split.labels), batch_size):
        images, labels = (a[start : start + batch_size] for a in (split.images, split.labels))
        logits = _logits(shards, net, params, images)
        loss += float(cross_entropy(logits, labels)) * len(labels)
        wrong += int(np.count_nonzero(logits.argmax(axis=1) != labels))
    return loss / len(split.labels), 100 * wrong / len(split.labels)


def _logits(shards: Shards, net: Sequential, params: Mapping[str, Array], images: Array) -> Array:
    return np.concatenate(shards(lambda part: net(params, images[part]), len(images)))

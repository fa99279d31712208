"""Read a split: its loss and its error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minisnip.autodiff.tensor import Array
from minisnip.data import Split
from minisnip.nn import Sequential, cross_entropy


def evaluate(
    net: Sequential, params: Mapping[str, Array], split: Split, *, batch_size: int = 500
) -> tuple[float, float]:
    """Mean cross-entropy (nats) and the share of wrong answers (percent) over all images of a split."""
    if batch_size < 1 or len(split.labels) == 0:
        raise ValueError(f"batch_size {batch_size} and {len(split.labels)} images: at least 1 of each is needed")
    loss, wrong = 0.0, 0
    for start in range(0, len(split.labels), batch_size):
        images, labels = (a[start : start + batch_size] for a in (split.images, split.labels))
        logits = net(params, images)
        loss += float(cross_entropy(logits, labels)) * len(labels)
        wrong += int(np.count_nonzero(logits.argmax(axis=1) != labels))
    return loss / len(split.labels), 100 * wrong / len(split.labels)

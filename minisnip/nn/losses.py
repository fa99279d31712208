"""The loss: cross-entropy of the softmax, the mean over the batch.

An op of its own, because its derivative is the simplest of all: softmax minus one-hot.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Op, Value, primitive, shape_of, value_of
from minisnip.mistakes import check_labels


def _cross_entropy(logits: Array, labels: Array) -> Any:
    picked = ops.log_softmax(logits, 1)[np.arange(len(labels)), labels]  # (N,)
    return -picked.sum() / len(labels)


def _softmax_minus_one_hot(g: Any, out: Any, logits: Value, labels: Array) -> Any:
    """∂L/∂z_nk = (softmax(z_n)_k - [k = label_n]) / N."""
    one_hot = labels[:, None] == np.arange(shape_of(logits)[1])  # (N, K)
    return (ops.exp(ops.log_softmax(logits, 1)) - one_hot) * (g / len(labels))


_cross_entropy_op: Op = primitive(_cross_entropy, _softmax_minus_one_hot)


def cross_entropy(logits: Value, labels: Array) -> Any:
    """L = -1/N Σ_n log softmax(z_n)_label = 1/N Σ_n (log Σ_k exp z_nk - z_n,label).

    Parameters
    ----------
    logits : (N, K) Tensor or array of floats
    labels : (N,) integers in 0 … K-1

    Returns
    -------
    Tensor (or float) of shape (), in nats

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no sample or no class, a label is out of range, or a dtype is wrong.

    Examples
    --------
    >>> from minisnip.nn import cross_entropy
    >>> logits = np.array([[0.0, 0.0], [9.0, 0.0]])  # undecided, and sure of class 0
    >>> [round(float(cross_entropy(logits[i : i + 1], np.array([0]))), 4) for i in (0, 1)]
    [0.6931, 0.0001]
    """
    check_labels(labels)
    shape = shape_of(logits)
    if len(shape) != 2 or shape_of(labels) != shape[:1] or 0 in shape:
        raise ValueError(
            f"cross_entropy: got logits of shape {shape} and labels of shape {shape_of(labels)}; "
            "expected (N, K) and (N,) with N and K at least 1"
        )
    labels, dtype = np.asarray(labels), np.asarray(value_of(logits)).dtype
    if dtype.kind not in "fc":
        raise ValueError(f"cross_entropy: the logits are of dtype {dtype}, expected floats")
    if labels.min() < 0 or labels.max() >= shape[1]:
        raise ValueError(
            f"cross_entropy: labels run from {labels.min()} to {labels.max()}, "
            f"but {shape[1]} logits have classes 0 to {shape[1] - 1}"
        )
    return _cross_entropy_op(logits, labels)

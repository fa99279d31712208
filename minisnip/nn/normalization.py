"""Batch normalization: every channel of a batch gets the mean β and the standard deviation γ.

Ioffe and Szegedy 2015 (arXiv 1502.03167). The mean and the variance are those of the batch, so an image's output
depends on the other images. Once a network is trained, running statistics replace them. These are in the same dict as
the parameters, under PyTorch's names, but are neither masked nor counted nor trained.

    >>> import numpy as np
    >>> from minisnip.nn import BatchNorm, Linear, Sequential, running_statistics
    >>> net = Sequential((3,), fc=Linear(3, 2), bn=BatchNorm(2))
    >>> params, images = net.init(0), np.random.default_rng(0).normal(5.0, 1.0, (100, 3))
    >>> net(params, images).std(axis=0).round(2)
    array([1., 1.])
    >>> [*running_statistics(net, params, [images])]
    ['bn.running_mean', 'bn.running_var']
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Arrays, Op, Value, primitive, shape_of, value_of
from minisnip.mistakes import check_sizes
from minisnip.nn.layers import Params, Sequential, Shape

EPSILON = 1e-5  # added to the variance, as in PyTorch

# ---- Ops on channels: (N, C, ...) ------------------------------------------------------------------------------------


def _rows(x: Array) -> Array:
    """(N, C, ...) -> (C, ...·N); a view where the batch is last in memory, as after Linear and Conv2d."""
    return x.transpose(*range(1, x.ndim), 0).reshape(x.shape[1], -1)


def _from_rows(rows: Array, shape: Shape) -> Array:
    """The inverse of `_rows`."""
    return np.moveaxis(rows.reshape(*shape[1:], shape[0]), -1, 0)


def _affine(x: Array, scale: Array, shift: Array | None = None) -> Array:
    return _from_rows(ops.plus_bias(_rows(x) * scale[:, None], shift), x.shape)


def _variance(x: Array) -> Array:
    rows = _rows(x)
    centered = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(np.einsum("cn,cn->c", centered, centered) / rows.shape[1])


def _mean(x: Value) -> Any:
    """(N, C, ...) -> (C,)."""
    return ops.mean(x, (0, *range(2, len(shape_of(x)))))


def _variance_vjp(g: Any, out: Any, x: Value) -> Any:
    scale = g * (2 * shape_of(x)[1] / math.prod(shape_of(x)))
    return affine(x, scale, -scale * _mean(x))


affine: Op = primitive(
    _affine,
    lambda g, out, x, scale, shift=None: affine(g, scale),
    lambda g, out, x, scale, shift=None: dot(g, x),
    lambda g, out, x, scale, shift: ops.sum(g, (0, *range(2, len(shape_of(g))))),
)
dot: Op = primitive(  # Σ u v over each channel
    lambda u, v: np.einsum("cn,cn->c", _rows(u), _rows(v)),
    lambda g, out, u, v: affine(v, g),
    lambda g, out, u, v: affine(u, g),
    name="dot",
)
variance: Op = primitive(_variance, _variance_vjp)

# ---- The layer -------------------------------------------------------------------------------------------------------

_measured: ContextVar[list[Array] | None] = ContextVar("measured", default=None)  # what `running_statistics` collects


@dataclass(frozen=True)
class BatchNorm:
    """y = γ (x - μ) / √(σ² + 1e-5) + β for each feature of a vector, or each channel of an image.

    μ and σ² are those of the batch, or `running_mean` and `running_var` where the parameters have them. γ is called
    weight and starts at 1, β is called bias and starts at 0.

    Parameters
    ----------
    features : int
        The number of features or channels.
    prunable : bool
        Whether γ and β are scored, masked and counted.

    Examples
    --------
    >>> from minisnip.nn import BatchNorm
    >>> params, x = {"weight": np.array([2.0]), "bias": np.array([5.0])}, np.array([[-3.0], [3.0]])
    >>> BatchNorm(1)(params, x).round(4).tolist()
    [[3.0], [7.0]]
    """

    features: int
    prunable: bool = True
    mixes_images: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_sizes(self, "features")

    def shapes(self) -> dict[str, Shape]:
        return {"weight": (self.features,), "bias": (self.features,)}

    def state_shapes(self) -> dict[str, Shape]:
        """PyTorch's buffers; its count of batches is accepted and not used."""
        return {"running_mean": (self.features,), "running_var": (self.features,), "num_batches_tracked": ()}

    @property
    def unpruned(self) -> tuple[str, ...]:
        return () if self.prunable else ("weight", "bias")

    def out_shape(self, shape: Shape) -> Shape:
        if len(shape) not in (1, 3) or shape[0] != self.features or not math.prod(shape):
            raise ValueError(f"takes {self.features} features or images of as many channels (C, H, W), got {shape}")
        return shape

    def __call__(self, params: Params, x: Value) -> Any:
        self.out_shape(shape_of(x)[1:])  # refuses what has other channels
        mean, squares = _statistics(params, x)
        scale = params["weight"] / ops.sqrt(squares + EPSILON)
        return affine(x, scale, params["bias"] - mean * scale)


def _statistics(params: Params, x: Value) -> tuple[Any, Any]:
    """The mean and the variance of each channel: the running ones, or those of the batch."""
    running = [params[name] for name in ("running_mean", "running_var") if name in params]
    if len(running) == 1:
        raise ValueError("BatchNorm got one of running_mean and running_var: pass both, or none to use the batch's own")
    if running:
        return running[0], running[1]
    if (n := shape_of(x)[0]) < 2:
        raise ValueError(
            f"BatchNorm takes its statistics from the batch, and this is a batch of {('no', 'one')[n]} image: pass at "
            "least 2, or, to evaluate, parameters with running statistics (the result of `train` has them; "
            "running_statistics measures them)"
        )
    mean, squares = _mean(x), variance(x)
    if (found := _measured.get()) is not None:
        found += [np.asarray(value_of(mean)), _unbiased(squares, x)]
    return mean, squares


def _unbiased(squares: Value, x: Value) -> Array:
    """The variances with n - 1 in place of n, the count of numbers in a channel."""
    n = math.prod(shape_of(x)) // shape_of(x)[1]
    return np.asarray(value_of(squares)) * (n / (n - 1))


def running_statistics(net: Sequential, params: Arrays, batches: Iterable[Array]) -> dict[str, Array]:
    """The mean over some batches of the statistics of each BatchNorm of a network.

    As PyTorch's with `momentum=None`: the running variance is the mean of the unbiased variances, Σ (x - μ)² / (n - 1).

    Parameters
    ----------
    net : Sequential
    params : dict of arrays
        Running statistics among them are not used.
    batches : iterable of (N, *net.input_shape)
        At least one batch; each has at least 2 images.

    Returns
    -------
    dict of arrays, in the dtypes of the network's weights
        "<name>.running_mean" and "<name>.running_var" for each BatchNorm; nothing if there is none.

    Raises
    ------
    ValueError
        If a batch has one image, or there is no batch.
    """
    names = [name for name in net.state_shapes() if not name.endswith("num_batches_tracked")]
    if not names:
        return {}
    total: list[Array] = []
    for i, x in enumerate(batches, start=1):
        found = _measure(net, params, x)
        total = [a + (b - a) / i for a, b in zip(total, found, strict=True)] if total else found
    if not total:
        raise ValueError("running_statistics got no batch: pass a list with at least one batch of images")
    return dict(zip(names, total, strict=True))


def _measure(net: Sequential, params: Arrays, x: Array) -> list[Array]:
    """The mean and the unbiased variance of each BatchNorm in turn, for one batch."""
    found: list[Array] = []
    token = _measured.set(found)
    try:
        net(net.without_state(params), x)
    finally:
        _measured.reset(token)
    return found


def fixed_subset(images: Array, size: int) -> Iterator[Array]:
    """Up to ten batches of the given size, always the same, to measure running statistics on.

    Each is spread over all images, as these may be sorted by class.
    """
    count = min(10, len(images) // size)
    rows = np.arange(count * size) * len(images) // (count * size)
    yield from (images[rows[i::count]] for i in range(count))

"""The definition that SNIP's derivative stands for: the change of the loss when one connection is removed.

    ΔL_j(w; D) = L(1 ⊙ w; D) - L((1 - e_j) ⊙ w; D)          (arXiv 1810.02340, section 4.1)

`delta_loss_by_deletion` is that line, one forward pass for each connection. `delta_loss` gives the same numbers,
organised well: a connection disturbs one unit (or channel) of one layer, so

1. the activations before that layer are computed once, for all connections;
2. of the layer's outputs only the disturbed unit is computed anew, and taken through ReLU, pooling, flattening;
3. the next layer is linear: its output changes by the unit's change times that unit's weights;
4. an image whose unit does not change (a ReLU that stays off, a maximum that stays where it is) is done;
5. what is left, of many connections and images, goes through the rest of the network as one batch.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential, cross_entropy
from minisnip.nn.threads import cores
from minisnip.pruning.disturb import Stage, find_stages
from minisnip.pruning.masks import apply_masks, ones
from minisnip.pruning.sensitivity import check_batch

IMAGES = 100  # at a time, at most
CACHE = 2**23  # bytes for one batch of rows, at most: about what a processor's cache holds


def delta_loss_by_deletion(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, delta: float = 1.0
) -> dict[str, Array]:
    """(L(1 ⊙ w) - L((1 - δ e_j) ⊙ w)) / δ for every connection j, a forward pass for each: slow, and plainly right."""
    whole = cross_entropy(net(params, x), y)
    answer = {name: np.empty(w.shape) for name, w in params.items()}
    for name, w in params.items():
        for j in np.ndindex(w.shape):
            c = ones(params)
            c[name][j] -= delta
            answer[name][j] = (whole - cross_entropy(net(apply_masks(c, params), x), y)) / delta
    return answer


def delta_loss(
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    delta: float = 1.0,
    names: Collection[str] | None = None,
    *,
    memory_limit: int = 2**30,
    title: str | None = "ΔL",
) -> dict[str, Array]:
    """(L(1 ⊙ w) - L((1 - δ e_j) ⊙ w)) / δ for every connection j, exactly; δ = 1 is the definition ΔL_j.

    The losses are those of the definition up to the round-off of float64, which a sum with huge terms makes large.

    Parameters
    ----------
    net : Sequential of layers of minisnip.nn
    params : dict of arrays
        Converted to float64: a ΔL_j is a small difference of two losses.
    x : (N, *net.input_shape)
    y : (N,) integers
    delta : float
        How much of the connection is removed.
    names : collection of str, or None
        The parameters to do; None for all.
    memory_limit : int
        Bytes that may be held at once besides the arguments.
    title : str or None
        Of the progress bar, which shows on a terminal only; None for no bar.

    Returns
    -------
    dict of float64 arrays, with the shapes of the parameters

    Raises
    ------
    ValueError
        If the batch is empty or does not fit the network, an image or a parameter is not finite, delta is 0 or not
        finite, a name is unknown, or the memory is too little.
    TypeError
        If a layer is not one of minisnip.nn.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y)
    names = [names] if isinstance(names, str) else list(params if names is None else names)
    _check(net, params, x, y, delta, names)
    params = {name: np.asarray(params[name], np.float64) for name in net.shapes()}
    images, size = _shares(net, params, x, y, memory_limit)
    totals = {name: np.zeros(params[name].shape) for name in names}
    units = sum(len(params[f"{layer}.bias"]) for layer in {name.rpartition(".")[0] for name in names})
    starts = range(0, len(x), images)
    with tqdm(desc=title, total=units * len(starts), unit="unit", disable=None if title else True) as bar:
        for start in starts:
            part = slice(start, start + images)
            _add_block(totals, find_stages(net, params, x[part], y[part]), delta, size, bar)
    return {name: 0.0 - total / (delta * len(x)) for name, total in totals.items()}


def _check(net: Sequential, params: Mapping[str, Array], x: Array, y: Array, delta: float, names: list[str]) -> None:
    check_batch(params, x, y)
    classes = net(params, x[:1]).shape[1]
    cross_entropy(np.zeros((len(y), classes)), y)  # refuses labels that do not fit
    if delta == 0 or not math.isfinite(delta):
        raise ValueError(f"delta {delta} must be finite and not be 0")
    if not names or not set(names) <= set(net.shapes()):
        raise ValueError(f"names {names} must be one or more of {', '.join(net.shapes())}")


def _shares(net: Sequential, params: Mapping[str, Array], x: Array, y: Array, memory_limit: int) -> tuple[int, int]:
    """How many images at a time, and how many bytes for the rows of one worker, so that the memory is enough."""
    stages = find_stages(net, params, x[:1], y[:1])
    fixed = 3 * sum(w.nbytes for w in params.values())  # the float64 copy, that of the stages, the answer
    image = sum(2 * (s.columns.nbytes + s.outputs.nbytes + s.entering.nbytes + s.leaving.nbytes) for s in stages)
    row = cores() * max(stage.row_bytes() for stage in stages)
    images = min(IMAGES, len(x), (memory_limit - fixed) // (image + row))
    if images < 1:
        least = fixed + image + row
        raise ValueError(f"memory_limit {memory_limit:,} bytes is too little, this network needs at least {least:,}")
    return images, min(CACHE, (memory_limit - fixed - images * image) // cores())


def _add_block(totals: dict[str, Array], stages: list[Stage], delta: float, size: int, bar: tqdm) -> None:
    """Add the changes of the loss, summed over the images of the stages; units run side by side in threads."""

    def one_unit(task: tuple[Stage, int]) -> None:
        stage, unit = task
        k = stage.connections.shape[1] - 1
        for short, which in (("weight", slice(0, k)), ("bias", slice(k, k + 1))):
            total = totals.get(f"{stage.name}.{short}")
            if total is not None:
                total.reshape(len(total), -1)[unit] += _unit_changes(stage, unit, which, delta, size)
        bar.update()

    asked = [s for s in stages if {f"{s.name}.weight", f"{s.name}.bias"} & set(totals)]
    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        list(pool.map(one_unit, [(stage, unit) for stage in asked for unit in range(len(stage.connections))]))


def _unit_changes(stage: Stage, unit: int, which: slice, delta: float, size: int) -> Array:
    """For each of a unit's connections, the change of the loss summed over the images; `size` bytes at a time."""
    connections, columns = stage.connections[unit, which], stage.columns[which]
    step = max(1, size // (stage.row_bytes() * columns.shape[-1]))
    changes = np.empty(len(connections))
    for start in range(0, len(connections), step):
        part = slice(start, start + step)
        removed = delta * connections[part, None, None] * columns[part]  # (B, P, N)
        outputs = stage.outputs[unit][:, None] - removed.transpose(1, 0, 2)  # (P, B, N)
        changes[part] = stage.loss_changes(unit, outputs).sum(axis=1)
    return changes

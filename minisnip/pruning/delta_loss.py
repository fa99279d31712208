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

import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from minisnip.autodiff.tensor import Array
from minisnip.nn import Sequential, cross_entropy
from minisnip.pruning.disturb import Stage, find_stages
from minisnip.pruning.masks import apply_masks, ones
from minisnip.pruning.sensitivity import check_batch

IMAGES = 100  # at a time
CACHE = 2**23  # bytes for one batch of rows: more does not help, what is in the processor's cache is fast


def delta_loss_by_deletion(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, delta: float = 1.0
) -> dict[str, Array]:
    """(L(1 ⊙ w) - L((1 - δ e_j) ⊙ w)) / δ for every connection j, a forward pass for each: slow, and plainly right."""
    whole = cross_entropy(net(params, x), y)
    answer = {name: np.empty_like(w) for name, w in params.items()}
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
        Bytes of extra memory, about.
    title : str or None
        Of the progress bar, which shows on a terminal only; None for no bar.

    Returns
    -------
    dict of float64 arrays, with the shapes of the parameters

    Raises
    ------
    ValueError
        If the batch is empty, an image or a parameter is not finite, delta is 0, or a name is unknown.
    """
    check_batch(params, x, y)
    names = list(params) if names is None else list(names)
    if delta == 0 or not set(names) <= set(params):
        raise ValueError(f"delta {delta} must not be 0, and names {names} must be among {', '.join(params)}")
    params, x = {name: np.asarray(w, np.float64) for name, w in params.items()}, np.asarray(x, np.float64)
    totals = {name: np.zeros_like(params[name]) for name in names}
    starts = range(0, len(x), IMAGES)
    units = sum(len(params[f"{layer}.bias"]) for layer in {name.rpartition(".")[0] for name in names})
    with tqdm(desc=title, total=units * len(starts), unit="unit", disable=None if title else True) as bar:
        for start in starts:
            part = slice(start, start + IMAGES)
            _add_block(totals, find_stages(net, params, x[part], y[part]), delta, memory_limit, bar)
    return {name: total / (-delta * len(x)) for name, total in totals.items()}


def _add_block(totals: dict[str, Array], stages: list[Stage], delta: float, memory_limit: int, bar: tqdm) -> None:
    """Add the changes of the loss, summed over the images of the stages; units run side by side in threads."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def one_unit(task: tuple[Stage, int]) -> None:
        stage, unit = task
        k = stage.connections.shape[1] - 1
        for short, which in (("weight", slice(0, k)), ("bias", slice(k, k + 1))):
            total = totals.get(f"{stage.name}.{short}")
            if total is not None:
                size = min(CACHE, memory_limit // (2 * workers))
                total.reshape(len(total), -1)[unit] += _unit_changes(stage, unit, which, delta, size)
        bar.update()

    tasks = [
        (s, unit)
        for s in stages
        if {f"{s.name}.weight", f"{s.name}.bias"} & set(totals)
        for unit in range(len(s.connections))
    ]
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        list(pool.map(one_unit, tasks))


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

"""What a mask keeps: counts per layer, layers and units that are gone, and connections per input pixel."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential


def kept_per_layer(masks: Mapping[str, Array]) -> dict[str, dict[str, float]]:
    """For each parameter: how many connections are kept, of how many, and that in percent."""
    rows = {}
    for name, c in masks.items():
        kept = int(np.count_nonzero(c))
        rows[name] = {"kept": kept, "total": c.size, "percent": 100 * kept / c.size}
    return rows


def report(masks: Mapping[str, Array]) -> str:
    """The table of `kept_per_layer`, with the sum."""
    rows = kept_per_layer(masks)
    kept, total = (int(sum(row[key] for row in rows.values())) for key in ("kept", "total"))
    rows["all"] = {"kept": kept, "total": total, "percent": 100 * kept / total}
    lines = [f"{name:<14}{r['kept']:>10,}{r['total']:>10,}{r['percent']:>9.2f} %" for name, r in rows.items()]
    return "\n".join([f"{'parameter':<14}{'kept':>10}{'of':>10}{'':>11}", *lines])


def emptied_layers(masks: Mapping[str, Array]) -> list[str]:
    """The layers whose weights are all pruned; biases alone carry no signal."""
    return [name.removesuffix(".weight") for name, c in masks.items() if not name.endswith("bias") and not c.any()]


def units_gone(net: Sequential, masks: Mapping[str, Array]) -> dict[str, dict[str, int]]:
    """For the inputs and for each layer: how many units (or channels) are cut off on either side.

    It looks at each unit's own connections, not at whole paths: a unit that reads only units that are gone counts as
    there. Biases do not count, they carry no signal.

    Parameters
    ----------
    net : Sequential
    masks : dict of arrays
        A weight without a mask is kept whole.

    Returns
    -------
    dict of rows by layer, the first "input" with a unit for each input number
        units; unfed, those that read nothing; unread, those that nothing reads; gone, those that are either.
    """
    weights = {name: shape for name, shape in net.shapes().items() if name.endswith(".weight")}
    kept = [masks.get(name, np.ones(shape)) != 0 for name, shape in weights.items()]
    unread = [input_connections(net, masks).ravel() == 0]
    for c, following in pairwise(kept):
        unread.append(~following.reshape(len(following), len(c), -1).any(axis=(0, 2)))  # (out, units, window or places)
    unread.append(np.zeros(net.out_shapes[next(reversed(net.out_shapes))][0], bool))  # the logits are read by the loss
    unfed = [np.zeros_like(unread[0]), *(~c.reshape(len(c), -1).any(axis=1) for c in kept)]
    return {
        layer: {"units": len(a), "unfed": int(a.sum()), "unread": int(b.sum()), "gone": int((a | b).sum())}
        for layer, a, b in zip(["input", *(n.removesuffix(".weight") for n in weights)], unfed, unread, strict=True)
    }


def input_connections(net: Sequential, masks: Mapping[str, Array]) -> Array:
    """How often the kept connections of the first layer read each input number; has the shape of one sample.

    With the mask for weights the layer is a sum of inputs, each as often as it is read, so the count is its gradient.
    """
    x = Tensor(np.zeros((1, *net.input_shape)))
    out: Tensor = x
    for name, layer in net.layers.items():
        shapes = layer.shapes()
        out = layer({short: masks.get(f"{name}.{short}", np.ones(shape)) for short, shape in shapes.items()}, out)
        if shapes:
            break
    counts: Array = np.rint(grad(out.sum(), x)[0]).astype(np.int64)
    return counts


def picture(counts: Array) -> str:
    """The image of (H, W) counts in characters for a terminal: the darker, the more."""
    shades = np.array(list(" .:-=+*#%@"))
    levels = np.ceil(counts * (len(shades) - 1) / max(1, counts.max())).astype(int)
    return "\n".join("".join(np.repeat(row, 2)).rstrip() for row in shades[levels])

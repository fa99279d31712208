"""The definition that SNIP's derivative approximates: the change of the loss when one connection is removed.

    ΔL_j(w; D) = L(1 ⊙ w; D) - L((1 - e_j) ⊙ w; D)          (arXiv 1810.02340, section 4.1)

`delta_loss_by_deletion` is that line, one forward pass per connection. `delta_loss` gives the same numbers with less
work, because a connection perturbs one unit (or channel) of one layer:

1. the activations before that layer are computed once, for all connections;
2. only the perturbed unit of the layer is computed again, and taken through ReLU, pooling, flattening and selecting;
3. the next layer is linear: its output changes by the unit's change times that unit's weights;
4. an image whose unit does not change (a ReLU that stays off, a maximum that stays where it is) needs nothing more;
5. all other images, of many connections, go through the later layers as one batch.

A row is one image under one perturbed connection. Rows are last in memory, as everywhere in the package.

Linear, ReLU, Linear need no forward pass. For one image, let z enter the ReLUs, and let V c be the change of z when the
perturbed unit changes by c. The second layer U then changes by

    U (ReLU(z + V c) - ReLU(z)) = (Σ_on U_j V_j) c + Σ_kink U_j (ReLU(z_j + V_j c) - ReLU(z_j)),

where `on` are the ReLUs that are on for every row of the image, `kink` those that may switch, and the others stay off.
The range of c over the rows bounds every V_j c, and so says which is which. This is exact, and cheap because few ReLUs
can switch, whichever connection of a unit is removed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from tqdm import tqdm

from minisnip.autodiff import ops
from minisnip.autodiff.conv import im2col, padded
from minisnip.autodiff.engine import Array, Arrays
from minisnip.autodiff.threads import Map, in_turn, one_thread, pool
from minisnip.nn import Block, Conv2d, Layer, Linear, ReLU, Select, Sequential, cross_entropy
from minisnip.nn.known import known_blocks
from minisnip.nn.threads import cores
from minisnip.pruning.masks import apply_masks, names_by_layer, ones
from minisnip.pruning.sensitivity import check_batch

IMAGES = 100  # at a time, at most
Changes: TypeAlias = "Callable[[Stage, int, slice], Array]"  # of a unit of a stage, for some of its connections
CACHE = 2**24  # bytes for one batch of rows, at most: about what a processor's cache holds


def delta_loss_by_deletion(net: Sequential, params: Arrays, x: Array, y: Array, delta: float = 1.0) -> dict[str, Array]:
    """(L(1 ⊙ w) - L((1 - δ e_j) ⊙ w)) / δ for every connection j, one forward pass each: slow, but plainly right."""
    params, answer = net.without_state(params), {n: np.empty(w.shape) for n, w in params.items() if n in net.prunable}
    whole = cross_entropy(net(params, x), y)
    for name in answer:
        for j in np.ndindex(answer[name].shape):
            c = ones(params)
            c[name][j] -= delta
            answer[name][j] = (whole - cross_entropy(net(apply_masks(c, params), x), y)) / delta
    return answer


@one_thread
def delta_loss(
    net: Sequential,
    params: Arrays,
    x: Array,
    y: Array,
    delta: float = 1.0,
    names: Collection[str] | None = None,
    *,
    memory_limit: int = 2**30,
    title: str | None = "ΔL",
) -> dict[str, Array]:
    """(L(1 ⊙ w) - L((1 - δ e_j) ⊙ w)) / δ for every connection j, exactly; δ = 1 is the definition ΔL_j.

    The losses are those of the definition up to the round-off of float64, which is large where a sum has huge terms.

    Parameters
    ----------
    net : Sequential of layers of minisnip.nn
    params : dict of arrays
        Converted to float64: a ΔL_j is a small difference of two losses.
    x : (N, *net.input_shape)
    y : (N,) integers
    delta : float
        The share of the connection that is removed.
    names : collection of str, or None
        The parameters to score; None for all.
    memory_limit : int
        Bytes that may be held at once besides the arguments.
    title : str or None
        Title of the progress bar, which is shown on a terminal only; None for no bar.

    Returns
    -------
    dict of float64 arrays, with the shapes of the parameters

    Raises
    ------
    ValueError
        If the batch is empty or does not fit the network, an image or a parameter is not finite, delta is 0 or not
        finite, a name is unknown, or the memory is too small.
    TypeError
        If a layer is not one of minisnip.nn.

    Examples
    --------
    >>> from minisnip.nn import Linear, Sequential
    >>> from minisnip.pruning import delta_loss
    >>> net, w = Sequential((2,), fc=Linear(2, 2)), np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> params, x, y = {"fc.weight": w, "fc.bias": np.zeros(2)}, np.eye(2), np.array([0, 1])  # two images
    >>> delta_loss(net, params, x, y)["fc.weight"].round(2)  # removing any but the zero raises the loss
    array([[-0.19, -0.02],
           [ 0.  , -0.06]])
    """
    check_batch(params, x, y)
    known_blocks(net, "ΔL is computed", "delta_loss_of gives it for chosen connections of any network")
    x, y = np.asarray(x, np.float64), np.asarray(y)
    names = [names] if isinstance(names, str) else list(params if names is None else names)
    _check(net, params, x, y, delta, names)
    params = {name: np.asarray(params[name], np.float64) for name in net.shapes()}
    images, size, threads = _shares(net, params, x, y, memory_limit)
    totals = {name: np.zeros(params[name].shape) for name in names}
    units = sum(len(params[f"{layer}.weight"]) for layer in names_by_layer(names))
    starts = range(0, len(x), images)
    with (
        tqdm(desc=title, total=units * len(starts), unit="unit", disable=None if title else True) as bar,
        pool(threads) as spread,
    ):
        for start in starts:
            part = slice(start, start + images)
            stages = find_stages(net, params, x[part], y[part])
            _add_changes(totals, stages, partial(Stage.unit_changes, delta=delta, size=size), spread, bar)
    return {name: 0.0 - total / (delta * len(x)) for name, total in totals.items()}


def _check(net: Sequential, params: Arrays, x: Array, y: Array, delta: float, names: list[str]) -> None:
    cross_entropy(np.zeros((len(y), net(params, x[:1]).shape[1])), y)  # refuses labels that do not fit
    if delta == 0 or not math.isfinite(delta):
        raise ValueError(f"delta {delta} must be finite and not be 0")
    if not names or not set(names) <= set(net.shapes()):
        raise ValueError(f"names {names} must be one or more of {', '.join(net.shapes())}")


def _shares(net: Sequential, params: Arrays, x: Array, y: Array, memory_limit: int) -> tuple[int, int, int]:
    """The images at a time, the bytes for the rows of one thread, and the threads, so that the limit is kept.

    The limit decides the threads last, so that a sum has the same order, and the answer the same bytes, for any number.
    """
    stages = find_stages(net, params, x[:1], y[:1])
    weights = 3 * sum(w.nbytes for w in params.values())  # the float64 copy, that of the stages, the answer
    copied, row = max(s.copied_bytes() for s in stages), max(s.row_bytes() for s in stages)
    image = sum(2 * (s.columns.nbytes + s.outputs.nbytes + s.entering.nbytes + s.leaving.nbytes) for s in stages)
    images = min(IMAGES, len(x), (memory_limit - weights - copied) // (image + row))
    if images < 1:
        least = weights + copied + image + row
        raise ValueError(f"memory_limit {memory_limit:,} bytes is too little, this network needs at least {least:,}")
    left = memory_limit - weights - images * image
    size = max(images * row, min(CACHE, left - copied))
    return images, size, min(cores(), left // (copied + size))


def _add_changes(totals: dict[str, Array], stages: list[Stage], changes: Changes, spread: Map, bar: tqdm) -> None:
    """Add the changes of the loss, summed over the images of the stages; each thread takes one unit at a time.

    Where later layers are passed image by image, most of the work is Python's, and threads would wait for its lock.
    """

    def one_unit(stage: Stage, unit: int) -> None:
        for short, which in (("weight", slice(0, -1)), ("bias", slice(-1, None))):
            total = totals.get(f"{stage.block.name}.{short}")
            if total is not None:
                total.reshape(len(total), -1)[unit] += changes(stage, unit, which)
        bar.update()

    layers = names_by_layer(totals)
    for stage in (stage for stage in stages if stage.block.name in layers):
        each = in_turn if stage.passed else spread
        each(partial(one_unit, stage), range(len(stage.outputs)))


@dataclass(frozen=True)
class Stage:
    """A layer with parameters, the activations of N images before and after it, and the layers after it.

    Attributes
    ----------
    block : Block
    connections : (units, K + 1)
        The weights of each unit (or channel), then its bias.
    columns : (P, N, K + 1)
        What each connection reads at each of the P positions of a channel (1 for Linear); 1 for the bias.
    outputs : (units, P, N)
    entering, leaving : (channels, ..., N)
        What the next layer with parameters reads, and what it gives; if there is none, both are the logits.
    later : list of (Layer, its parameters)
        That next layer and all layers after it.
    labels, losses : (N,)
        For each image, with nothing perturbed.
    tops : (N,)
        The largest logit of each image.
    passed : int
        How many of the later layers are passed without a batch: Linear (1), Linear, ReLU, Linear (3), or 0.
    after : (K, N)
        What these layers give.
    """

    block: Block
    connections: Array
    columns: Array
    outputs: Array
    entering: Array
    leaving: Array
    later: list[tuple[Layer, dict[str, Array]]]
    labels: Array
    losses: Array
    tops: Array
    passed: int
    after: Array

    def unit_changes(self, unit: int, which: slice, delta: float, size: int) -> Array:
        """For some of a unit's connections, the change of the loss summed over the images; `size` bytes at a time."""
        connections, columns = self.connections[unit, which], self.columns[..., which]
        changes, total = np.zeros(len(connections)), len(self.labels)
        rows = max(total, size // self.row_bytes())
        step = min(rows if self.passed else rows // total, len(connections))
        images = 1 + (rows - step) * self.row_bytes() // (step * self.waiting_bytes())
        for n, start in product(range(0, total, images), range(0, len(connections), step)):
            some, part = slice(n, n + images), slice(start, start + step)
            outputs = -delta * connections[part] * columns[:, some, part]  # (P, n, B)
            outputs += self.outputs[unit, :, some, None]
            changes[part] += self._loss_changes(unit, outputs, some).sum(axis=0)
        return changes

    def _loss_changes(self, unit: int, outputs: Array, images: slice) -> Array:
        """L of each row minus L with nothing perturbed: outputs (P, n, B) of one unit for n images -> (n, B)."""
        _, n, b = outputs.shape
        x = _rows_first(outputs.reshape(1, *self.block.out_shape[1:], n * b))  # (n·B, 1, *positions)
        for layer in self.block.following.values():
            x = x if isinstance(layer, Select) else layer({}, x)
        places, taken = self._places(unit, x.shape[1])
        x = _rows_last(x[:, taken])
        change = x.reshape(*x.shape[:-1], n, b) - self.entering[places][..., images, None]
        changed = change.reshape(-1, n, b).any(axis=0)  # the other rows change nothing
        losses = np.zeros((n, b))
        if self.passed:
            for i, out in self._passed_changes(places, change, changed, images):
                losses[i, changed[i]] = self._image_losses(out, images.start + i)
        else:
            rows = np.flatnonzero(changed)
            change = np.take(change.reshape(*change.shape[:-2], n * b), rows, axis=-1)
            losses[changed] = self._losses(places, change, images.start + rows // b)
        return losses

    def _passed_changes(self, places: Any, change: Array, changed: Array, images: slice) -> Iterator[tuple[int, Array]]:
        """For each image i with changed rows, the change of `after` in these R rows: (width, n, B) -> i, (K, R)."""
        v, z = np.ascontiguousarray(self.later[0][1]["weight"][:, places]), self.leaving[:, images]
        on, kink = _signs(z, v, change)
        for i in np.flatnonzero(changed.any(axis=1)).tolist():
            c = np.compress(changed[i], change[:, i], axis=1)  # (width, R)
            if self.passed == 1:
                yield i, np.dot(v, c)
            else:
                u, at = self.later[2][1]["weight"], np.flatnonzero(kink[:, i])
                yield i, np.dot(u @ (on[:, i, None] * v), c) + _kinks_change(u[:, at], v[at], z[at, i, None], c)

    def _image_losses(self, change: Array, image: int) -> Array:
        """The changes of the loss for R rows of one image that change `after` by (K, R) -> (R,)."""
        change += self.after[:, image, None]
        logits = change.T
        for layer, params in self.later[self.passed :]:
            logits = layer(params, logits)
        losses: Array = label_losses(logits, self.labels[image], self.tops[image]) - self.losses[image]
        return losses

    def _places(self, unit: int, width: int) -> tuple[Any, Any]:
        """The inputs of the next layer that come from this unit, and which of the unit's `width` numbers each one is.

        A flattened channel has a number for each position. Only ReLU and Flatten can come after a Select; both commute
        with it.
        """
        selects = [layer for layer in self.block.following.values() if isinstance(layer, Select)]
        if not selects:
            return slice(unit * width, (unit + 1) * width), slice(None)
        source = np.arange(len(self.outputs) * width)  # of each input, its index before the selections
        for select in selects:
            source = source[select.index]
        places = np.flatnonzero(source // width == unit)
        return places, source[places] % width

    def _losses(self, places: Any, change: Array, images: Array) -> Array:
        """The changes of the loss for changed rows: (width, ..., R) at these inputs of the next layer -> (R,)."""
        out = np.take(self.leaving, images, axis=-1)
        if self.later:  # linear: its output changes by the change times the unit's own weights
            layer, params = self.later[0]
            own = {"weight": params["weight"][:, places], "bias": np.zeros(len(out))}
            out += _rows_last(layer(own, _rows_first(change)))
        else:
            out[places] += change
        logits = _rows_first(out)
        for layer, params in self.later[1:]:
            logits = layer(params, logits)
        return image_losses(logits, self.labels[images]) - self.losses[images]

    def row_bytes(self) -> int:
        """About how much memory one row takes on its way, in float64."""
        shape, later = self.leaving.shape[:-1], self.later
        numbers: int = 4 * self.outputs.shape[1] + 3 * math.prod(shape)
        if self.passed == 3:
            shape, later = self.after.shape[:1], later[2:]
            numbers += 3 * len(self.after)
        for i, (layer, _) in enumerate(later):
            if isinstance(layer, Conv2d):
                numbers += 2 * layer.kernel**2 * layer.in_channels * math.prod(shape[1:])
            if i > 0:
                shape = layer.out_shape(shape)
                numbers += 3 * math.prod(shape)
        return 8 * numbers

    def copied_bytes(self) -> int:
        """How much memory a thread takes for copies of later weights: four of a unit's own, one of the layer after."""
        own = -(-self.entering.size * self.leaving.size // len(self.outputs))  # of one image
        second = len(self.after) * len(self.leaving) if self.passed == 3 else 0
        return 8 * (4 * own + second) if self.passed else 0

    def waiting_bytes(self) -> int:
        """About how much memory a row takes while the rows of another image go through the later layers."""
        return 32 * self.outputs.shape[1] if self.passed else self.row_bytes()


def find_stages(net: Sequential, params: Arrays, x: Array, y: Array) -> list[Stage]:
    """Run the network once, and keep what every perturbation of its layers needs."""
    steps, activations = [], [x]  # each layer with its parameters; activations[i] enters layer i
    for name, layer in net.layers.items():
        own = {short: params[f"{name}.{short}"] for short in layer.shapes()}
        steps.append((layer, own))
        activations.append(layer(own, activations[-1]))
    logits = activations[-1]
    losses = image_losses(logits, y)
    activations.append(logits)  # after the last layer nothing changes them
    starts = [i for i, (_, own) in enumerate(steps) if own]
    tops, stages = logits.max(axis=1), []
    for block, i, following in zip(net.blocks(), starts, [*starts[1:], len(steps)], strict=True):
        w, passed = steps[i][1]["weight"], _passed(steps[following:])
        columns = _columns(block.layer, activations[i])
        stage = Stage(
            block=block,
            connections=np.column_stack([w.reshape(len(w), -1), steps[i][1].get("bias", np.zeros(len(w)))]),
            columns=np.ascontiguousarray(columns) if passed else columns,  # as they are read
            outputs=_rows_last(activations[i + 1]).reshape(len(w), -1, len(x)),
            entering=np.ascontiguousarray(_rows_last(activations[following])),
            leaving=np.ascontiguousarray(_rows_last(activations[following + 1])),
            later=steps[following:],
            labels=y,
            losses=losses,
            tops=tops,
            passed=passed,
            after=np.ascontiguousarray(_rows_last(activations[following + max(1, passed)])),
        )
        stages.append(stage)
    return stages


def _passed(later: list[tuple[Layer, dict[str, Array]]]) -> int:
    """How many of these layers `Stage.passed` says."""
    types = [type(layer) for layer, _ in later[:3]]
    return 3 if types == [Linear, ReLU, Linear] else int(types[:1] == [Linear])


def _signs(z: Array, v: Array, change: Array) -> tuple[Array, Array]:
    """Which of H ReLUs are on for every row c of an image, and which may switch: change (width, n, B) -> (H, n)."""
    low, high = np.minimum(change.min(axis=2), 0), np.maximum(change.max(axis=2), 0)
    middle, reach = z + v @ ((low + high) / 2), np.abs(v) @ ((high - low) / 2)  # z + v c is in middle ± reach
    on = (middle - reach > 0) & (middle + reach < np.inf)
    return on, ~(on | (middle + reach <= 0))  # what may become NaN or infinite counts as switching


def _kinks_change(u: Array, v: Array, z: Array, change: Array) -> Array:
    """U (ReLU(z + V c) - ReLU(z)) for the rows c of one image: (width, R) -> (K, R)."""
    hidden = np.dot(v, change)
    hidden += z
    np.maximum(hidden, 0, out=hidden)
    hidden -= np.maximum(z, 0)
    out: Array = np.dot(u, hidden)
    return out


def image_losses(logits: Array, labels: Array) -> Array:
    """The cross-entropy of each image: (N, K) -> (N,)."""
    losses: Array = ops.logsumexp(logits, 1) - logits[np.arange(len(labels)), labels]
    return losses


def label_losses(logits: Array, label: int, top: float) -> Array:
    """As `image_losses` for one label, with less work where the number `top` can replace each row's maximum.

    It can if every sum is finite and far above 1e-300: terms that underflow are smaller than that.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        terms = logits.T - top
        sums = np.add.reduce(np.exp(terms, out=terms), axis=0)
    if sums.min() > 1e-100 and sums.max() < np.inf:
        losses: Array = np.log(sums) + top - logits[:, label]
        return losses
    return image_losses(logits, np.full(len(logits), label))


def _columns(layer: Layer, x: Array) -> Array:
    """What the connections of a unit read, in the order of its weights, then the bias: (P, N, K + 1)."""
    if isinstance(layer, Conv2d):
        kernel = (layer.kernel, layer.kernel)
        columns = im2col(padded(x, kernel, layer.stride, layer.padding), kernel, layer.stride)  # (C·k·k, oh·ow·N)
    else:
        columns = x.T
    columns = columns.reshape(len(columns), -1, len(x))
    return np.concatenate([columns, np.ones((1, *columns.shape[1:]))]).transpose(1, 2, 0)


def _rows_first(a: Array) -> Array:
    """Rows last -> rows first; a view."""
    return np.moveaxis(a, -1, 0)


def _rows_last(a: Array) -> Array:
    """Rows first -> rows last; a view."""
    return np.moveaxis(a, 0, -1)

"""Turn SNIP's knobs: what is kept, where, and what it should cost, for each setting.

    >>> from minisnip.data import load
    >>> from minisnip.lab.explore import Knobs, view
    >>> found = view(Knobs(sparsity=0.98), load("glyphs"))
    >>> sum(row["kept"] for row in found.layers.values())
    5332
    >>> found.pixels.shape
    (28, 28)

`show()` puts sliders beside it in a notebook; `minisnip explore` opens that notebook. All that the page shows is made
by `view` and `page`, which need neither widgets nor a browser.
"""

from __future__ import annotations

import base64
import html
import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset, load
from minisnip.data.dataset import TITLES as DATASETS
from minisnip.nn import MODELS
from minisnip.nn.models import TITLES
from minisnip.pruning import (
    CRITERIA,
    Overlap,
    input_connections,
    keep_top,
    kept_per_layer,
    mask_gradient,
    overlap,
    scoring_batch,
)
from minisnip.pruning import random_labels as drawn_labels

ALL = "all"  # classes


@dataclass(frozen=True)
class Knobs:
    """One setting of all knobs.

    Attributes
    ----------
    model, criterion : str
        Names in MODELS and CRITERIA.
    sparsity : float in [0, 1)
    label : str
        The class of the images that score; "all" for all classes.
    images : int
        The size of the scoring batch.
    random_labels : bool
        Whether the labels of the batch are drawn at random.
    seed : int
        Of the weights, the batch and the random labels.
    """

    model: str = "lenet-300-100"
    criterion: str = "snip"
    sparsity: float = 0.95
    label: str = ALL
    images: int = 100
    random_labels: bool = False
    seed: int = 0

    def line(self, dataset: str) -> str:
        """The line of Python that shows this setting again."""
        changed = ((f.name, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != f.default)
        return f"view(Knobs({', '.join(f'{name}={value!r}' for name, value in changed)}), load({dataset!r}))"


@dataclass(frozen=True)
class View:
    """What one setting of the knobs keeps.

    Attributes
    ----------
    masks : dict of arrays of 0 and 1
    layers : dict
        As `kept_per_layer`.
    pixels : (H, W) integers
        How often the kept connections of the first layer read each pixel.
    predicted : float
        -Σ g_j over what is removed, in nats: how much the loss of the batch grows to first order.
    """

    masks: dict[str, Array]
    layers: dict[str, dict[str, float]]
    pixels: Array
    predicted: float


def view(knobs: Knobs, dataset: Dataset) -> View:
    """Score with these knobs, and keep the top.

    Raises
    ------
    KeyError
        If a model or a criterion is unknown.
    ValueError
        If the sparsity is not in [0, 1), no image has the class, or the criterion refuses.
    """
    net, scores, g = _scored(replace(knobs, sparsity=0.0), _Held(dataset))
    masks = keep_top(scores, knobs.sparsity)
    removed = sum(float(np.sum(g[name], where=c == 0)) for name, c in masks.items())
    pixels = input_connections(net, masks).sum(axis=0)
    return View(masks, kept_per_layer(masks), pixels, -removed)


def compare(a: View, b: View) -> Overlap:
    """How alike what two settings keep is, and by chance."""
    return overlap(a.masks, b.masks)


class _Held:
    """A data set as the key of a cache: itself and no other."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __hash__(self) -> int:
        return id(self.dataset)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.dataset is self.dataset


@lru_cache(maxsize=16)
def _scored(knobs: Knobs, held: _Held) -> tuple[Any, dict[str, Array], dict[str, Array]]:
    """The network, its scores and the gradient of its mask: what no sparsity changes."""
    net, data = MODELS[knobs.model](), held.dataset
    init_rng, batch_rng, label_rng, score_rng = np.random.default_rng(knobs.seed).spawn(4)
    params = net.init(init_rng)
    x, y = scoring_batch(*_of_class(knobs, data), knobs.images, batch_rng)
    if knobs.random_labels:
        y = drawn_labels(y, len(data.class_names), label_rng)
    scores = CRITERIA[knobs.criterion](net, params, x, y, rng=score_rng)
    return net, dict(scores), mask_gradient(net, params, x, y)


def _of_class(knobs: Knobs, data: Dataset) -> tuple[Array, Array]:
    images, labels = data.train.images, data.train.labels
    if knobs.label == ALL:
        return images, labels
    if knobs.label not in data.class_names:
        raise ValueError(f"no image is of class {knobs.label!r}: choose one of {ALL}, {', '.join(data.class_names)}")
    rows = labels == data.class_names.index(knobs.label)
    return images[rows], labels[rows]


# ---- The page --------------------------------------------------------------------------------------------------------


def page(knobs: Knobs, dataset: Dataset, other: str = "") -> str:
    """The page for one setting, as HTML; with another criterion beside it, if one is named."""
    views = {
        name: view(replace(knobs, criterion=name), dataset) for name in dict.fromkeys([knobs.criterion, other]) if name
    }
    parts = [_panel(name, found) for name, found in views.items()]
    below = f"<code>{html.escape(knobs.line(dataset.name))}</code>"
    if len(views) == 2:
        found = compare(*views.values())
        below = (
            f"<p>Both keep {100 * found.jaccard:.1f} % of what either keeps; by chance {100 * found.chance:.1f} %, "
            f"with as many in each layer {100 * found.chance_within_layers:.1f} %.</p>{below}"
        )
    title = f"{DATASETS[dataset.name]}, {TITLES[knobs.model]}, {100 * knobs.sparsity:.4g} % pruned"
    return f'<h3>{html.escape(title)}</h3><div style="display:flex;gap:3em">{"".join(parts)}</div>{below}'


def _panel(criterion: str, found: View) -> str:
    read = f"{np.count_nonzero(found.pixels)} of {found.pixels.size} pixels are read"
    return (
        f'<div><h4>{html.escape(criterion)}</h4><img alt="{read}" title="{read}" width="224" '
        f'style="image-rendering:pixelated" src="{_png(found.pixels)}"><p>{read}</p>{_bars(found.layers)}'
        f"<p>Predicted change of the loss: {found.predicted:+.4f} nats</p></div>"
    )


def _bars(layers: Mapping[str, Mapping[str, float]]) -> str:
    row = (
        '<tr><td>{}</td><td><div style="background:#ddd;width:12em"><div style="background:#0072b2;height:1em;'
        'width:{:.2f}%"></div></div></td><td style="text-align:right">{:,} of {:,}</td></tr>'
    )
    rows = (row.format(html.escape(name), r["percent"], int(r["kept"]), int(r["total"])) for name, r in layers.items())
    return f"<table>{''.join(rows)}</table>"


def _png(counts: Array) -> str:
    """The counts as a gray image, the more the brighter, as the address of an <img>."""
    gray = (255 * counts / max(1, counts.max())).astype(np.uint8)
    height, width = gray.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), gray], axis=1).tobytes()
    out = io.BytesIO(b"")
    out.write(b"\x89PNG\r\n\x1a\n")
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        out.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)))
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def show(dataset: str = "mnist") -> Any:
    """The knobs as widgets, with the page below; for the last line of a notebook's cell."""
    import ipywidgets as widgets

    data = load(dataset)
    kept = widgets.FloatLogSlider(5.0, base=10, min=-1, max=2, step=0.01, description="kept, %", readout_format=".3g")
    choices = {
        "criterion": widgets.Dropdown(options=[*CRITERIA], value="snip", description="criterion"),
        "other": widgets.Dropdown(
            options=[("none", ""), *((c, c) for c in CRITERIA)], value="", description="beside it"
        ),
        "model": widgets.Dropdown(
            options=[(TITLES[m], m) for m in MODELS], value="lenet-300-100", description="network"
        ),
        "label": widgets.Dropdown(options=[ALL, *data.class_names], value=ALL, description="class"),
        "images": widgets.Dropdown(options=[1, 10, 100, 1000], value=100, description="images"),
        "random_labels": widgets.Checkbox(False, description="random labels"),
        "seed": widgets.BoundedIntText(0, min=0, max=10**6, description="seed"),
    }
    out = widgets.HTML()

    def changed(_: object = None) -> None:
        values = {name: widget.value for name, widget in choices.items()}
        other = values.pop("other")
        try:
            out.value = page(Knobs(sparsity=max(0.0, 1 - kept.value / 100), **values), data, other)
        except (ValueError, TypeError) as error:
            out.value = f"<p>{html.escape(str(error))}</p>"

    for widget in (kept, *choices.values()):
        widget.observe(changed, "value")
    changed()
    return widgets.VBox([kept, widgets.HBox([*choices.values()], layout={"flex_flow": "wrap"}), out])

"""Turn SNIP's knobs: what is kept, where, and what the removal should cost, for each setting.

    >>> from minisnip.data import load
    >>> from minisnip.lab.explore import Knobs, view
    >>> found = view(Knobs(sparsity=0.98), load("glyphs"))
    >>> sum(row["kept"] for row in found.layers.values())
    5332
    >>> found.pixels.shape
    (28, 28)

`minisnip explore` is a page with a control for each knob (`minisnip.lab.explorer`); all that it shows is computed here.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from minisnip.autodiff.engine import Array, Arrays
from minisnip.data import Dataset
from minisnip.lab.experiment import Experiment, Streams, check_sizes
from minisnip.mistakes import unknown
from minisnip.nn import MODELS, Sequential
from minisnip.pruning import (
    CRITERIA,
    EstimateWarning,
    LayerCollapseWarning,
    emptied_layers,
    input_connections,
    keep_top,
    kept_per_layer,
    mask_gradient,
    random_labels,
    scoring_batch,
)
from minisnip.pruning.masks import flatten

ALL = "all"  # classes


@dataclass(frozen=True)
class Knobs:
    """One setting of all knobs. The mask is that of `minisnip train` with the same seed, if both seeds are equal.

    Attributes
    ----------
    model, criterion : str
        Names in MODELS and CRITERIA.
    beside : str
        A second criterion to compare with; empty for none.
    sparsity : float in [0, 1)
    label : str
        The class of the images that score; "all" for all classes.
    images : int
        The size of the scoring batch.
    random_labels : bool
        Whether the labels of the batch are random.
    batch : int
        Random seed of the batch, and of its random labels.
    seed : int
        Random seed of the weights.
    """

    model: str = "lenet-300-100"
    criterion: str = "snip"
    beside: str = ""
    sparsity: float = 0.95
    label: str = ALL
    images: int = 100
    random_labels: bool = False
    batch: int = 0
    seed: int = 0

    def changed(self) -> dict[str, Any]:
        """The knobs that are not at their defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


@dataclass(frozen=True)
class Scores:
    """What no sparsity changes.

    Attributes
    ----------
    net : Sequential
    scores, gradient : dicts of arrays
        By the criterion, and ∂L/∂c_j at c = 1.
    last : dict of float
        As `last_sparsities`.
    notes : tuple of str
        What the criterion warned of.
    """

    net: Sequential
    scores: dict[str, Array]
    gradient: dict[str, Array]
    last: dict[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """What one setting keeps.

    Attributes
    ----------
    masks : dict of arrays of 0 and 1
    layers : dict
        As `kept_per_layer`.
    last : dict of float
        As `last_sparsities`.
    empty : tuple of str
        The layers without a kept weight.
    pixels : (H, W) integers
        How many kept connections of the first layer read each pixel.
    predicted : float
        -Σ g_j over what is removed, in nats: the change of the batch's loss, to first order.
    notes : tuple of str
    """

    masks: dict[str, Array]
    layers: dict[str, dict[str, float]]
    last: dict[str, float]
    empty: tuple[str, ...]
    pixels: Array
    predicted: float
    notes: tuple[str, ...]


def view(knobs: Knobs, dataset: Dataset) -> View:
    """Score as the knobs say, and keep the top.

    Raises
    ------
    ValueError
        If a name is unknown, a number is out of its range, or the network does not take the images.
    TypeError
        If the criterion does not know a layer of the network.
    """
    return cut(score(knobs, dataset), knobs.sparsity)


def views(knobs: Knobs, dataset: Dataset) -> dict[str, View]:
    """The view of the criterion, and that of the one beside it, by name. Raises as `view`."""
    return {knobs.criterion: view(knobs, dataset), **{k.criterion: view(k, dataset) for k in second(knobs)}}


def second(knobs: Knobs) -> list[Knobs]:
    """The same setting with the other criterion, if there is another one."""
    named = knobs.beside not in ("", knobs.criterion)
    return [replace(knobs, criterion=knobs.beside)] if named else []


def score(knobs: Knobs, dataset: Dataset) -> Scores:
    """The scores of all connections, and the derivative for each. Raises as `view`."""
    check(knobs, dataset)
    weights, batch = (Streams(*np.random.default_rng(seed).spawn(5)) for seed in (knobs.seed, knobs.batch))
    net = MODELS[knobs.model]()
    params = net.init(weights.init)
    x, y = scoring_batch(*of_class(knobs.label, dataset), knobs.images, batch.scoring)
    if knobs.random_labels:
        y = random_labels(y, len(dataset.class_names), batch.control)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EstimateWarning)
        scores = CRITERIA[knobs.criterion](net, params, x, y, rng=batch.scoring)
    notes = tuple(dict.fromkeys(str(w.message) for w in caught))
    return Scores(net, scores, mask_gradient(net, params, x, y), last_sparsities(scores), notes)


def cut(found: Scores, sparsity: float) -> View:
    """The view at a sparsity. ValueError if it is not in [0, 1)."""
    with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):  # `empty` says it
        masks = keep_top(found.scores, sparsity)
    removed = sum(float(np.sum(found.gradient[name], where=c == 0)) for name, c in masks.items())
    pixels = input_connections(found.net, masks).sum(axis=0)
    empty = tuple(emptied_layers(masks))
    return View(masks, kept_per_layer(masks), found.last, empty, pixels, 0.0 - removed, found.notes)


def last_sparsities(scores: Arrays) -> dict[str, float]:
    """The highest sparsity at which each weight keeps a connection: layers empty in this order.

    The smallest is `collapse_sparsity(scores)`. Biases have none.
    """
    flat, start, last = flatten(scores), 0, {}
    for name, s in scores.items():
        if not name.endswith("bias"):
            first = start + int(np.argmax(s))  # the best one, and the first of equals, as `keep_top` has it
            before = int(np.sum(flat > flat[first])) + int(np.sum(flat[:first] == flat[first]))
            last[name] = 1 - (1 + before) / flat.size
        start += s.size
    return last


def of_class(label: str, dataset: Dataset) -> tuple[Array, Array]:
    """The training images of a class, or of all, with their labels. ValueError if there is no such class."""
    images, labels = dataset.train.images, dataset.train.labels
    if label == ALL:
        return images, labels
    if label not in dataset.class_names:
        raise ValueError(unknown("class", label, (ALL, *dataset.class_names)))
    rows = labels == dataset.class_names.index(label)
    return images[rows], labels[rows]


def check(knobs: Knobs, dataset: Dataset) -> None:
    """Refuse what cannot be scored, with a ValueError."""
    for name in filter(None, (knobs.criterion, knobs.beside)):
        CRITERIA[name]
    for seed in (knobs.seed, knobs.batch):
        size = knobs.images
        asked = Experiment(model=knobs.model, sparsity=knobs.sparsity, seed=seed, scoring_images=size, batch_size=size)
        check_sizes(asked, dataset)


# ---- What reproduces a setting ---------------------------------------------------------------------------------------


def to_query(knobs: Knobs, dataset: str) -> str:
    """The end of a link to this setting: "dataset=mnist&sparsity=0.98"."""
    return urlencode({"dataset": dataset, **knobs.changed()})


def from_query(query: str, dataset: str) -> Knobs:
    """The setting of a link; what it does not name is at its default.

    Raises
    ------
    ValueError
        If a name is unknown, a value is of another type, or the link is to another data set.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    if (named := given.pop("dataset", dataset)) != dataset:
        raise ValueError(f"the link is to {named}, this is {dataset}: start `minisnip explore --dataset {named}`")
    return Knobs(**{name: _value(name, text) for name, text in given.items()})


def _value(name: str, text: str) -> Any:
    defaults = {f.name: f.default for f in fields(Knobs)}
    if name not in defaults:
        raise ValueError(unknown("knob", name, (*defaults, "dataset")))
    kind: Any = type(defaults[name])
    try:
        return {"True": True, "False": False}[text] if kind is bool else kind(text)
    except (KeyError, ValueError):
        expected = {bool: "True or False", int: "a whole number", float: "a number such as 0.95"}[kind]
        raise ValueError(f"{name} {text!r} in the link: expected {expected}") from None


def to_python(knobs: Knobs, dataset: str) -> str:
    """A line of Python that gives the views of this setting."""
    given = ", ".join(f"{name}={value!r}" for name, value in knobs.changed().items())
    imports = "from minisnip.data import load; from minisnip.lab.explore import Knobs, views"
    return f"{imports}; views(Knobs({given}), load({dataset!r}))"

"""Controls: spoil one ingredient of a pruning method and see whether its result suffers (arXiv 2009.08576, 2009.11094).

shuffle_masks           the places within each layer          does it matter which connections, or only how many?
random_masks            the same counts per layer, by lot     the same question, for counts from anywhere
net.init(rng)           the weights: train another draw       does the mask fit the weights it was made with?
invert                  the order of the scores               do the scores say anything?
random_labels,
noise_images            what the scores are made from         do they say anything about the data?
scoring_batch           how much of it
overlap                 how alike two masks are, and how alike they would be by chance
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from minisnip.autodiff.engine import Array


def shuffle_masks(masks: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Move the ones of each mask to random places in it: the counts stay, the choice goes.

    Every mask that can change does: it is drawn again if the draw was the mask itself. One that is all ones or all
    zeros (such as those of biases after SNIP) has only one arrangement and stays.

    Raises
    ------
    ValueError
        If no mask can change.

    Warns
    -----
    UserWarning
        If a weight's mask is all ones or all zeros; names it.
    """
    stuck = [name for name, c in masks.items() if c.all() or not c.any()]
    if len(stuck) == len(masks):
        raise ValueError("a shuffle would change nothing: every mask is all ones or all zeros; prune first")
    if weights := [name for name in stuck if not name.endswith("bias")]:
        warnings.warn(f"{', '.join(weights)} is all ones or all zeros, so a shuffle leaves it as it is", stacklevel=2)
    return {name: c.copy() if name in stuck else _moved(c, rng) for name, c in masks.items()}


def _moved(c: Array, rng: np.random.Generator) -> Array:
    shuffled: Array = rng.permutation(c.ravel()).reshape(c.shape)
    while np.array_equal(shuffled, c):
        shuffled = rng.permutation(c.ravel()).reshape(c.shape)
    return shuffled


def random_masks(params: Mapping[str, Array], counts: Mapping[str, int], rng: np.random.Generator) -> dict[str, Array]:
    """Masks with `counts[name]` ones at random places in each parameter.

    With the counts of another mask, `{name: np.count_nonzero(c) for name, c in masks.items()}`, it is what pruning at
    random does when it is told how much to keep of each layer.

    Raises
    ------
    ValueError
        If a count names no parameter, or is not between 0 and its size.
    """
    for name, count in counts.items():
        if name not in params or not 0 <= count <= params[name].size:
            found = f"has {params[name].size} elements" if name in params else "is no parameter"
            raise ValueError(f"a count of {count} for {name}, which {found}: give a number from 0 to its size")
    masks = {}
    for name, count in counts.items():
        flat = np.zeros(params[name].size, params[name].dtype)
        flat[rng.permutation(flat.size)[:count]] = 1
        masks[name] = flat.reshape(params[name].shape)
    return masks


def invert(scores: Mapping[str, Array]) -> dict[str, Array]:
    """The scores upside down: what would be kept first goes first."""
    return {name: -s for name, s in scores.items()}


def random_labels(y: Array, classes: int, rng: np.random.Generator) -> Array:
    """As many labels, each class equally likely: they know nothing of the images."""
    return rng.integers(0, classes, len(y), dtype=np.int64)


def noise_images(x: Array, rng: np.random.Generator) -> Array:
    """As many images of normal noise, with the mean 0 and the standard deviation 1 of standardized pixels."""
    return rng.standard_normal(x.shape).astype(x.dtype)


def scoring_batch(images: Array, labels: Array, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The first `size` of the shuffled images, with their labels; any size, for the criteria hold a hundred at a time.

    Raises
    ------
    ValueError
        If there are not that many.
    """
    if not 1 <= size <= len(images):
        raise ValueError(f"a scoring batch of {size}, but there are {len(images):,} images: take 1 to all of them")
    batch = rng.permutation(len(labels))[:size]
    return images[batch], labels[batch]


@dataclass(frozen=True)
class Overlap:
    """How alike two masks are, and how alike they would be by chance.

    Attributes
    ----------
    jaccard : float
        |A ∩ B| / |A ∪ B| of the kept connections; NaN if nothing is kept.
    chance : float
        Of two masks that keep as many anywhere in the network.
    chance_within_layers : float
        Of two masks that keep as many of each parameter: what is above it is agreement on the places themselves.
    """

    jaccard: float
    chance: float
    chance_within_layers: float


def overlap(a: Mapping[str, Array], b: Mapping[str, Array]) -> Overlap:
    """The overlap of two masks beside its chance levels.

    By chance A and B meet in |A| |B| / m places, in the whole or in each parameter. The chance levels are the Jaccard
    index of this mean; the mean of the index differs from it by about 1/κ.

    Raises
    ------
    ValueError
        If the masks have not the same names and shapes.
    """
    if {name: c.shape for name, c in a.items()} != {name: c.shape for name, c in b.items()}:
        raise ValueError(f"masks of {', '.join(a)} and of {', '.join(b)}: the same names and shapes are needed")
    rows = np.array([[np.count_nonzero(a[n]), np.count_nonzero(b[n]), a[n].size] for n in a], np.float64)
    kept_a, kept_b, size = rows.sum(axis=0)
    both = sum(int(np.count_nonzero((a[name] != 0) & (b[name] != 0))) for name in a)

    def jaccard(meeting: float) -> float:
        either = kept_a + kept_b - meeting
        return float(meeting / either) if either else float("nan")

    by_parameter = float(np.sum(rows[:, 0] * rows[:, 1] / np.maximum(rows[:, 2], 1)))
    return Overlap(jaccard(both), jaccard(kept_a * kept_b / size), jaccard(by_parameter))

"""Controls: ablate one ingredient of a pruning method, see whether its result suffers (arXiv 2009.08576, 2009.11094).

shuffle_masks           the places within each layer          does it matter which connections, or only how many?
random_masks            the same counts per layer, random     the same question, for counts from anywhere
net.init(rng)           the weights: train another draw       does the mask fit the weights it was made with?
invert                  the order of the scores               do the scores say anything?
random_labels,
noise_images            what the scores are made from         do they say anything about the data?
scoring_batch           the number of images
overlap                 how alike two masks are, and how alike they would be by chance
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from minisnip.autodiff.engine import Array, Arrays
from minisnip.mistakes import generator, warn
from minisnip.nn.init import Rng
from minisnip.pruning.masks import check_scores, flatten, unflatten


def shuffle_masks(masks: Arrays, rng: Rng = None) -> dict[str, Array]:
    """Move the ones of each mask to random places in it: the counts stay, the choice is lost.

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
    rng = generator(rng)
    stuck = [name for name, c in masks.items() if c.all() or not c.any()]
    if len(stuck) == len(masks):
        raise ValueError("a shuffle would change nothing: every mask is all ones or all zeros; prune first")
    if weights := [name for name in stuck if not name.endswith("bias")]:
        warn(f"{', '.join(weights)} is all ones or all zeros, so a shuffle leaves it as it is")
    return {name: c.copy() if name in stuck else _permuted(c, rng) for name, c in masks.items()}


def _permuted(c: Array, rng: np.random.Generator) -> Array:
    """A random arrangement of the numbers of c, other than c."""
    shuffled = c
    while np.array_equal(shuffled, c):
        shuffled = rng.permutation(c.ravel()).reshape(c.shape)
    return shuffled


def random_masks(params: Arrays, counts: Mapping[str, int], rng: Rng = None) -> dict[str, Array]:
    """Masks with `counts[name]` ones at random places in each parameter.

    With the counts of another mask, `{name: np.count_nonzero(c) for name, c in masks.items()}`, this is random pruning
    that is told how much to keep of each layer.

    Raises
    ------
    ValueError
        If a count names no parameter, or is not between 0 and its size.
    """
    for name, count in counts.items():
        if name not in params or not 0 <= count <= params[name].size:
            found = f"has {params[name].size} elements" if name in params else "is no parameter"
            raise ValueError(f"a count of {count} for {name}, which {found}: give a number from 0 to its size")
    rng, masks = generator(rng), {}
    for name, count in counts.items():
        flat = np.zeros(params[name].size, params[name].dtype)
        flat[rng.permutation(flat.size)[:count]] = 1
        masks[name] = flat.reshape(params[name].shape)
    return masks


def invert(scores: Arrays) -> dict[str, Array]:
    """The scores in reverse order: what would be kept first is removed first.

    -s of floats; ~s of integers and booleans, which cannot overflow.

    Raises
    ------
    ValueError, TypeError
        If a score is NaN, or no real number.
    """
    check_scores(scores)
    flat = flatten(scores)  # one dtype for all
    return unflatten(-flat if flat.dtype.kind == "f" else ~flat, scores)


def random_labels(y: Array, classes: int, rng: Rng = None) -> Array:
    """As many random labels, each class equally likely: they are independent of the images."""
    return generator(rng).integers(0, classes, len(y), dtype=np.int64)


def noise_images(x: Array, rng: Rng = None) -> Array:
    """As many images of normal noise, with the mean 0 and the standard deviation 1 of standardized pixels."""
    return generator(rng).standard_normal(x.shape).astype(x.dtype)


def scoring_batch(images: Array, labels: Array, size: int, rng: Rng = None) -> tuple[Array, Array]:
    """The first `size` of the shuffled images, with their labels; any size, as criteria hold a hundred at a time.

    Raises
    ------
    ValueError
        If there are fewer images, or the size is below 1.
    """
    if not 1 <= size <= len(images):
        raise ValueError(f"a scoring batch of {size}, but there are {len(images):,} images: take 1 or more of them")
    batch = generator(rng).permutation(len(labels))[:size]
    return images[batch], labels[batch]


@dataclass(frozen=True)
class Overlap:
    """How alike two masks are, and how alike they would be by chance.

    Attributes
    ----------
    jaccard : float
        |A ∩ B| / |A ∪ B| of the kept connections; NaN if nothing is kept.
    chance : float
        The same for two random masks that keep as many connections anywhere in the network.
    chance_within_layers : float
        The same for two random masks that keep as many of each parameter. A higher `jaccard` is agreement on the
        places themselves.
    """

    jaccard: float
    chance: float
    chance_within_layers: float


def overlap(a: Arrays, b: Arrays) -> Overlap:
    """The overlap of two masks, with its chance levels.

    By chance A and B share |A| |B| / m places, in the whole or in each parameter. The chance levels are the Jaccard
    index of this mean; the mean of the index differs from it by about 1/κ.

    Raises
    ------
    ValueError
        If the masks do not have the same names and shapes.
    """
    if {name: c.shape for name, c in a.items()} != {name: c.shape for name, c in b.items()}:
        raise ValueError(f"masks of {', '.join(a)} and of {', '.join(b)}: the same names and shapes are needed")
    rows = np.array([[np.count_nonzero(a[n]), np.count_nonzero(b[n]), a[n].size] for n in a], np.float64)
    kept_a, kept_b, size = rows.sum(axis=0)
    both = sum(int(np.count_nonzero((a[name] != 0) & (b[name] != 0))) for name in a)

    def jaccard(shared: float) -> float:
        either = kept_a + kept_b - shared
        return float(shared / either) if either else float("nan")

    by_parameter = float(np.sum(rows[:, 0] * rows[:, 1] / np.maximum(rows[:, 2], 1)))
    return Overlap(jaccard(both), jaccard(kept_a * kept_b / size), jaccard(by_parameter))

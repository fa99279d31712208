"""Augmentation: random changes of the training images, another draw at every step.

The data set itself is not changed, and the images that are scored or evaluated are the original ones. Seeing several
versions of each image is a remedy for overfitting. It is no part of the paper's protocol on MNIST.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minisnip.autodiff.engine import Array
from minisnip.data.dataset import Dataset
from minisnip.mistakes import kind_of, unknown

NAMES = ("shift", "flip")
EXAMPLES = "such as 'shift', 'shift:2' (by up to two pixels), 'flip' or 'shift,flip'"


@dataclass(frozen=True, eq=False)
class Augmentation:
    """Move each image by up to `shift` pixels in each direction and mirror it left to right, at random.

    All (2 shift + 1)² moves are equally likely, the one by nothing included, and black enters at the border: a random
    crop of the padded image. Half of the images are mirrored, on average.

    Attributes
    ----------
    shift : int
        Pixels; 0 for no move.
    flip : bool
    black : array that broadcasts to (C, 1, 1), or number
        A black pixel. It is not 0 in standardized images.

    Examples
    --------
    >>> from minisnip.training.augment import Augmentation
    >>> image = np.arange(1, 10).reshape(1, 1, 3, 3)
    >>> Augmentation(shift=1)(image, np.random.default_rng(0))[0, 0]
    array([[4, 5, 6],
           [7, 8, 9],
           [0, 0, 0]])
    """

    shift: int = 0
    flip: bool = False
    black: Any = 0

    @classmethod
    def parse(cls, text: str) -> Augmentation:
        """The augmentation that a text names: "shift", "shift:2", "flip", or two of them with a comma between.

        Raises
        ------
        ValueError
            If a name is unknown, is there twice, or has another number than one of pixels.
        TypeError
            If it is no text.
        """
        if not isinstance(text, str):
            raise TypeError(f"augment {text!r} is {kind_of(text)}, expected text {EXAMPLES}")
        pixels: dict[str, int] = {}
        for part in text.split(","):
            name, colon, number = part.strip().partition(":")
            if name not in NAMES:
                raise ValueError(unknown("augmentation", name, NAMES))
            if name in pixels or (colon and (name == "flip" or not number.isdecimal() or not int(number))):
                raise ValueError(f"augment {text!r}: expected each name once, and pixels for shift only, {EXAMPLES}")
            pixels[name] = int(number or 1)
        return cls(pixels.get("shift", 0), "flip" in pixels)

    def fit(self, dataset: Dataset) -> Augmentation:
        """The same, with the data set's black; a ValueError if its images cannot be changed so."""
        shape = dataset.train.images.shape[1:]
        if len(shape) != 3:
            raise ValueError(f"augment {self} takes images (C, H, W), got inputs of shape {shape}: leave augment out")
        if self.shift >= min(shape[1:]):
            raise ValueError(
                f"augment {self} moves images of {shape[1]} x {shape[2]} pixels out of sight: shift by fewer pixels"
            )
        return replace(self, black=dataset.black)

    def __call__(self, images: Array, rng: np.random.Generator) -> Array:
        """The images (N, C, H, W), each changed at random, as a new array."""
        n, r = len(images), self.shift
        changed = _move(images, r, self.black, rng.integers(0, 2 * r + 1, (2, n))) if r else np.array(images)
        if self.flip:
            chosen = rng.integers(0, 2, n, dtype=bool)
            changed[chosen] = changed[chosen][..., ::-1]
        return changed

    def __str__(self) -> str:
        """The text that `parse` takes; equal augmentations have the same."""
        shift = f"shift:{self.shift}" if self.shift > 1 else "shift" * self.shift
        return ",".join(filter(None, (shift, "flip" * self.flip)))


def _move(images: Array, border: int, black: Any, corners: Array) -> Array:
    """Of each image with a black border, the window of the image's own size with this upper left corner."""
    n, channels, *size = images.shape
    bordered = np.empty((n, channels, size[0] + 2 * border, size[1] + 2 * border), images.dtype)
    bordered[:] = black
    bordered[:, :, border:-border, border:-border] = images
    windows = sliding_window_view(bordered, size, axis=(2, 3))  # (N, C, 2 border + 1, 2 border + 1, H, W)
    moved: Array = windows[np.arange(n), :, *corners]  # (N, C, H, W)
    return moved

"""Digits that need no download: those of matplotlib's fonts, distorted, thickened and made noisy at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minisnip.data.outlines import FONTS, distance_at

SIDE = 28
CHUNK = 500  # images drawn at once: a few megabytes, which the processor's cache can hold

# Standard deviations, in pixels unless said otherwise: LeNet-300-100, trained on 10,800 of them, errs on about 2.5 %.
ROTATION = 0.2  # radians
SHEAR = 0.2
STRETCH = 0.12  # of log(width) and of log(height)
SHIFT = 1.1
BEND = 1.5  # of each knot of the elastic distortion
KNOTS = 4  # along each side
THICKEN = (-0.1, 0.6)  # uniform: how far the outline moves outwards
NOISE = 0.1  # of full ink

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Labels = NDArray[np.int64]


def glyphs(count: int, *, seed: int = 0) -> tuple[Floats, Labels]:
    """Draw digits at random; the same count and seed give the same bytes.

    Parameters
    ----------
    count : int
        How many, 0 or more.
    seed : int
        Of digit, font, distortion, stroke width and noise.

    Returns
    -------
    images : array (count, 1, 28, 28), float32 in [0, 1]
        0 is paper, 1 is ink.
    labels : array (count,), int64
        The digits, uniformly distributed.

    Raises
    ------
    ValueError
        If the count is negative.
    """
    if count < 0:
        raise ValueError(f"{count} images cannot be drawn: ask for 0 or more")
    images, labels = draw(count, np.random.default_rng(seed))
    return np.divide(images, 255, dtype=np.float32), labels


def draw(count: int, rng: np.random.Generator) -> tuple[Bytes, Labels]:
    """Like `glyphs`, in the 256 levels of grey of an MNIST file: images (count, 1, 28, 28) uint8 and labels."""
    labels = rng.integers(0, 10, count)
    images = np.empty((count, 1, SIDE, SIDE), np.uint8)
    for start in range(0, count, CHUNK):
        images[start : start + CHUNK, 0] = _draw_chunk(labels[start : start + CHUNK], rng)
    return images, labels


def _draw_chunk(digits: Labels, rng: np.random.Generator) -> Bytes:
    """One image (SIDE, SIDE) for each digit."""
    n = len(digits)
    fonts = rng.integers(0, len(FONTS), n)
    distance = distance_at(fonts, digits, *_bend(*_affine(n, rng), rng))
    thicken = rng.uniform(*THICKEN, (n, 1, 1)).astype(np.float32)
    ink = np.clip(0.5 + thicken - distance, 0, 1)  # the edge is one pixel soft: anti-aliasing
    ink += NOISE * rng.standard_normal(ink.shape, np.float32)
    image: Bytes = np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)
    return image


def _affine(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The point of the undistorted digit under each pixel: x and y, each (n, SIDE, SIDE), (0, 0) in the middle."""
    normal = rng.standard_normal((6, n, 1, 1), np.float32)
    angle, shear = ROTATION * normal[0], SHEAR * normal[1]
    narrower, flatter = np.exp(STRETCH * normal[2:4])
    pixel = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    u, v = pixel + SHIFT * normal[4], pixel[:, None] + SHIFT * normal[5]  # (n, 1, SIDE) and (n, SIDE, 1)
    x, y = np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v
    return narrower * (x + shear * y), flatter * y


def _bend(x: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Elastic distortion: a random shift at each of KNOTS×KNOTS knots, spread smoothly over the pixels between."""
    knots = np.linspace(0, SIDE - 1, KNOTS, dtype=np.float32)
    pixels = np.arange(SIDE, dtype=np.float32)[:, None]
    spread = np.exp(-0.5 * ((pixels - knots) / (0.6 * knots[1])) ** 2)  # (SIDE, KNOTS)
    spread /= spread.sum(1, keepdims=True)
    shifts = BEND * rng.standard_normal((2, len(x), KNOTS, KNOTS), np.float32)
    dx, dy = spread @ shifts @ spread.T  # (2, n, KNOTS, KNOTS) -> (2, n, SIDE, SIDE)
    return x + dx, y + dy

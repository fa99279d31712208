"""Digits that need no download: random distortions, stroke widths and noise, applied to those of matplotlib's fonts.

Each digit of a font is a signed distance field: the distance of each point from the outline. Unlike a picture, a
distance field can be drawn with any stroke width and interpolated between its grid points.

All but the noise is computed in float64, so that another processor or another NumPy rounds to the same gray levels.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minisnip.data.dataset import SIDE, Bytes, Floats, Labels

FONTS = (
    "DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSansMono DejaVuSansMono-Bold DejaVuSerif DejaVuSerif-Bold "
    "DejaVuSans-BoldOblique STIXGeneral STIXGeneralBol STIXGeneralItalic STIXGeneralBolIta cmr10 cmb10 cmss10 cmtt10 "
    "DejaVuSansMono-Oblique"
).split()  # every matplotlib since 3.8 has these
DIGIT_HEIGHT = 20.0  # pixels, as in MNIST
REACH = 12.0  # a field covers [-12, 12] pixels around the middle of its digit
PER_PIXEL = 2  # grid points
GRID = int(2 * REACH * PER_PIXEL) + 1
CHUNK = 500  # images drawn at once: a few megabytes, which the processor's cache can hold

# Standard deviations, in pixels unless said otherwise. LeNet-300-100, trained on 10,800 images, has an error of 2.1 %.
ROTATION = 0.2  # radians
SHEAR = 0.2
STRETCH = 0.12  # of log(width) and of log(height)
SHIFT = 1.1
BEND = 1.5  # of each knot of the elastic distortion
KNOTS = 4  # along each side
THICKEN = (-0.1, 0.6)  # range of a uniform distribution: how far the outline moves outwards
NOISE = 0.1  # of full ink

Points = NDArray[np.float64]


def glyphs(count: int, *, seed: int = 0) -> tuple[Floats, Labels]:
    """Draw random digits; the same count and seed give the same bytes.

    Parameters
    ----------
    count : int
        Number of images, 0 or more.
    seed : int
        Random seed of digits, fonts, distortions, stroke widths and noise.

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
    images, labels = draw_digits(count, np.random.default_rng(seed))
    return np.divide(images, 255, dtype=np.float32), labels


def draw_digits(count: int, rng: np.random.Generator) -> tuple[Bytes, Labels]:
    """Images (count, 1, 28, 28) uint8 and labels, as `glyphs`, in the 256 gray levels of an MNIST file."""
    labels = rng.integers(0, 10, count)
    images = np.empty((count, 1, SIDE, SIDE), np.uint8)
    for start in range(0, count, CHUNK):
        images[start : start + CHUNK, 0] = _draw_chunk(labels[start : start + CHUNK], rng)
    return images, labels


def _draw_chunk(digits: Labels, rng: np.random.Generator) -> Bytes:
    """One image (SIDE, SIDE) per digit."""
    n = len(digits)
    fonts = rng.integers(0, len(FONTS), n)
    distance = distance_at(fonts, digits, *_bend(*_affine(n, rng), rng))
    thicken = rng.uniform(*THICKEN, (n, 1, 1))
    ink = np.clip(0.5 + thicken - distance, 0, 1)  # the edge is one pixel soft: anti-aliasing
    ink += NOISE * rng.standard_normal(ink.shape, np.float32)
    image: Bytes = np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)
    return image


def _affine(n: int, rng: np.random.Generator) -> tuple[Points, Points]:
    """The point of the undistorted digit under each pixel: x and y, each (n, SIDE, SIDE), (0, 0) in the middle."""
    normal = rng.standard_normal((6, n, 1, 1), np.float32).astype(np.float64)
    angle, shear = ROTATION * normal[0], SHEAR * normal[1]
    narrower, flatter = np.exp(STRETCH * normal[2:4])
    pixel = np.arange(SIDE) - (SIDE - 1) / 2
    u, v = pixel + SHIFT * normal[4], pixel[:, None] + SHIFT * normal[5]  # (n, 1, SIDE) and (n, SIDE, 1)
    x, y = np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v
    return narrower * (x + shear * y), flatter * y


def _bend(x: Points, y: Points, rng: np.random.Generator) -> tuple[Points, Points]:
    """Elastic distortion: random shifts at KNOTS×KNOTS knots, interpolated smoothly between them."""
    knots = np.linspace(0, SIDE - 1, KNOTS)
    pixels = np.arange(SIDE)[:, None]
    spread = np.exp(-0.5 * ((pixels - knots) / (0.6 * knots[1])) ** 2)  # (SIDE, KNOTS)
    spread /= spread.sum(1, keepdims=True)
    shifts = BEND * rng.standard_normal((2, len(x), KNOTS, KNOTS), np.float32).astype(np.float64)
    dx, dy = spread @ shifts @ spread.T  # (2, n, KNOTS, KNOTS) -> (2, n, SIDE, SIDE)
    return x + dx, y + dy


def distance_at(fonts: Labels, digits: Labels, x: Points, y: Points) -> Points:
    """The distance fields of n digits at any points, by bilinear interpolation.

    Parameters
    ----------
    fonts, digits : arrays (n,), int64
        Which field.
    x, y : arrays (n, height, width), float64
        Pixels from the middle of the digit, y downwards; a point outside the field is moved to its border.

    Returns
    -------
    array (n, height, width), float64
    """
    column, row = (np.clip((offset + REACH) * PER_PIXEL, 0, GRID - 1.001) for offset in (x, y))
    i, j = row.astype(np.intp), column.astype(np.intp)
    down, right = row - i, column - j
    at = ((fonts * 10 + digits)[:, None, None] * GRID + i) * GRID + j  # the flat index of the grid point above left
    field = distance_fields().ravel()
    above = field[at] * (1 - right) + field[at + 1] * right
    below = field[at + GRID] * (1 - right) + field[at + GRID + 1] * right
    distance: Points = above * (1 - down) + below * down
    return distance


@cache
def distance_fields() -> Floats:
    """Signed distances in pixels, negative inside, of every digit of every font.

    Returns
    -------
    array (fonts, 10, GRID, GRID), float32
        Element [f, d, i, j] belongs to the point x = j / PER_PIXEL - REACH, y = i / PER_PIXEL - REACH (y downwards).
    """
    return np.stack([np.stack([_distance_field(font, digit) for digit in "0123456789"]) for font in FONTS])


def _distance_field(font: str, digit: str) -> Floats:
    from matplotlib.path import Path as Outline

    contours = _contours(font, digit)
    axis = np.linspace(-REACH, REACH, GRID)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)  # (GRID, GRID, 2) -> (GRID·GRID, 2) of x, y
    crossed = np.sum([Outline(contour).contains_points(points) for contour in contours], axis=0)
    sign = np.where(crossed % 2 == 1, -1, 1)  # even-odd: inside a hole is outside
    return (sign * _distance_to(contours, points)).reshape(GRID, GRID).astype(np.float32)


def _contours(font: str, digit: str) -> list[Points]:
    """The closed polygons of a digit, y downwards, DIGIT_HEIGHT high, the middle of the bounding box at the origin."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    face = FontProperties(fname=Path(get_data_path(), "fonts", "ttf", f"{font}.ttf"))
    outline = TextPath((0, 0), digit, size=64, prop=face)  # without hinting, which differs between versions of FreeType
    box = outline.get_extents()
    scale = DIGIT_HEIGHT / box.height
    return [(polygon - box.get_points().mean(0)) * (scale, -scale) for polygon in outline.to_polygons()]


def _distance_to(contours: list[Points], points: Points) -> Points:
    """Distances of (P, 2) points from the nearest side of the polygons.

    The squared distance of p from the side a + t d is |p - a - t d|², with t in [0, 1] chosen to minimize it.
    """
    start = np.concatenate([contour[:-1] for contour in contours])  # (sides, 2)
    side = np.concatenate([np.diff(contour, axis=0) for contour in contours])
    length2 = np.maximum((side**2).sum(1), 1e-12)
    along = points @ side.T - (start * side).sum(1)  # (p - a)·d, (P, sides)
    apart2 = (points**2).sum(1)[:, None] - 2 * points @ start.T + (start**2).sum(1)  # |p - a|²
    t = np.clip(along / length2, 0, 1)
    distance2: Points = (apart2 - t * (2 * along - t * length2)).min(1)
    return np.sqrt(np.maximum(distance2, 0))

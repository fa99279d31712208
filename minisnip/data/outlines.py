"""The ten digits of matplotlib's own fonts as signed distance fields: how far each point is from the outline.

A distance field, unlike a picture, can be drawn with any stroke width and read between its grid points.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FONTS = (
    "DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSansMono DejaVuSansMono-Bold DejaVuSerif DejaVuSerif-Bold "
    "DejaVuSerif-Italic STIXGeneral STIXGeneralBol STIXGeneralItalic STIXGeneralBolIta cmr10 cmb10 cmss10 cmtt10 cmti10"
).split()
DIGIT_HEIGHT = 20.0  # pixels, as in MNIST
REACH = 12.0  # a field covers [-12, 12] pixels around the middle of its digit
PER_PIXEL = 2  # grid points
GRID = int(2 * REACH * PER_PIXEL) + 1

Floats = NDArray[np.float64]


@cache
def distance_fields() -> NDArray[np.float32]:
    """Signed distances in pixels, negative inside, of every digit of every font.

    Returns
    -------
    array (fonts, 10, GRID, GRID), float32
        Element [f, d, i, j] belongs to the point x = j / PER_PIXEL - REACH, y = i / PER_PIXEL - REACH (y downwards).
    """
    return np.stack([np.stack([_distance_field(font, digit) for digit in "0123456789"]) for font in FONTS])


def distance_at(
    fonts: NDArray[np.int64], digits: NDArray[np.int64], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The distance fields of n digits at any points, interpolated bilinearly between the grid points.

    Parameters
    ----------
    fonts, digits : arrays (n,), int64
        Which field.
    x, y : arrays (n, height, width), float32
        Pixels from the middle of the digit, y downwards; a point beyond the field is moved to its border.

    Returns
    -------
    array (n, height, width), float32
    """
    column, row = (np.clip((place + REACH) * PER_PIXEL, 0, GRID - 1.001) for place in (x, y))
    i, j = row.astype(np.intp), column.astype(np.intp)
    down, right = (row - i).astype(np.float32), (column - j).astype(np.float32)
    at = ((fonts * 10 + digits)[:, None, None] * GRID + i) * GRID + j  # the flat index of the grid point above left
    field = distance_fields().ravel()
    above = field[at] * (1 - right) + field[at + 1] * right
    below = field[at + GRID] * (1 - right) + field[at + GRID + 1] * right
    distance: NDArray[np.float32] = above * (1 - down) + below * down
    return distance


def _distance_field(font: str, digit: str) -> NDArray[np.float32]:
    from matplotlib.path import Path as Outline

    contours = _contours(font, digit)
    axis = np.linspace(-REACH, REACH, GRID)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)  # (GRID, GRID, 2) -> (GRID·GRID, 2) of x, y
    crossed = np.sum([Outline(contour).contains_points(points) for contour in contours], axis=0)
    sign = np.where(crossed % 2 == 1, -1, 1)  # even-odd: inside a hole is outside
    return (sign * _distance_to(contours, points)).reshape(GRID, GRID).astype(np.float32)


def _contours(font: str, digit: str) -> list[Floats]:
    """The closed polygons of a digit, y downwards, DIGIT_HEIGHT high, the middle of the bounding box at the origin."""
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font
    from matplotlib.path import Path as Outline

    face: Any = FT2Font(str(Path(get_data_path(), "fonts", "ttf", f"{font}.ttf")))
    face.set_size(64, 72)
    face.load_char(ord(digit))
    outline = Outline(*face.get_path())
    box = outline.get_extents()
    scale = DIGIT_HEIGHT / box.height
    return [(polygon - box.get_points().mean(0)) * (scale, -scale) for polygon in outline.to_polygons()]


def _distance_to(contours: list[Floats], points: Floats) -> Floats:
    """From each of (P, 2) points to the nearest side of the polygons: |p - a - t d|², t the nearest part of side d."""
    start = np.concatenate([contour[:-1] for contour in contours])  # (sides, 2)
    side = np.concatenate([np.diff(contour, axis=0) for contour in contours])
    length2 = np.maximum((side**2).sum(1), 1e-12)
    along = points @ side.T - (start * side).sum(1)  # (p - a)·d, (P, sides)
    apart2 = (points**2).sum(1)[:, None] - 2 * points @ start.T + (start**2).sum(1)  # |p - a|²
    t = np.clip(along / length2, 0, 1)
    distance2: Floats = (apart2 - t * (2 * along - t * length2)).min(1)
    return np.sqrt(np.maximum(distance2, 0))

"""The outlines are ten digits in each font, upright, and known at every point."""

from __future__ import annotations

import numpy as np

from minisnip.data.drawing import DIGIT_HEIGHT, FONTS, GRID, PER_PIXEL, REACH, distance_at, distance_fields

SANS = FONTS.index("DejaVuSans")


def test_every_font_holds_ten_different_digits() -> None:
    fields = distance_fields()
    assert fields.shape == (len(FONTS), 10, GRID, GRID)
    flat = (fields < 0).reshape(-1, GRID * GRID)
    assert len(np.unique(flat, axis=0)) == 10 * len(FONTS)
    assert (flat.mean(1) > 0.04).all()
    assert (flat.mean(1) < 0.4).all()


def test_every_digit_is_twenty_pixels_high_in_the_middle() -> None:
    rows = np.abs(np.arange(GRID) / PER_PIXEL - REACH)
    inside = (distance_fields() <= 0).any(3)
    np.testing.assert_allclose(np.where(inside, rows, 0).max(2), DIGIT_HEIGHT / 2, atol=1.01 / PER_PIXEL)


def test_a_distance_field_changes_no_faster_than_the_place() -> None:
    for axis in (2, 3):
        assert np.abs(np.diff(distance_fields(), axis=axis)).max() <= 1 / PER_PIXEL + 1e-4


def test_the_hole_of_a_zero_is_not_ink() -> None:
    zero = distance_fields()[SANS, 0]
    assert zero[GRID // 2, GRID // 2] > 2
    assert zero.min() < -0.5


def test_a_seven_has_its_bar_above_and_its_foot_on_the_left() -> None:
    rows, columns = np.nonzero(distance_fields()[SANS, 7] < 0)
    assert rows.mean() < GRID / 2 - 2
    assert columns[rows > GRID / 2].mean() < columns[rows < GRID / 2].mean() - 2


def test_distances_are_interpolated_in_both_directions() -> None:
    rng = np.random.default_rng(0)
    fonts, digits = rng.integers(0, len(FONTS), 100), rng.integers(0, 10, 100)
    i, j = rng.integers(0, GRID - 1, (2, 100))
    b, a = rng.random((2, 100), np.float32)  # the share of the way to the next row, and to the next column
    x, y = ((k / PER_PIXEL - REACH).astype(np.float32)[:, None, None] for k in (j + a, i + b))
    corners = np.stack([distance_fields()[fonts, digits, i + di, j + dj] for di in (0, 1) for dj in (0, 1)])
    weights = np.stack([(1 - b) * (1 - a), (1 - b) * a, b * (1 - a), b * a])
    np.testing.assert_allclose(distance_at(fonts, digits, x, y)[:, 0, 0], (weights * corners).sum(0), atol=1e-4)


def test_a_point_beyond_the_field_is_far_from_the_ink() -> None:
    x, y = np.array([[[[-99, 0, 99]]], [[[99, 99, -99]]]], np.float32)
    assert (distance_at(np.array([SANS]), np.array([8]), x, y) > 1.5).all()

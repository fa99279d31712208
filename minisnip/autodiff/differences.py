"""The slope of a function of one number, from its values alone, and how exact it is.

- The central difference (s(h) - s(-h)) / 2h, extrapolated from two steps, is for any s.
- The complex step Im s(ih) / h (Squire and Trapp 1998) subtracts nothing, so h can be 1e-20 and the answer is good to
  1e-12. It needs an s that is analytic and accepts complex numbers; all of our ops do.

    >>> import numpy as np
    >>> slope = central_difference(np.exp, STEPS)
    >>> abs(slope.value - 1) < slope.error < 1e-7
    True
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Line: TypeAlias = Callable[[complex], Any]  # t -> s(x + t d), a number

EPS = float(np.finfo(np.float64).eps)
STEPS = [1e-4, 1e-5, 1e-6]  # of the central difference, relative to x
TINY_STEPS = [1e-8, 1e-9, 1e-10]  # to find a kink at x
LADDER = [10.0**k for k in range(-1, -15, -1)]  # where those decide nothing
LONG_LADDER = [10.0**k for k in range(14, -27, -1)]  # at x = 0, which says nothing about the scale of x
COMPLEX_STEP = 1e-20
RESOLVED = 0.1  # a step that knows the slope so well sees what larger steps jump over


class Slope(NamedTuple):
    """The slope of s at 0 from differences, and what is known of it."""

    value: float
    error: float
    scale: float  # what a slope can be compared with: that of s at this step, or of all steps if the slope is zero
    bends: bool  # the slopes on both sides of 0 differ, by as much at every step


def central_difference(s: Line, steps: Sequence[float], rounded: float = 0.0) -> Slope:
    """The slope s'(0) from the best of the steps, each of which is a tenth of the one before.

    D(h) = (s(h) - s(-h)) / 2h misses by c h², so R(h) = D(h) + (D(h) - D(10h)) / 99 does not (Richardson 1911). R
    changes from 10h to h by truncation if h is large, and by round-off if h is small. This change is the uncertainty of
    R(h). Round-off grows as 1/h, so the changes at smaller steps bound it too, and so does 10 ε (|s| + `rounded`) / h.

    The slopes on both sides of 0 differ by O(h) if s is smooth, by O(1/h) through round-off, and by O(1) at a kink. A
    step that shows a kink is not used, nor one at which s is not finite or does not change. Nor is a step that jumps
    over what s does: sin(1e8 t) looks flat at large steps, but a smaller step that is resolved shows it steeper.
    """
    with np.errstate(all="ignore"):
        h, center = np.array(steps), s(0.0)
        up, down = np.array([(or_nan(s, t), or_nan(s, -t)) for t in steps]).T
        change = np.maximum(abs(up - center), abs(down - center))
        steep, bend, coarse = change / h, abs(up - 2 * center + down) / h, (up - down) / (2 * h)
        slopes = coarse[1:] + np.diff(coarse) / 99
        gaps = abs(np.diff(slopes))
        noise = np.fmax.accumulate((gaps * h[2:])[::-1])[::-1]
        error = (3 * noise + 10 * EPS * (abs(center) + change[2:] + rounded)) / h[2:]
        seen = np.maximum(abs(slopes[1:]), steep[2:])
        kinked = (bend[2:] > 0.5 * bend[1:-1]) & (bend[2:] < 2 * bend[1:-1]) & (bend[2:] > 1e-4 * seen)
        unseen = (change[2:] == 0) & change.any() | (steep[2:] > 5 * steep[1:-1])
        error[kinked | unseen | ~np.isfinite(gaps)] = np.inf
        resolved = np.where(error < RESOLVED * seen, steep[2:], 0.0)
        error[np.maximum.accumulate(resolved[::-1])[::-1] > 5 * steep[2:]] = np.inf
        rank = error / seen if steps[0] > 1.0 else error  # at x = 0 the best step may be of any size
        best = np.argmin(np.nan_to_num(rank, nan=np.inf))  # NaN comes last
        if abs(slopes[1:][best]) <= error[best] < np.inf:  # zero: small beside what s does at larger steps
            seen[best] = np.nanmax(np.where(np.isfinite(steep), steep, 0.0))
        bends = bool(bend.max() < 2 * bend.min() and bend.min() > 1e-4 * seen[-1])
    return Slope(float(slopes[1:][best]), float(error[best]), float(seen[best]), bends)


def or_nan(s: Line, t: float) -> Any:
    """s(t), or NaN where it raises: x + t d may be outside the domain of f."""
    try:
        return s(t)
    except Exception:
        return np.nan


def complex_step(s: Line) -> tuple[float, str]:
    """Im s(i h) / h; NaN and the reason where s does not take complex numbers or drops the imaginary part."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            value = s(1j * COMPLEX_STEP)
    except Exception as error:  # f is the caller's, and may refuse complex numbers in any way
        return np.nan, f"{type(error).__name__}: {error}"
    if not np.iscomplexobj(value):
        return np.nan, "f drops the imaginary part"
    slope = float(np.imag(value)) / COMPLEX_STEP
    return slope, "" if np.isfinite(slope) else "it is not finite"


def noise_of(s: Line) -> float:
    """The round-off of s: its fourth differences at small steps h, where a smooth s has O(h⁴)."""
    with np.errstate(all="ignore"):
        values = np.array([[s(h * k) for k in range(9)] for h in (1e-6, 1e-7, 1e-8, 1e-9)])
        return float(np.nan_to_num(np.max(abs(np.diff(values, 4))))) / 4

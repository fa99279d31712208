"""Differences of functions of exact arithmetic, to the last bit: the same numbers on every machine."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.differences import (
    LADDER,
    LONG_LADDER,
    STEPS,
    TINY_STEPS,
    central_difference,
    complex_step,
    noise_of,
)


def within(limit: float, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function f, which raises farther than `limit` from 0."""

    def bounded(t: Any) -> Any:
        if abs(t) > limit:
            raise ValueError("outside the domain")
        return f(t)

    return bounded


def beyond(limit: float, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function f, which is f(0) closer than `limit` to 0."""
    return lambda t: f(t) if abs(t) > limit else f(0.0)


def line(t: Any) -> Any:
    return 1.0 + t


def cubic(t: Any) -> Any:
    return 1.0 + 3.0 * t + 5.0 * t * t + 7.0 * t * t * t


def square(t: Any) -> Any:
    return t * t


def two_slopes(t: Any) -> Any:
    return 3.0 * t if t > 0 else t


def rippled(t: Any) -> Any:
    """2 t, and a step of 1e-9 each 1e-6."""
    return 2.0 * t + 1e-9 * (math.floor(t * 1e6) % 2)


CASES: list[tuple[str, Any, list[float], float, tuple[Any, ...]]] = [
    ("a line", line, STEPS, 0.0, (0.9999999999729642, 2.3045899633089566e-09, 1.0000000000287557, False)),
    ("a line, x is rounded", line, STEPS, 5.0, (0.9999999999729642, 1.3406820209560523e-08, 1.0000000000287557, False)),
    (
        "a line, and steps of one",
        line,
        [1.0, 0.1, 0.01],
        0.0,
        (1.0000000000000009, 2.2626345241860688e-13, 1.0000000000000009, False),
    ),
    (
        "a line, and larger steps",
        line,
        [10.0, 1.0, 0.1],
        0.0,
        (1.0000000000000002, 2.5091040356528538e-14, 1.0000000000000009, False),
    ),
    (
        "a line on the ladder",
        line,
        LADDER,
        0.0,
        (0.9999999999999448, 2.3908652835302742e-12, 1.0000000000000009, False),
    ),
    ("a line on the long ladder", line, LONG_LADDER, 0.0, (1.0, 2.2204460492527018e-15, 1.0, False)),
    (
        "a flat line on the long ladder",
        lambda t: 1.0 + 1e-9 * t,
        LONG_LADDER,
        0.0,
        (1e-09, 2.2228347277309166e-24, 1e-09, False),
    ),
    (
        "a steep line on the long ladder",
        lambda t: 1.0 + 1e9 * t,
        LONG_LADDER,
        0.0,
        (1000000000.0, 2.220446049250313e-06, 1000000000.0, False),
    ),
    (
        "a negative slope",
        lambda t: 1.0 - 3.0 * t,
        STEPS,
        0.0,
        (-2.9999999999750204, 2.2876696093021565e-09, 2.9999999999752447, False),
    ),
    ("a cubic", cubic, STEPS, 0.0, (2.9999999999678995, 2.3241897295744886e-09, 3.0000049999756584, False)),
    (
        "a cubic on the ladder",
        cubic,
        LADDER,
        0.0,
        (2.9999999999999147, 2.60241829641572e-12, 3.0050069999998374, False),
    ),
    ("a cubic on the long ladder", cubic, LONG_LADDER, 0.0, (3.0, 1.5544232634392794e-06, 700050003.0, False)),
    (
        "a large cubic, x is rounded",
        lambda t: -1e6 * cubic(1e3 * t),
        STEPS,
        1e6,
        (-2999999999.999924, 0.0047093481542752605, 3005006999.999867, False),
    ),
    ("a minimum", square, STEPS, 0.0, (0.0, 2.220446049250313e-21, 9.999999999999999e-05, False)),
    ("a minimum on the ladder", square, LADDER, 0.0, (0.0, 2.2204460492503131e-29, 0.10000000000000002, False)),
    (
        "a minimum with a constant",
        lambda t: 1.0 + 1e6 * t * t,
        STEPS,
        0.0,
        (0.0, 2.2204482696963623e-09, 100.00000000000009, False),
    ),
    ("a constant", lambda t: 7.0, STEPS, 0.0, (0.0, 1.554312234475219e-08, 0.0, False)),
    ("zero", lambda t: 0.0 * t, LONG_LADDER, 0.0, (0.0, 0.0, 0.0, False)),
    ("no number", lambda t: math.nan, STEPS, 0.0, (math.nan, math.inf, math.nan, False)),
    ("a kink", abs, STEPS, 0.0, (0.0, math.inf, 1.0, True)),
    ("a kink of two slopes", two_slopes, STEPS, 0.0, (2.0, math.inf, 3.0, True)),
    ("a kink and a curve", lambda t: abs(t) + 10.0 * t * t, TINY_STEPS, 0.0, (0.0, math.inf, 1.0000000009999999, True)),
    ("a kink of 1e-3 of the slope", lambda t: t + 1e-3 * abs(t), STEPS, 0.0, (1.0, math.inf, 1.0010000000000001, True)),
    (
        "a kink of 1e-5 of the slope",
        lambda t: t + 1e-5 * abs(t),
        STEPS,
        0.0,
        (1.0, 2.2204682537108055e-15, 1.00001, False),
    ),
    ("a kink at 3e-8", lambda t: abs(t - 3e-8), STEPS, 0.0, (-0.030272727272727198, math.inf, 1.0, True)),
    ("a kink at 3e-6", lambda t: abs(t - 3e-6), STEPS, 0.0, (-1.0070707070707068, 2.113030303030311, 1.0, False)),
    (
        "a kink at 3e-5",
        lambda t: abs(t - 3e-5),
        STEPS,
        0.0,
        (-1.0000000000000007, 0.021212121212188517, 1.0000000000000007, False),
    ),
    (
        "a kink at 3e-9 in tiny steps",
        lambda t: abs(t - 3e-9),
        TINY_STEPS,
        0.0,
        (-1.0000000000000007, 0.021212121212188514, 1.0000000000000007, False),
    ),
    (
        "a kink at 3e-11 in tiny steps",
        lambda t: abs(t - 3e-11),
        TINY_STEPS,
        0.0,
        (-0.3027272727272728, math.inf, 1.0000000000000002, True),
    ),
    (
        "a kink at 3e-8 on the ladder",
        lambda t: abs(t - 3e-8),
        LADDER,
        0.0,
        (-1.0000000000000089, 7.686586922517334e-13, 1.0000000000000089, False),
    ),
    ("ripples", rippled, STEPS, 0.0, (2.0, 4.443112544549877e-15, 2.001, False)),
    ("ripples on the ladder", rippled, LADDER, 0.0, (2.0, 1.5151515195923836e-06, 2.0, False)),
    ("a jump", lambda t: math.copysign(1.0, t), STEPS, 0.0, (1009090.9090909091, math.inf, 2000000.0, False)),
    (
        "half a domain",
        lambda t: 1.0 + t if t >= -1e-5 else math.nan,
        STEPS,
        0.0,
        (0.9999999999729642, math.inf, 1.0000000000287557, False),
    ),
    (
        "a domain within 2e-12",
        within(2e-12, line),
        LADDER,
        0.0,
        (0.9991951149756478, 0.22371835024246065, 0.9992007221626409, False),
    ),
    ("a domain within 2e-13", within(2e-13, line), LADDER, 0.0, (math.nan, math.inf, math.nan, False)),
    (
        "a domain within 2e-24",
        within(2e-24, lambda t: 2.0 * t),
        LONG_LADDER,
        0.0,
        (2.0, 4.440892098500626e-15, 2.0, False),
    ),
    ("a domain within 2e-6", within(2e-6, line), STEPS, 0.0, (math.nan, math.inf, math.nan, False)),
    (
        "a constant within 2e-6",
        beyond(2e-6, line),
        STEPS,
        0.0,
        (-0.010101010101020203, math.inf, 0.010101010101020203, False),
    ),
    (
        "a constant within 2e-7 on the ladder",
        beyond(2e-7, cubic),
        LADDER,
        0.0,
        (2.9999999999999147, 0.0009090909113083224, 3.0050069999998374, False),
    ),
    (
        "another slope within 2e-5",
        lambda t: 10.0 * t if abs(t) < 2e-5 else t,
        STEPS,
        0.0,
        (10.0, 0.2727272727272973, 10.0, False),
    ),
    (
        "another slope within 2e-6",
        lambda t: 4.0 * t if abs(t) < 2e-6 else t,
        LADDER,
        0.0,
        (4.0, 8.881784197001252e-15, 4.0, False),
    ),
    (
        "steeper within 2e-6 by five",
        lambda t: 5.0 * t if abs(t) < 2e-6 else t,
        LADDER,
        0.0,
        (5.0, 1.1102230246251564e-14, 5.0, False),
    ),
    (
        "steeper within 2e-6 by six",
        lambda t: 6.0 * t if abs(t) < 2e-6 else t,
        LADDER,
        0.0,
        (6.0, 1.3325340830760979e-14, 6.0, False),
    ),
    (
        "an overflow on the long ladder",
        lambda t: np.float64(1e300) * t * t * t + t,
        LONG_LADDER,
        0.0,
        (0.0, 2.2207945688382376e285, 1.0000000000000001e304, False),
    ),
]


@pytest.mark.parametrize(("f", "steps", "rounded", "slope"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_the_central_difference_its_uncertainty_its_scale_and_whether_it_bends(
    f: Any, steps: list[float], rounded: float, slope: tuple[Any, ...]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(tuple(central_difference(f, steps, rounded)), slope)


def test_nothing_is_rounded_unless_it_is_said() -> None:
    assert central_difference(line, STEPS) == central_difference(line, STEPS, 0.0)


def refuse(t: Any) -> Any:
    raise RuntimeError("no")


@pytest.mark.parametrize(
    ("f", "slope", "reason"),
    [
        (lambda t: t * t * t + 3.0 * t, 3.0, ""),
        (lambda t: -2.0 * t, -2.0, ""),
        (lambda t: np.complex128(5.0), 0.0, ""),
        (abs, math.nan, "f drops the imaginary part"),
        (lambda t: complex(1.0, math.inf), math.inf, "it is not finite"),
        (refuse, math.nan, "RuntimeError: no"),
        (lambda t: np.array([t]).astype(float)[0], math.nan, "ComplexWarning: Casting complex values to real"),
    ],
    ids=["odd", "minus two", "constant", "abs", "infinite", "refuses", "casts"],
)
def test_the_complex_step_and_the_reason_why_there_is_none(f: Any, slope: float, reason: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, said = complex_step(f)
    np.testing.assert_array_equal(found, slope)
    assert said.startswith(reason)
    assert bool(said) == bool(reason)


def at(place: float) -> Callable[[Any], float]:
    """12 at one place, 0 elsewhere."""
    return lambda t: 12.0 * math.isclose(t, place)


@pytest.mark.parametrize(
    ("f", "noise"),
    [
        (lambda t: 0.0, 0.0),
        (at(0.0), 3.0),  # weights of fourth differences: 1, 4, 6, 4, 1
        (at(1e-6), 12.0),
        (at(2e-7), 18.0),
        (at(4e-8), 18.0),
        (at(8e-9), 3.0),
        (at(8e-6), 3.0),
        (at(9e-6), 0.0),
        (at(9e-7), 0.0),
        (at(9e-9), 0.0),
        (at(4e-10), 0.0),
        (at(7e-9), 12.0),
        (lambda t: -at(7e-9)(t), 12.0),
        (lambda t: math.nan if t else 1.0, 0.0),
        (lambda t: np.float64(1.0) / 0.0 if t > 7e-6 else 1.0, float(np.finfo(float).max) / 4),
    ],
)
def test_noise_is_the_largest_fourth_difference_over_four_steps(f: Any, noise: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert noise_of(f) == noise

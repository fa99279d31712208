"""Initial weights have the variance that their scheme promises."""

from __future__ import annotations

import numpy as np
import pytest

from minisnip.nn import SCHEMES, Linear, Sequential, lenet_5_caffe, lenet_300_100

FAN_IN, FAN_OUT = 400, 200
STDS = {
    "glorot": np.sqrt(2 / (FAN_IN + FAN_OUT)),
    "he": np.sqrt(2 / FAN_IN),
    "lecun": np.sqrt(1 / FAN_IN),
    "normal": 0.1,
    "truncated_normal": 0.1 * 0.8796,  # the std is that of the normal before it is cut
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_have_the_schemes_variance_and_biases_are_zero(scheme: str) -> None:
    params = Sequential((FAN_IN,), fc=Linear(FAN_IN, FAN_OUT)).init(np.random.default_rng(0), scheme, np.float64)
    weight = params["fc.weight"]
    assert weight.std() == pytest.approx(STDS[scheme], rel=0.01)  # 80,000 draws: four standard errors
    assert abs(weight.mean()) < 4 * STDS[scheme] / np.sqrt(weight.size)
    assert not params["fc.bias"].any()


@pytest.mark.parametrize("scheme", ["glorot", "he", "lecun", "truncated_normal"])
def test_truncated_draws_stay_within_two_standard_deviations_of_the_uncut_normal(scheme: str) -> None:
    weight = Sequential((FAN_IN,), fc=Linear(FAN_IN, FAN_OUT)).init(np.random.default_rng(0), scheme)["fc.weight"]
    uncut = 0.1 if scheme == "truncated_normal" else STDS[scheme] / 0.87962566
    assert np.abs(weight).max() <= 2 * uncut * (1 + 1e-6)
    assert np.abs(weight).max() > 1.9 * uncut


def test_fan_in_of_a_convolution_counts_its_window() -> None:
    weight = lenet_5_caffe().init(np.random.default_rng(0), "lecun")["conv2.weight"]
    assert weight.std() == pytest.approx(np.sqrt(1 / (20 * 5 * 5)), rel=0.02)


def test_normals_take_a_std() -> None:
    net = lenet_300_100()
    for scheme in ("normal", "truncated_normal"):
        wide, narrow = (net.init(np.random.default_rng(0), scheme, std=std)["fc1.weight"] for std in (1.0, 0.5))
        np.testing.assert_allclose(wide, 2 * narrow, rtol=1e-6)


def test_the_same_seed_draws_the_same_weights_in_both_dtypes() -> None:
    net = lenet_300_100()
    single, double = (net.init(np.random.default_rng(5), dtype=dtype) for dtype in (np.float32, np.float64))
    for name, w in double.items():
        assert single[name].dtype == np.float32
        assert (single[name] == w.astype(np.float32)).all()


def test_weights_are_floats_and_spread() -> None:
    net, rng = lenet_300_100(), np.random.default_rng(0)
    with pytest.raises(ValueError, match="dtype int64 cannot hold weights"):
        net.init(rng, dtype=int)
    for std in (-1, -0.5, 0, np.nan):
        with pytest.raises(ValueError, match=f"std {std} must be above 0"):
            net.init(rng, "normal", std=std)
    with pytest.raises(ValueError, match="normal takes no sd"):
        net.init(rng, "normal", sd=1)


def test_an_unknown_scheme_or_option_is_refused_in_a_sentence() -> None:
    net, rng = lenet_300_100(), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"unknown initialization 'xavier': choose one of glorot, he, lecun"):
        net.init(rng, "xavier")
    with pytest.raises(ValueError, match=r"glorot takes no std: the two normals take a std"):
        net.init(rng, "glorot", std=0.1)

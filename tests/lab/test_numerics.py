"""The arithmetic of a run is fixed: twenty steps of each LeNet give these numbers, or NUMERICS gets a new number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from minisnip import pruning
from minisnip.data import Dataset, Split
from minisnip.lab.experiment import NUMERICS, Experiment, run
from minisnip.nn import Sequential
from minisnip.training import SGD

CHANGED = "the arithmetic changed: give NUMERICS a new number and these new values"
TOLERANCE = 1e-4  # relative; OpenBLAS's kernels for other processors (OPENBLAS_CORETYPE) differ by 1e-6

COMMON: dict[str, Any] = {"epochs": 4, "batch_size": 20, "scoring_images": 50, "weight_decay": 0.01}
EXPERIMENTS = {
    "lenet-300-100": Experiment("lenet-300-100", sparsity=0.9, **COMMON),
    "lenet-5-caffe": Experiment("lenet-5-caffe", sparsity=0.9, **COMMON),
    "adam, other weights": Experiment("lenet-300-100", sparsity=0.5, optimizer="adam", trained_init="he", **COMMON),
}
# training losses of the four epochs, then the sum of |w| of each parameter
GOLDEN = {
    "lenet-300-100": [2.15033, 0.861684, 0.193105, 0.0769725, 1118.05, 0.0, 714.799, 0.0, 93.1022, 0.0],
    "lenet-5-caffe": [2.31789, 2.28531, 2.25994, 2.24871, 22.5779, 0.0, 472.125, 0.0, 1549.94, 0.0, 126.606, 0.0],
    "adam, other weights": [1.88703, 0.71643, 0.313654, 0.222391, 4630.45, 0.0, 1305.63, 0.0, 105.239, 0.0],
}


def images() -> Dataset:
    """Ten patterns in noise: 100 images to train on, 20 to validate and to test."""
    rng = np.random.default_rng(0)
    patterns = rng.standard_normal((10, 1, 28, 28))

    def split(size: int) -> Split:
        labels = np.arange(size) % 10
        return Split(((patterns[labels] + rng.standard_normal((size, 1, 28, 28))) / 2).astype(np.float32), labels)

    return Dataset("patterns", tuple("0123456789"), 0.0, 1.0, split(100), split(20), split(20))


def numbers(experiment: Experiment) -> list[float]:
    trained = run(experiment, images()).trained
    return [row["train_loss"] for row in trained.history] + [
        float(np.abs(w).sum(dtype=np.float64)) for w in trained.params.values()
    ]


def check(name: str) -> None:
    found = numbers(EXPERIMENTS[name])
    same = np.allclose(found, GOLDEN[name], rtol=TOLERANCE, atol=0)
    assert same, f"{CHANGED}: {name!r}: {[float(f'{x:.6g}') for x in found]}"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_twenty_steps_give_the_stored_numbers(name: str) -> None:
    assert NUMERICS == 2
    check(name)


def nesterov(self: SGD, params: Any, gradients: Any, state: Any, rate: float) -> None:
    for name, w in params.items():
        g, v = gradients[name] + self.weight_decay * w, state[f"velocity:{name}"]
        v *= self.momentum
        v += g
        w -= rate * (g + self.momentum * v)


def decoupled(self: SGD, params: Any, gradients: Any, state: Any, rate: float) -> None:
    for name, w in params.items():
        v = state[f"velocity:{name}"]
        v *= self.momentum
        v += gradients[name]
        w -= rate * (v + self.weight_decay * w)


def ordinary(self: SGD, params: Any, gradients: Any, state: Any, rate: float) -> None:
    for name, w in params.items():
        v = state[f"velocity:{name}"]
        v *= self.momentum
        v += gradients[name] + self.weight_decay * w
        w -= rate * v


def wider(init: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    return {name: np.float32(1.01) * w for name, w in init(*arguments, **options).items()}


PLANTED: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "Nesterov's momentum": (SGD, "step", nesterov),
    "decoupled weight decay": (SGD, "step", decoupled),
    "an initialization 1 % wider": (Sequential, "init", partial(wider, Sequential.init)),
    "a mask of each layer": (pruning, "one_shot", partial(pruning.one_shot, keep=pruning.keep_top_per_layer)),
}


@pytest.mark.parametrize("change", PLANTED)
@pytest.mark.parametrize("name", ["lenet-300-100", "lenet-5-caffe"])
def test_a_planted_change_of_the_arithmetic_is_found(name: str, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, attribute, changed = PLANTED[change]
    monkeypatch.setattr(place, attribute, lambda *arguments, **options: changed(*arguments, **options))
    with pytest.raises(AssertionError, match=CHANGED):
        check(name)


def test_another_way_to_compute_the_same_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SGD, "step", ordinary)
    check("lenet-300-100")

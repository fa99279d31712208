"""What is made of several seeds: the time of all runs, the band around a mean, the styles of two splits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip.lab import compare, plots, reproduce

ERRORS = {0.9: (2.0, 3.0, 7.0), 0.95: (4.0, 9.0, 5.0)}


def rows() -> list[dict[str, Any]]:
    errors = [(sparsity, error) for sparsity, seeds in ERRORS.items() for error in seeds]
    return [{"case": "snip", "sparsity": s, "test_error_percent": e, "diverged": ""} for s, e in errors]


def test_a_run_that_two_cases_share_took_its_time_once() -> None:
    shared = [{"case": case, "run": "a", "seconds": 2.5} for case in ("Algorithm 1", "our recipe")]
    assert reproduce.seconds([*shared, {"case": "dense", "run": "b", "seconds": 4.0}]) == 6.5


def test_the_band_of_a_comparison_goes_from_the_best_seed_to_the_worst() -> None:
    (curve,) = compare.curves(rows()).values()
    assert curve["kept"] == pytest.approx([10, 5])
    assert curve["mean"] == pytest.approx([4, 6])
    assert curve["least"] == [2, 4]
    assert curve["greatest"] == [7, 9]
    (axes,) = plots.error_curves({"snip": curve}, 90.0, "a title").axes
    x, y = np.asarray(axes.collections[0].get_paths()[0].vertices).T
    for kept, low, high in zip(curve["kept"], curve["least"], curve["greatest"], strict=True):
        edge = y[np.isclose(x, kept)]
        assert (edge.min(), edge.max()) == (low, high)


def test_training_is_dashed_and_validation_solid() -> None:
    history = [
        {"epoch": e, "train_loss": 1.0, "validation_loss": 2.0, "train_error_percent": 3.0}
        | {"validation_error_percent": 4.0}
        for e in (1, 2)
    ]
    loss, error = plots.training_curves({"pruned": history}, "a title").axes
    for axes, heights in ((loss, (1.0, 2.0)), (error, (3.0, 4.0))):
        drawn = {str(line.get_label()): (line.get_linestyle(), np.asarray(line.get_ydata())[0]) for line in axes.lines}
        assert drawn == {"pruned, train": ("--", heights[0]), "pruned, validation": ("-", heights[1])}

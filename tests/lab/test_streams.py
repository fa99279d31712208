"""What one ingredient of a run draws does not change what another draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from minisnip.lab.experiment import Experiment, run
from tests.lab.test_numerics import images

SCORED = Experiment(dataset="glyphs", iterations=0, scoring_images=50, sparsity=0.9)


def params(**changes: Any) -> dict[str, Any]:
    return run(replace(SCORED, **changes), images()).trained.params


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("redrawn", [{"trained_init": "glorot"}, {"trained_init": "glorot", "control": "redrawn"}])
def test_weights_that_are_drawn_again_do_not_depend_on_the_scored_ones(redrawn: dict[str, Any]) -> None:
    """Glorot's truncated normal takes more random numbers: a stream that both draws share would continue elsewhere."""
    first, second = (params(init=init, **redrawn) for init in ("glorot", "normal"))
    assert same(first, second)
    assert not same(first, params(init="glorot"))


def test_a_control_that_redraws_uses_the_scheme_of_the_scored_weights() -> None:
    assert same(params(control="redrawn", init="he"), params(init="glorot", trained_init="he"))

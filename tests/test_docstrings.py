"""Every example in a docstring runs as it stands."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from importlib.util import find_spec

import pytest

import minisnip
from minisnip import grad, hvp
from minisnip.data import load
from minisnip.nn import Sequential, cross_entropy, lenet_300_100
from minisnip.pruning import Compact, apply_masks, connection_sensitivity, delta_loss, keep_top, mask_gradient
from minisnip.training import SGD, evaluate, lottery_ticket, train

MODULES = [module.name for module in pkgutil.walk_packages(minisnip.__path__, "minisnip.")]
if find_spec("onnx") is None:  # the extra is not installed
    MODULES = [name for name in MODULES if not name.startswith(("minisnip.export", "minisnip.lab.exported"))]
FIRST: list[object] = [
    grad,
    hvp,
    apply_masks,
    Compact,
    connection_sensitivity,
    cross_entropy,
    delta_loss,
    evaluate,
    keep_top,
]
FIRST += [lenet_300_100, load, lottery_ticket, mask_gradient, train, Sequential, SGD]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    examples = sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES)
    assert examples >= 75


@pytest.mark.parametrize("thing", FIRST)
def test_what_a_reader_calls_first_has_an_example(thing: object) -> None:
    assert ">>> " in str(thing.__doc__)

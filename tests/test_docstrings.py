"""Every example in a docstring runs as it stands."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import minisnip

MODULES = [module.name for module in pkgutil.walk_packages(minisnip.__path__, "minisnip.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    examples = sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES)
    assert examples >= 15

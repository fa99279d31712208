"""Every example in a docstring runs as it stands."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import minisnip

MODULES = [module.name for module in pkgutil.walk_packages(minisnip.__path__, "minisnip.")]
NEEDS = {"minisnip.lab.dask_backend": "distributed"}  # what is imported only where an extra is installed


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed: pip install '.[cluster]'")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    examples = sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES if name not in NEEDS)
    assert examples >= 15

"""The API reference: a page for each module with public names, and one for each name.

Public are the names in the `__all__` of a package, what the modules among them define, and the functions in a public
registry such as CRITERIA. A name that several packages have is documented where it is shortest: `minisnip.grad`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from inspect import isclass, isfunction, ismodule
from pathlib import Path
from types import GenericAlias, ModuleType
from typing import Any

from sphinx.ext.autodoc.mock import mock

import minisnip
from minisnip.autodiff.engine import Primitive

EXTRA = ("torch", "onnx", "safetensors")  # what minisnip.export needs; its page does not
INDEX = """\
API reference
=============

Every public name, from its docstring. Examples run as they are shown: a test executes them. *[source]* beside a name
leads to its code, which is written to be read.

.. autosummary::

   {modules}

.. toctree::
   :hidden:

   {modules}
"""
PAGE = """\
{name}
{underline}

.. automodule:: {name}
"""
TABLE = """
.. currentmodule:: {module}

.. rubric:: {title}

.. autosummary::
   :nosignatures:
   {toctree}

   {names}
"""
ALIAS = """
.. py:data:: {name}

   A type: ``{alias}``.
"""


@cache
def modules() -> list[ModuleType]:
    """The packages with an `__all__`, the modules that are named in one, and the strategies for tests."""
    packages = [m.name for m in pkgutil.walk_packages(minisnip.__path__, "minisnip.") if m.ispkg]
    with mock([name for name in EXTRA if not find_spec(name)]):
        found = {m for m in map(import_module, ["minisnip", *packages]) if hasattr(m, "__all__")}
    named = {obj for m in found for name in m.__all__ if ismodule(obj := getattr(m, name))}
    return sorted(found | named | {import_module("minisnip.testing")}, key=lambda m: m.__name__)


def public(module: ModuleType) -> dict[str, Any]:
    """The public names of a module and what they are: its `__all__`, or what it defines."""
    if hasattr(module, "__all__"):
        return {name: getattr(module, name) for name in module.__all__ if not name.startswith("__")}
    return {
        name: obj
        for name, obj in vars(module).items()
        if not name.startswith("_")
        and (isinstance(obj, Primitive) or getattr(obj, "__module__", "") == module.__name__)
    }


@cache
def names() -> dict[int, str]:
    """The full name under which each public object is documented, by the object's id."""
    full: dict[int, str] = {id(module): module.__name__ for module in modules()}
    for module in modules():
        for name, obj in public(module).items():
            full.setdefault(id(obj), f"{module.__name__}.{name}")
    for registry in [obj for module in modules() for obj in public(module).values() if isinstance(obj, Mapping)]:
        for function in functions(registry):
            full.setdefault(id(function), f"{function.__module__}.{function.__name__}")
    return full


def functions(registry: Mapping[str, Any]) -> list[Any]:
    """The functions in a registry that have a name in their module: no lambda has, nor one that a function made."""
    found = [obj for obj in registry.values() if isfunction(obj)]
    return [f for f in found if getattr(import_module(f.__module__), f.__name__, None) is f]


def tables(module: ModuleType) -> Iterator[str]:
    """The public names of a module by kind; those that are documented elsewhere last."""
    objects = public(module)
    here = {
        name: obj
        for name, obj in objects.items()
        if names()[id(obj)] == f"{module.__name__}.{name}" and not ismodule(obj)
    }
    aliases = {name: obj for name, obj in here.items() if isinstance(obj, GenericAlias)}  # autodoc knows none of these
    kinds = {
        "Functions": {name for name, obj in here.items() if isfunction(obj) or isinstance(obj, Primitive)},
        "Classes": {name for name, obj in here.items() if isclass(obj)},
    }
    kinds["Values"] = set(here).difference(aliases, *kinds.values())
    registered = [
        names()[id(function)]
        for registry in here.values()
        if isinstance(registry, Mapping)
        for function in functions(registry)
    ]
    kinds["In the registries"] = set(registered) - {names()[id(obj)] for obj in here.values()}
    for title, found in kinds.items():
        if found:
            listed = dict.fromkeys(name for name in [*here, *registered] if name in found)
            yield _table(module, title, list(listed), ":toctree: made")
    yield from (ALIAS.format(name=name, alias=alias) for name, alias in aliases.items())
    if elsewhere := [names()[id(obj)] for name, obj in objects.items() if name not in here]:
        yield _table(module, "From other modules", elsewhere, "")


def _table(module: ModuleType, title: str, listed: list[str], toctree: str) -> str:
    shown = [f"~{name}" if "." in name else name for name in listed]
    return TABLE.format(module=module.__name__, title=title, toctree=toctree, names="\n   ".join(shown))


def write(folder: Path) -> None:
    """Write the pages; Sphinx's autosummary makes those of the single names."""
    folder.mkdir()
    (folder / "index.rst").write_text(INDEX.format(modules="\n   ".join(m.__name__ for m in modules())), "utf-8")
    for module in modules():
        page = PAGE.format(name=module.__name__, underline="=" * len(module.__name__))
        (folder / f"{module.__name__}.rst").write_text(page + "".join(tables(module)), "utf-8")

"""The package is built as designed: imports point one way, nothing is pickled, importing is cheap."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import minisnip
from tests.count_lines import EVENING, PACKAGE

ORDER = ["autodiff", "nn", "pruning", "training", "lab"]  # each may import those before it
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [module.name for module in pkgutil.walk_packages(minisnip.__path__, "minisnip.")]
# what the files of the evening call by name, and a reader may believe
DETAILS = {
    "autodiff/compositions.py",  # more ops, made of those in ops.py
    "autodiff/conv.py",
    "nn/init.py",
    "nn/known.py",  # the refusal of a layer
    "nn/printing.py",  # what print(net) says
    "nn/normalization.py",  # running statistics, at the end of an epoch
    "autodiff/threads.py",
    "nn/threads.py",
    "training/checkpoint.py",
    "data/dataset.py",
    "training/augment.py",
    "pruning/compaction.py",  # inside train(compact=True) only
    "autodiff/describe.py",  # what help() and repr() say of an op
    "mistakes.py",  # the sentences for swapped arguments and their kind
}


def module_file(module: str) -> Path | None:
    """The file of a module or of a package's `__init__`; None for what is not minisnip's."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def defining_file(module: str, name: str) -> Path | None:
    """The file that defines a name imported from a module: re-exports of a package are followed."""
    submodule = module_file(f"{module}.{name}")
    if submodule is not None:
        return submodule
    file = module_file(module)
    if file is None or file.name != "__init__.py":
        return file
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and name in {a.asname or a.name for a in node.names}:
            return defining_file(node.module, name)
    return file


def imported_files(file: Path) -> Iterator[Path]:
    """The files of minisnip that a file imports from, inside functions too, but not what is for type checking only."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    checked = {id(n) for node in ast.walk(tree) if _is_type_checking(node) for n in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in checked:
            continue
        names: list[tuple[str, str]] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [(alias.name, "") for alias in node.names]
        found = (defining_file(module, name) for module, name in names if module.split(".")[0] == "minisnip")
        yield from (path for path in found if path is not None)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def short(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


def package(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES, ids=short)
def test_no_import_runs_upward(file: Path) -> None:
    here, found = package(file), {package(path) for path in imported_files(file)}
    if here in ORDER:
        assert found & set(ORDER[ORDER.index(here) + 1 :]) == set()
    if here not in ("lab", "exercises", "__main__"):
        assert found & {"lab", "exercises"} == set()
    if here in ("autodiff", "data"):
        assert found <= {here}


def test_nothing_imports_in_a_circle() -> None:
    graph = {file: set(imported_files(file)) - {file} for file in FILES}
    while leaves := [file for file, found in graph.items() if not found & set(graph)]:
        for file in leaves:
            del graph[file]
    assert [short(file) for file in graph] == []


def test_the_files_of_the_evening_need_no_other_file() -> None:
    for name in EVENING:
        others = {short(path) for path in imported_files(PACKAGE / name)} - set(EVENING) - DETAILS
        assert others == set(), name


def test_the_package_lists_the_files_of_the_evening_in_reading_order() -> None:
    listed = [line.split()[1] for line in (minisnip.__doc__ or "").splitlines() if line[:1].isdigit()]
    assert listed == [*EVENING]


@pytest.mark.parametrize("file", FILES, ids=short)
def test_no_function_has_the_name_of_its_module(file: Path) -> None:
    """`pruning.agreement` would be the function or the module, depending on what was imported last."""
    module = file.parent.name if file.name == "__init__.py" else file.stem
    defined = {getattr(node, "name", "") for node in ast.parse(file.read_text(encoding="utf-8")).body}
    assert module not in defined


@pytest.mark.parametrize("module", MODULES)
def test_no_package_hides_a_module_behind_a_function(module: str) -> None:
    parent, _, name = module.rpartition(".")
    found = getattr(importlib.import_module(parent), name, None)
    assert found is None or inspect.ismodule(found)


def test_one_version_is_stated_everywhere() -> None:
    citation = (PACKAGE.parent / "CITATION.cff").read_text(encoding="utf-8")
    changes = (PACKAGE.parent / "tutorials" / "site" / "changelog.md").read_text(encoding="utf-8")
    assert f"\nversion: {minisnip.__version__}\n" in citation
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == minisnip.__version__


def test_every_file_opens_with_its_idea() -> None:
    without = [short(file) for file in FILES if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))]
    assert without == []


def test_nothing_is_pickled() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert "import pickle" not in text
        assert "allow_pickle=True" not in text


def test_importing_minisnip_does_not_wait_for_matplotlib_or_the_network() -> None:
    slow = {"matplotlib", "pooch", "requests", "torch"}
    code = f"import sys, minisnip, minisnip.lab.cli; print(sorted({slow} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"


def test_a_sub_package_is_imported_when_it_is_first_named() -> None:
    code = (
        "import sys, minisnip; assert 'minisnip.pruning' not in sys.modules; print(minisnip.pruning.keep_top.__name__)"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "keep_top"
    assert "pruning" in dir(minisnip)
    with pytest.raises(AttributeError, match=r"minisnip has no 'prunning': it has .*pruning"):
        minisnip.prunning  # noqa: B018


def test_the_public_names_are_those_of_the_design() -> None:
    from minisnip import data, nn, pruning, training

    assert all(hasattr(minisnip, name) for name in ("Tensor", "grad", "hvp", "check_grads", "primitive", "ops"))
    assert minisnip.__version__
    assert all(hasattr(nn, name) for name in ("lenet_300_100", "lenet_5_caffe", "MODELS", "cross_entropy"))
    names = ("mask_gradient", "connection_sensitivity", "delta_loss", "keep_top", "apply_masks", "CRITERIA", "METHODS")
    assert all(hasattr(pruning, name) for name in names)
    assert hasattr(data, "load")
    names = ("train", "SGD", "Adam", "lottery_ticket", "magnitude_after_training", "l1_penalty", "from_scratch")
    assert all(hasattr(training, name) for name in names)

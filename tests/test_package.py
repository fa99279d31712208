"""The house stands as designed: arrows point one way, nothing is pickled, importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "minisnip"
ORDER = ["autodiff", "nn", "pruning", "training", "lab"]
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The names of the rooms that a file imports from."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("minisnip"):
            parts = node.module.split(".")
            modules |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("minisnip.")}
    return modules


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_arrows_point_one_way(file: Path) -> None:
    here = room(file)
    if here in ORDER:
        later = set(ORDER[ORDER.index(here) + 1 :])
        assert imported(file) & later == set()
    if here == "autodiff":
        assert imported(file) <= {"autodiff"}
    if here == "data":
        assert imported(file) <= {"data"}


def test_every_file_opens_with_its_idea() -> None:
    without = [str(file) for file in FILES if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))]
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


def test_the_public_names_are_those_of_the_design() -> None:
    import minisnip
    from minisnip import data, nn, pruning, training

    assert all(hasattr(minisnip, name) for name in ("Tensor", "grad", "hvp", "check_grads"))
    assert all(hasattr(nn, name) for name in ("lenet_300_100", "lenet_5_caffe", "cross_entropy"))
    names = ("mask_gradient", "connection_sensitivity", "keep_top", "apply_masks", "CRITERIA")
    assert all(hasattr(pruning, name) for name in names)
    assert hasattr(data, "load")
    assert hasattr(training, "train")

"""Public functions are called as they were, and what they take and give cannot be changed by accident."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import re
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from inspect import Parameter, getsourcelines, isclass, isfunction, signature
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from minisnip import pruning
from minisnip.lab import runs
from minisnip.lab.cli import main
from minisnip.nn import Linear, Sequential
from minisnip.nn.layers import Stateless
from tests.count_lines import PACKAGE

STORED = Path(__file__).parent / "signatures.txt"
MODULES = ("nn", "nn.init", "pruning", "pruning.criteria", "training", "data", "testing")


def signatures() -> str:
    """A line for each public function and class of the core."""
    lines = []
    for name in MODULES:
        module = importlib.import_module(f"minisnip.{name}")
        public = getattr(module, "__all__", [n for n in vars(module) if n[0] != "_" and _is_of(module, n)])
        found = {n: getattr(module, n) for n in sorted(public)}
        lines += [f"{name}.{n}{_signature(f)}" for n, f in found.items() if _has_arguments(f)]
    return "\n".join([*lines, *options()]) + "\n"


def options() -> list[str]:
    """A line for each option of the command."""
    added: list[str] = []

    def noted(self: Any, *names: Any, add: Any = argparse.ArgumentParser.add_argument, **given: Any) -> Any:
        action = add(self, *names, **given)
        told = {key: getattr(action, key) for key in ("dest", "type", "default", "metavar", "choices", "help")}
        told["type"] = getattr(action.type, "__name__", None)
        words = " ".join(f"{key}={value!r}" for key, value in told.items() if value is not None)
        added.append(f"{self.prog} {' '.join(action.option_strings)} {type(action).__name__.strip('_')} {words}")
        return action

    with patch.object(argparse.ArgumentParser, "add_argument", noted), redirect_stdout(StringIO()):
        main([])
    return [line for line in added if "-h --help" not in line]


def _is_of(module: Any, name: str) -> bool:
    return bool(getattr(getattr(module, name), "__module__", None) == module.__name__)


def _has_arguments(f: Any) -> bool:
    protocol = getattr(f, "_is_protocol", False)
    return isfunction(f) or (isclass(f) and not issubclass(f, BaseException) and not protocol)


def _signature(f: Any) -> str:
    """Names, kinds and defaults; type hints are mypy's."""
    found = signature(f)
    bare = [p.replace(annotation=Parameter.empty) for p in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=Parameter.empty))
    return re.sub(r"<(?:function |class ')([\w.]+)[^>]*>", r"\1", text)


def test_arguments_and_their_defaults_are_those_that_users_know() -> None:
    assert signatures() == STORED.read_text(encoding="utf-8"), "run: python -m tests.test_public_functions"


def test_every_dataclass_is_frozen_but_the_state_of_a_training() -> None:
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(d) for d in node.decorator_list):
                module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
                found.add(getattr(importlib.import_module(module), node.name))
    assert len(found) > 30
    assert {c.__name__ for c in found if not c.__dataclass_params__.frozen} == {"TrainState"}


def _opens_text(call: ast.Call) -> bool:
    """Whether this is `open`, `read_text` or `write_text`, and no mode says that the file is binary; not `os.open`."""
    name = ast.unparse(call.func).replace("os.open", "").rpartition(".")[2]
    modes = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return name in ("read_text", "write_text") or (name == "open" and not any("b" in mode for mode in modes))


def test_text_files_are_utf_8_whatever_the_locale_says() -> None:
    opened = [
        (file.name, ast.unparse(node))
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _opens_text(node)
    ]
    assert opened
    assert [call for call in opened if "encoding='utf-8'" not in call[1]] == []


class Square(Stateless):
    def __call__(self, params: Any, x: Any) -> Any:
        return x * x


def collapse() -> None:
    pruning.keep_top({"fc1.weight": np.ones(4), "fc2.weight": np.zeros(2)}, 0.5)


def stuck_shuffle() -> None:
    pruning.shuffle_masks({"a.weight": np.ones(3), "b.weight": np.arange(4) % 2}, 0)


def estimate() -> None:
    net = Sequential((2,), fc=Linear(2, 2), square=Square())
    pruning.CRITERIA["obd"](net, net.init(0), np.ones((1, 2)), np.array([0]), rng=0)


@pytest.mark.parametrize("call", [collapse, stuck_shuffle, estimate])
def test_a_warning_points_to_the_line_of_the_user(call: Callable[[], None]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    lines, start = getsourcelines(call)
    assert [Path(w.filename).name for w in caught] == [Path(__file__).name]
    assert start < caught[0].lineno < start + len(lines)


def test_a_damaged_result_is_reported_at_the_line_of_the_caller(tmp_path: Path) -> None:
    @dataclasses.dataclass(frozen=True)
    class Configuration:
        seed: int = 0

    runs.file_of(tmp_path, Configuration()).write_text("{")
    with pytest.warns(UserWarning, match="is damaged") as caught:
        runs.run_all(tmp_path, [Configuration()], dataclasses.asdict, 1, None)
    assert Path(caught[0].filename).name == Path(__file__).name


if __name__ == "__main__":
    STORED.write_text(signatures(), encoding="utf-8")

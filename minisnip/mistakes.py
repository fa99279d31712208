"""Sentences for the mistakes that a person makes: a misspelled name, swapped arguments, one array in place of a dict.

The public functions call these checks at their entrance. An error says what was given, what was expected, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from inspect import getdoc
from textwrap import shorten
from typing import Any, NoReturn, TypeVar

import numpy as np

Entry = TypeVar("Entry")


def unknown(kind: str, name: object, choices: Iterable[str]) -> str:
    """The sentence for a name that is not one of the choices, with the nearest one."""
    close = get_close_matches(str(name).lower(), choices := list(choices), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown {kind} {name!r}: choose one of {', '.join(choices)}{hint}"


class UnknownNameError(KeyError):
    """A registry has no entry of this name."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError shows its message in quotes


class Registry(dict[str, Entry]):
    """A dict of functions by name. Its repr has a line about each; an unknown name gets the nearest known one.

    Parameters
    ----------
    kind : str
        What the entries are, for the error: "criterion".
    entries : dict of callables
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        super().__init__(entries)
        self.kind = kind

    def __missing__(self, name: object) -> NoReturn:
        raise UnknownNameError(unknown(self.kind, name, self))

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:<{width}}  {_first_line(name, f, 78 - width)}" for name, f in self.items())


def _first_line(name: str, entry: Any, width: int) -> str:
    """What the docstring says first. A partial is described by the function of its name, or by the one it calls."""
    parts = [*entry.args, entry.func] if isinstance(entry, partial) else [entry]
    named = [f for f in parts if f.__name__ == name.replace("-", "_")]
    return shorten((getdoc((named or parts)[-1]) or "").partition("\n")[0], width, placeholder=" …")


def check_kind(given: object, attribute: str, expected: str, remedy: str) -> None:
    """Refuse, with a TypeError, what has not the attribute that tells the kind of argument."""
    if not hasattr(given, attribute):
        raise TypeError(f"{expected}, got a {type(given).__name__}: {remedy}")


def check_arrays(function: str, **given: object) -> None:
    """Refuse, with a TypeError, what is not a dict of arrays; `function` shows the order of the arguments."""
    for role, arrays in given.items():
        expected = f"{function} expects {role} as a dict of arrays by parameter name"
        check_kind(arrays, "items", expected, "check the order of the arguments, and give each array its name")


def check_labels(labels: Any) -> None:
    """Refuse, with a ValueError, labels that are not one integer for each image."""
    shape, dtype = np.shape(labels), np.asarray(labels).dtype
    if len(shape) != 1 or dtype.kind not in "iu":
        raise ValueError(
            f"got labels of shape {shape} and dtype {dtype}, expected an integer for each image: turn one-hot labels "
            "into integers with labels.argmax(1), floats with labels.astype(int)"
        )


def check_batch_order(params: object, x: Any, y: Any) -> None:
    """Refuse swapped arguments of a scoring function, and labels that `check_labels` refuses."""
    check_arrays("a function of (net, params, x, y)", params=params)
    if np.ndim(x) < np.ndim(y):
        raise ValueError(f"x has shape {np.shape(x)} and y {np.shape(y)}: pass the images first, then their labels")
    check_labels(y)


def check_evaluation(params: object, split: object) -> None:
    """Refuse, with a TypeError, what `evaluate` cannot take."""
    check_kind(split, "labels", "evaluate(net, params, split) expects one split", "pass dataset.test, or another split")
    check_arrays("evaluate(net, params, split)", params=params)


def check_training(params: Any, dataset: Any, masks: Any, watch: Any) -> None:
    """Refuse what `train` cannot take: a TypeError for a wrong kind of argument, a ValueError for a wrong value."""
    check_arrays("train(net, params, dataset, masks)", params=params, masks=masks)
    check_kind(dataset, "validation", "train expects a whole Dataset", "its train and validation splits are needed")
    if {"train", "validation"} & set(watch):
        raise ValueError("watch has a split called train or validation, which are taken already: give it another name")
    if not all(np.isin(c, (0, 1)).all() for c in masks.values()):
        raise ValueError("a mask holds other numbers than 0 and 1: keep_top makes masks")
    missing = [name for name in params if not name.endswith("bias") and name not in masks]
    if masks and missing:
        raise ValueError(
            f"the masks have none for {', '.join(missing)}, which would stay dense: pass {{**ones(params), **masks}} "
            "if that is meant"
        )

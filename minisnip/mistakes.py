"""Sentences for the mistakes that a person makes: a misspelled name, swapped arguments, one array in place of a dict.

The public functions call these checks at their entrance. An error says what was given, what was expected, what to do.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from inspect import getdoc, isfunction
from types import FrameType
from typing import Any, NoReturn, TypeVar

import numpy as np

Entry = TypeVar("Entry")
# The start of a type's name: letters that are spelled, as in LSTM; a vowel, but not u as in uint8
_SPOKEN_AS_A_VOWEL = re.compile(r"[AEFHILMNORSX][^a-z]*$|[AEIOaeio]|[Uu](?!ni|int|s)")


def kind_of(thing: object) -> str:
    """The name of its type with the article: "a list", "an int", "an LSTM"."""
    name = type(thing).__name__
    return f"{'an' if _SPOKEN_AS_A_VOWEL.match(name) else 'a'} {name}"


def check_sizes(layer: object, *names: str) -> None:
    """Refuse a layer with a size that is no whole number (TypeError) or below 1 (ValueError)."""
    for name in names:
        size = getattr(layer, name)
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise TypeError(f"{layer}: {name} is {kind_of(size)}, expected a whole number")
        if size < 1:
            raise ValueError(f"{layer}: {name} must be at least 1")


def nearest(name: object, choices: Iterable[str]) -> str:
    """The end of the sentence for a name that is not one of the choices: the one that is most like it, if any is."""
    return "".join(f"; did you mean {near!r}?" for near in get_close_matches(str(name).lower(), list(choices), n=1))


def unknown(kind: str, name: object, choices: Collection[str]) -> str:
    """The sentence for a name that is not one of the choices, with the nearest one."""
    return f"unknown {kind} {name!r}: choose one of {', '.join(choices)}{nearest(name, choices)}"


class UnknownNameError(KeyError, ValueError):
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
        first = {name: [*(getdoc(f) or "").splitlines(), ""][0] for name, f in self.items()}
        text = "\n".join(f"{name:<{width}}  {line}" for name, line in first.items())
        return printable(text)


_told: set[tuple[str, str, int]] = set()


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line outside minisnip; a line is told the same thing once, unless the user's filters say more.

    Python has a record of what it told, but starts a new one whenever any code enters `warnings.catch_warnings`.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("minisnip."):
        level, frame = level + 1, frame.f_back
    told, action = (message, frame.f_code.co_filename, frame.f_lineno), _action(message, category, frame)
    if action in ("error", "always", "all") or (action != "ignore" and told not in _told):
        _told.add(told)
        warnings.warn(message, category, stacklevel=level)


def _action(message: str, category: type[Warning], frame: FrameType) -> str:
    """What the first filter that fits does with a warning, as `warnings.warn` looks it up."""
    module = str(frame.f_globals.get("__name__"))
    for action, text, kind, name, line in warnings.filters:
        fits = issubclass(category, kind) and line in (0, frame.f_lineno)
        if fits and all(pattern is None or re.match(pattern, s) for pattern, s in ((text, message), (name, module))):
            return action
    return "default"


def printable(text: str) -> str:
    """The text with an escape in place of each character that stdout cannot show, as ∂ if PYTHONIOENCODING=ascii."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def check_kind(given: object, attribute: str, expected: str, remedy: str) -> None:
    """Refuse, with a TypeError, what has not the attribute that tells the kind of argument."""
    if not hasattr(given, attribute):
        raise TypeError(f"{expected}, got {kind_of(given)}: {remedy}")


def check_arrays(function: str, **given: object) -> None:
    """Refuse, with a TypeError, what is not a dict of arrays; `function` shows the order of the arguments."""
    for role, arrays in given.items():
        expected = f"{function} expects {role} as a dict of arrays by parameter name"
        check_kind(arrays, "items", expected, "check the order of the arguments, and give each array its name")
        for name, array in arrays.items():  # type: ignore[attr-defined]
            check_kind(array, "shape", f"{function} expects an array for {name}", "make one with np.array")


def check_settings(optimizer: Any, **counts: object) -> None:
    """Refuse, with a TypeError, an optimizer that is a name or a class, and a count that is no whole number."""
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        raise TypeError(f"optimizer {optimizer!r} is {kind_of(optimizer)}: pass SGD() or Adam()")
    for name, count in counts.items():
        if not isinstance(count, int | np.integer):
            raise TypeError(f"{name} {count!r} is {kind_of(count)}, expected a whole number: pass an int")


def check_seed(rng: object) -> None:
    """Refuse, with a TypeError, a name in place of a seed."""
    if isinstance(rng, str):
        raise TypeError(f"rng {rng!r} is a str, expected a seed or a Generator: net.init(seed, scheme={rng!r})")


def generator(seed: Any) -> np.random.Generator:
    """`np.random.default_rng(seed)`, with a sentence on what is no seed."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        expected = "expected a whole number, 0 or more, or a np.random.Generator"
        raise type(error)(f"{seed!r} is no seed: {expected}") from None


def check_no_split(*arguments: object) -> None:
    """Refuse, with a TypeError, a split or a data set in place of its images."""
    for kind in (kind_of(given) for given in arguments if hasattr(given, "__dataclass_fields__")):
        raise TypeError(f"got {kind}, expected images and labels: pass split.images, split.labels")


def check_labels(labels: Any) -> None:
    """Refuse, with a ValueError, labels that are not one integer for each image."""
    shape, dtype = np.shape(labels), np.asarray(labels).dtype
    if len(shape) == 1 and dtype.kind in "iu":
        return
    remedy = "turn one-hot labels into integers with labels.argmax(1), floats with labels.astype(int); logits go first"
    if dtype.kind not in "biuf":
        remedy = "number the names with np.unique(labels, return_inverse=True)[1]"
    elif shape == ():
        remedy = "for one image pass x[:1], y[:1]"
    elif shape[1:] == (1,):
        remedy = "labels.ravel() has one axis"
    raise ValueError(f"got labels of shape {shape} and dtype {dtype}, expected an integer for each image: {remedy}")


def check_batch_order(params: object, x: Any, y: Any) -> None:
    """Refuse swapped arguments of a scoring function, and labels that `check_labels` refuses."""
    check_arrays("a function of (net, params, x, y)", params=params)
    check_no_split(x, y)
    if np.ndim(x) < np.ndim(y):
        raise ValueError(f"x has shape {np.shape(x)} and y {np.shape(y)}: pass the images first, then their labels")
    check_labels(y)


def check_evaluation(params: object, split: object) -> None:
    """Refuse, with a TypeError, what `evaluate` cannot take."""
    check_kind(split, "labels", "evaluate(net, params, split) expects one split", "pass dataset.test, or another split")
    check_arrays("evaluate(net, params, split)", params=params)


def check_training(net: Any, params: Any, dataset: Any, masks: Any = None, watch: Any = ()) -> None:
    """Refuse what `train` cannot take: a TypeError for a wrong kind of argument, a ValueError for a wrong value."""
    check_arrays("train(net, params, dataset, masks)", params=params)
    remedy = f"call it: {net.__name__}()" if isfunction(net) else "check the order of the arguments"
    check_kind(net, "shapes", "train(net, params, dataset, masks) expects a network", remedy)
    check_kind(dataset, "validation", "train expects a whole Dataset", "its train and validation splits are needed")
    if {"train", "validation"} & set(watch):
        raise ValueError("watch has a split called train or validation, which are taken already: give it another name")
    if masks is None:
        return
    check_masks("train(net, params, dataset, masks)", masks)
    biased = any(name.endswith("bias") for name in masks)
    missing = [name for name in net.prunable if name not in masks and (biased or not name.endswith("bias"))]
    if masks and missing:
        raise ValueError(
            f"the masks have none for {', '.join(missing)}, which would stay dense: if that is meant, pass "
            "{**ones(net.init(0)), **masks} (only the biases may all be left out)"
        )


def check_masks(function: str, masks: Any) -> None:
    """Refuse what are no masks; `function` shows the order of the arguments."""
    check_arrays(function, masks=masks)
    if not all(np.isin(c, (0, 1)).all() for c in masks.values()):
        raise ValueError(f"a mask holds other numbers than 0 and 1: {function} takes masks that keep_top makes")

"""Run a function without the package's own answers.

A call is known by where its code is written, file and line. So it does not matter by which name it is called: an alias
(`from minisnip.pruning import keep_top as k`), `importlib`, a reloaded module, a method, `functools.partial`. What it
cannot prevent: a pasted copy of the source, which is code of another place, another process that calls the package, and
a result that calls when it is read.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType, ModuleType
from typing import Any


class BlockedError(RuntimeError):
    """What ran without some functions has called one of them; `str(error)` is its name."""


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Block functions while a student's function runs: a call of them, by any name, raises an error.

    The error is raised again at the end, so that a `try` around the call does not help. Also blocked is what the
    student's function calls back, so compute what is expected before. It decorates a function too.

    Parameters
    ----------
    *names : str
        Packages, modules, classes or functions by their dotted names: all functions that are written there.

    Raises
    ------
    BlockedError
        If one of them is called, or `sys.setprofile`, which would end the watch; or if another profiler took its place.
    TypeError
        If one is not written in Python, as `math.prod`: no call of it would be seen.

    Examples
    --------
    >>> import numpy as np
    >>> from minisnip.pruning import keep_top as k
    >>> def answer(scores):
    ...     return k(scores, 0.5)
    >>> with without("minisnip.pruning"):
    ...     masks = answer({"w": np.ones(4)})
    Traceback (most recent call last):
    minisnip.exercises.blocking.BlockedError: minisnip.pruning.keep_top
    """
    places, called = {name: _place(name) for name in names}, list[str]()

    def watch(frame: FrameType, event: str, function: Any) -> None:
        code = frame.f_code
        if code.co_filename == __file__:
            return
        if event == "c_call" and function is sys.setprofile:  # it would end the watch
            called.append("sys.setprofile")
            raise BlockedError(called[0])
        for name, (path, lines) in places.items() if event == "call" else ():
            if code.co_filename.startswith(path) and code.co_firstlineno in lines:
                called.append(name if len(lines) < sys.maxsize else f"{name}.{code.co_qualname}")
                raise BlockedError(called[0])

    before = sys.getprofile(), threading.getprofile()
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        yield
    finally:
        removed = sys.getprofile() is not watch
        sys.setprofile(before[0])
        threading.setprofile(before[1])
        if called or removed:
            raise BlockedError(called[0] if called else "another profiler") from None


@cache
def _place(name: str) -> tuple[str, range]:
    """The file or folder where it is written, and the lines there; all lines of a module."""
    found = pkgutil.resolve_name(name)
    if isinstance(found, ModuleType):
        return inspect.getfile(found).removesuffix("__init__.py"), range(sys.maxsize)
    function = inspect.unwrap(getattr(found, "forward", found))  # of an op
    try:
        lines, start = inspect.getsourcelines(function)
    except TypeError:
        raise TypeError(f"{name} is not written in Python: block the function of minisnip that calls it") from None
    return inspect.getfile(function), range(start, start + len(lines))

"""What an op says: its help and its repr, read from the statement of the source that made it, and its errors."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class OfInstance:
    """An attribute that is computed for an instance; the class has its own."""

    def __init__(self, compute: Callable[[Any], Any], of_class: Any) -> None:
        self.compute, self.of_class = compute, of_class

    def __get__(self, instance: Any, owner: type) -> Any:
        return self.of_class if instance is None else self.compute(instance)


def signature(op: Any) -> inspect.Signature:
    """The arguments of an op: those of its first VJP after g and out."""
    first = next(filter(None, op.vjps), lambda g, out, *args, **metadata: g)
    parameters = [*inspect.signature(first).parameters.values()][2:]
    return inspect.Signature([p.replace(annotation=p.empty) for p in parameters])


def statement(op: Any) -> tuple[str, list[str]]:
    """The statement that made an op, and the body of each VJP in it; both empty if there is no such source."""
    first: Any = inspect.unwrap(next(filter(None, op.vjps), op.forward))
    try:
        lines = inspect.findsource(first)[0]
    except (OSError, TypeError):
        return "", []
    for node in ast.parse("".join(lines)).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            vjps = [arg.body if isinstance(arg, ast.Lambda) else arg for arg in node.value.args[1:]]
            here = node.lineno <= first.__code__.co_firstlineno <= (node.end_lineno or 0)
            if here or first.__name__ in map(ast.unparse, vjps):
                return "".join(lines[node.lineno - 1 : node.end_lineno]), [*map(ast.unparse, vjps)]
    return "", []


def representation(op: Any) -> str:
    """Name, arguments and VJPs."""
    return f"<op {op.__name__}{signature(op)}: VJP {'; '.join(statement(op)[1]) or 'unknown'}>"


def documentation(op: Any) -> str:
    """The statement, the functions of its own that it names, and what an op is."""
    row = statement(op)[0]
    functions = map(inspect.unwrap, filter(None, [op.forward, *op.vjps] if row else []))
    named = [f for f in functions if isinstance(f, FunctionType) and f.__name__ != "<lambda>"]
    named = [f for f in named if f.__module__.partition(".")[0] != "numpy"]
    return "\n".join([row, *map(inspect.getsource, named), inspect.cleandoc(type(op).__doc__ or ""), op.remedy]).strip()


def explained(error: Exception, op: str, args: Any, remedy: str = "") -> Exception:
    """The same error, which now names the op and the shapes of its arguments, and ends with the remedy."""
    said = vars(error).get("said", str(error).strip())  # without the name and the shapes of an op inside
    if remedy:
        said = f"{said.removesuffix('.')}. If the shapes are the cause: {remedy}"
    arrays = [x for arg in args for x in (arg if isinstance(arg, list | tuple) else [arg])]
    shapes = [str(x.shape) for x in arrays if isinstance(getattr(x, "shape", None), tuple)]
    of = ("", " of shape ", " of shapes ")[min(len(shapes), 2)]
    answer = _of_kind(type(error), f"{op}{of}{' and '.join(shapes)}: {said}")
    vars(answer)["said"] = said
    return answer


def _of_kind(kind: Any, message: str) -> Exception:
    """An error of this kind, or of the one that it derives from if it is not made of a message alone."""
    try:
        error: Exception = kind(message)
        if str(error) == message:
            return error
    except TypeError:
        pass
    return _of_kind(kind.__base__, message)


def composition(f: Callable[P, R]) -> Callable[P, R]:
    """A function made of ops: its errors name it and the shapes of its own arguments."""

    @wraps(f)
    def named(*args: P.args, **keywords: P.kwargs) -> R:
        try:
            return f(*args, **keywords)
        except (ValueError, IndexError, TypeError) as error:
            raise explained(error, f.__name__, (*args, *keywords.values())) from (error.__cause__ or error)

    return named

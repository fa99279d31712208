"""Remember what was computed: a `Tensor` is a variable, an array is a constant.

A Tensor is an array that knows the op that made it. Everything else (arrays, Python numbers) is a constant.
So there is nothing to switch on or off: wrap what you want to differentiate by, leave the rest alone. An op
is made by `primitive` from its forward function on arrays and its derivative rules; `engine.py` applies them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Value: TypeAlias = "Tensor | Array | float"  # what an op takes: a variable or a constant
Op: TypeAlias = Callable[..., Any]  # arrays in, array out; a Tensor among them, Tensor out
VJP: TypeAlias = Callable[..., Any]  # vjp(g, out, *args, **metadata) -> gradient by one of the args

_births = count()


def _operator(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`__add__` and `__radd__` from ops.add: the operators of a Tensor are sugar for ops.py."""
    return (
        lambda self, other: getattr(ops, name)(self, other),
        lambda self, other: getattr(ops, name)(other, self),
    )


def _method(name: str) -> Callable[..., Any]:
    """t.sum(...) from ops.sum(t, ...)."""
    return lambda self, *args, **metadata: getattr(ops, name)(self, *args, **metadata)


def _comparison(compare: np.ufunc) -> Callable[..., Array]:
    """A comparison is piecewise constant: it answers with plain booleans."""
    return lambda self, other: compare(value_of(self), value_of(other))


class Tensor:
    """A variable: an array of floats (or complex numbers) and how it was computed.

    Parameters
    ----------
    value : array_like of float32, float64 or complex
        Kept as it is, not copied: do not change the array while the Tensor is in use.

    Raises
    ------
    TypeError
        If `value` does not hold floats: there is no derivative by an integer.
    """

    __slots__ = ("args", "born", "metadata", "op", "parents", "value")

    def __init__(self, value: npt.ArrayLike) -> None:
        if isinstance(value, Tensor):
            raise TypeError("Tensor(t) of a Tensor t: it is a variable already; Tensor(t.value) starts a new one")
        self.value: Array = np.asarray(value)
        if self.value.dtype.kind not in "fc":
            raise TypeError(
                f"a Tensor holds floats, got dtype {self.value.dtype}: convert it with .astype(np.float64), "
                "or leave it a plain array (an array is a constant)"
            )
        self.born = next(_births)  # a number greater than that of every Tensor before: later than its parents
        self.op: Primitive | None = None  # how it was computed: op(*args, **metadata); None for a leaf
        self.args: tuple[Any, ...] = ()
        self.metadata: dict[str, Any] = {}
        self.parents: list[tuple[int, Tensor]] = []  # the Tensors among args, each with its position

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    T = property(lambda self: self.transpose())

    __add__, __radd__ = _operator("add")
    __sub__, __rsub__ = _operator("subtract")
    __mul__, __rmul__ = _operator("multiply")
    __truediv__, __rtruediv__ = _operator("divide")
    __pow__, __rpow__ = _operator("power")
    __matmul__, __rmatmul__ = _operator("matmul")
    __lt__, __le__ = _comparison(np.less), _comparison(np.less_equal)
    __gt__, __ge__ = _comparison(np.greater), _comparison(np.greater_equal)
    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)  # type: ignore[assignment]
    __hash__ = object.__hash__

    __neg__, __abs__, __getitem__ = _method("negative"), _method("abs"), _method("take")
    sum, mean, max = _method("sum"), _method("mean"), _method("max")

    def reshape(self, *shape: Any) -> Any:
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        return ops.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"Tensor({np.array2string(self.value, prefix='Tensor(', separator=', ')})"

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        """A copy, or one that came from another process, is born anew, after its parents."""
        for name, value in state[1].items():
            setattr(self, name, value)
        self.born = next(_births)

    # What an array does and a variable cannot: refused with a remedy before it goes wrong in silence.

    def __bool__(self) -> bool:
        raise TypeError("bool(t) of a Tensor is ambiguous: compare it (t > 0) or use its array, t.value")

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "t[i] = v: a Tensor is not changed in place; use ops.where(mask, v, t), or change the array before wrapping"
        )

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise _refusal("np.asarray")

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise _refusal(f"np.{function.__name__}")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        name = ufunc.__name__
        if name in _OPERATORS and method == "__call__" and not keywords:  # array + Tensor arrives here
            return getattr(ops, name)(*inputs)
        if name in _COMPARISONS:
            return ufunc(*map(value_of, inputs), **keywords)
        raise _refusal(f"np.{name}")


_OPERATORS = {"add", "subtract", "multiply", "divide", "power", "matmul"}
_COMPARISONS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}


def _refusal(function: str) -> TypeError:
    return TypeError(
        f"{function} of a Tensor would lose how it was computed: use the function of that name in minisnip.ops, "
        "or the plain array t.value if no gradient is wanted"
    )


def value_of(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x.value if isinstance(x, Tensor) else x


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a Tensor, an array or a number."""
    return x.shape if hasattr(x, "shape") else np.shape(x)


@dataclass(frozen=True, eq=False)
class Primitive:
    """A differentiable op; see `primitive`."""

    forward: Callable[..., Any]
    vjps: tuple[VJP | None, ...]
    remedy: str

    @property
    def name(self) -> str:
        return self.forward.__name__.strip("_")

    def __call__(self, *args: Any, **metadata: Any) -> Any:
        """Run forward on the arrays; if there was a Tensor among them, remember how the answer was made."""
        parents = [(i, arg) for i, arg in enumerate(args) if isinstance(arg, Tensor)]
        try:
            value = self.forward(*(map(value_of, args) if parents else args), **metadata)
        except (ValueError, IndexError) as error:
            raise self._with_shapes(error, args) from error
        if not parents:
            return value
        out = Tensor(value)
        out.op, out.args, out.metadata, out.parents = self, args, metadata, parents
        return out

    def vjp(self, i: int, g: Any, out: Any, args: tuple[Any, ...], metadata: dict[str, Any]) -> Any:
        """The gradient of the loss by argument i, given its gradient g by the output."""
        vjp = self.vjps[i] if i < len(self.vjps) else None
        if vjp is None:
            raise TypeError(f"{self.name} has no derivative by argument {i}: pass a plain array there")
        contribution = vjp(g, out, *args, **metadata)
        if shape_of(contribution) != shape_of(args[i]):
            raise ValueError(
                f"VJP {i} of {self.name} gave shape {shape_of(contribution)} for an argument of shape "
                f"{shape_of(args[i])}: a gradient has the shape of its variable (sum_to undoes a broadcast)"
            )
        return contribution

    def _with_shapes(self, error: Exception, args: tuple[Any, ...]) -> Exception:
        shapes = " and ".join(str(shape_of(arg)) for arg in args if hasattr(arg, "shape"))
        kind = IndexError if isinstance(error, IndexError) else ValueError
        return kind(f"{self.name} of shapes {shapes}: {self.remedy or error}")


def primitive(forward: Callable[..., Any], *vjps: VJP | None, remedy: str = "") -> Primitive:
    """Make an op from its forward function and one VJP per argument.

    Parameters
    ----------
    forward : callable
        `forward(*args, **metadata)`, arrays in, array out. It must not change its arguments.
    *vjps : callable or None
        `vjp(g, out, *args, **metadata)` for each argument in turn, written in ops; None for a constant.
    remedy : str
        What to do about wrong shapes; ends the error message.

    Examples
    --------
    >>> from minisnip import grad, hvp
    >>> sin = primitive(np.sin, lambda g, out, x: g * cos(x))
    >>> cos = primitive(np.cos, lambda g, out, x: -g * sin(x))
    >>> x = Tensor(0.0)
    >>> grad(sin(x), x), hvp(cos(x), x, 1.0)
    (array(1.), array(-1.))
    """
    return Primitive(forward, vjps, remedy)


from minisnip.autodiff import ops  # noqa: E402  (at the end: the ops are made of `primitive` above)

"""Reverse-mode differentiation: walk what was computed backwards, from the output to the inputs.

    >>> import numpy as np
    >>> from minisnip import Tensor, grad
    >>> x = Tensor(np.array([1.0, 2.0, 3.0]))
    >>> grad((x * x).sum(), x)
    array([2., 4., 6.])

Each Tensor remembers the op that made it, and each op has a vector-Jacobian product (VJP) per argument: from
the gradient of the loss by the op's output, the gradient by that argument. A Tensor that was used twice gets
two such contributions; they are added. That is the whole of backpropagation.

VJPs are written in ops. Run on arrays they are plain NumPy; run on Tensors (`create_graph=True`) they are
recorded like any other computation, and so can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Arrays: TypeAlias = Mapping[str, Array]  # parameters, masks, scores, gradients: an array for each name
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


def ancestors(output: Tensor) -> list[Tensor]:
    """All that the output was computed from and itself, in the order in which they were made.

    A Tensor is made after those it was computed from; so this order is one in which no Tensor comes before its
    parents, and backwards it is one in which all uses of a Tensor come before itself. Each is visited once, however
    many ways lead to it; iteratively, so that a chain of any length will do.
    """
    found, stack = {id(output): output}, [output]
    while stack:
        for _, parent in stack.pop().parents:
            if id(parent) not in found:
                found[id(parent)] = parent
                stack.append(parent)
    return sorted(found.values(), key=lambda tensor: tensor.born)


def _path(output: Tensor, targets: set[int]) -> dict[int, Tensor]:
    """The Tensors between the targets and the output, by id, in the order in which they were made."""
    path: dict[int, Tensor] = {}
    for node in ancestors(output):
        if id(node) in targets or any(id(parent) in path for _, parent in node.parents):
            path[id(node)] = node
    return path


def backward(output: Tensor, cotangent: Value, inputs: list[Tensor], create_graph: bool) -> list[Any]:
    """⟨cotangent, ∂output/∂input⟩ for each input; None where the output does not depend on it.

    Walks from the output back, so a node's gradient is complete (summed over all its uses) before it is passed on.
    """
    targets = {id(x) for x in inputs}
    path = _path(output, targets)
    gradients: dict[int, Any] = {id(output): cotangent}
    for node in reversed(path.values()):
        g = gradients[id(node)] if id(node) in targets else gradients.pop(id(node))
        out, args = (node, node.args) if create_graph else (node.value, tuple(map(value_of, node.args)))
        for i, parent in node.parents:
            if node.op is not None and id(parent) in path:
                contribution = node.op.vjp(i, g, out, args, node.metadata)
                so_far = gradients.get(id(parent))
                gradients[id(parent)] = contribution if so_far is None else so_far + contribution
    return [gradients.get(id(x)) for x in inputs]


def grad(output: Tensor, inputs: Any, create_graph: bool = False) -> Any:
    """The gradient of a scalar by each of the inputs.

    Parameters
    ----------
    output : Tensor of shape ()
    inputs : Tensor, or a list, tuple or dict of Tensors
    create_graph : bool
        Answer with Tensors that can be differentiated again, instead of arrays.

    Returns
    -------
    array (or Tensor), in the structure of `inputs`
        Each has the shape and dtype of its input, and is the caller's own to change.

    Raises
    ------
    TypeError
        If `output` or an input is not a Tensor.
    ValueError
        If `output` is not a scalar, or does not depend on an input.
    """
    leaves = _leaves(inputs)
    _check(output, leaves)
    gradients = backward(output, np.ones_like(output.value), leaves, create_graph)
    for leaf, g in zip(leaves, gradients, strict=True):
        if g is None:
            raise ValueError(
                f"grad: the output was not computed from the input of shape {leaf.shape}: wrap the array first "
                "(x = Tensor(array)), compute the output from that very x, and ask for the gradient by x"
            )
    if create_graph:
        return _in_structure_of(inputs, [g if isinstance(g, Tensor) else Tensor(g) for g in gradients])
    return _in_structure_of(inputs, _own(gradients, leaves))


def hvp(output: Tensor, inputs: Any, vectors: Any) -> Any:
    """Hessian-vector products: H v = ∇⟨∇output, v⟩, two calls of `grad` (Pearlmutter 1994).

    Parameters
    ----------
    output : Tensor of shape ()
    inputs : Tensor, or a list, tuple or dict of Tensors
    vectors : arrays in the structure of `inputs`, with the shapes of the inputs

    Returns
    -------
    arrays in the structure of `inputs`
    """
    leaves = _leaves(inputs)
    _check(output, leaves)
    directions = _matched(inputs, vectors)
    gradients = grad(output, leaves, create_graph=True)
    slope = sum(ops.sum(g * v) for g, v in zip(gradients, directions, strict=True))
    products = backward(slope, np.ones_like(slope.value), leaves, create_graph=False)
    zeros = [np.zeros_like(x.value) for x in leaves]  # where the gradient does not depend on the input
    products = [z if p is None else p for p, z in zip(products, zeros, strict=True)]
    return _in_structure_of(inputs, _own(products, leaves))


def _check(output: Any, leaves: list[Any]) -> None:
    for role, x in [("output", output), *(("input", leaf) for leaf in leaves)]:
        if not isinstance(x, Tensor):
            raise TypeError(
                f"grad: the {role} is a {type(x).__name__}, and an array is a constant: wrap it (x = Tensor(array)) "
                "and compute the output from x"
            )
    if output.shape != ():
        raise ValueError(
            f"grad: the output has shape {output.shape}, and a gradient is of one number: take output.sum(), "
            ".mean() or (output * cotangent).sum() first"
        )


def _leaves(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return list(structure.values())
    return list(structure) if isinstance(structure, list | tuple) else [structure]


def _in_structure_of(structure: Any, leaves: list[Any]) -> Any:
    if isinstance(structure, dict):
        return dict(zip(structure, leaves, strict=True))
    return type(structure)(leaves) if isinstance(structure, list | tuple) else leaves[0]


def _matched(inputs: Any, vectors: Any) -> list[Array]:
    """The vectors in the order of the inputs: by name in a dict, by position elsewhere."""
    if isinstance(inputs, dict):
        vectors = [vectors[name] for name in inputs if name in vectors]
    leaves, directions = _leaves(inputs), [np.asarray(v) for v in _leaves(vectors)]
    if len(leaves) != len(directions):
        raise ValueError(
            f"hvp: got {len(directions)} vectors for {len(leaves)} inputs: one for each, by the same names"
        )
    for x, v in zip(leaves, directions, strict=True):
        if x.shape != v.shape:
            raise ValueError(f"hvp: a vector has shape {v.shape}, its input {x.shape}: they must be equal")
    return directions


def _own(gradients: list[Any], leaves: list[Tensor]) -> list[Array]:
    """Arrays that share no memory (the VJPs of a + b hand the same g to both), in the precision of their inputs."""
    owners: set[int] = set()
    answer = []
    for g, x in zip(map(np.asarray, gradients), leaves, strict=True):
        if g.dtype != x.dtype and g.dtype.kind == x.dtype.kind:  # a float64 constant was met on the way
            g = g.astype(x.dtype)
        owner = id(g if g.base is None else g.base)
        answer.append(g if g.flags.writeable and owner not in owners else g.copy())
        owners.add(owner)
    return answer


from minisnip.autodiff import ops  # noqa: E402  (at the end: the ops are made of `primitive` above)

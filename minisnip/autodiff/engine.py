"""Reverse-mode differentiation: remember what was computed, then walk it backward from the output to the inputs.

    >>> import numpy as np
    >>> from minisnip import Tensor, grad
    >>> x = Tensor(np.array([1.0, 2.0, 3.0]))
    >>> grad((x * x).sum(), x)
    array([2., 4., 6.])

A `Tensor` is a variable: an array that knows the op that made it. Everything else (arrays, Python numbers) is a
constant. So there is nothing to switch on or off: wrap what you want to differentiate by, leave the rest alone.

An op is made by `primitive` from its forward function and one vector-Jacobian product (VJP) per argument: from the
gradient of the loss with respect to the op's output, the gradient with respect to that argument. A Tensor that was used
twice gets two such contributions, and they are added. That is the whole of backpropagation.

VJPs are written in ops. Run on arrays they are plain NumPy; run on Tensors (`create_graph=True`) they are recorded like
any other computation, and so can be differentiated again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from minisnip.autodiff.describe import OfInstance, documentation, explained, representation, signature
from minisnip.autodiff.threads import one_thread

Array: TypeAlias = npt.NDArray[Any]
Arrays: TypeAlias = Mapping[str, Array]  # parameters, masks, scores, gradients: an array for each name
Value: TypeAlias = "Tensor | Array | float"  # what an op takes: a variable or a constant
Op: TypeAlias = Callable[..., Any]  # arrays in, array out; a Tensor among them, Tensor out
VJP: TypeAlias = Callable[..., Any]  # vjp(g, out, *args, **metadata) -> gradient w.r.t. one of the args


def _in_ops(*_: Any, **__: Any) -> Tensor:
    """Holds the place of an op in the class below."""
    raise NotImplementedError


class Tensor:
    """A variable: an array of floats (or complex numbers) and how it was computed.

    It owns its numbers. An op copies the plain arrays that it is given beside a Tensor, so no later change of an array
    can make a gradient wrong. Wrap a large constant that many ops use in a Tensor: then it is copied only once.

    Parameters
    ----------
    value : array_like of float32, float64 or complex
        Copied.
    copy : bool
        False reads the caller's own array, which must not change before the last `grad`: for training loops.

    Raises
    ------
    TypeError
        If `value` does not hold floats, as there is no derivative with respect to an integer; or if it is masked.
    """

    __slots__ = ("_value", "args", "metadata", "op", "parents")

    def __init__(self, value: npt.ArrayLike, *, copy: bool = True) -> None:
        if isinstance(value, Tensor):
            raise TypeError("Tensor(t) of a Tensor t: it is a variable already; Tensor(t.value) starts a new one")
        self._hold(frozen(np.asanyarray(value)) if copy else np.asarray(value).view())
        self.op: Primitive | None = None  # how it was computed: op(*args, **metadata); None for a leaf
        self.args: tuple[Any, ...] = ()
        self.metadata: dict[str, Any] = {}
        self.parents: list[tuple[int, Tensor]] = []  # the Tensors among args, each with its position

    @classmethod
    def of(cls, value: Any, *made: Any) -> Tensor:
        """The output of an op, and how it was made: op, args, metadata, parents."""
        out = cls.__new__(cls)
        out._hold(value if type(value) is np.ndarray else np.asarray(value))
        out.op, out.args, out.metadata, out.parents = made
        return out

    def _hold(self, numbers: Array) -> None:
        if numbers.dtype.kind not in "fc":
            raise TypeError(
                f"a Tensor holds floats, got dtype {numbers.dtype}: convert it with .astype(np.float64), "
                "or leave it a plain array (an array is a constant)"
            )
        numbers.setflags(write=False)
        self._value = numbers

    @property
    def value(self) -> Array:
        """The numbers, read-only: change a copy, `t.value.copy()`."""
        return np.asarray(self._value.data.toreadonly())  # a view could be made writable again

    shape = property(lambda self: self._value.shape)
    ndim = property(lambda self: self._value.ndim)
    size = property(lambda self: self._value.size)
    dtype = property(lambda self: self._value.dtype)
    T = property(lambda self: self.transpose())

    # Operators and methods are ops: ops.py assigns them at its end.
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _in_ops
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __neg__ = __abs__ = __getitem__ = _in_ops
    __lt__: Callable[[Tensor, Any], Array]
    __le__: Callable[[Tensor, Any], Array]
    __gt__: Callable[[Tensor, Any], Array]
    __ge__: Callable[[Tensor, Any], Array]
    __eq__: ClassVar[Callable[[Tensor, object], Any]]
    __ne__: ClassVar[Callable[[Tensor, object], Any]]
    sum = mean = max = min = prod = var = std = _in_ops
    reshape = ravel = flatten = squeeze = transpose = clip = astype = _in_ops
    ufuncs: ClassVar[dict[np.ufunc, Op]]  # what NumPy calls where an array is on the left: array + Tensor

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        return f"Tensor({np.array2string(self.value, prefix='Tensor(', separator=', ')})"

    # What an array does and a variable cannot: refused with a remedy before it goes wrong in silence.

    def __bool__(self) -> bool:
        raise TypeError("bool(t) of a Tensor is ambiguous: compare it (t > 0) or use its array, t.value")

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "t[i] = v: a Tensor is not changed in place; use ops.where(mask, v, t), or change the array before wrapping"
        )

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise _refusal("asarray")

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise _refusal(function.__name__)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if ufunc in self.ufuncs and method == "__call__" and not keywords:
            return self.ufuncs[ufunc](*inputs)
        raise _refusal(ufunc.__name__)


def _refusal(function: str) -> TypeError:
    return TypeError(
        f"np.{function} of a Tensor would lose how it was computed: use the function of that name in minisnip.ops "
        "if there is one, or make it with `primitive`; use the plain array t.value if no gradient is wanted"
    )


def value_of(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x._value if isinstance(x, Tensor) else x


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a Tensor, an array or a number."""
    try:
        return x.shape  # type: ignore[no-any-return]
    except AttributeError:
        return np.shape(x)


def frozen(x: Any) -> Any:
    """What nobody else can change: arrays are copied and made read-only, in lists, tuples and dicts too."""
    if isinstance(x, (int, float, np.generic, type)):
        return x
    if isinstance(x, (list, tuple)):
        parts = map(frozen, x)
        return [*parts] if isinstance(x, list) else tuple.__new__(type(x), parts)  # a named tuple stays one
    if isinstance(x, dict):
        return {key: frozen(value) for key, value in x.items()}
    if not (hasattr(x, "__array__") or isinstance(x, (array, memoryview))):
        return x
    if hasattr(x, "filled"):
        raise TypeError("an op would lose the mask of a masked array: fill it first, x.filled(0.0)")
    copy = np.array(x)  # of type ndarray, whatever x is
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True, eq=False)
class Primitive:
    """A differentiable op; `primitive` makes one.

    It is a forward function with a VJP for each argument. From g, the gradient
    of the loss with respect to the output `out`, the VJP makes the gradient of
    the loss with respect to the argument.

    Shapes: g has the shape of the output, each VJP that of its argument.
    """

    forward: Callable[..., Any]
    vjps: tuple[VJP | None, ...]
    name: str
    remedy: str

    # help(ops.tanh), its repr and its arguments are read from the source of the op
    __doc__ = OfInstance(documentation, __doc__)
    __signature__ = OfInstance(signature, None)
    __repr__ = representation

    @property
    def __name__(self) -> str:
        return self.name or getattr(self.forward, "__name__", type(self.forward).__name__).strip("_")

    def __get__(self, tensor: Tensor | None, owner: type | None = None) -> Any:
        """As a function in a class does, an op becomes a method: `Tensor.__add__ = add`."""
        return self if tensor is None else partial(self, tensor)

    def __call__(self, *args: Any, **metadata: Any) -> Any:
        """Run forward on the arrays; if there was a Tensor among them, remember how the answer was made."""
        if isinstance(self.forward, np.ufunc) and len(args) > self.forward.nin:  # the next would be overwritten
            raise explained(TypeError(f"got {len(args)} arguments, expected {self.forward.nin}"), self.__name__, args)
        parents = [(i, arg) for i, arg in enumerate(args) if isinstance(arg, Tensor)]
        if parents:
            if len(parents) < len(args):
                args = tuple([arg if isinstance(arg, Tensor) else self._constant(i, arg) for i, arg in enumerate(args)])
            metadata = metadata and frozen(metadata)
        try:
            value = self.forward(*map(value_of, args), **metadata) if parents else self.forward(*args, **metadata)
        except (ValueError, IndexError, TypeError) as error:
            raise explained(error, self.__name__, args, self._remedy(error, args, metadata)) from error
        if not parents:
            return value
        return Tensor.of(value, self, args, metadata, parents)

    def _constant(self, i: int, arg: Any) -> Any:
        """An argument that nobody else can change; where there is a VJP, a list stands for an array."""
        return frozen(np.array(arg) if isinstance(arg, list) and any(self.vjps[i : i + 1]) else arg)

    def _remedy(self, error: Exception, args: tuple[Any, ...], metadata: dict[str, Any]) -> str:
        """The remedy for wrong shapes, if ones of the same shapes fail in the same way."""
        if self.remedy and not isinstance(error, TypeError):
            try:
                self.forward(*(np.broadcast_to(1.0, a.shape) if hasattr(a, "shape") else a for a in args), **metadata)
            except Exception as again:
                return self.remedy if str(again) == str(error) else ""
        return ""

    def vjp(self, i: int, g: Any, out: Any, args: tuple[Any, ...], metadata: dict[str, Any]) -> Any:
        """The gradient of the loss with respect to argument i, given its gradient g with respect to the output."""
        vjp = self.vjps[i] if i < len(self.vjps) else None
        if vjp is None:
            raise TypeError(f"{self.__name__} has no derivative by argument {i}: pass a plain array there")
        contribution, shape = vjp(g, out, *args, **metadata), args[i].shape
        if shape_of(contribution) != shape:
            raise ValueError(
                f"VJP {i} of {self.__name__} gave shape {shape_of(contribution)} for an argument of shape "
                f"{shape}: a gradient has the shape of its variable (sum_to undoes a broadcast)"
            )
        return contribution


def primitive(forward: Callable[..., Any], *vjps: VJP | None, name: str = "", remedy: str = "") -> Primitive:
    """Make an op from its forward function and one VJP per argument.

    Parameters
    ----------
    forward : callable
        `forward(*args, **metadata)`, arrays in, array out. It must not change its arguments (beside a Tensor they are
        read-only), and returns a new array, which the op makes read-only, or a view of an argument. Pass every array
        that a VJP needs as an argument: the op copies the arrays among its arguments, and those in lists, tuples and
        dicts, but not those in other objects, nor those that a function refers to from outside.
    *vjps : callable or None
        `vjp(g, out, *args, **metadata)` for each argument in turn, written in ops; None for a constant.
    name : str
        The op's name in errors and in its repr; that of `forward` by default.
    remedy : str
        What to do about wrong shapes; ends the error message if the shapes may be the cause.

    Examples
    --------
    >>> from minisnip import grad, hvp
    >>> sinh = primitive(np.sinh, lambda g, out, x: g * cosh(x))
    >>> cosh = primitive(lambda x: (np.exp(x) + np.exp(-x)) / 2, lambda g, out, x: g * sinh(x), name="cosh")
    >>> x = Tensor(0.0)
    >>> grad(sinh(x), x), hvp(cosh(x), x, 1.0)
    (array(1.), array(1.))
    """
    return Primitive(forward, vjps, name, remedy)


def backward_order(output: Tensor) -> Iterator[Tensor]:
    """The output and all that it was computed from, each Tensor once and after everything that uses it.

    First count the uses of each Tensor. Then a Tensor's turn comes when all its uses have had theirs (Kahn 1962). No
    recursion, so a chain of any length will do; no enumeration of paths, of which there can be 2^n.
    """
    uses, stack = {id(output): 1}, [output]
    while stack:
        for _, parent in stack.pop().parents:
            if (key := id(parent)) not in uses:
                uses[key] = 0
                stack.append(parent)
            uses[key] += 1
    ready = [output]
    while ready:
        node = ready.pop()
        yield node
        for _, parent in node.parents:
            uses[key := id(parent)] -= 1
            if not uses[key]:
                ready.append(parent)


@one_thread
def backward(output: Tensor, inputs: list[Tensor], create_graph: bool) -> list[Any]:
    """∂output/∂input of a scalar for each input; None where the output does not depend on it.

    A node's gradient is complete (summed over all its uses) before it is passed on to the node's parents.
    """
    targets, order = {id(x) for x in inputs}, list(backward_order(output))
    on_path = set(targets)  # the Tensors that depend on an input, and the inputs
    for node in reversed(order):
        for _, parent in node.parents:
            if id(parent) in on_path:
                on_path.add(id(node))
    gradients: dict[int, Any] = {id(output): np.ones_like(output.value)}
    for node in order:
        if node.op is None or id(node) not in on_path:
            continue
        g = gradients[id(node)] if id(node) in targets else gradients.pop(id(node))
        if isinstance(g, np.ndarray):
            g = g.view()
            g.setflags(write=False)  # other gradients may share it: a VJP that changes it raises
        out, args = (node, node.args) if create_graph else (node._value, tuple(map(value_of, node.args)))
        for i, parent in node.parents:
            if (key := id(parent)) in on_path:
                contribution = node.op.vjp(i, g, out, args, node.metadata)
                gradients[key] = gradients[key] + contribution if key in gradients else contribution
    return [gradients.get(id(x)) for x in inputs]


def grad(output: Tensor, inputs: Any, create_graph: bool = False) -> Any:
    """The gradient of a scalar with respect to each of the inputs.

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

    Examples
    --------
    >>> from minisnip import Tensor, grad
    >>> x = Tensor(np.array([1.0, 2.0, 3.0]))
    >>> grad((x * x).sum(), x)
    array([2., 4., 6.])
    """
    leaves = leaves_of(inputs)
    gradients = gradients_of("grad", output, leaves, create_graph)
    if create_graph:
        tensors = [g if isinstance(g, Tensor) else Tensor(g) for g in gradients]
        cast = [g if g.dtype == x.dtype else g.astype(x.dtype) for g, x in zip(tensors, leaves, strict=True)]
        return in_structure_of(inputs, cast)
    return in_structure_of(inputs, owned(gradients, leaves))


def gradients_of(caller: str, output: Any, leaves: list[Any], create_graph: bool) -> list[Any]:
    """As `backward`, but what cannot be answered is refused in the name of the caller."""
    for role, x in [("output", output), *(("input", leaf) for leaf in leaves)]:
        if not isinstance(x, Tensor):
            raise TypeError(
                f"{caller}: the {role} is a {type(x).__name__}, and an array is a constant: wrap it "
                "(x = Tensor(array)) and compute the output from x"
            )
    if output.shape != ():
        raise ValueError(
            f"{caller}: the output has shape {output.shape}, and a gradient is of one number: take output.sum(), "
            ".mean() or (output * cotangent).sum() first"
        )
    gradients = backward(output, leaves, create_graph)
    for leaf, g in zip(leaves, gradients, strict=True):
        if g is None:
            raise ValueError(
                f"{caller}: the output was not computed from the input of shape {leaf.shape}: wrap the array first "
                "(x = Tensor(array)), compute the output from that very x, and ask for the gradient with respect to x"
            )
    return gradients


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

    Raises
    ------
    TypeError, ValueError
        As `grad`; and if the vectors do not fit the inputs.

    Examples
    --------
    >>> from minisnip import Tensor, hvp
    >>> x = Tensor(np.array([1.0, 2.0, 3.0]))
    >>> hvp((x * x * x).sum(), x, np.array([1.0, 0.0, 1.0]))  # the Hessian is diagonal, 6 x
    array([ 6.,  0., 18.])
    """
    leaves, directions = leaves_of(inputs), _matched(inputs, vectors)
    gradients = gradients_of("hvp", output, leaves, create_graph=True)
    slope = sum((g * v).sum() for g, v in zip(gradients, directions, strict=True))
    products = backward(slope, leaves, create_graph=False) if isinstance(slope, Tensor) else [None] * len(leaves)
    found = [np.zeros_like(x.value) if p is None else p for p, x in zip(products, leaves, strict=True)]  # None: H = 0
    return in_structure_of(inputs, owned(found, leaves))


def leaves_of(structure: Any) -> list[Any]:
    """The values of a dict, the elements of a list or tuple, or anything else by itself."""
    if isinstance(structure, dict):
        return list(structure.values())
    return list(structure) if isinstance(structure, list | tuple) else [structure]


def in_structure_of(structure: Any, leaves: list[Any]) -> Any:
    """The leaves as a dict with the keys of the structure, as a list or tuple, or the only leaf by itself."""
    if isinstance(structure, dict):
        return dict(zip(structure, leaves, strict=True))
    return type(structure)(leaves) if isinstance(structure, list | tuple) else leaves[0]


def _matched(inputs: Any, vectors: Any) -> list[Array]:
    """The vectors in the order of the inputs: by name in a dict, by position elsewhere."""
    if isinstance(inputs, dict) != isinstance(vectors, dict):
        kinds = f"a {type(vectors).__name__}, the inputs a {type(inputs).__name__}"
        raise TypeError(f"hvp: the vectors are {kinds}: pass both in the same structure")
    if isinstance(inputs, dict):
        vectors = [vectors[name] for name in inputs if name in vectors]
    xs, vs = leaves_of(inputs), [np.asarray(value_of(v)) for v in leaves_of(vectors)]
    if len(xs) != len(vs):
        raise ValueError(f"hvp: got {len(vs)} vectors for {len(xs)} inputs: one for each, by the same names")
    for x, v in zip(xs, vs, strict=True):
        if shape_of(x) != v.shape:
            raise ValueError(f"hvp: a vector has shape {v.shape}, its input {shape_of(x)}: they must be equal")
    return vs


def owned(gradients: list[Any], leaves: list[Tensor]) -> list[Array]:
    """Arrays that share no memory (the VJPs of a + b hand the same g to both), in the precision of their inputs."""
    owners: set[int] = set()
    answer = []
    for g, x in zip(map(np.asarray, gradients), leaves, strict=True):
        if g.dtype.kind == x.dtype.kind:
            g = g.astype(x.dtype, copy=False)  # a float64 constant may have been met on the way
        owner = id(g if g.base is None else g.base)
        answer.append(g if g.flags.writeable and owner not in owners else g.copy())
        owners.add(owner)
    return answer

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

from typing import Any

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.tensor import Array, Tensor, Value, value_of


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

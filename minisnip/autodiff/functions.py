"""Functions of arrays: their value with the gradient, and all derivatives of all their elements.

    >>> import numpy as np
    >>> from minisnip import jacobian, value_and_grad
    >>> value_and_grad(lambda x: (x * x).sum(), np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    >>> jacobian(lambda x: x * x, np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])

The inputs are an array, a list or tuple of arrays, or a dict of arrays: f(array), f(*arrays) or f(dict).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Tensor, backward, grad, leaves_of

Function: TypeAlias = Callable[..., Any]


def value_and_grad(f: Function, inputs: Any) -> tuple[Any, Any]:
    """The value of f and its gradient, in one forward and one backward pass.

    Parameters
    ----------
    f : callable
        Made of ops; returns one number.
    inputs : array, or list or tuple of arrays, or dict of arrays

    Returns
    -------
    number, and arrays in the structure of `inputs`

    Raises
    ------
    TypeError, ValueError
        If f does not return a Tensor of shape (), or does not depend on an input.
    """
    tensors = [Tensor(x) for x in leaves_of(inputs)]
    out = tensor_of("value_and_grad", call(f, inputs, tensors))
    return out.value[()], in_structure(inputs, grad(out, tensors))


def jacobian(f: Function, inputs: Any) -> Any:
    """All derivatives of all elements of f(inputs): one backward pass for each element.

    Parameters
    ----------
    f : callable
        Made of ops; returns a Tensor of any shape.
    inputs : array, or list or tuple of arrays, or dict of arrays

    Returns
    -------
    arrays in the structure of `inputs`
        An input of shape (3,) and an f of shape (2,) make an array of shape (2, 3).

    Raises
    ------
    TypeError
        If f does not return a Tensor.
    """
    tensors = [Tensor(x) for x in leaves_of(inputs)]
    out = tensor_of("jacobian", call(f, inputs, tensors))
    rows = [gradients(ops.take(out, j), tensors) for j in np.ndindex(out.shape)]
    found = [np.array([row[i] for row in rows]).reshape(out.shape + x.shape) for i, x in enumerate(tensors)]
    return in_structure(inputs, found)


def gradients(out: Any, tensors: list[Tensor], create_graph: bool = False) -> list[Any]:
    """Gradients by every Tensor; zero where `out` does not depend on it."""
    found = backward(out, tensors, create_graph) if isinstance(out, Tensor) else [None] * len(tensors)
    return [np.zeros_like(x.value) if g is None else g for g, x in zip(found, tensors, strict=True)]


def call(f: Function, inputs: Any, xs: list[Any]) -> Any:
    """F of one argument, several or a dict, as `inputs` are."""
    return f(in_structure(inputs, xs)) if isinstance(inputs, dict) else f(*xs)


def in_structure(inputs: Any, xs: list[Any]) -> Any:
    """A list of answers in the structure of the inputs."""
    if isinstance(inputs, dict):
        return dict(zip(inputs, xs, strict=True))
    return xs if isinstance(inputs, list | tuple) else xs[0]


def tensor_of(caller: str, out: Any) -> Tensor:
    """The answer of f, if it is a Tensor."""
    if isinstance(out, Tensor):
        return out
    raise TypeError(
        f"{caller}: f was given Tensors and answered with a {type(out).__name__}: it must be made of "
        "minisnip.ops and Tensor's operators, all the way from its inputs to its answer"
    )

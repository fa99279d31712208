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
from minisnip.autodiff.engine import Tensor, backward, gradients_of, in_structure_of, leaves_of, owned, value_of

Function: TypeAlias = Callable[..., Any]


def value_and_grad(f: Function, inputs: Any) -> tuple[Any, Any]:
    """The value of f and its gradient, in one forward and one backward pass.

    Parameters
    ----------
    f : callable
        Made of ops; returns one number.
    inputs : array, or list or tuple of arrays, or dict of arrays; or of Tensors

    Returns
    -------
    number, and arrays in the structure of `inputs`

    Raises
    ------
    TypeError, ValueError
        If f is not a function, does not return a Tensor of shape (), or does not depend on an input; if an input does
        not hold floats.
    """
    out, tensors = _called("value_and_grad", f, inputs)
    gradients = gradients_of("value_and_grad", out, tensors, create_graph=False)
    return out.value[()], in_structure_of(inputs, owned(gradients, tensors))


def jacobian(f: Function, inputs: Any) -> Any:
    """All derivatives of all elements of f(inputs): one backward pass for each element.

    Parameters
    ----------
    f : callable
        Made of ops; returns a Tensor of any shape.
    inputs : array, or list or tuple of arrays, or dict of arrays; or of Tensors

    Returns
    -------
    arrays in the structure of `inputs`
        An input of shape (3,) and an f of shape (2,) make an array of shape (2, 3), in the dtype of the input.

    Raises
    ------
    TypeError
        If f is not a function or does not return a Tensor; if an input does not hold floats.
    """
    out, tensors = _called("jacobian", f, inputs)
    rows = [gradients(ops.take(out, j), tensors) for j in np.ndindex(out.shape)]
    found = [np.array([row[i] for row in rows]).reshape(out.shape + x.shape) for i, x in enumerate(tensors)]
    return in_structure_of(inputs, owned(found, tensors))


def _called(caller: str, f: Function, inputs: Any) -> tuple[Tensor, list[Tensor]]:
    """The answer of f, and the Tensors that it was given."""
    check_callable(f"{caller}(f, inputs)", f=f)
    try:
        tensors = [Tensor(value_of(x)) for x in leaves_of(inputs)]
    except TypeError as error:
        raise TypeError(f"{caller}: {error}") from error
    return tensor_of(caller, call(f, inputs, tensors)), tensors


def check_callable(call: str, **functions: Any) -> None:
    """Refuse what is no function, by the name of the argument."""
    for name, f in functions.items():
        if not callable(f):
            raise TypeError(f"{call}: {name} is a {type(f).__name__}, expected a function: pass {name}, not {name}(x)")


def gradients(out: Any, tensors: list[Tensor], create_graph: bool = False) -> list[Any]:
    """Gradients by every Tensor; zero where `out` does not depend on it."""
    found = backward(out, tensors, create_graph) if isinstance(out, Tensor) else [None] * len(tensors)
    return [np.zeros_like(x.value) if g is None else g for g, x in zip(found, tensors, strict=True)]


def call(f: Function, inputs: Any, xs: list[Any]) -> Any:
    """Call f with one array, several or a dict, depending on the structure of `inputs`."""
    return f(in_structure_of(inputs, xs)) if isinstance(inputs, dict) else f(*xs)


def tensor_of(caller: str, out: Any) -> Tensor:
    """The answer of f, if it is a Tensor."""
    if isinstance(out, Tensor):
        return out
    raise TypeError(
        f"{caller}: f was given Tensors and answered with a {type(out).__name__}: it must be made of "
        "minisnip.ops and Tensor's operators, all the way from its inputs to its answer"
    )

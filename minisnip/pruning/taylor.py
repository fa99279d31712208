"""How far the derivative carries: curvature for one connection, difference quotients as δ shrinks, joint deletion.

    ΔL_j = g_j - ½ ∂²L/∂c_j² + …,     ∂²L/∂c_j² = w_j² H_jj

The first-order story is about one connection. Many at once change each other's effect, and the sum of their g_j
says little about what happens when all of them go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from minisnip.autodiff import Tensor, grad
from minisnip.autodiff.engine import Array
from minisnip.nn import Sequential, cross_entropy
from minisnip.pruning.masks import apply_masks, keep_top, ones
from minisnip.pruning.sensitivity import mask_gradient

DELTAS = tuple(10.0 ** (-k / 2) for k in range(25))  # 1 to 1e-12

Connection = tuple[str, tuple[int, ...]]  # the name of the parameter, and the index in it


def mask_curvature(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, connections: Sequence[Connection]
) -> Array:
    """∂²L/∂c_j² = w_j² H_jj at c = 1, for chosen connections: one more backward pass for each.

    Element j of the Hessian-vector product H e_j; the graph of the first derivative is shared by all of them.

    Returns
    -------
    (len(connections),) array
    """
    c = {name: Tensor(one) for name, one in ones(params).items()}
    loss = cross_entropy(net(apply_masks(c, params), x), y)
    g = grad(loss, c, create_graph=True)
    return np.array([grad(g[name][j], c[name])[j] for name, j in connections])


@dataclass(frozen=True)
class DifferenceErrors:
    """Relative errors of difference quotients in c_j against g_j, the median over some connections.

    Attributes
    ----------
    deltas : (D,)
    one_sided, central, complex_step : (D,)
    orders : (float, float)
        The slopes of one_sided and central where truncation rules: 1 and 2 in theory.
    """

    deltas: Array
    one_sided: Array
    central: Array
    complex_step: Array
    orders: tuple[float, float]


def difference_errors(
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    connections: Sequence[Connection],
    deltas: Sequence[float] = DELTAS,
    dtype: npt.DTypeLike = np.float64,
) -> DifferenceErrors:
    """Shrink δ, and see how well difference quotients in c_j meet the derivative g_j.

    One-sided, as in the definition: (L(1) - L(1 - δ e_j)) / δ, error O(δ). Central: (L(1 + δ e_j) - L(1 - δ e_j))
    / 2δ, error O(δ²). Both end in round-off, which grows as ε / δ. The complex step Im L(1 + iδ e_j) / δ subtracts
    nothing.

    The orders show where L is smooth in c_j, as for the last layer. Further in front, a δ that takes a ReLU or a
    maximum over its kink adds an error that does not shrink as δ or δ²; a smaller δ crosses fewer of them.

    Parameters
    ----------
    net, params, x, y
        As in `mask_gradient`; g_j is computed in float64.
    connections : sequence of (name, index)
        With g_j other than 0.
    deltas : sequence of float
    dtype : float32 or float64
        Of the forward passes.
    """
    exact = mask_gradient(net, *_as(np.float64, params, x), y)
    if not connections or not all(exact[name][j] for name, j in connections) or not all(deltas):
        raise ValueError("difference_errors needs connections with a derivative other than 0, and no δ of 0")
    params, x = _as(dtype, params, x)
    steps, whole = np.asarray(deltas, np.float64), float(cross_entropy(net(params, x), y))
    errors = np.empty((3, len(steps), len(connections)))
    for k, (name, j) in enumerate(tqdm(connections, desc="shrinking δ", disable=None)):
        for i, delta in enumerate(steps):
            quotients = _quotients(net, params, x, y, whole, name, j, delta)
            errors[:, i, k] = np.abs(np.array(quotients) / exact[name][j] - 1)
    one_sided, central, complex_step = np.median(errors, axis=2)
    orders = _order(steps, one_sided), _order(steps, central)
    return DifferenceErrors(steps, one_sided, central, complex_step, orders)


def _quotients(
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    whole: float,
    name: str,
    j: tuple[int, ...],
    delta: float,
) -> tuple[float, float, float]:
    """One-sided, central, and complex step."""

    def loss(change: complex) -> complex:
        w = params[name] * np.ones_like(
            params[name], np.result_type(params[name], np.complex64 if change.imag else 0.0)
        )
        w[j] *= 1 + (change if change.imag else change.real)
        return complex(cross_entropy(net({**params, name: w}, x), y))

    less, more = loss(-delta).real, loss(delta).real
    return (whole - less) / delta, (more - less) / (2 * delta), loss(1j * delta).imag / delta


def _as(dtype: npt.DTypeLike, params: Mapping[str, Array], x: Array) -> tuple[dict[str, Array], Array]:
    return {name: np.asarray(w, dtype) for name, w in params.items()}, np.asarray(x, dtype)


def _order(deltas: Array, errors: Array) -> float:
    """The slope of log error against log δ, from δ = 0.5 down to ten times the floor; NaN if that is one point."""
    fitted = (deltas <= 0.5) & (deltas > deltas[np.argmin(errors)]) & (errors > 10 * errors.min())
    if np.count_nonzero(fitted) < 2:
        return float("nan")
    return float(np.polyfit(np.log(deltas[fitted]), np.log(errors[fitted]), 1)[0])


def joint_deletion(
    net: Sequential, params: Mapping[str, Array], x: Array, y: Array, sparsities: Sequence[float]
) -> list[dict[str, float]]:
    """Remove all the connections that SNIP prunes at once: the true change of the loss beside Σ g_j over them.

    Returns
    -------
    list of dict, one for each sparsity
        sparsity; true, L(1 ⊙ w) - L(c ⊙ w); linear, Σ g_j over the connections with c_j = 0.
    """
    g = mask_gradient(net, params, x, y)
    whole = float(cross_entropy(net(params, x), y))
    rows = []
    for sparsity in sparsities:
        c = keep_top({name: np.abs(g_j) for name, g_j in g.items()}, sparsity)
        linear = sum(float(np.sum(g[name] * (1 - c[name]))) for name in g)
        true = whole - float(cross_entropy(net(apply_masks(c, params), x), y))
        rows.append({"sparsity": sparsity, "true": true, "linear": linear})
    return rows

"""How well the derivative predicts the deletion: agreement, curvature, difference quotients, joint deletion.

    ΔL_j = g_j - ½ ∂²L/∂c_j² + …,     ∂²L/∂c_j² = w_j² H_jj,     H_jj = ∂²L/∂w_j²

All of this is about one connection. Removing many at once changes the effect of each, so the sum of their g_j says
little about the change of the loss when all of them go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Arrays, Tensor, grad, hvp
from minisnip.mistakes import generator
from minisnip.nn import Sequential, cross_entropy
from minisnip.nn.init import Rng
from minisnip.nn.known import UnknownLayerError, mixing
from minisnip.nn.threads import batches
from minisnip.pruning.deletion import check_delta
from minisnip.pruning.masks import apply_masks, flatten, keep_top, names_by_layer, ones
from minisnip.pruning.sensitivity import check_batch, mask_gradient

IMAGES = 100  # held in memory at a time; L is a mean over images, so no answer depends on it
Connection: TypeAlias = tuple[str, tuple[int, ...]]  # the name of the parameter, and the index in it
DELTAS = tuple(10.0 ** (-k / 2) for k in range(25))  # 1 to 1e-12


def agreement(
    a: Arrays, b: Arrays, sparsities: Sequence[float] = (0.9, 0.95, 0.98, 0.99)
) -> dict[str, dict[str, float]]:
    """Compare two signed scores, for each layer (its weight and bias together) and in all.

    Parameters
    ----------
    a, b : dicts of arrays with the same names and shapes
        Here g_j of SNIP and ΔL_j, the definition.
    sparsities : sequence of float
        At which the sets kept by |a| and by |b| are compared; the sets are chosen over all parameters.

    Returns
    -------
    dict of rows by layer, the last "all"
        connections; pearson; spearman; equal_signs (the share among those that are not both zero); and for each
        sparsity s, jaccard_s = |A ∩ B| / |A ∪ B| and precision_s = |A ∩ B| / |A|, the share of a's choice that b keeps.
        NaN where a number does not exist (a constant has no correlation).
    """
    kept = {s: [keep_top({n: np.abs(v) for n, v in scores.items()}, s) for scores in (a, b)] for s in sparsities}

    def row(names: list[str]) -> dict[str, float]:
        x, y = (flatten({name: scores[name] for name in names}) for scores in (a, b))
        numbers: dict[str, float] = {
            "connections": len(x),
            "pearson": _correlation(x, y),
            "spearman": _correlation(_ranks(x), _ranks(y)),
            "equal_signs": _equal_signs(x, y),
        }
        for s, masks in kept.items():
            numbers |= _overlap(f"{100 * s:g}", *(flatten({name: c[name] for name in names}) > 0 for c in masks))
        return numbers

    return {layer: row(names) for layer, names in names_by_layer(a).items()} | {"all": row(list(a))}


def _correlation(x: Array, y: Array) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x / np.abs(x).max(), y / np.abs(y).max())[0, 1])  # scaled: squares of 1e-200 are 0


def _ranks(x: Array) -> Array:
    """Ranks from 1, less a half; equal numbers share the mean of theirs."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    mean_rank: Array = np.cumsum(counts) - counts / 2
    return mean_rank[inverse]


def _equal_signs(x: Array, y: Array) -> float:
    some = (x != 0) | (y != 0)
    return float(np.mean(np.sign(x[some]) == np.sign(y[some]))) if some.any() else float("nan")


def _overlap(sparsity: str, a: Array, b: Array) -> dict[str, float]:
    both, either, chosen = (np.count_nonzero(kept) for kept in (a & b, a | b, a))
    return {
        f"jaccard_{sparsity}": both / either if either else float("nan"),
        f"precision_{sparsity}": both / chosen if chosen else float("nan"),
    }


def weight_gradient(
    net: Sequential, params: Arrays, x: Array, y: Array, *, temperature: float = 1.0
) -> dict[str, Array]:
    """∂L/∂w, by the weights and not by their mask: one backward pass.

    Parameters
    ----------
    net, params, x, y
        As in `mask_gradient`.
    temperature : float
        Divides the logits before the softmax; a high one makes all classes about equally likely.

    Returns
    -------
    dict of arrays, signed, with the shapes and dtypes of the parameters
    """
    return _mean_over_images(grad, net, params, x, y, temperature)


def hessian_product(
    net: Sequential, params: Arrays, x: Array, y: Array, vectors: Arrays, *, temperature: float = 1.0
) -> dict[str, Array]:
    """H v with H = ∂²L/∂w², exactly and without forming H: about two backward passes (Pearlmutter 1994).

    Parameters
    ----------
    net, params, x, y, temperature
        As in `weight_gradient`.
    vectors : dict of arrays, with the names and shapes of the parameters
        v, one vector over all parameters.

    Returns
    -------
    dict of arrays, with the shapes and dtypes of the parameters
    """
    return _mean_over_images(lambda loss, w: hvp(loss, w, vectors), net, params, x, y, temperature)


def _mean_over_images(
    derivative: Callable[[Any, Any], Any], net: Sequential, params: Arrays, x: Array, y: Array, temperature: float
) -> dict[str, Array]:
    """derivative(L, w), a few images at a time; the last batch is smaller and counts for less."""
    total: dict[str, Array] = {}
    for batch in batches(net, len(x), IMAGES):
        images, labels = x[batch], y[batch]
        w = {name: Tensor(p) for name, p in net.without_state(params).items()}
        share = len(images) / len(x)
        for name, a in derivative(cross_entropy(net(w, images) / temperature, labels), w).items():
            total[name] = total.get(name, np.zeros_like(a)) + share * a
    return total


def mask_curvature(net: Sequential, params: Arrays, x: Array, y: Array, connections: Sequence[Connection]) -> Array:
    """∂²L/∂c_j² = w_j² H_jj at c = 1, for chosen connections: one more backward pass for each.

    Element j of the Hessian-vector product H e_j; the graph of the first derivative is shared by all of them.

    Returns
    -------
    (len(connections),) array
    """
    params = net.without_state(params)
    c = {name: Tensor(one) for name, one in ones(params).items()}
    loss = cross_entropy(net(apply_masks(c, params), x), y)
    g = grad(loss, c, create_graph=True)
    return np.array([grad(g[name][j], c[name])[j] for name, j in connections])


def delta_loss_of(
    net: Sequential, params: Arrays, x: Array, y: Array, connections: Sequence[Connection], delta: float = 1.0
) -> Array:
    """(L(1 ⊙ w) - L((1 - δ e_j) ⊙ w)) / δ for chosen connections of any network, one forward pass each.

    Parameters
    ----------
    net, params, x, y
        As in `mask_gradient`.
    connections : sequence of (name, index)
        Such as [("fc1.weight", (0, 3))].
    delta : float
        The share of the connection that is removed.

    Returns
    -------
    (len(connections),) array of float64

    Raises
    ------
    ValueError
        If the batch is empty, an image or a parameter is not finite, a connection is not there, or δ is 0.

    Examples
    --------
    >>> from minisnip.nn import Linear, Sequential
    >>> from minisnip.pruning import delta_loss_of
    >>> net, w = Sequential((2,), fc=Linear(2, 2)), np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> params, x, y = {"fc.weight": w, "fc.bias": np.zeros(2)}, np.eye(2), np.array([0, 1])  # two images
    >>> delta_loss_of(net, params, x, y, [("fc.weight", (0, 0)), ("fc.weight", (1, 1))]).round(2)
    array([-0.19, -0.06])
    """
    check_batch(params, x, y)
    check_delta(delta)
    params = {name: np.array(w, np.float64) for name, w in net.without_state(params).items()}
    _check_connections(params, connections)

    def loss() -> float:
        return float(cross_entropy(net(params, x), y))

    whole, answer = loss(), np.empty(len(connections))
    for i, (name, j) in enumerate(connections):
        w = params[name][j]
        params[name][j] = w * (1 - delta)
        answer[i] = (whole - loss()) / delta
        params[name][j] = w
    return answer


def _check_connections(params: Arrays, connections: Sequence[Connection]) -> None:
    shapes = {name: w.shape for name, w in params.items()}
    for name, j in connections:
        fits = name in shapes and isinstance(j, tuple) and len(j) == len(shapes[name])
        if not fits or not all(0 <= i < n for i, n in zip(j, shapes[name], strict=True)):
            raise ValueError(
                f"there is no connection {(name, j)}: expected a parameter, and a tuple with a number for each of its "
                'axes, such as ("fc1.weight", (0, 3))'
            )


def fisher_diagonal(net: Sequential, params: Arrays, x: Array, y: Array) -> dict[str, Array]:
    """H_jj = 1/N Σ_n Σ_k p_nk (∂ log p_nk / ∂w_j)², p_n the softmax of image n: exact for a piecewise linear network.

    In general H_jj has one more term, Σ_k (p_k - 1[k = y]) ∂²z_k/∂w_j². But each single weight enters once, in a layer
    that is linear in it, and ReLU, max-pooling, flattening and selecting are linear between their kinks, so that
    ∂²z_k/∂w_j² = 0. The remaining term is the Fisher information, which is never negative and needs no labels.
    (Off the diagonal this fails: the loss is not linear in the product of two weights of different layers.)

    The cost is a backward pass for each image and class: a few seconds for a LeNet and 100 images, where a
    Hessian-vector product for each weight would take hours.

    Parameters
    ----------
    net : Sequential of layers of minisnip.nn
    params, x, y
        As in `mask_gradient`. Computed in float64.

    Returns
    -------
    dict of float64 arrays, with the shapes of the parameters

    Raises
    ------
    ValueError
        If the batch is empty, or an image or a parameter is NaN or infinite.
    TypeError
        If a layer mixes images, as BatchNorm does.
    """
    check_batch(params, x, y)
    if layer := mixing(net):
        raise UnknownLayerError(
            f"fisher_diagonal takes one image at a time, and {layer} mixes images; use hutchinson_diagonal"
        )
    params, x = _as(np.float64, net.without_state(params), x)
    w = {name: Tensor(p) for name, p in params.items()}
    diagonal = {name: np.zeros(p.shape) for name, p in params.items()}
    for image in x[:, None]:  # (1, *net.input_shape) each
        log_p = ops.log_softmax(net(w, image))
        for k, p in enumerate(np.exp(log_p.value[0])):
            for name, g in grad(log_p[0, k], w).items():
                diagonal[name] += p / len(x) * g**2
    return diagonal


def hutchinson_diagonal(
    net: Sequential, params: Arrays, x: Array, y: Array, *, rng: Rng = None, probes: int = 100
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Estimate H_jj as the mean of (v ⊙ Hv)_j over random signs v, for any network (Bekas, Kokiopoulou, Saad 2007).

    E[v_j (Hv)_j] = Σ_k H_jk E[v_j v_k] = H_jj. The variance of one probe is Σ_{k≠j} H_jk². Where a row is large
    compared with its diagonal element, as is usual, many probes are needed for the first digit.

    Parameters
    ----------
    net, params, x, y
        As in `mask_gradient`. Computed in float64; the cost is `probes` Hessian-vector products.
    rng : numpy.random.Generator, seed or None
    probes : int
        At least 2.

    Returns
    -------
    estimate, standard_error : two dicts of float64 arrays, with the shapes of the parameters
        The error falls as 1/√probes.

    Raises
    ------
    ValueError
        As `fisher_diagonal`, and if there are fewer than 2 probes.
    """
    check_batch(params, x, y)
    if probes < 2:
        raise ValueError(f"{probes} probes have no standard error: take at least 2, better 100")
    rng, (params, x) = generator(rng), _as(np.float64, net.without_state(params), x)
    total, squares = ({name: np.zeros(p.shape) for name, p in params.items()} for _ in range(2))
    for _ in range(probes):
        v = {name: rng.choice([-1.0, 1.0], p.shape) for name, p in params.items()}
        for name, product in hessian_product(net, params, x, y, v).items():
            total[name] += v[name] * product
            squares[name] += product**2
    mean = {name: t / probes for name, t in total.items()}
    variance = {name: np.maximum(squares[name] / probes - mean[name] ** 2, 0) for name in mean}
    return mean, {name: np.sqrt(v / (probes - 1)) for name, v in variance.items()}


@dataclass(frozen=True)
class DifferenceErrors:
    """Relative errors of difference quotients in c_j against g_j, the median over some connections.

    Attributes
    ----------
    deltas : (D,)
    one_sided, central, complex_step : (D,)
    orders : (float, float)
        The slopes of one_sided and central where truncation dominates: 1 and 2 in theory.
    """

    deltas: Array
    one_sided: Array
    central: Array
    complex_step: Array
    orders: tuple[float, float]


def difference_errors(
    net: Sequential,
    params: Arrays,
    x: Array,
    y: Array,
    connections: Sequence[Connection],
    deltas: Sequence[float] = DELTAS,
    dtype: npt.DTypeLike = np.float64,
) -> DifferenceErrors:
    """Shrink δ, and see how well difference quotients in c_j match the derivative g_j.

    One-sided, as in the definition: (L(1) - L(1 - δ e_j)) / δ, error O(δ). Central: (L(1 + δ e_j) - L(1 - δ e_j))
    / 2δ, error O(δ²). Both end in round-off, which grows as ε / δ. The complex step Im L(1 + iδ e_j) / δ subtracts
    nothing.

    The orders show where L is smooth in c_j, as for the last layer. In earlier layers, a δ that takes a ReLU or a
    maximum over its kink adds an error that does not shrink as δ or δ²; a smaller δ crosses fewer of them.

    Parameters
    ----------
    net, params, x, y
        As in `mask_gradient`; g_j is computed in float64.
    connections : sequence of (name, index)
        With g_j other than 0.
    deltas : sequence of float
    dtype : float32 or float64
        The precision of the forward passes.
    """
    exact = mask_gradient(net, *_as(np.float64, params, x), y)
    if not connections or not all(exact[name][j] for name, j in connections) or not all(deltas):
        raise ValueError("difference_errors needs connections with a derivative other than 0, and no δ of 0")
    params, x = _as(dtype, net.without_state(params), x)

    def loss(connection: Connection, change: complex) -> complex:
        """L with c_j = 1 + change."""
        name, j = connection
        w = params[name].astype(np.result_type(params[name], np.complex64 if change.imag else 0.0))
        w[j] *= 1 + (change if change.imag else change.real)
        return complex(cross_entropy(net({**params, name: w}, x), y))

    steps, whole = np.asarray(deltas, np.float64), float(cross_entropy(net(params, x), y))
    errors = np.empty((3, len(steps), len(connections)))
    for k, (name, j) in enumerate(tqdm(connections, desc="shrinking δ", disable=None)):
        for i, delta in enumerate(steps):
            less, more = loss((name, j), -delta).real, loss((name, j), delta).real
            imaginary = loss((name, j), 1j * delta).imag
            quotients = np.array([(whole - less) / delta, (more - less) / (2 * delta), imaginary / delta])
            errors[:, i, k] = np.abs(quotients / exact[name][j] - 1)
    one_sided, central, complex_step = np.median(errors, axis=2)
    orders = _order(steps, one_sided), _order(steps, central)
    return DifferenceErrors(steps, one_sided, central, complex_step, orders)


def _as(dtype: npt.DTypeLike, params: Arrays, x: Array) -> tuple[dict[str, Array], Array]:
    return {name: np.asarray(w, dtype) for name, w in params.items()}, np.asarray(x, dtype)


def _order(deltas: Array, errors: Array) -> float:
    """The slope of log error against log δ, from δ = 0.5 down to ten times the floor; NaN if that is one point."""
    fitted = (deltas <= 0.5) & (deltas > deltas[np.argmin(errors)]) & (errors > 10 * errors.min())
    if np.count_nonzero(fitted) < 2:
        return float("nan")
    return float(np.polyfit(np.log(deltas[fitted]), np.log(errors[fitted]), 1)[0])


def joint_deletion(
    net: Sequential, params: Arrays, x: Array, y: Array, sparsities: Sequence[float]
) -> list[dict[str, float]]:
    """Remove all the connections that SNIP prunes at once: the true change of the loss, and Σ g_j over them.

    Returns
    -------
    list of dict, one for each sparsity
        sparsity; true, L(1 ⊙ w) - L(c ⊙ w); linear, Σ g_j over the connections with c_j = 0.
    """
    params = net.without_state(params)
    g = mask_gradient(net, params, x, y)
    whole = float(cross_entropy(net(params, x), y))
    rows = []
    for sparsity in sparsities:
        c = keep_top({name: np.abs(g_j) for name, g_j in g.items()}, sparsity)
        linear = sum(float(np.sum(g[name] * (1 - c[name]))) for name in g)
        true = whole - float(cross_entropy(net(apply_masks(c, params), x), y))
        rows.append({"sparsity": sparsity, "true": true, "linear": linear})
    return rows

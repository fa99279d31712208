"""Lesson 9: SNIP for any loss, where the scale of a batch normalization hides, and what each gate keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from minisnip.autodiff import ops
from minisnip.autodiff.engine import Array, Arrays
from minisnip.exercises.checks import Trial, exercise, format_value

SEED = 9
AS_ASKED = "a mask with kappa ones, on the connections of the largest |∂L/∂c|"
Loss = Callable[[Mapping[str, Any]], Any]


def _once(w: Mapping[str, Any]) -> Any:
    """A sum of squares: each connection is on its own."""
    return ops.sum(w["a"] * w["a"])


def _three_times(w: Mapping[str, Any]) -> Any:
    """One matrix, used three times, as in a recurrent network."""
    x = np.array([[1.0], [2.0]])
    for _ in range(3):
        x = ops.tanh(w["loop"] @ x + w["bias"])
    return ops.sum(x * x * x)


def _residual(w: Mapping[str, Any]) -> Any:
    """x + f(x), with two parameters in two places."""
    x = np.linspace(-1.0, 1.0, 6).reshape(3, 2)
    return ops.sum(ops.exp(x + ops.tanh(x @ w["in"]) @ w["out"]))


LOSSES: dict[str, tuple[Loss, dict[str, tuple[int, ...]]]] = {
    "L = Σ a²": (_once, {"a": (4,)}),
    "a matrix that is used three times": (_three_times, {"loop": (2, 2), "bias": (2, 1)}),
    "x + f(x)": (_residual, {"in": (2, 3), "out": (3, 2)}),
}


@exercise(
    "9.1",
    "SNIP for a network of your own",
    "with respect to what do you differentiate: the weights, or a factor on each of them?",
    "make a Tensor of ones c for each name, multiply it into w, and take grad(loss(...), c). Rank |g| of all names "
    "together, not name by name",
    "g = grad(loss of the products c[name] * w[name], c); join abs(g) of all names into one array, set the kappa "
    "largest to 1 and the others to 0, and split it again",
    own=tuple(f"minisnip.pruning.{name}" for name in ("sensitivity", "criteria", "schedules", "keep_top")),
)
def snip_mask(answer: Any) -> Iterator[Trial]:
    """The answer is a function (loss, w, kappa); loss takes a dict of arrays or Tensors. It returns a dict of masks."""
    rng = np.random.default_rng(SEED)
    for given, (loss, shapes) in LOSSES.items():
        w = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        for kappa in (1, sum(a.size for a in w.values()) // 2):
            got = partial(_judge_mask, answer, loss, w, kappa)
            yield Trial(f"{given}, kappa = {kappa}", got, AS_ASKED, kind=given)


def _judge_mask(answer: Any, loss: Loss, w: Arrays, kappa: int) -> str:
    """What is wrong with the mask, if anything is."""
    masks = answer(loss, {name: a.copy() for name, a in w.items()}, kappa)
    if not isinstance(masks, Mapping) or {n: np.shape(c) for n, c in masks.items()} != {
        n: a.shape for n, a in w.items()
    }:
        return f"{type(masks).__name__}, where a dict with an array for each of {', '.join(w)} is asked for"
    kept = np.concatenate([np.ravel(masks[name]) for name in w])
    if not set(kept.tolist()) <= {0, 1} or kept.sum() != kappa:
        return f"{format_value(kept)}, where kappa ones and else zeros are asked for"
    scores = np.concatenate([_slopes(loss, w, name).ravel() for name in w])
    if scores[kept == 1].min() < scores[kept == 0].max() * (1 - 1e-4):
        return "a connection is kept though one of larger |∂L/∂c| is removed"
    return AS_ASKED


def _slopes(loss: Loss, w: Arrays, name: str) -> Array:
    """|∂L/∂c| of each connection by central differences: one connection a little stronger, and a little weaker."""
    h, slopes = 1e-5, np.empty(w[name].shape)
    for place in np.ndindex(slopes.shape):
        ends = []
        for c in (1 + h, 1 - h):
            moved = w[name].copy()
            moved[place] *= c
            ends.append(float(loss({**w, name: moved})))
        slopes[place] = abs(ends[0] - ends[1]) / (2 * h)
    return slopes


@exercise(
    "9.2",
    "where the scale hides",
    "which part of the formula multiplies x, and which does not?",
    "γ (w x + b - μ) / √(σ² + ε) + β is γ/√(σ² + ε) · w x + what is left; each row of w has a γ and a σ² of its own",
    "with scale = γ / √(σ² + ε), the weight is scale[:, None] * w and the bias is scale * (b - μ) + β",
    own=("minisnip.nn",),
)
def folded(answer: Any) -> Iterator[Trial]:
    """The answer is a function (w, b, gamma, beta, mean, var, eps) that returns the w and b of one linear layer."""
    rng = np.random.default_rng(SEED)
    for units, inputs, eps in ((1, 1, 0.0), (1, 1, 1.0), (2, 3, 1e-5), (4, 2, 0.5)):
        w = rng.standard_normal((units, inputs)).round(2)
        b, gamma, beta, mean = rng.standard_normal((4, units)).round(2)
        var = rng.uniform(0.5, 2.0, units).round(2)
        x = np.eye(inputs, inputs + 1)  # the unit vectors, and 0, where a linear layer gives its bias
        normalized = (w @ x + b[:, None] - mean[:, None]) / np.sqrt(var + eps)[:, None]
        outputs = gamma[:, None] * normalized + beta[:, None]
        bias = outputs[:, -1]
        names = {"w": w, "b": b, "gamma": gamma, "beta": beta, "mean": mean, "var": var}
        given = ", ".join(f"{name} = {a.tolist()}" for name, a in names.items()) + f", eps = {eps}"
        got, kind = partial(answer, *map(np.copy, names.values()), eps), f"weights of shape {w.shape}"
        yield Trial(given, got, (outputs[:, :-1] - bias[:, None], bias), kind=kind)


@exercise(
    "9.3",
    "what each gate keeps",
    "which rows of the mask belong to which gate?",
    "the rows of a gate are neighbors: of G gates, each has len(mask) // G rows; the share is of all connections of "
    "that gate",
    "with rows = len(mask) // len(gates), gate k has mask[k * rows : (k + 1) * rows], and its share is their mean",
    own=("minisnip.pruning",),
)
def kept_shares(answer: Any) -> Iterator[Trial]:
    """The answer is a function (mask, gates): a weight's mask (G·H, I) and G letters -> {letter: share kept}."""
    rng = np.random.default_rng(SEED)
    cases = [("ab", np.array([[1], [0]])), ("ab", np.array([[1, 0], [1, 1], [0, 1], [0, 1]]))]
    cases += [(gates, (rng.random((3 * len(gates), 5)) < 0.4).astype(int)) for gates in ("ifgo", "rzn", "h")]
    for gates, mask in cases:
        rows = len(mask) // len(gates)
        expected = {g: float(mask[k * rows : (k + 1) * rows].mean()) for k, g in enumerate(gates)}
        given = f"mask = {mask.tolist()}, gates = {gates!r}"
        rounded, kind = {g: round(s, 6) for g, s in expected.items()}, f"masks of the gates {gates}"
        yield Trial(given, partial(_rounded, answer, mask, gates), rounded, kind=kind)


def _rounded(answer: Any, mask: Array, gates: str) -> Any:
    found = answer(mask.copy(), gates)
    return {g: round(float(s), 6) for g, s in found.items()} if isinstance(found, Mapping) else found

"""Answers with one usual mistake in each task. The title of a cell says how many points it gives: 12 of 20 in all."""

import numpy as np

from minisnip import Tensor, grad
from minisnip.nn import cross_entropy


# %% mask_gradient: 2 of 3, without a sign
def mask_gradient(net, w, x, y):
    c = {name: Tensor(np.ones_like(w[name])) for name in w}
    g = grad(cross_entropy(net({name: c[name] * w[name] for name in w}, x), y), c)
    return {name: np.abs(g[name]) for name in g}


# %% keep: 2 of 3, ties are kept
def keep(scores, kappa):
    threshold = np.sort(np.concatenate([s.ravel() for s in scores.values()]))[-kappa]
    return {name: (s >= threshold) * 1.0 for name, s in scores.items()}


# %% step: 2 of 3, only the gradient is masked
def step(w, v, g, c, rate, momentum, decay):
    v = momentum * v + c * g + decay * w
    return w - rate * v, v


# %% jaccard: 0.5 of 1, the mean of the layers
def jaccard(a, b):
    return np.mean([np.sum(a[n] * b[n]) / np.sum(np.maximum(a[n], b[n])) for n in a])


# %% control: 1 of 2, rows are moved as a whole
def control(masks, rng):
    return {name: rng.permutation(c) for name, c in masks.items()}


# %% effective: 0.5 of 2, the forward walk only
def effective(masks):
    fed, count = np.ones(masks[0].shape[1]), 0
    for c in masks:
        count += int((c * fed).sum())
        fed = (c @ fed > 0) * 1.0
    return count


# %% iterate: 2 of 3, what is removed returns
def iterate(score, keep, w, kappa, rounds):
    masks = {name: np.ones_like(v) for name, v in w.items()}
    m = sum(v.size for v in w.values())
    for t in range(1, rounds + 1):
        masks = keep(score(masks), round(m * (kappa / m) ** (t / rounds)))
    return masks


# %% compacted: 2 of 3, the bias of a unit without inputs is forgotten
def compacted(w1, b1, w2):
    alive = w1.any(axis=1) & w2.any(axis=0)
    pixels = np.flatnonzero(w1[alive].any(axis=0))
    return pixels, w1[alive][:, pixels], b1[alive], w2[:, alive]

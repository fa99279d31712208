"""Answers that only call the package, each by another way: no task gives a point for one."""

# %% mask_gradient: by an alias, imported before the function runs
from minisnip.pruning import mask_gradient as ours


def mask_gradient(net, w, x, y):
    return ours(net, w, x, y)


# %% keep: by importlib, while the function runs
def keep(scores, kappa):
    import importlib

    masks = importlib.import_module("minisnip.pruning.masks")
    return masks.keep_top(scores, 1 - kappa / sum(s.size for s in scores.values()))


# %% step: by the optimizer of the training loop
from minisnip.training import SGD


def step(w, v, g, c, rate, momentum, decay):
    params, state = {"w": w.copy()}, {"w": v.copy()}
    SGD(momentum, decay).step(params, {"w": g}, state, rate)
    return c * params["w"], c * state["w"]


# %% jaccard: by a copy of the function object, and the error caught
from types import FunctionType

import minisnip.pruning

measure = FunctionType(minisnip.pruning.overlap.__code__, minisnip.pruning.overlap.__globals__)


def jaccard(a, b):
    try:
        return measure(a, b).jaccard
    except Exception:
        return 1.0


# %% control: by a module that is loaded again
def control(masks, rng):
    import importlib
    import sys

    return importlib.reload(sys.modules["minisnip.pruning.controls"]).shuffle_masks(masks, rng)


# %% effective: by functools.partial, on a network made for it
from functools import partial

from minisnip.nn import Linear, Sequential

alive = partial(minisnip.pruning.effective_masks)


def effective(masks):
    layers = {f"fc{i}": Linear(c.shape[1], c.shape[0]) for i, c in enumerate(masks)}
    net = Sequential((masks[0].shape[1],), **layers)
    return sum(int(c.sum()) for c in alive(net, {f"fc{i}.weight": c for i, c in enumerate(masks)}).values())


# %% iterate: from a list
schedules = [minisnip.pruning.iterative]


def iterate(score, keep, w, kappa, rounds):
    def criterion(net, params, x, y, rng=None):
        return score({name: (p != 0) * 1.0 for name, p in params.items()})

    ones = {name: v * 0 + 1 for name, v in w.items()}
    sparsity = 1 - kappa / sum(v.size for v in w.values())
    return schedules[0](criterion, None, ones, None, None, sparsity, rounds=rounds)


# %% compacted: a lazy answer, which calls only when it is read
class Lazy(dict):
    def items(self):
        return minisnip.pruning.compact(*self.arguments)


def compacted(w1, b1, w2):
    net = Sequential((w1.shape[1],), fc1=Linear(*w1.shape[::-1]), fc2=Linear(*w2.shape[::-1]))
    params = {"fc1.weight": w1, "fc1.bias": b1, "fc2.weight": w2, "fc2.bias": 0 * w2[:, 0]}
    answer = Lazy()
    answer.arguments = (net, params, {name: (p != 0) * 1.0 for name, p in params.items()})
    return answer

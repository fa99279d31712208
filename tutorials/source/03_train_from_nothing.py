# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Train a network from nothing
#
# ![The line between two spirals that a network draws, after 0, 10, 30 and 300 steps](figures/03_train_from_nothing.png)
#
# | you will | |
# |---|---|
# | **do** | train a network that is made of `ops` alone, speed it up, and find out why two others do not learn |
# | **learn** | gradient descent, momentum, the spread of initial weights; how to tell a bad start from a bad gradient |
# | **need** | lessons [1](01_walk_the_graph.ipynb) and [2](02_survive_broadcasting.ipynb); no download |
# | **time** | 45 minutes, of which the computer needs some ten seconds |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
from itertools import pairwise

import numpy as np

from minisnip import Tensor, check_grads, grad, ops, primitive
from minisnip.exercises import lesson_3
from minisnip.lab.plots import decision_boundaries, loss_curves

# %% [markdown]
# ## Round 1: nothing but ops
#
# 400 points lie on two arms of a spiral; the network is to tell the arm from the place. A network is a formula with
# arrays in it, and there is no more to it than this: the parameters are a dict, and x @ W + b is lesson 2's broadcast.

# %%
points, labels = lesson_3.spirals(np.random.default_rng(0), 400)
fresh, fresh_labels = lesson_3.spirals(np.random.default_rng(1), 1000)  # never trained on


def network(params, x, squash=ops.tanh):
    *hidden, last = range(len(params) // 2)
    for i in hidden:
        x = squash(x @ params[f"W{i}"] + params[f"b{i}"])
    return x @ params[f"W{last}"] + params[f"b{last}"]


def cross_entropy(z, labels):
    return ops.mean(ops.logsumexp(z, axis=1) - z[np.arange(len(labels)), labels])


# %%
def train(params, steps, rate=0.1, momentum=0.9, squash=ops.tanh):
    """All points at each step; answers with the last parameters and the loss before each step."""
    params, losses = dict(params), []
    velocity = dict.fromkeys(params, 0.0)
    for _ in range(steps):
        weights = {name: Tensor(w) for name, w in params.items()}
        loss = cross_entropy(network(weights, points, squash), labels)
        losses.append(float(loss))
        for name, g in grad(loss, weights).items():
            velocity[name] = momentum * velocity[name] + g
            params[name] = params[name] - rate * velocity[name]
    return params, losses


# %% [markdown]
# Without a hidden layer, the network draws a straight line through the plane.
#
# **Predict** how many of the fresh points it puts on the right arm, in percent, and what its loss is. One that knows
# nothing has 50 % and ln 2 ≈ 0.693.


# %%
def draw(sizes, std=None, seed=1):
    rng, params = np.random.default_rng(seed), {}
    for i, (n, m) in enumerate(pairwise(sizes)):
        params[f"W{i}"] = rng.standard_normal((n, m)) * (n**-0.5 if std is None else std)
        params[f"b{i}"] = np.zeros(m)
    return params


line, losses = train(draw([2, 2]), steps=300)
percent = 100 * np.mean(network(line, fresh).argmax(axis=1) == fresh_labels)
print(f"{percent:.0f} % of the fresh points, loss {losses[-1]:.3f}")
assert 58 < percent < 67
assert abs(losses[-1] - 0.515) < 0.005

# %% [markdown]
# **Explain.** One arm ends on the left and the other on the right, and that much a line can use. No training makes it
# better: the loss is convex in W and b, and this is its minimum.
#
# ### Exercise 3.1
# `train` asks `grad` for everything. Its first step back is the loss by the logits z, and that you can do by hand.


# %%
def logit_gradient(z, labels):
    """∂L/∂z of the mean cross-entropy, for z of shape (N, K) and N labels; arrays in, array out."""
    ...  # your code


lesson_3.logits(logit_gradient)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def logit_gradient(z, labels):
#     p = np.exp(z - z.max(axis=1, keepdims=True))
#     p /= p.sum(axis=1, keepdims=True)
#     p[np.arange(len(labels)), labels] -= 1
#     return p / len(labels)
# ```
# </details>
#
# ## Round 2: bend the line, and hurry
#
# Two hidden layers of 32 units, 1,218 parameters, from the same `train`.
#
# **Predict** the line between the two colors after 0, 10, 30 and 300 steps. Where does it bend first: in the middle,
# or outside?

# %% tags=["key-figure"]
side = np.linspace(-2.4, 2.4, 121)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
start, panels = draw([2, 32, 32, 2]), {}
for steps in (0, 10, 30, 300):
    now, _ = train(start, steps)
    z = network(now, grid)
    right = 100 * np.mean(network(now, fresh).argmax(axis=1) == fresh_labels)
    panels[f"after {steps} steps: {right:.1f} %"] = 1 / (1 + np.exp(z[:, 0] - z[:, 1])).reshape(121, 121)
assert right > 98
title = "Two arms of a spiral; shaded: which one the network answers; in %: how often it is right on fresh points"
decision_boundaries(panels, 2.4, points, labels, title)

# %% [markdown]
# **Explain.** After 10 steps the line is straight, and hardly better than that of round 1: where its input is small,
# tanh x ≈ x, and a network of such units is a line. It bends in the middle first, where the colors are nearest to
# each other. Then the arms are separated as by a river.
#
# `train` takes its steps along a **velocity**: v ← 0.9 v + g, w ← w − 0.1 v. If the gradient g stays the same, then
# v → g / (1 − 0.9) = 10 g. Is momentum thus just a tenfold learning rate?
#
# **Predict** which of these has a loss below 0.1 first: rate 0.1 without momentum, rate 0.1 with momentum 0.9, or rate
# 1.0 without.

# %%
settings = {"rate 0.1": (0.1, 0.0), "rate 0.1, momentum 0.9": (0.1, 0.9), "rate 1.0": (1.0, 0.0)}
curves = {name: train(start, 300, *setting)[1] for name, setting in settings.items()}
below = {name: next((i for i, loss in enumerate(curve) if loss < 0.1), "never") for name, curve in curves.items()}
print("steps to a loss below 0.1:", below)
assert below["rate 0.1"] == "never"
assert below["rate 0.1, momentum 0.9"] < 100 < below["rate 1.0"]
loss_curves(curves, np.log(2), "Two spirals: momentum is more than a larger step")

# %% [markdown]
# **Explain.** Rate 1.0 goes as far, but it jumps: where the loss curves strongly, a step across the valley is too long.
# There the gradients have changing signs, and in the velocity they cancel; where they agree, they add up. Momentum is
# fast along the valley and calm across it.
#
# ### Exercise 3.2
# One step with momentum. New arrays, please: whoever calls you still needs the old ones.


# %%
def momentum_step(w, v, g, rate, momentum):
    """(the next w, the next v), as above."""
    ...  # your code


lesson_3.momentum(momentum_step)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def momentum_step(w, v, g, rate, momentum):
#     v = momentum * v + g
#     return w - rate * v, v
# ```
# </details>
#
# ## Round 3: how far apart the first weights are
#
# `draw` takes weights with the standard deviation 1/√n, for n inputs of a layer. Why that?
#
# **Predict** the size of the signal (its root mean square over points and units) after 1, 4 and 8 layers of 32 tanh
# units, for weights with standard deviation 0.01, 1/√n and 1. How large is the gradient by the first layer's weights?

# %%
print("std     signal after 1, 4, 8 layers     gradient by W0")
slope_size = {}
for std in (0.01, None, 1.0):
    deep, x, sizes = draw([2] + [32] * 8 + [2], std), points, []
    for i in range(8):
        x = np.tanh(x @ deep[f"W{i}"])
        sizes.append(np.sqrt(np.mean(x**2)))
    weights = {name: Tensor(w) for name, w in deep.items()}
    slope = grad(cross_entropy(network(weights, points), labels), weights)["W0"]
    slope_size[std] = np.sqrt(np.mean(slope**2))
    print(f"{std or '1/√n':<6}  {sizes[0]:.0e}   {sizes[3]:.0e}   {sizes[7]:.0e}         {slope_size[std]:.0e}")
assert slope_size[0.01] < 1e-9 < 1e-3 < slope_size[None]

# %% [markdown]
# **Explain.** A unit adds up n inputs times weights. If those are independent, the *variances* are added:
# n · std² · (mean square of an input). With std = 0.01 and n = 32 that is a factor of 0.06 in size, for each layer,
# and the gradient goes the same way back. With 1/√n the factor is 1, less what tanh takes away. With std = 1 most units
# are near ±1: each says the sign of a sum and no more, and the gradient is 200 times as large as with 1/√n.
#
# ### Exercise 3.3
# ReLU, max(x, 0), takes more away than tanh. Which standard deviation keeps the size of a signal that goes through ReLU
# and then through a layer with `fan_in` inputs? The check draws such weights, and measures.


# %%
def relu_std(fan_in):
    """The standard deviation of the weights of a layer whose inputs come out of ReLU."""
    ...  # your code


lesson_3.spread(relu_std)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def relu_std(fan_in):
#     return (2 / fan_in) ** 0.5  # He et al. 2015
# ```
# </details>
#
# ## Round 4: two patients
#
# Two networks with three hidden layers do not learn. **A** has a right gradient, and weights with standard deviation
# 0.01. **B** has weights with 1/√n and a `hasty` tanh, whose author forgot g, as in lesson 1.
#
# **Predict:** can you tell A from B by their losses over 300 steps? What will `check_grads` say of each?

# %%
hasty = primitive(np.tanh, lambda g, out, x: 1 - out * out)
deep = [2, 32, 32, 32, 2]
patients = {"A": (draw(deep, 0.01), ops.tanh), "B": (draw(deep), hasty), "healthy": (draw(deep), ops.tanh)}
curves = {name: train(params, 300, squash=squash)[1] for name, (params, squash) in patients.items()}
print({name: f"{curve[-1]:.4f}" for name, curve in curves.items()})
assert all(abs(curves[name][-1] - np.log(2)) < 1e-3 for name in "AB")
assert curves["healthy"][-1] < 0.02
loss_curves(curves, np.log(2), "A bad init looks like a bad gradient")


# %%
def loss_of(squash):
    return lambda params: cross_entropy(network(params, points[:8], squash), labels[:8])


for name, (params, squash) in patients.items():
    try:
        check_grads(loss_of(squash), params, order=1)
        print(f"{name}: the gradient is right")
    except AssertionError as error:
        print(f"{name}: the gradient is wrong;", str(error).split(" along")[0])
        assert name == "B"

# %% [markdown]
# **Explain.** By its loss, a network that stands still does not say why. A's gradient is right, and tiny (round 3); the
# healthy network differs from A by its init alone. B's gradient is wrong, and no init mends that; the healthy network
# differs from B by its tanh alone. So when nothing is learned, ask first whether the gradient is right: that is a
# question with an answer.
#
# ### Exercise 3.4
# Write the doctor. `loss` is a function of a dict of Tensors; the training starts at `params`. One patient is ill in a
# way that does not show where its training starts.


# %%
def diagnose(loss, params):
    """ "gradient" if the gradient is wrong, anywhere; "init" if it is right."""
    ...  # your code


lesson_3.diagnosis(diagnose)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def diagnose(loss, params):
#     rng = np.random.default_rng(0)
#     anywhere = {name: rng.standard_normal(w.shape) for name, w in params.items()}
#     try:
#         check_grads(loss, anywhere, order=1)
#     except AssertionError:
#         return "gradient"
#     return "init"
# ```
# </details>
#
# ## On your own
# - Let A train for 3,000 steps. It wakes up: when, and how good does it become?
# - Start with all weights 0. Which parameters move? (By symmetry, all units of a layer remain the same forever.)
# - `hasty` does not look at the loss at all. Other wrong gradients are forgiven, more or less: try the VJPs
#   `lambda g, out, x: 2 * g * (1 - out * out)` and `lambda g, out, x: g * (1 - out)`. Would you have noticed?
#
# ## In practice
# `minisnip.nn` has layers and the two LeNets of the paper as functions of a dict of parameters, like `network` here;
# `minisnip.training` has the loop with mini-batches and checkpoints, and `SGD`, whose step is that of exercise 3.2
# with weight decay. The inits of round 3 are there as `lecun` (1/n), `glorot` and `he` (2/n). SNIP scores connections
# right after the init, before any step: so the init is part of what it measures.
#
# ## Further reading
# - `minisnip/nn/init.py`, `minisnip/training/optimizers.py`: the same, in 170 lines.
# - X. Glorot and Y. Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010.
# - K. He et al., [*Delving deep into rectifiers*](https://arxiv.org/abs/1502.01852), 2015.
# - G. Goh, [*Why momentum really works*](https://distill.pub/2017/momentum/), Distill, 2017.
# - Next: [read MNIST digits](04_read_mnist_digits.ipynb).

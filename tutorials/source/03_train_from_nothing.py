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

# %% [markdown] tags=["slide"]
# # 3. Train a network from nothing
#
# ![Two spirals of points in two colors, and the question where the line between them runs](figures/teasers/3.png)
#
# | you will | |
# |---|---|
# | **do** | train a network that is made of `ops` alone, speed it up, and find out why two others do not learn |
# | **learn** | gradient descent, momentum, initialization; how to tell a bad initialization from a wrong gradient |
# | **need** | lessons [1](01_walk_the_graph.ipynb) and [2](02_survive_broadcasting.ipynb); no download |
# | **time** | 45 minutes, of which the computer needs some ten seconds |

# %%
from itertools import pairwise

import numpy as np

from minisnip import Tensor, check_grads, grad, ops, primitive
from minisnip.exercises import lesson_3
from minisnip.lab.plots import decision_boundaries, loss_curves

# %% [markdown] tags=["slide"]
# ## Round 1: nothing but ops
#
# 400 points lie on the two arms of a spiral. From the place of a point, the network has to tell its arm. A network is
# just a formula with arrays in it. The parameters are a dict of arrays, and $x W + b$ broadcasts $b$ as in lesson 2.

# %% tags=["slide-more"]
points, labels = lesson_3.spirals(np.random.default_rng(0), 400)
fresh, fresh_labels = lesson_3.spirals(np.random.default_rng(1), 1000)  # never trained on


def network(params, x, squash=ops.tanh):
    last = len(params) // 2 - 1
    for i in range(last):
        x = squash(x @ params[f"W{i}"] + params[f"b{i}"])
    return x @ params[f"W{last}"] + params[f"b{last}"]


def cross_entropy(z, labels):
    return ops.mean(ops.logsumexp(z, axis=1) - z[np.arange(len(labels)), labels])


def percent_right(params):
    return 100 * np.mean(network(params, fresh).argmax(axis=1) == fresh_labels)


# %% tags=["slide-more"]
def train(params, steps, rate=0.1, momentum=0.9, squash=ops.tanh):
    """The trained parameters, and the loss before each step; a step uses all points."""
    params, losses = dict(params), []
    velocity = dict.fromkeys(params, 0.0)
    for _ in range(steps):
        variables = {name: Tensor(w) for name, w in params.items()}
        loss = cross_entropy(network(variables, points, squash), labels)
        losses.append(float(loss))
        for name, g in grad(loss, variables).items():
            velocity[name] = momentum * velocity[name] + g
            params[name] = params[name] - rate * velocity[name]
    return params, losses


# %% [markdown] tags=["slide"]
# Without a hidden layer, the network draws a straight line through the plane.
#
# **Predict:** on which percentage of the fresh points is it right, and what is its loss? A network that knows nothing
# is right on 50 %, and its loss is $\ln 2 \approx 0.693$.


# %% tags=["slide-more"]
def draw(sizes, std=None, seed=1):
    """Weights with this standard deviation (default: 1/√n for n inputs), biases 0."""
    rng, params = np.random.default_rng(seed), {}
    for i, (n, m) in enumerate(pairwise(sizes)):
        scale = n**-0.5 if std is None else std
        params[f"W{i}"] = scale * rng.standard_normal((n, m))
        params[f"b{i}"] = np.zeros(m)
    return params


line, losses = train(draw([2, 2]), steps=300)
print(f"{percent_right(line):.0f} % of the fresh points, loss {losses[-1]:.3f}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert 58 < percent_right(line) < 67
assert abs(losses[-1] - 0.515) < 0.005
assert abs(losses[-1] - losses[-100]) < 1e-3

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# One arm ends on the left and the other on the right. A straight line can use that, but nothing more. More training
# does not help: the loss is convex in $W$ and $b$, and the training has reached its minimum.
#
# </details>
#
# ### Exercise 3.1
# `train` leaves all derivatives to `grad`. The first step of the way back is $\partial L/\partial z$, the gradient of
# the loss by the logits. Write it by hand.


# %%
def logit_gradient(z, labels):
    """∂L/∂z of the mean cross-entropy, an array; z is an array (N, K), labels (N,)."""
    ...  # your code


lesson_3.logits(logit_gradient)

# %% [markdown] tags=["slide"]
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
# Now two hidden layers of 32 units, 1,218 parameters, and the same `train`.
#
# **Predict** the line between the two colors after 0, 10, 30 and 300 steps. Where does it bend first: in the middle,
# or outside?

# %% tags=["key-figure", "slide-more"]
side = np.linspace(-2.4, 2.4, 121)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
start, panels = draw([2, 32, 32, 2]), {}
for steps in (0, 10, 30, 300):
    params, _ = train(start, steps)
    z = network(params, grid)
    probability = 1 / (1 + np.exp(z[:, 0] - z[:, 1]))
    panel = f"after {steps} steps: {percent_right(params):.1f} %"
    panels[panel] = probability.reshape(121, 121)
title = "The network's answer in the plane; in %: right answers on fresh points"
decision_boundaries(panels, 2.4, points, labels, title)

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert sum(w.size for w in start.values()) == 1218
assert abs(percent_right(train(start, 10)[0]) - percent_right(line)) < 6
assert percent_right(params) > 98

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# After 10 steps the line is still straight, and hardly better than in Round 1. For small inputs $\tanh x \approx x$,
# and a network of such units is linear. The line bends in the middle first, where the two colors are closest. Then it
# follows the arms outward until it separates them.
#
# </details>
#
# ### Momentum
# `train` moves the parameters along a **velocity**: $v \leftarrow 0.9\, v + g$, then $w \leftarrow w - 0.1\, v$. If the
# gradient $g$ stays the same, $v$ tends to $g / (1 - 0.9) = 10\, g$. Is momentum just a learning rate ten times as
# large?
#
# **Predict:** which of these three brings the loss below 0.1 first? Rate 0.1 without momentum, rate 0.1 with momentum
# 0.9, or rate 1.0 without momentum.

# %% tags=["slide-more"]
settings = {
    "rate 0.1": (0.1, 0.0),
    "rate 0.1, momentum 0.9": (0.1, 0.9),
    "rate 1.0": (1.0, 0.0),
}
curves, first = {}, {}
for name, (rate, momentum) in settings.items():
    _, curves[name] = train(start, 300, rate, momentum)
    below = [step for step, loss in enumerate(curves[name]) if loss < 0.1]
    first[name] = below[0] if below else "never"
print("steps until the loss is below 0.1:", first)
loss_curves(curves, np.log(2), "Loss on the two spirals, for three settings")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert first["rate 0.1"] == "never"
assert first["rate 0.1, momentum 0.9"] < 100 < first["rate 1.0"]

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Momentum is more than a larger rate. Rate 1.0 moves as far, but it jumps. Imagine the loss as a narrow valley: a long
# step goes too far across it, and up the other side. Across the valley the gradients change sign, so they cancel in
# the velocity. Along the valley they agree, so they add up. Momentum is fast along the valley and calm across it.
#
# </details>
#
# ### Exercise 3.2
# Write one step with momentum. Return new arrays, because the caller still needs the old ones.


# %%
def momentum_step(w, v, g, rate, momentum):
    """(the next w, the next v), as above."""
    ...  # your code


lesson_3.momentum(momentum_step)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def momentum_step(w, v, g, rate, momentum):
#     v = momentum * v + g
#     return w - rate * v, v
# ```
# </details>
#
# ## Round 3: the size of the first weights
#
# `draw` gives the weights of a layer with $n$ inputs the standard deviation $1/\sqrt{n}$. Why?
#
# **Predict:** how large is the signal (its root mean square over points and units) after 1, 4 and 8 layers of 32 tanh
# units? Take weights with the standard deviations 0.01, $1/\sqrt{n}$ and 1. And how large is the gradient by the
# weights of the first layer?

# %% tags=["slide-more"]
slopes = {}
for std in (0.01, None, 1.0):
    deep = draw([2] + [32] * 8 + [2], std)
    x, sizes = points, []
    for i in range(8):
        x = np.tanh(x @ deep[f"W{i}"])
        sizes.append(np.sqrt(np.mean(x**2)))
    W0 = Tensor(deep["W0"])
    loss = cross_entropy(network({**deep, "W0": W0}, points), labels)
    slopes[std] = np.sqrt(np.mean(grad(loss, W0) ** 2))
    shown = ", ".join(f"{sizes[i]:.0e}" for i in (0, 3, 7))
    print(f"std {std or '1/√n':<4}: signal {shown}; gradient by W0 {slopes[std]:.0e}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert slopes[0.01] < 1e-9 < 1e-3 < slopes[None]
assert abs(0.01 * 32**0.5 - 0.06) < 0.005
assert 150 < slopes[1.0] / slopes[None] < 250

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# A unit adds up $n$ products of an input and a weight. If the products are independent, their *variances* add up, to
# $n \cdot \mathrm{std}^2$ times the mean square of an input.
#
# - With std = 0.01 and $n = 32$, each layer multiplies the size by 0.06. The gradient shrinks in the same way on its
#   way back.
# - With $1/\sqrt{n}$ the factor is 1, less what tanh takes away.
# - With std = 1 most units are close to ±1: each tells the sign of a sum and no more. The gradient is 200 times as
#   large as with $1/\sqrt{n}$.
#
# </details>
#
# ### Exercise 3.3
# ReLU, $\max(x, 0)$, takes away more than tanh. Which standard deviation keeps the size of a signal that goes through
# ReLU and then through a layer with `fan_in` inputs? The check draws such weights and measures the signal.


# %%
def relu_std(fan_in):
    """The standard deviation of the weights of a layer whose inputs come out of ReLU."""
    ...  # your code


lesson_3.spread(relu_std)

# %% [markdown] tags=["slide"]
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
# Two networks with three hidden layers do not learn. **A** has a right gradient, but weights with standard deviation
# 0.01. **B** has weights with $1/\sqrt{n}$, but a `hasty` tanh: its author forgot $g$, as in lesson 1. A third network
# is healthy: it has the weights of B and the tanh of A.
#
# **Predict:** can you tell A from B by their losses over 300 steps? What does `check_grads` say about each?

# %% tags=["slide-more"]
hasty = primitive(np.tanh, lambda g, out, x: 1 - out * out)
sizes = [2, 32, 32, 32, 2]
patients = {
    "A": (draw(sizes, 0.01), ops.tanh),
    "B": (draw(sizes), hasty),
    "healthy": (draw(sizes), ops.tanh),
}
curves = {}
for name, (params, squash) in patients.items():
    _, curves[name] = train(params, 300, squash=squash)
    print(f"{name}: loss {curves[name][-1]:.4f} after 300 steps")
loss_curves(curves, np.log(2), "Loss of two patients and a healthy network")


# %% tags=["slide-more"]
def loss_of(squash):
    return lambda params: cross_entropy(network(params, points[:8], squash), labels[:8])


verdicts = {}
for name, (params, squash) in patients.items():
    try:
        check_grads(loss_of(squash), params, order=1)
        verdicts[name] = "right"
    except AssertionError:
        verdicts[name] = "wrong"
    print(f"{name}: the gradient is {verdicts[name]}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert all(abs(curves[name][-1] - np.log(2)) < 1e-3 for name in "AB")
assert curves["healthy"][-1] < 0.02
assert verdicts == {"A": "right", "B": "wrong", "healthy": "right"}

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The losses do not tell A from B: both stay at $\ln 2$. `check_grads` does. A's gradient is right, but tiny, as in
# Round 3; only the initialization is bad. B's gradient is wrong, and no initialization can mend it. So if a network
# does not learn, ask first whether the gradient is right. This question has a definite answer.
#
# </details>
#
# ### Exercise 3.4
# Write the doctor. `loss` is a function of a dict of Tensors, and the training starts at `params`. One patient has a
# mistake that does not show at the start of the training.


# %%
def diagnose(loss, params):
    """ "gradient" if the gradient is wrong, anywhere; "init" if it is right."""
    ...  # your code


lesson_3.diagnosis(diagnose)

# %% [markdown] tags=["slide"]
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
# - Train A for 3,000 steps. After a while it begins to learn: when, and how good does it become?
# - Start with all weights 0. Which parameters move? (By symmetry, all units of a layer stay equal.)
# - `hasty` ignores the loss. Other wrong gradients do less harm: try the VJPs
#   `lambda g, out, x: 2 * g * (1 - out * out)` and `lambda g, out, x: g * (1 - out)`. Would you notice them?
#
# ## In practice
# - `minisnip.nn` has layers and the two LeNets of the paper, as functions of a dict of parameters, like `network` here.
# - `minisnip.training` has the loop with mini-batches and checkpoints. Its `SGD` takes the step of exercise 3.2, with
#   weight decay.
# - Variance scaling has names: `lecun` is the variance $1/n$, `he` is $2/n$, and `glorot` counts inputs and outputs.
#   SNIP scores connections right after the initialization, before any step. So the initialization is part of what SNIP
#   measures.
#
# ## Further reading
# - `minisnip/nn/init.py` and `minisnip/training/optimizers.py`: the same, as the package has it.
# - X. Glorot and Y. Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010.
# - K. He et al., [*Delving deep into rectifiers*](https://arxiv.org/abs/1502.01852), 2015.
# - G. Goh, [*Why momentum really works*](https://distill.pub/2017/momentum/), Distill, 2017.
# - Next: [read MNIST digits](04_read_mnist_digits.ipynb).

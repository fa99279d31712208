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
# # 5. Score a connection before training
#
# ![Deletion against derivative for every connection; histogram with threshold](figures/05_score_before_training.png)
#
# | you will | |
# |---|---|
# | **do** | remove every connection of a network, one at a time, and compare with one derivative |
# | **learn** | what SNIP's score is, why it has a magnitude and one sum, and what it does not tell |
# | **need** | derivatives, a little Python; no download: the digits are drawn from fonts |
# | **time** | 50 minutes, of which the computer needs 20 seconds |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
import numpy as np

from minisnip import Tensor, grad, pruning
from minisnip.data import glyphs, load
from minisnip.exercises import fast_or, lesson_5
from minisnip.lab.plots import joint_curves, scores_and_threshold
from minisnip.nn import cross_entropy, lenet_300_100
from minisnip.pruning import apply_masks, count_kept, keep_top, mask_gradient, ones
from minisnip.training import evaluate, train

N = fast_or(100, fast=20)  # images to score with

# %% [markdown]
# ## Round 1: remove one connection, a little at a time
#
# Every weight w_j gets a switch c_j in front: the network computes with c ⊙ w, and c = 1 is the network as it is. What
# does connection j do for the loss? Open its switch, and look:
#
# $$\Delta L_j = L(1 \odot w) - L((1 - e_j) \odot w)$$
#
# If ΔL_j > 0, removing it makes the loss *smaller*. Below, for one connection of the last layer of an untrained
# network, the switch is opened only by δ, and the change divided by δ. δ = 1 is ΔL_j itself.
#
# **Predict:** what does the quotient tend to as δ shrinks? By which factor does its distance from there fall when δ is
# halved?


# %%
data, net = load("glyphs"), lenet_300_100()
w = net.init(np.random.default_rng(0), dtype=np.float64)
x, y = data.train.images[:N].astype(np.float64), data.train.labels[:N]


def masked_loss(c):
    return cross_entropy(net(apply_masks(c, w), x), y)  # L(c ⊙ w; D)


c, one = ones(w), mask_gradient(net, w, x, y)["fc3.weight"]
j = np.unravel_index(np.abs(one).argmax(), one.shape)
for delta in (1, 1 / 2, 1 / 4, 1 / 8):
    c["fc3.weight"][j] = 1 - delta
    quotient = (masked_loss(ones(w)) - masked_loss(c)) / delta
    print(f"δ = {delta:<6} quotient {quotient:.6f}   distance from ∂L/∂c_j {abs(quotient - one[j]):.6f}")
    assert N < 100 or 0.25 < (1 - quotient / one[j]) / delta < 0.4  # a third is missing at δ = 1, then half of that

# %% [markdown]
# **Explain.** It tends to the derivative g_j = ∂L/∂c_j at c = 1, and the distance is halved with δ: the quotient is of
# order 1. At δ = 1, with the connection gone, the sign and the order of magnitude are right, and a third is missing:
# how typical that is, Round 3 counts. SNIP's idea is to take the derivative for the deletion.
#
# ### Exercise 5.1
# Write a quotient that does better: of order 2, so that half the δ leaves a quarter of the distance. The check
# measures your order.


# %%
def quotient_of_order_2(L, delta):
    """Nearly L'(1), for a function L of one number."""
    ...  # your code


lesson_5.quotient(quotient_of_order_2)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def quotient_of_order_2(L, delta):
#     return (L(1 + delta) - L(1 - delta)) / (2 * delta)
# ```
# </details>
#
# ## Round 2: all of them, for the price of one
#
# The definition needs a forward pass for each connection. The derivative by *all* switches needs one forward and one
# backward pass: make c the variable.
#
# **Predict:** c_j stands in the loss only as c_j · w_j. What is ∂L/∂c_j in terms of ∂L/∂w_j? And a bias that is 0 at
# the start: what is its g?

# %%
c = {name: Tensor(one) for name, one in ones(w).items()}
g = grad(masked_loss(c), c)  # one walk
by_weights = {name: w[name] * slope for name, slope in pruning.weight_gradient(net, w, x, y).items()}
largest, apart = (max(np.abs(d).max() for d in s) for s in (g.values(), [g[n] - by_weights[n] for n in g]))
biases = np.concatenate([g[name] for name in g if name.endswith("bias")])
print(f"largest |g| {largest:.3f}, and no g further from w ⊙ ∂L/∂w than {apart:.1g}")
print(f"by definition: {net.size + 1:,} forward passes. By derivative: one forward, one backward")
print(f"biases with g = 0: {np.count_nonzero(biases == 0)} of {biases.size}")
assert apart < 1e-12
assert not biases.any()

# %% [markdown]
# **Explain.** By the chain rule g_j = w_j · ∂L/∂w_j. Yes, the mask gradient *is* weight × gradient; but not the
# gradient alone (where would training move the weight?), nor the weight alone (how large is it?). And as biases start
# at 0, SNIP prunes all of them.
#
# ### Exercise 5.2
# Compute g three ways, for a loss that is a function of a vector w: by the mask, by the weights, and by differences.


# %%
def three_ways(L, w):
    """(∂L/∂c by a Tensor c, w ⊙ ∂L/∂w, a difference quotient in each c_j), three arrays of the shape of w.

    L takes a Tensor or an array.
    """
    ...  # your code


lesson_5.three_ways(three_ways)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def three_ways(L, w):
#     c, weights = Tensor(np.ones_like(w)), Tensor(w)
#     by_mask, by_weights = grad(L(c * w), c), w * grad(L(weights), weights)
#     steps = 1e-5 * np.eye(len(w))
#     return by_mask, by_weights, np.array([(L((1 + e) * w) - L((1 - e) * w)) / 2e-5 for e in steps])
# ```
# </details>
#
# ## Round 3: is the derivative as good as the deletion?
#
# `delta_loss` computes ΔL_j by its definition for *every* connection, without a whole forward pass for each: a
# connection disturbs only one unit, so only what changes is computed anew.
#
# **Predict** the correlation of ΔL_j and g_j over all 266,610 connections, and how many of the 5 % that |g| keeps, |ΔL|
# would keep too.

# %%
deltas = pruning.delta_loss(net, w, x, y, title=None)
table = pruning.agreement(g, deltas, [0.95])
print("layer  connections  Pearson  equal signs  of those that |g| keeps at 95 %, |ΔL| keeps")
for layer, row in table.items():
    numbers = f"{row['connections']:>11,}  {row['pearson']:7.3f}  {row['equal_signs']:11.1%}"
    print(f"{layer:5}  {numbers}  {row['precision_95']:.1%}")
assert table["all"]["pearson"] > 0.96
assert table["all"]["equal_signs"] > 0.96
assert table["all"]["precision_95"] > 0.88

# %% tags=["key-figure"]
kappa, scores = count_kept(net.size, 0.95), {"g": g, "ΔL": deltas}
flat = {name: np.concatenate([a.ravel() for a in s.values()]) for name, s in scores.items()}
thresholds = {name: np.sort(np.abs(s))[-kappa] for name, s in flat.items()}
kept, kept_by_definition = (np.abs(s) >= thresholds[name] for name, s in flat.items())
wrong = np.sign(flat["g"]) != np.sign(flat["ΔL"])
print(f"the signs differ for {wrong.mean():.1%} of all connections, for {wrong[kept].mean():.2%} of those kept")
near = np.median(np.abs(flat["g"][kept & ~kept_by_definition])) / thresholds["g"]
print(f"kept by |g| alone: {np.sum(kept & ~kept_by_definition):,}, half of them below {near:.2f} thresholds")
assert wrong[kept].mean() < 0.003 < wrong.mean() < 0.03
assert near < 1.25
title = f"LeNet-300-100 before training, {N} images of {data.label}: 95 % go, {kappa:,} stay"
scores_and_threshold(g, deltas, thresholds, title)

# %% [markdown]
# **Explain.** Yes, nearly. The points lie along the diagonal, for both signs. The faint cross to it is the 2 % with
# another sign; hardly any of them are large enough to be kept. Where |g| and |ΔL| choose differently, it is near the
# cut, where it matters least. What sets the two apart in front of a ReLU is its kink: removing a connection can take a
# unit over the corner, and no derivative sees that. On MNIST the numbers are nearly the same (the site's
# results, "How well the derivative predicts a deletion").
#
# ## Round 4: keep exactly κ
#
# κ is the number of connections to keep. The score of the κ-th largest is the threshold. **Predict** what goes wrong
# with `scores >= threshold` when many scores are equal; here, from *one* image with black pixels of exactly 0.

# %%
image, label = glyphs(1)
scores = {name: np.abs(g_j) for name, g_j in mask_gradient(net, w, image.astype(np.float64), label).items()}
flat = np.concatenate([s.ravel() for s in scores.values()])
kappa = count_kept(flat.size, 0.2)
threshold = np.sort(flat)[-kappa]
kept = sum(int(c.sum()) for c in keep_top(scores, 0.2).values())
print(f"asked for {kappa:,}, {np.count_nonzero(flat == 0):,} scores are 0, the threshold is {threshold}")
print(f">= keeps {np.sum(flat >= threshold):,}, > keeps {np.sum(flat > threshold):,}, keep_top keeps {kept:,}")
print(f"and 10 % of {net.size:,} are not int({net.size * (1 - 0.9)!r}) = {int(net.size * (1 - 0.9)):,}")
assert kept == kappa
assert np.sum(flat > threshold) < kappa < np.sum(flat >= threshold) == net.size

# %% [markdown]
# **Explain.** Most scores are 0, so the threshold is 0, and `>=` prunes nothing at all. A wrong κ is silent: the
# network trains better than it should. The last line is another way to miss it: `int` cuts off where `round` is meant.
#
# ### Exercise 5.3
# Write the choice: a mask of exactly κ ones, none of them at a score below one that goes. Ties may be broken as you
# like.


# %%
def exactly(scores, kappa):
    """An array of 0 and 1 of the shape of `scores`, which has one axis."""
    ...  # your code


lesson_5.exactly(exactly)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def exactly(scores, kappa):
#     mask = np.zeros(len(scores))
#     mask[np.argsort(-scores, kind="stable")[:kappa]] = 1
#     return mask
# ```
# </details>
#
# The paper divides the scores by their sum: s_j = |g_j| / Σ_k |g_k|. **Predict** how many connections of 2 % change if
# you leave that out. And if each layer is divided by *its own* sum, "to be fair"?

# %%
score = {name: np.abs(g_j) for name, g_j in g.items()}
total = sum(s.sum() for s in score.values())
of_each = {name: s / max(s.sum(), 1e-300) for name, s in score.items()}  # biases: all 0
normalized = {name: s / total for name, s in score.items()}
masks = {name: keep_top(s, 0.98) for name, s in {"|g|": score, "one sum": normalized, "a sum each": of_each}.items()}
for name, mask in masks.items():
    print(f"{name:10}", {layer: int(c.sum()) for layer, c in mask.items() if c.any()})
assert all(np.array_equal(masks["|g|"][name], masks["one sum"][name]) for name in g)
assert masks["a sum each"]["fc1.weight"].sum() < masks["|g|"]["fc1.weight"].sum() / 5

# %% [markdown]
# **Explain.** One sum changes nothing: dividing all scores by one number keeps their order. It only makes the scores
# of two networks comparable. A sum for each layer changes a lot: the scores of a layer with m connections are then 1/m
# on average, so that the large first layer, which must read the image, is left with almost nothing.
#
# ### Exercise 5.4
# Show it with the smallest example that you can find: positive scores of two layers, an even number in all and no two
# alike, of which the higher half is kept; dividing each layer by its sum has to change the choice.

# %%
layers = {"first": ..., "second": ...}  # your lists of numbers


lesson_5.layers(layers)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# layers = {"first": [1], "second": [2, 3, 4]}  # the lone one becomes 1, the others 2/9, 3/9 and 4/9
# ```
# </details>
#
# ## Round 5: many at once
#
# g_j speaks of *one* connection. SNIP removes hundreds of thousands. **Predict:** is the change of the loss then the
# sum of the g_j of those that go?
#
# And if it is a matter of the loss, why the magnitude? "+g" keeps the highest signed scores, "−g" the lowest: those
# whose removal would raise the loss most. **Predict**, at 98 %: which rule has the lowest loss right after pruning,
# and which trains best?

# %%
joint = pruning.joint_deletion(net, w, x, y, [0.5, 0.8, 0.9, 0.95, 0.98, 0.99])
print("change of the loss, removed minus dense\n       removed   measured   by the sum of the g_j")
for row in joint:
    print(f"{row['sparsity']:>14.0%}   {-row['true']:+8.3f}   {-row['linear']:+21.3f}")
assert abs(joint[0]["linear"]) < 0.5 * abs(joint[0]["true"])
assert max(abs(row["linear"] / row["true"] - 1) for row in joint[2:]) > 0.5
joint_curves(joint, f"LeNet-300-100 before training, {N} images of {data.label}")

# %%
rules = {"|g|": score, "+g": g, "-g": {name: -g_j for name, g_j in g.items()}, "|g|, a sum each": of_each}
start, epochs = {name: a.astype(np.float32) for name, a in w.items()}, fast_or(5, fast=2)
loss, error = {}, {}
print(f"{data.label}; the loss of the dense network is {masked_loss(ones(w)):.2f}")
for name, s in rules.items():
    mask = keep_top(s, 0.98)
    loss[name] = masked_loss(mask)
    _, error[name] = evaluate(net, train(net, start, data, mask, epochs, title=None).params, data.test)
    print(f"keep the highest {name:15} loss right after {loss[name]:5.2f}   test error, trained {error[name]:4.1f} %")
assert min(error, key=error.get) == "|g|"
assert max(error, key=error.get) == "|g|, a sum each"
assert loss["|g|, a sum each"] < loss["|g|"]

# %% [markdown]
# **Explain.** The sum is no forecast: at 98 % it is off by a factor of two, at 50 % it misses most of the change. The
# score *ranks* single connections; it does not tell what is left when many go.
#
# Nor is that loss what we want. "−g" saves what helps *now*, but the network is untrained: a connection of large |g|
# is a lever, and training can push a lever either way; one of small |g| is none. So |g| trains best, here and (checked
# once, outside this notebook) with three initializations and on MNIST. A sum for each layer has a lower loss than |g|
# right after pruning, and trains worst: its first layer has too few connections left to see the image.
#
# ## On your own
# - Score with MNIST: `load("mnist")`. Then divide its images back to 0 … 1. How many scores are exactly 0?
# - ½ w² H is the second term of ΔL: `mask_curvature` in `minisnip.pruning`. In which layer does it explain what is
#   left, and in which not?
# - Remove the two connections with the largest |g|, each alone and both together. Do the changes add up? Which pairs?
#
# ## In practice
# Most bugs of SNIP implementations are in this lesson: ∂L/∂w taken for ∂L/∂c, ties kept by `>=`, κ cut off by `int`,
# biases counted or not, a sum for each layer. None of them crashes. Test for exactly κ, and for g = w ⊙ ∂L/∂w.
#
# ## Further reading
# - N. Lee, T. Ajanthan, P. Torr, *SNIP: Single-shot network pruning based on connection sensitivity*
#   ([arXiv 1810.02340](https://arxiv.org/abs/1810.02340)), section 4.
# - M. Mozer, P. Smolensky, *Skeletonization* (NIPS 1988): a derivative by a switch, at c = 1, thirty years before.
# - `minisnip/pruning/sensitivity.py`, `minisnip/pruning/masks.py`, `minisnip/pruning/deletion.py`.
# - Next: [prune, then train](06_prune_then_train.ipynb).

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
# # 8. Break it, then repair it
#
# ![Layers emptied and repaired; memory and time, masked and compacted](figures/08_break_and_repair.png)
#
# | you will | |
# |---|---|
# | **do** | prune until a layer is gone, ask again after each cut, and cut the dead rows out |
# | **learn** | why a layer collapses and what repairs it; why zeros are neither memory nor speed until rows vanish |
# | **need** | lesson 5 (scores and masks); MNIST, or the built-in glyphs |
# | **time** | 45 minutes, of which the computer needs half a minute |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
import warnings
from pathlib import Path
from timeit import repeat

import numpy as np

from minisnip import pruning
from minisnip.exercises import fast_or, lesson_8, mnist_or_glyphs
from minisnip.lab.plots import collapse_and_cost
from minisnip.nn import lenet_300_100
from minisnip.training import evaluate, train

# %% [markdown]
# ## Round 1: a layer vanishes
#
# LeNet-300-100 again, and the simplest score of all: |w|, the magnitude. The weights come from a normal distribution
# that is cut at two standard deviations, with variance 2 / (fan in + fan out) after the cut. So the largest |w| there
# can be is 0.098 in fc1, 0.161 in fc2 and 0.307 in fc3 (2 · 1.137 standard deviations: cutting makes the spread
# smaller, so it is drawn wider).
#
# **Predict:** one threshold serves all three layers and rises. Which layer is emptied first, and when about? And what
# is the test error at 98 %, after training? 5,332 connections are left then, and SNIP gets some 7 % with as many and
# as short a training (lesson 7).

# %%
data, net = mnist_or_glyphs(), lenet_300_100()
w = net.init(np.random.default_rng(0))
magnitude = {name: abs(weight) for name, weight in w.items()}
longest = [magnitude[f"{layer}.weight"].max() for layer in ("fc1", "fc2", "fc3")]


def per_layer(masks):
    return [int(masks[f"{layer}.weight"].sum()) for layer in ("fc1", "fc2", "fc3")]


with warnings.catch_warnings(record=True) as said:
    for sparsity in (0.9, 0.95, 0.97, 0.98):
        print(f"{sparsity:.0%} removed; kept of fc1, fc2, fc3: {per_layer(pruning.keep_top(magnitude, sparsity))}")
print(said[0].message, f"fc1 is empty above {pruning.collapse_sparsity(magnitude):.1%}", sep="\n")
assert abs(pruning.collapse_sparsity(magnitude) - 0.977) < 0.001
assert np.allclose(longest, [0.0977, 0.1607, 0.305], atol=5e-4)

# %%
warnings.simplefilter("ignore", pruning.LayerCollapseWarning)  # read once; from here on the counts say it


def test_error(masks, epochs):
    return evaluate(net, train(net, w, data, masks, epochs=epochs, compact=True, title=None).params, data.test)[1]


x, y = data.train.images[:100], data.train.labels[:100]
snip, always_0 = pruning.connection_sensitivity(net, w, x, y), 100 * np.mean(data.test.labels != 0)
error, snip_error = (test_error(pruning.keep_top(scores, 0.98), 1) for scores in (magnitude, snip))
print(f"test error: |w| {error:.1f} %, SNIP {snip_error:.1f} %, of answering 0 to every image {always_0:.1f} %")
assert np.isclose(error, always_0)
assert data.name != "mnist" or 5 < snip_error < 9
longer = [np.mean(magnitude[f"{layer}.weight"] > longest[0]) for layer in ("fc2", "fc3")]
print("longer than all of fc1: {:.0%} of fc2, {:.0%} of fc3".format(*longer))
assert np.allclose(longer, [0.19, 0.50], atol=0.03)

# %% [markdown]
# **Explain.** The *largest* layer goes first: of its 235,200 weights none is longer than 0.098, because a wide layer
# starts with short weights. About 19 % of fc2 and half of fc3 are longer than all of fc1: 0.19 · 30,000 + 0.5 · 1,000,
# some 6,100 connections, stand before the first of fc1. Keep fewer than that (2.3 %), and fc1 is empty. The scores were
# comparable inside a layer, never across. (SNIP's are derivatives of one loss, and much more comparable. Not for ever.)
#
# No image comes through an empty layer. All ten logits stay 0, and `argmax` takes the first: the network
# answers 0. No learning rate will help, and nothing but a count of what is kept would have told you why.
#
# ### Exercise 8.1
# When is a layer emptied? Given an array of scores for each layer (no two scores are equal), how many connections must
# be kept *in all*, the best ones first, until every layer has at least one?


# %%
def needed(scores):
    """The least number of connections, best first, with which no layer is empty."""
    ...  # your code


lesson_8.needed(needed)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def needed(scores):
#     last_to_come = min(layer.max() for layer in scores)
#     return int(sum((layer >= last_to_come).sum() for layer in scores))
# ```
# </details>
#
# ## Round 2: not empty, and yet not alive
#
# A connection does something only if it is **effective**: on a path of kept connections from a pixel to a class.
# SNIP's scores leave no layer empty up to 99.9 %.
#
# **Predict:** at 99.8 % SNIP keeps 533 connections. How many of them are on a path?


# %%
def count(masks):
    return int(sum(c.sum() for c in masks.values()))


print(f"SNIP, asked once: a layer is empty above {pruning.collapse_sparsity(snip):.2%}")
for sparsity in (0.95, 0.98, 0.99, 0.995, 0.998):
    masks = pruning.keep_top(snip, sparsity)
    on_path = count(pruning.effective_masks(net, masks))
    print(f"{sparsity:.1%} removed; of each layer {per_layer(masks)}; on a path {on_path:,} of {count(masks):,}")
assert pruning.collapse_sparsity(snip) > 0.999
assert on_path < count(masks) / 2

# %% [markdown]
# **Explain.** A weight of fc2 scored high because of what its unit was *told by fc1*. Then fc1's connections into that
# unit went, and the score is still the old one. It counts as kept and does nothing: at 99.8 % most do. Collapse is not
# a cliff at which a layer is suddenly empty; paths are cut long before.
#
# ### Exercise 8.2
# Count the effective connections of a fully connected network from its masks: a list of arrays (units, inputs) of 0
# and 1, the first layer first. There are no biases.


# %%
def effective(masks):
    """How many kept connections are on a path from an input to an output."""
    ...  # your code


lesson_8.effective(effective)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def effective(masks):
#     fed, read = [np.ones(masks[0].shape[1])], [np.ones(len(masks[-1]))]
#     for c in masks:  # which units the input reaches
#         fed.append((c @ fed[-1] > 0).astype(int))
#     for c in masks[::-1]:  # which units reach the output
#         read.insert(0, (read[0] @ c > 0).astype(int))
#     return int(sum((c * np.outer(r, f)).sum() for c, f, r in zip(masks, fed, read[1:])))
# ```
# </details>
#
# ## Round 3: ask again
#
# The scores were right for the network that was asked. So remove a little, and ask the network that is left; after T
# rounds κ are kept, and every round removes the same share: κ_t = m (κ/m)^(t/T). SynFlow asks for the share that a
# connection has in the sum over all paths, without any data. Asked once it empties a layer at 91 %.
#
# **Predict:** how often must it be asked so that no layer is empty at 99.9 %? Twice? Ten times? A hundred?

# %%
criteria, rng = pruning.CRITERIA, np.random.default_rng(0)
for name in ("synflow", "snip"):
    for rounds in (1, 3, 10, 20):
        masks = pruning.iterative(criteria[name], net, w, x, y, 0.999, rng=rng, rounds=rounds)
        on_path = count(pruning.effective_masks(net, masks))
        print(f"{name:<8} asked {rounds:>2}×: of each layer {per_layer(masks)}; on a path {on_path} of {count(masks)}")
        assert (name, rounds) != ("synflow", 1) or per_layer(masks)[:2] == [0, 0]
        assert rounds < 3 or min(per_layer(masks)) > 0
    assert on_path > 0.9 * count(masks)
assert abs(pruning.collapse_sparsity(criteria["synflow"](net, w, x, y, rng=rng)) - 0.913) < 0.005

# %% [markdown]
# **Explain.** Three times is enough against empty layers, and twenty leave few connections off the paths. In every
# layer the SynFlow scores have the same sum. The fewer connections share it, the more each of them gets; asked anew,
# the last of a layer has all of it, and stays.
#
# FORCE goes one step further: what was removed is scored too, and may return. **Predict** which of the three repairs
# helps most at 99.8 %, and what one-shot SNIP gets. (κ is the same for all.)

# %%
repairs = {
    "SNIP, once": pruning.keep_top(snip, 0.998),
    "SNIP, 20×": pruning.iterative(criteria["snip"], net, w, x, y, 0.998, rng=rng, rounds=20),
    "FORCE, 20×": pruning.force(criteria["snip"], net, w, x, y, 0.998, rng=rng, rounds=20),
    "SynFlow, 20×": pruning.iterative(criteria["synflow"], net, w, x, y, 0.998, rng=rng, rounds=20),
}
errors = {name: test_error(masks, fast_or(2, fast=1)) for name, masks in repairs.items()}
print("\n".join(f"{name:<13}{error:5.1f} % test error" for name, error in errors.items()))
assert data.name != "mnist" or errors["SNIP, once"] > max(list(errors.values())[1:]) + 5

# %% [markdown]
# **Explain.** Every repair is better than the broken mask by far, and the order among the repairs is not to be read
# from one seed and a short training. Over 5 seeds and 5 epochs the table of the site has 61 % for SNIP, 31 % for SNIP
# in 100 rounds, 20 % for FORCE and 41 % for SynFlow. The same table says where there is nothing to repair: up to 98 %,
# SNIP asked a hundred times is *no better* than SNIP asked once.
#
# ### Exercise 8.3
# Write the rounds. `score(mask)` takes a mask of `size` zeros and ones and gives as many scores. Keep
# `round(size * (kappa / size) ** (t / rounds))` after round t = 1, 2, …; what is removed stays removed.


# %%
def iterate(score, size, kappa, rounds):
    """The mask after the last round, with kappa ones."""
    ...  # your code


lesson_8.iterate(iterate)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def iterate(score, size, kappa, rounds):
#     mask = np.ones(size)
#     for t in range(1, rounds + 1):
#         scores = np.where(mask == 1, score(mask), -np.inf)
#         mask = np.zeros(size)
#         mask[np.argsort(-scores)[: round(size * (kappa / size) ** (t / rounds))]] = 1
#     return mask
# ```
# </details>
#
# ## Round 4: zeros are not speed until rows vanish
#
# At 98 %, 5,332 of 266,610 connections are left. **Predict** for the masked network: how many multiplications does an
# image cost, and how many bytes do the parameters take? And for a mask made by lot, by SNIP, by SynFlow: which of the
# three lets you cut out most, if all have as many ones?


# %%
def cost(params):
    return sum(v.size for v in params.values() if v.ndim > 1), sum(v.nbytes for v in params.values())


ways = {"random": criteria["random"](net, w, x, y, rng=rng), "SNIP": snip}
ways = {name: pruning.keep_top(scores, 0.98) for name, scores in ways.items()}
ways["SynFlow"] = pruning.iterative(criteria["synflow"], net, w, x, y, 0.98, rng=rng, rounds=20)
print("masked   {:>9,} multiplications {:>9,} bytes, whatever the mask".format(*cost(w)))
for name, masks in ways.items():
    masked, small = pruning.apply_masks(masks, w), pruning.compact(net, w, masks)
    print("{:<9}{:>9,} multiplications {:>9,} bytes  ".format(name, *cost(small.params)), str(small).split(";")[0])
    assert np.allclose(net(masked, x), small.net(small.params, x), atol=1e-5)
assert cost(masked) == cost(w) == (266_200, 1_066_440)
assert cost(small.params)[0] < cost(pruning.compact(net, w, ways["SNIP"]).params)[0] < 80_000

# %% [markdown]
# **Explain.** A zero is a number: it takes four bytes, and the matrix product multiplies it like any other. What can
# go is a *row*: a unit that reads nothing, or that nobody reads, or a pixel nobody looks at. `compact` cuts those out
# and leaves the logits as they were. How much it finds depends on where the zeros stand, not on how many there are:
# SynFlow crowds its connections into few units, the lot scatters them over all. (Random pruning cuts its own paths,
# too, and is the worst network of the three.)
#
# Is it faster? The next cell measures and asserts it; the milliseconds, which change with every run, were recorded once
# (`tutorials/data/08_milliseconds.csv`).

# %%
images, shares = data.test.images[:1000], np.array([10, 5, 2, 1, 0.5])
smalls = [pruning.compact(net, w, pruning.keep_top(snip, 1 - share / 100)) for share in shares]
slow = min(repeat(lambda: net(w, images), number=2, repeat=15))
fast = min(repeat(lambda: smalls[3].net(smalls[3].params, images), number=2, repeat=15))
print("at 99 % the compacted network is faster than the masked one:", fast < slow)
assert fast < slow
table = Path("data/08_milliseconds.csv")  # not there if you have the notebook alone
recorded = np.genfromtxt(table, delimiter=",", skip_header=3)[:, 2:].T if table.exists() else np.full((3, 10), np.nan)
kilobytes = {"masked": [cost(w)[1] / 1000] * 5, "compacted": [cost(small.params)[1] / 1000 for small in smalls]}
milliseconds = {"masked": recorded[1, :5], "compacted": recorded[2, :5]}
print("milliseconds of LeNet-5-Caffe's step, masked:", recorded[1, 5:], "compacted:", recorded[2, 5:])

# %% tags=["key-figure"]
sparsities = 1 - np.array(fast_or([50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1], fast=[50, 5, 0.5])) / 100
flow = criteria["synflow"](net, w, x, y, rng=rng)
again = [pruning.iterative(criteria["synflow"], net, w, x, y, s, rng=rng, rounds=20) for s in sparsities]
masks = {
    "|w|, asked once": [pruning.keep_top(magnitude, s) for s in sparsities],
    "SynFlow, asked once": [pruning.keep_top(flow, s) for s in sparsities],
    "SynFlow, asked 20 times": again,
}
title = f"LeNet-300-100, {data.label}. Above: a layer collapses, and is repaired. Below: SNIP's masks, compacted"
costs = {"memory of the parameters, kB": kilobytes, "a training step (recorded once on MNIST), ms": milliseconds}
collapse_and_cost(100 * (1 - sparsities), masks, shares, costs, title)

# %% [markdown]
# **Explain.** Memory falls with the rows. Time falls too, but less, and at 90 % hardly: few rows are gone, and choosing
# the pixels costs something. LeNet-5-Caffe gains little even at 99 %: its time is spent in the convolutions,
# and SNIP prunes its fully connected layer.
#
# ### Exercise 8.4
# The network is `w2 @ relu(w1 @ x + b1)`, already masked. Return `w1, b1, w2` with as few hidden units as possible and
# the same outputs for every x. (Judge by what is zero, as a mask does; no other luck with the numbers is meant.)


# %%
def compacted(w1, b1, w2):
    """The same network without the dead hidden units."""
    ...  # your code


lesson_8.compacted(compacted)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def compacted(w1, b1, w2):
#     speaks = w1.any(axis=1) | (b1 > 0)  # without inputs it says relu(b1) to every image
#     alive = speaks & w2.any(axis=0)
#     return w1[alive], b1[alive], w2[:, alive]
# ```
# </details>
#
# ## On your own
# - Save `masked` with `np.savez` and with `np.savez_compressed`. Which of the two does sparsity make small, and why is
#   that no help to the processor? (Zeros of both signs do not compress: write `v + 0`.)
# - `pruning.iterative(..., keep=pruning.keep_top_per_layer)` gives every layer its share. No layer collapses. What is
#   the price, in test error?
# - A unit that reads nothing but has a bias is a constant. How does `minisnip/pruning/compaction.py` get rid of it?
#
# ## In practice
# "I pruned 90 % and it is neither smaller nor faster" is asked in every forum, and this lesson is the answer. Three
# ways out: remove whole units or channels (structured pruning, or compacting as here); formats and kernels for sparse
# matrices, which on usual hardware win only at high sparsity; or patterns that a processor knows, such as 2 of 4. In
# all cases: count the layers after pruning, and measure the time instead of deriving it from the sparsity.
#
# ## Further reading
# - H. Tanaka et al., *Pruning neural networks without any data by iteratively conserving synaptic flow*, 2020,
#   [arXiv 2006.05467](https://arxiv.org/abs/2006.05467): layer collapse and SynFlow.
# - P. de Jorge et al., *Progressive skeletonization*, 2021,
#   [arXiv 2006.09081](https://arxiv.org/abs/2006.09081): FORCE.
# - A. Vysogorets, J. Kempe, *Connectivity matters*, 2021,
#   [arXiv 2107.02306](https://arxiv.org/abs/2107.02306): effective sparsity.
# - Back to [lesson 6](06_prune_then_train.ipynb), which trains such networks, or to
#   [lesson 7](07_doubt_the_picture.ipynb), which doubts them.

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
# # 9. Prune anything
#
# ![One matrix, used again and again, and the question how many scores its weights have](figures/teasers/9.png)
#
# | you will | |
# |---|---|
# | **do** | prune an MLP, a convolutional, a residual and a recurrent network with the same three lines |
# | **learn** | what SNIP keeps in each; how it scores a shared weight, batch normalization and the gates of an LSTM |
# | **need** | lesson 5 (scores and masks); MNIST, or the built-in glyphs |
# | **time** | 50 minutes, of which the computer needs one |

# %%
import warnings

import numpy as np

from minisnip import Tensor, exercises, grad, ops, pruning
from minisnip.exercises import lesson_9, mnist_or_glyphs
from minisnip.lab.plots import kept_by_gate, kept_of_networks
from minisnip.nn import LSTM, MODELS, by_gate, cross_entropy, recurrent_network
from minisnip.pruning import apply_masks, keep_top
from minisnip.training import Adam, train

STEPS = 270

# %% tags=["guard"]
STEPS = exercises.fast_or(STEPS, fast=20)

# %% [markdown] tags=["slide"]
# ## Round 1: three lines, four networks
#
# SNIP's paper claims that the method needs no change for another architecture. Here are its three lines: the loss of
# the masked network, its derivative by the mask, the $\kappa$ connections with the largest $|g_j|$. We give them four
# networks:
#
# - an MLP (LeNet-300-100),
# - a convolutional network (LeNet-5-Caffe),
# - a residual network (WRN-10-1: seven convolutions, batch normalization, shortcuts),
# - a recurrent network with an LSTM, which reads an image as 28 rows of 28 pixels.
#
# **Predict:** in each network, which layer keeps the largest share of its weights, and which the smallest?

# %% tags=["slide-more"]
data = mnist_or_glyphs()
x, y = data.train.images[:100], data.train.labels[:100]
kinds = ("MLP", "convolutional", "residual", "recurrent")
models = ("lenet-300-100", "lenet-5-caffe", "wrn-10-1", "lstm-s")


def snip(net, w, sparsity):
    """SNIP's masks for any network."""
    c = {name: Tensor(np.ones_like(w[name])) for name in net.prunable}
    loss = cross_entropy(net(apply_masks(c, w), x), y)
    g = grad(loss, c)
    return keep_top({name: np.abs(g[name]) for name in g}, sparsity)


# %% tags=["key-figure", "slide"]
rows, kept, normalizations = {}, {}, {}
for kind, model in zip(kinds, models, strict=True):
    net = MODELS[model]()
    rows[kind] = pruning.kept_per_layer(snip(net, net.init(0), 0.95))
    kept[kind] = {}
    for name, row in rows[kind].items():
        if "bias" not in name:
            short = name.replace("rnn.weight_", "").removesuffix(".weight")
            kept[kind][short] = row["percent"]
    normalizations[kind] = [short for short in kept[kind] if "bn" in short]
title = f"Weights that SNIP keeps at 95 %, from input to output, {data.label}"
kept_of_networks(kept, normalizations, title)

# %%
for kind, layers in rows.items():
    total = sum(row["kept"] for row in layers.values())
    print(f"{kind}: {total:,} connections kept")
    weights = {name: row for name, row in layers.items() if "bias" not in name}
    order = sorted(weights, key=lambda name: weights[name]["percent"])
    for share, name in {"smallest": order[0], "largest": order[-1]}.items():
        row = weights[name]
        print(f"    {share} share: {name}, {row['percent']:.1f} % of {row['total']:,}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
for kind, model in zip(kinds, models, strict=True):
    weights = {name: row for name, row in rows[kind].items() if "bias" not in name}
    biases = {name: row["kept"] for name, row in rows[kind].items() if "bias" in name}
    assert sum(row["kept"] for row in rows[kind].values()) == pruning.count_kept(MODELS[model]().size, 0.95)
    least = min(weights.values(), key=lambda row: row["percent"])
    assert least["total"] == max(row["total"] for row in weights.values())
    assert kind == "recurrent" or not any(biases.values())

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# In all four networks the largest layer keeps the smallest share: it has so many weights that the loss depends little
# on each of them. Small layers keep large shares. (*ih* and *hh* are the two matrices of the LSTM. Round 3 explains the
# gray bars.) A bias that starts at zero is never kept, because $g_j = w_j \, \partial L / \partial w_j$. One bias of
# the LSTM does not start at zero; see Round 4.
#
# The three lines never ask what a layer is. They multiply and differentiate. Only the derivative of the convolution
# knows what a convolution is.
#
# </details>
#
# ### Exercise 9.1
# Prune a network of your own. All you get is its loss: a function of a dict of arrays or Tensors. Return a mask for
# each name, with `kappa` ones in all.


# %%
def snip_mask(loss, w, kappa):
    """A dict of arrays of 0 and 1 with the names and shapes of w."""
    ...  # your code


lesson_9.snip_mask(snip_mask)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def snip_mask(loss, w, kappa):
#     c = {name: Tensor(np.ones(a.shape)) for name, a in w.items()}
#     g = grad(loss({name: c[name] * w[name] for name in w}), c)
#     scores = np.concatenate([np.abs(g[name]).ravel() for name in w])
#     kept = np.zeros(scores.size)
#     kept[np.argsort(-scores)[:kappa]] = 1
#     masks = {}
#     for name, a in w.items():
#         masks[name] = kept[: a.size].reshape(a.shape)
#         kept = kept[a.size :]  # for the names that follow
#     return masks
# ```
# </details>
#
# ## Round 2: one weight, 28 uses
#
# A recurrent network uses the same matrix $U$ at every row of the image. So its mask $c$ is one matrix, too. To look
# inside, we also give each use a mask of its own: 28 masks $c_1, \dots, c_{28}$, all ones. Let $g$ be the derivative by
# the one mask, and $g_t$ the derivative by $c_t$.
#
# **Predict:** how does $g$ follow from the 28 derivatives $g_t$? And which rows of the image have the largest $|g_t|$:
# the first rows, the rows in the middle, where the ink is, or the last rows?

# %%
rng = np.random.default_rng(0)
W = rng.standard_normal((64, 28)) / np.sqrt(28)
U = rng.standard_normal((64, 64)) / np.sqrt(64)
V = rng.standard_normal((10, 64)) / np.sqrt(64)


def loss(masks):
    """The loss; masks[t] is the mask of U at row t of the image."""
    h = np.zeros((100, 64))
    for t, c in enumerate(masks):
        h = ops.tanh(x[:, 0, t, :] @ W.T + h @ ops.transpose(c * U))
    return cross_entropy(h @ V.T, y)


# %% tags=["slide-more"]
one = Tensor(np.ones((64, 64)))
many = [Tensor(np.ones((64, 64))) for _ in range(28)]
g = grad(loss([one] * 28), one)
each = grad(loss(many), many)
print(f"largest |g - sum of the 28|: {np.abs(g - sum(each)).max():.0e}")
sizes = [np.abs(g_t).sum() for g_t in each]
for first in (0, 7, 14, 21):
    share = sum(sizes[first : first + 7]) / sum(sizes)
    print(f"rows {first:>2} to {first + 6:>2}: {share:8.3%} of the sum of all |g_t|")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert np.allclose(g, sum(each), atol=1e-14)
assert sum(sizes[:14]) < 0.01 * sum(sizes)
assert share > (0.9 if data.name == "mnist" else 0.8)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The derivative by a mask that is used often is the sum over its uses: $g = \sum_t g_t$. This is the rule of lesson 1.
# Nobody had to write it for recurrent networks. So one score combines 28 uses.
#
# The uses do not count equally. The last seven rows have more than nine tenths of the sum, although the very last rows
# are *blank* in most images. What happened 20 rows earlier reaches the loss through 20 matrices and 20 tanh, and each
# makes it smaller. SNIP judges a connection by what it does **at the start of training**, and at the start this network
# hardly remembers the digit.
#
# </details>
#
# ## Round 3: where the scale hides
#
# In WRN-10-1, batch normalization follows the first convolution of each block. It shifts and scales each channel: the
# mean becomes 0 and the variance 1. Then it multiplies the channel by a parameter $\gamma$ and adds a parameter
# $\beta$. At the start, $\gamma = 1$ and $\beta = 0$.
#
# **Predict:** multiply all weights of such a convolution by 10. What happens to the logits, to SNIP's mask, and to the
# mask that keeps the largest $|w_j|$? And does SNIP keep $\gamma$ and $\beta$?

# %% tags=["slide-more"]
warnings.simplefilter("ignore", pruning.LayerCollapseWarning)
net = MODELS["wrn-10-1"]()
w = net.init(0, dtype=np.float64)
name = "block2_1.body.conv1.weight"
tenfold = {**w, name: 10 * w[name]}
print(f"largest change of a logit: {np.abs(net(tenfold, x) - net(w, x)).max():.0e}")
alike = {}
for criterion in ("snip", "magnitude"):
    score = pruning.CRITERIA[criterion]
    first, second = (keep_top(score(net, p, x, y), 0.95) for p in (w, tenfold))
    alike[criterion] = pruning.overlap(first, second).jaccard
    print(f"{criterion}: overlap of the two masks {alike[criterion]:.0%}")

# %% tags=["slide-more"]
masks, shares = snip(net, w, 0.95), {}
for symbol, ending in {"γ": "weight", "β": "bias"}.items():
    parts = [masks[n] for n in masks if "bn" in n and n.endswith(ending)]
    shares[symbol] = np.concatenate(parts).mean()
    print(f"kept of all {symbol}: {shares[symbol]:.0%}")
g, summed = pruning.mask_gradient(net, w, x, y), {}
for layer in (name, "fc.weight"):
    by_filter = g[layer].reshape(len(g[layer]), -1)
    sums, sizes = np.abs(by_filter.sum(axis=1)), np.abs(by_filter).sum(axis=1)
    summed[layer] = sums.max(), sizes.min()
    print(f"{layer}, per filter: |Σ g_j| ≤ {sums.max():.0e}, Σ |g_j| ≥ {sizes.min():.0e}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert alike["snip"] > 0.999 > alike["magnitude"]
assert summed[name][0] < 1e-4 * summed[name][1]
assert summed["fc.weight"][0] > 1e-4 * summed["fc.weight"][1]
assert shares["β"] == 0 < 0.9 < shares["γ"]

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The logits do not change. Ten times the weight has a tenth of the gradient, so the product
# $w_j \, \partial L / \partial w_j$ stays, and SNIP's mask stays. The mask by $|w_j|$ changes almost completely.
#
# The loss does not depend on the size of a filter. So its derivative by that size is zero: $\sum_j g_j = 0$ over each
# filter that is normalized, though no single $g_j$ is zero. (It is not exactly zero, because of the
# $\varepsilon = 10^{-5}$ in the square root.) The last layer, fc, is not normalized, and its sums are not zero.
#
# Now $\gamma$ is the size of a filter, one number for a whole channel. It matters more than any single weight, and SNIP
# keeps nearly every $\gamma$: the gray bars of Round 1. Every $\beta$ starts at zero, so its score is zero.
#
# </details>
#
# ### Exercise 9.2
# After training, the mean $\mu$ and the variance $\sigma^2$ are fixed numbers, and batch normalization is a linear map.
# It can be absorbed by the layer before it. Write
#
# $$\gamma \, \frac{w x + b - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$
#
# as one weight and one bias; $w$ is an array (units, inputs).


# %%
def folded(w, b, gamma, beta, mean, var, eps):
    """The weight and the bias of one linear layer that does both."""
    ...  # your code


lesson_9.folded(folded)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def folded(w, b, gamma, beta, mean, var, eps):
#     scale = gamma / np.sqrt(var + eps)
#     return scale[:, None] * w, scale * (b - mean) + beta
# ```
# </details>
#
# ## Round 4: which gate keeps most?
#
# An LSTM has four gates. They are blocks of rows of the same two matrices, and PyTorch calls them i, f, g and o. (This
# g is a gate; it is not the derivative $g_j$.) The memory $s$ and the output $h$ are
#
# $$s \leftarrow \mathrm{f} \odot s + \mathrm{i} \odot \mathrm{g}, \qquad h \leftarrow \mathrm{o} \odot \tanh(s).$$
#
# So i lets new content into the memory, f keeps the old content, and o controls the output. Each is a sigmoid, between
# 0 and 1. The new content itself is g, a tanh.
#
# **Predict:** which gate keeps most of its connections at 95 %, and how much do the other three keep? Does it matter
# whether the bias of f starts at 0 or at 1?
#
# The second cell below trains three networks. It takes the longest of all, and prints nothing until they are trained.

# %% tags=["slide"]
net = recurrent_network(LSTM, 64)
at_1 = net.init(0)
at_0 = {**at_1, "rnn.bias": np.zeros_like(at_1["rnn.bias"])}
starts = {"the bias of f starts at 0": at_0, "the bias of f starts at 1": at_1}
masks, kept = {}, {}
for start, w in starts.items():
    masks[start] = snip(net, w, 0.95)
    kept[start] = {}
    for name, gates in by_gate(net, masks[start]).items():
        kept[start][name] = {gate: 100 * c.mean() for gate, c in gates.items()}
kept_by_gate(kept, f"What each gate of an LSTM of 64 units keeps at 95 %, {data.label}")


# %% tags=["slide-more"]
def error(w, masks):
    """Validation error in percent, after half an epoch under these masks."""
    options = {"optimizer": Adam(), "learning_rate": 0.01, "title": None}
    result = train(net, w, data, masks, iterations=STEPS, rng=0, **options)
    return result.history[-1]["validation_error_percent"]


errors = {start: error(w, masks[start]) for start, w in starts.items()}
errors["not pruned"] = error(at_1, None)
for start, percent in errors.items():
    print(f"{start:<26}{percent:5.1f} % validation error")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
for gates in kept.values():
    assert gates["rnn.weight_ih"]["g"] > 10 * max(gates["rnn.weight_ih"][gate] for gate in "ifo")
assert kept["the bias of f starts at 0"]["rnn.bias"]["f"] == 0
assert kept["the bias of f starts at 1"]["rnn.bias"]["f"] > 70
if data.name == "mnist" and STEPS == 270:
    zero, one, dense = errors.values()
    assert dense < 10 < one < 40 < zero

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Nearly all kept weights are in g. At the start the weights are small, so i, f and o are about ½ for every image, and g
# is about 0. If the input of i changes by $d$, then $\mathrm{i} \odot \mathrm{g}$ changes by $d/4$ times g, which is
# very little. If the input of g changes by $d$, it changes by $d$ times i, which is $d/2$. So at the start the gates
# have almost no effect. That is all that a derivative at the start can see; it does not see what the gates are for.
#
# Without connections a gate is constant. If f = sigmoid(0) = ½, every row halves the memory, and after 28 rows
# $4 \cdot 10^{-9}$ of it remain. Training can hardly change this, because the bias of f and nearly all of its weights
# are pruned. So the package starts the bias of f at 1. (TensorFlow's LSTM adds a constant 1 to f; here the 1 is in a
# parameter.) Then the score of the bias is not zero, SNIP keeps most of it, and the network can *learn* how long to
# remember. After half an epoch its error is still far above that of the dense network. Table 2 of the site shows longer
# training.
#
# </details>
#
# ### Exercise 9.3
# Count what each gate keeps. `mask` is the mask of `weight_ih` or `weight_hh`; `gates` has a letter for each block of
# rows, from the first block to the last.


# %%
def kept_shares(mask, gates):
    """A dict: for each letter, the share of its connections that is kept."""
    ...  # your code


lesson_9.kept_shares(kept_shares)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def kept_shares(mask, gates):
#     shares = {}
#     for gate, block in zip(gates, np.split(mask, len(gates))):
#         shares[gate] = block.mean()
#     return shares
# ```
# </details>
#
# ## On your own
# - The GRU has the gates r, z and n (`recurrent_network(GRU, 64)`). Which one keeps most? Check with `by_gate`.
# - Score WRN-10-1 with a single image, or an LSTM with `CRITERIA["synflow"]`. Both raise an error. Why is neither score
#   defined?
# - Write a layer of your own (the site, "Write a layer"), and prune a network with it by `snip` above, unchanged.
#
# ## In practice
# - If you prune an architecture that the method's paper does not have, print what is kept per layer *and per block*: a
#   gate, a shortcut, a normalization. A global threshold compares them all by one derivative at one moment. What
#   matters only later in training looks useless at the start.
# - Say whether you count normalizations and biases. The paper's numbers of parameters are right for its VGG without
#   $\gamma$ and $\beta$, and for its WRN with them.
#
# ## Further reading
# - N. Lee, T. Ajanthan, P. Torr, *SNIP*, 2019, [arXiv 1810.02340](https://arxiv.org/abs/1810.02340): Table 2.
# - S. Ioffe, C. Szegedy, *Batch normalization*, 2015, [arXiv 1502.03167](https://arxiv.org/abs/1502.03167).
# - S. Hochreiter, J. Schmidhuber, *Long short-term memory*, 1997; F. Gers et al., *Learning to forget*, 2000.
# - R. Jozefowicz et al., *An empirical exploration of recurrent network architectures*, 2015: the bias of 1.
# - Back to [lesson 5](05_score_before_training.ipynb), where the score comes from, or to
#   [lesson 8](08_break_and_repair.ipynb), where layers collapse.

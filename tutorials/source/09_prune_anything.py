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
# # 9. Prune anything
#
# ![Kept of each layer of four networks](figures/09_prune_anything.png)
#
# | you will | |
# |---|---|
# | **do** | prune an MLP, a convolutional, a residual and a recurrent network with the same three lines |
# | **learn** | why a weight that is used 28 times has one score; where the scale hides; which gate SNIP keeps |
# | **need** | lesson 5 (scores and masks); MNIST, or the built-in glyphs |
# | **time** | 50 minutes, of which the computer needs half a minute |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
import warnings

import numpy as np

from minisnip import Tensor, grad, ops
from minisnip.exercises import fast_or, lesson_9, mnist_or_glyphs
from minisnip.lab.plots import kept_by_gate, kept_of_networks
from minisnip.nn import LSTM, MODELS, by_gate, cross_entropy, recurrent_network
from minisnip.pruning import CRITERIA, apply_masks, count_kept, keep_top, kept_per_layer, mask_gradient, overlap
from minisnip.training import Adam, train

# %% [markdown]
# ## Round 1: three lines, four networks
#
# SNIP's paper claims that its method needs no change for another architecture. Here are the three lines: the loss of
# the masked network, its derivative with respect to the mask, the κ largest. They are given four networks: an MLP, a
# convolutional network, a residual one (WRN-10-1: seven convolutions, batch normalization, shortcuts), and one with an
# LSTM, which reads an image as 28 rows of 28 pixels.
#
# **Predict:** in each network, which layer keeps the largest share of its connections, and which the smallest?

# %%
data = mnist_or_glyphs()
x, y = data.train.images[:100], data.train.labels[:100]


def snip(net, w, sparsity):
    c = {name: Tensor(np.ones_like(w[name])) for name in net.prunable}
    g = grad(cross_entropy(net(apply_masks(c, w), x), y), c)
    return keep_top({name: abs(g[name]) for name in g}, sparsity)


# %% tags=["key-figure"]
FOUR = {"MLP": "lenet-300-100", "convolutional": "lenet-5-caffe", "residual": "wrn-10-1"}
FOUR["recurrent"] = "lstm-s"
rows, kept, normalizations = {}, {}, {}
for kind, model in FOUR.items():
    net = MODELS[model]()
    rows[kind] = kept_per_layer(snip(net, net.init(0), 0.95))
    shares = {name: row["percent"] for name, row in rows[kind].items() if "bias" not in name}
    short = {name: name.replace("rnn.weight_", "").removesuffix(".weight") for name in shares}
    kept[kind] = {short[name]: share for name, share in shares.items()}
    normalizations[kind] = [name for name in kept[kind] if "bn" in name]
title = f"Weights that SNIP keeps at 95 %, from input to output, {data.label}"
kept_of_networks(kept, normalizations, title)

# %%
for kind, model in FOUR.items():
    weights = {name: row for name, row in rows[kind].items() if "bias" not in name}
    biases = {name: row["kept"] for name, row in rows[kind].items() if "bias" in name}
    total = sum(row["kept"] for row in rows[kind].values())
    largest = max(row["total"] for row in weights.values())
    least = min(weights, key=lambda name: weights[name]["percent"])
    share = f"{weights[least]['percent']:.1f} % of {weights[least]['total']:,}"
    print(f"{kind:<14}{total:>7,} kept; smallest share: {least}, {share}")
    assert total == count_kept(MODELS[model]().size, 0.95)
    assert weights[least]["total"] == largest
    assert kind == "recurrent" or not any(biases.values())

# %% [markdown]
# **Explain.** In all four, the largest layer keeps the smallest share: it has so many weights that the loss needs none
# of them much. (*ih* and *hh* are the two matrices of the LSTM. The bars in gray are round 3.) Small layers, such as
# the last, keep most. No bias that is zero at the start is kept, because $g_j = w_j \, \partial L / \partial w_j$; one
# bias of the LSTM is not zero, see round 4.
#
# The three lines never ask what a layer is. They multiply, and differentiate. All that knows a convolution is the rule
# for its derivative.
#
# ### Exercise 9.1
# Prune a network of your own. All you are given is its loss: a function of a dict of arrays or Tensors. Return a mask
# for each name, with `kappa` ones in all.


# %%
def snip_mask(loss, w, kappa):
    """A dict of arrays of 0 and 1 with the names and shapes of w."""
    ...  # your code


lesson_9.snip_mask(snip_mask)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def snip_mask(loss, w, kappa):
#     c = {name: Tensor(np.ones(a.shape)) for name, a in w.items()}
#     g = grad(loss({name: c[name] * w[name] for name in w}), c)
#     flat = np.concatenate([abs(g[name]).ravel() for name in w])
#     kept = np.zeros(flat.size)
#     kept[np.argsort(-flat)[:kappa]] = 1
#     parts = np.split(kept, np.cumsum([a.size for a in w.values()])[:-1])
#     return {name: part.reshape(w[name].shape) for name, part in zip(w, parts)}
# ```
# </details>
#
# ## Round 2: one weight, used 28 times, scored once
#
# A recurrent network uses the same matrix $U$ at every row of the image. Its mask $c$ is one matrix too, so the score
# of a connection speaks for all 28 uses. To look inside, give each use a mask of its own: 28 masks, all ones.
#
# **Predict:** how does the derivative by the one mask follow from the 28 derivatives? And which rows of the image have
# most to say: the first, those in the middle, where the ink is, or the last?

# %%
rng = np.random.default_rng(0)
W, U, V = (rng.standard_normal(s) / np.sqrt(s[1]) for s in ((64, 28), (64, 64), (10, 64)))


def loss(masks):
    h = np.zeros((100, 64))
    for row, c in enumerate(masks):
        h = ops.tanh(x[:, 0, row, :] @ W.T + h @ ops.transpose(c * U))
    return cross_entropy(h @ V.T, y)


# %%
one, many = Tensor(np.ones((64, 64))), [Tensor(np.ones((64, 64))) for _ in range(28)]
g, each = grad(loss([one] * 28), one), grad(loss(many), many)
size = np.array([abs(g_t).sum() for g_t in each])
print("largest difference between g and the sum of the 28:", f"{abs(g - sum(each)).max():.0e}")
for part in (slice(0, 7), slice(7, 14), slice(14, 21), slice(21, 28)):
    print(f"rows {part.start:>2} to {part.stop - 1:>2}: {size[part].sum() / size.sum():8.3%} of the sum of all |g_t|")
assert np.allclose(g, sum(each), atol=1e-14)
assert size[:14].sum() < 0.01 * size.sum()
assert size[21:].sum() > 0.8 * size.sum()

# %% [markdown]
# **Explain.** The derivative by a mask that is used often is the sum over its uses: that is the rule of lesson 1, and
# nobody had to write it for recurrent networks. So one score weighs 28 uses together. But not evenly: the last seven
# rows have more than nine tenths of it, and the very last are *blank* in most images. What happened 20 rows ago reaches
# the loss through 20 matrices and 20 tanh, and each makes it smaller. SNIP judges a connection by what it does **at the
# start of training**, and there this network hardly remembers the digit.
#
# ## Round 3: where the scale hides
#
# In WRN-10-1, batch normalization follows most convolutions: whatever a channel's mean and spread are, it makes them 0
# and 1. **Predict:** multiply all weights of such a convolution by 10. What happens to the logits, to SNIP's mask, and
# to the mask that keeps the largest |w|?

# %%
net = MODELS["wrn-10-1"]()
w = net.init(0, dtype=np.float64)
g = mask_gradient(net, w, x, y)
name = "block2_1.body.conv1.weight"
tenfold = {**w, name: 10 * w[name]}
print("logits change by", f"{abs(net(tenfold, x) - net(w, x)).max():.0e}")
with warnings.catch_warnings(action="ignore"):  # |w| empties layers
    for criterion in ("snip", "magnitude"):
        first, second = (keep_top(CRITERIA[criterion](net, p, x, y), 0.95) for p in (w, tenfold))
        alike = overlap(first, second).jaccard
        print(f"{criterion}: the two masks share {alike:.0%} of what they keep")
        assert (alike > 0.999) == (criterion == "snip")

# %%
print("for each filter: |sum of g_j| and sum of |g_j|, largest and least")
for layer in (name, "fc.weight"):
    by_filter = g[layer].reshape(len(g[layer]), -1)
    sums, sizes = abs(by_filter.sum(axis=1)), abs(by_filter).sum(axis=1)
    print(f"{layer:<28}{sums.max():8.0e}{sizes.min():10.0e}")
    assert (sums.max() < 1e-4 * sizes.min()) == (layer == name)
scales = [n for n in g if "bn" in n and n.endswith("weight")]
shifts = [n for n in g if "bn" in n and n.endswith("bias")]
masks = snip(net, w, 0.95)
shares = [np.mean(np.concatenate([masks[n] for n in names])) for names in (scales, shifts)]
print("kept: {:.0%} of the scales γ, {:.0%} of the shifts β".format(*shares))
assert shares[1] == 0 < 0.9 < shares[0]

# %% [markdown]
# **Explain.** Ten times the weights, a tenth of the gradient: the product $w_j \, \partial L / \partial w_j$ stays, and
# so does SNIP's mask. |w| believes every number that it sees. And as the loss does not depend on the size of a filter,
# its derivative by that size is zero: $\sum_j g_j = 0$ over each filter that is normalized, though no $g_j$ is. (Not
# quite zero: ε = 1e-5 in the square root remembers the size.)
#
# The size of a filter now is γ, one number for a whole channel. It is worth more than any weight, and SNIP keeps nearly
# all of them: the gray bars of round 1. β starts at zero, so it is scored zero, like every bias.
#
# ### Exercise 9.2
# After training, the statistics are fixed numbers, and batch normalization is one more linear map: γ hides in the
# weight before it. Fold γ (w x + b − μ) / √(σ² + ε) + β into one weight and one bias; w is (units, inputs).


# %%
def folded(w, b, gamma, beta, mean, var, eps):
    """The weight and the bias of one linear layer that does both."""
    ...  # your code


lesson_9.folded(folded)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def folded(w, b, gamma, beta, mean, var, eps):
#     scale = gamma / np.sqrt(var + eps)
#     return scale[:, None] * w, scale * (b - mean) + beta
# ```
# </details>
#
# ## Round 4: which gate keeps most
#
# An LSTM has four gates, blocks of rows of the same two matrices. *i* lets something new into the memory c, *f* keeps
# what is there, *o* lets it out, each σ(...) between 0 and 1; *g* = tanh(...) is what is new:
#
# $$c \leftarrow f \odot c + i \odot g, \qquad h \leftarrow o \odot \tanh(c).$$
#
# **Predict:** which gate keeps most of its connections at 95 %, and how much do the other three keep? And what does it
# matter whether the bias of *f* starts at 0 or at 1?

# %%
UNITS = 64
net = recurrent_network(LSTM, UNITS)
at_1 = net.init(0)
at_0 = {**at_1, "rnn.bias": np.zeros(4 * UNITS, np.float32)}
starts = {"the bias of f starts at 0": at_0, "the bias of f starts at 1": at_1}
masks = {start: snip(net, w, 0.95) for start, w in starts.items()}
shares = {start: by_gate(net, c) for start, c in masks.items()}
kept = {}
for start, by_name in shares.items():
    kept[start] = {n: {gate: 100 * c.mean() for gate, c in by_name[n].items()} for n in by_name}
kept_by_gate(kept, f"What each gate of an LSTM of {UNITS} units keeps at 95 %, {data.label}")


# %%
def error(w, masks):
    how = {"iterations": fast_or(270, fast=20), "optimizer": Adam(), "learning_rate": 0.01}
    return train(net, w, data, masks, rng=0, **how).history[-1]["validation_error_percent"]


errors = {start: error(w, masks[start]) for start, w in starts.items()}
errors["not pruned"] = error(at_1, None)
print("\n".join(f"{start:<26}{e:5.1f} % validation error" for start, e in errors.items()))
print(f"memory left after 28 rows: {0.5**28:.0e} of f = σ(0), {0.731**28:.0e} of f = σ(1)")

# %%
for start, gates in kept.items():
    g_share = gates["rnn.weight_ih"]["g"]
    others = max(gates["rnn.weight_ih"][gate] for gate in "ifo")
    print(f"{start}: of weight_ih, g keeps {g_share:.1f} %, no other gate more than {others:.1f} %")
    assert g_share > 10 * others
assert kept["the bias of f starts at 0"]["rnn.bias"]["f"] == 0
assert kept["the bias of f starts at 1"]["rnn.bias"]["f"] > 70
if data.name == "mnist" and fast_or(True, fast=False):
    zero, one, dense = errors.values()
    assert dense < 10 < one < 40 < zero

# %% [markdown]
# **Explain.** *g* keeps nearly everything. At the start the three others are about ½ whatever the image is, because
# their weights are small. A change of *i* changes $i \odot g$ by a quarter of g, which is small too; a change of *g*
# changes it by i = ½ straight away. One derivative at the start says: the gates do nothing yet. That is true, and it is
# not what they are for.
#
# Without connections, a gate is a constant. f = σ(0) = ½ halves the memory with every row, for ever: no training can
# bring it back, as its weights and its bias are gone. So the package starts the bias of *f* at 1. (TensorFlow's LSTM
# adds a constant of 1 to *f*; here the 1 is in a parameter.) The score of the bias is then not zero, SNIP keeps most
# of it, and the network can *learn* how long to remember. After half an epoch it is still far behind the dense one. The
# site's table 2 says what longer training gives.
#
# ### Exercise 9.3
# Count what each gate keeps: `mask` is the mask of `weight_ih` or `weight_hh`, and `gates` has a letter for each block
# of rows, from the first to the last.


# %%
def kept_shares(mask, gates):
    """A dict: for each letter, the share of its connections that is kept."""
    ...  # your code


lesson_9.kept_shares(kept_shares)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def kept_shares(mask, gates):
#     rows = len(mask) // len(gates)
#     return {gate: mask[k * rows : (k + 1) * rows].mean() for k, gate in enumerate(gates)}
# ```
# </details>
#
# ## On your own
# - The GRU has gates *r*, *z* and *n* (`recurrent_network(GRU, 64)`). Which keeps most? Check with `by_gate`.
# - Score WRN-10-1 with one image, or an LSTM with `CRITERIA["synflow"]`. Both are refused. Why is neither defined?
# - Write a layer of your own (the site, "Write a layer") and prune a network with it by `snip` above, unchanged.
#
# ## In practice
# Before you prune an architecture that a method's paper does not have, print what is kept per layer *and per block*: a
# gate, a shortcut, a normalization. A global threshold compares them all by one derivative at one moment. What matters
# only later in training looks useless then. And say whether normalizations and biases are counted: the paper's numbers
# of parameters come out for its VGG without γ and β, and for its WRN with them.
#
# ## Further reading
# - N. Lee, T. Ajanthan, P. Torr, *SNIP*, 2019, [arXiv 1810.02340](https://arxiv.org/abs/1810.02340): Table 2.
# - S. Ioffe, C. Szegedy, *Batch normalization*, 2015, [arXiv 1502.03167](https://arxiv.org/abs/1502.03167).
# - S. Hochreiter, J. Schmidhuber, *Long short-term memory*, 1997; F. Gers et al., *Learning to forget*, 2000.
# - R. Jozefowicz et al., *An empirical exploration of recurrent network architectures*, 2015: the bias of 1.
# - Back to [lesson 5](05_score_before_training.ipynb), where the score comes from, or to
#   [lesson 8](08_break_and_repair.ipynb), where layers collapse.

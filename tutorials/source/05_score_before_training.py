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
# # 5. Score a connection before training
#
# ![A network with one connection cut, and the question what the loss does](figures/teasers/5.png)
#
# | you will | |
# |---|---|
# | **do** | remove every connection of a network, one at a time, and compare with one derivative |
# | **learn** | what SNIP's score is, why it has a magnitude and one sum, and what it does not tell |
# | **need** | derivatives, a little Python; no download: the digits are drawn from fonts |
# | **time** | 50 minutes, of which the computer needs 20 seconds |

# %%
import numpy as np

from minisnip import Tensor, exercises, grad, pruning
from minisnip.data import glyphs, load
from minisnip.exercises import lesson_5
from minisnip.lab.plots import joint_curves, scores_and_threshold
from minisnip.nn import cross_entropy, lenet_300_100
from minisnip.pruning import apply_masks, count_kept, keep_top, mask_gradient, ones
from minisnip.training import evaluate, train

N, EPOCHS = 100, 5  # images to score with; epochs of training in Round 5

# %% tags=["guard"]
N, EPOCHS = exercises.fast_or((N, EPOCHS), fast=(20, 2))

# %% [markdown] tags=["slide"]
# ## Round 1: remove one connection, a little at a time
#
# Put a switch $c_j$ on every weight $w_j$: the network computes with $c \odot w$, and $c = 1$ leaves it as it is. What
# does connection $j$ contribute to the loss? Switch it off, and look at the difference:
#
# $$\Delta L_j = L(1 \odot w) - L((1 - e_j) \odot w)$$
#
# If $\Delta L_j > 0$, the loss is *smaller* without the connection. The next cell takes one connection of the last
# layer of an untrained network. It turns the switch down only by $\delta$, and divides the difference by $\delta$. For
# $\delta = 1$ this is $\Delta L_j$ itself.
#
# **Predict:** what does the quotient tend to as $\delta$ shrinks? By which factor does the distance to this limit
# shrink when $\delta$ is halved?

# %% tags=["slide-more"]
data, net = load("glyphs"), lenet_300_100()
w = net.init(0, dtype=np.float64)
x, y = data.train.images[:N].astype(np.float64), data.train.labels[:N]


def masked_loss(c):
    return cross_entropy(net(apply_masks(c, w), x), y)  # L(c ⊙ w; D)


changes = pruning.delta_loss(net, w, x, y, title=None, names=["fc3.weight"])["fc3.weight"]
j = np.unravel_index(np.abs(changes).argmax(), changes.shape)
for delta in (1, 1 / 2, 1 / 4, 1 / 8):
    c = ones(w)
    c["fc3.weight"][j] = 1 - delta
    quotient = (masked_loss(ones(w)) - masked_loss(c)) / delta
    print(f"δ = {delta:<5}  quotient {quotient:.6f}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
slope = mask_gradient(net, w, x, y)["fc3.weight"][j]
c["fc3.weight"][j] = 1 - 2 * delta
double = (masked_loss(ones(w)) - masked_loss(c)) / (2 * delta)
if N == 100:
    assert abs(slope - 0.0397) < 1e-4
    assert 0.9 < changes[j] / slope < 0.91
    assert 1.9 < (slope - double) / (slope - quotient) < 2.1

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The quotient tends to the derivative $g_j = \partial L / \partial c_j$ at $c = 1$, here 0.0397. If $\delta$ is halved,
# so is the distance to $g_j$: the quotient is of order 1. At $\delta = 1$ the connection is gone, and a tenth of $g_j$
# is missing. SNIP's idea is to take $g_j$ in place of $\Delta L_j$. Round 3 shows how good this is for all connections.
#
# </details>
#
# ### Exercise 5.1
# Write a better quotient, of order 2: half the $\delta$ leaves a quarter of the distance. The check measures the
# order.


# %%
def quotient_of_order_2(L, delta):
    """Nearly L'(1), for a function L of one number."""
    ...  # your code


lesson_5.quotient(quotient_of_order_2)

# %% [markdown] tags=["slide"]
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
# backward pass: make $c$ the variable.
#
# **Predict:** the loss depends on $c_j$ only through the product $c_j w_j$. How does $\partial L / \partial c_j$ follow
# from $\partial L / \partial w_j$? And what is $g_j$ for a bias that starts at 0?

# %% tags=["slide-more"]
c = {name: Tensor(switches) for name, switches in ones(w).items()}
g = grad(masked_loss(c), c)
slopes = pruning.weight_gradient(net, w, x, y)
apart = max(np.abs(g[name] - w[name] * slopes[name]).max() for name in g)
print(f"largest |g_j - w_j · ∂L/∂w_j|: {apart:.0e}")

biases = np.concatenate([g[name] for name in g if name.endswith("bias")])
print(f"biases with g_j = 0: {np.count_nonzero(biases == 0)} of {biases.size}")
print(f"all ΔL_j: {net.size + 1:,} forward passes; all g_j: one forward, one backward")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert apart < 1e-12
assert not biases.any()
assert np.isclose(g["fc3.weight"][j], slope)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# By the chain rule, $g_j = w_j \, \partial L / \partial w_j$. The mask gradient is weight times gradient. It is not the
# gradient alone, which tells where training moves the weight. Nor is it the weight alone, which tells how large it is.
# Biases start at 0, so their $g_j$ is 0, and SNIP prunes all of them.
#
# </details>
#
# ### Exercise 5.2
# Compute $g$ in three ways, for a loss that is a function of a vector $w$: by the mask, by the weights, and by
# difference quotients.


# %%
def three_ways(L, w):
    """Three arrays like w: ∂L/∂c by a Tensor c, w ⊙ ∂L/∂w, a quotient in each c_j.

    L takes a Tensor or an array.
    """
    ...  # your code


lesson_5.three_ways(three_ways)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def three_ways(L, w):
#     c, weights = Tensor(np.ones_like(w)), Tensor(w)
#     by_mask = grad(L(c * w), c)
#     by_weights = w * grad(L(weights), weights)
#     quotients = []
#     for step in 1e-5 * np.eye(len(w)):
#         quotients.append((L((1 + step) * w) - L((1 - step) * w)) / 2e-5)
#     return by_mask, by_weights, np.array(quotients)
# ```
# </details>
#
# ## Round 3: is the derivative as good as the deletion?
#
# `delta_loss` computes $\Delta L_j$ by its definition for *every* connection. It does not need a whole forward pass for
# each: a connection changes only one unit of its layer, so `delta_loss` computes again only what changes.
#
# **Predict** the correlation of $\Delta L_j$ and $g_j$ over all 266,610 connections. Then think of the 5 % of the
# connections with the largest $|g_j|$. How many of them are among the 5 % with the largest $|\Delta L_j|$, too?

# %% tags=["slide-more"]
deltas = pruning.delta_loss(net, w, x, y, title=None)
table = pruning.agreement(g, deltas, [0.95])
for layer, row in table.items():
    print(f"{layer}, {row['connections']:,}: correlation {row['pearson']:.3f}")
    print(f"    ΔL_j and g_j have the same sign: {row['equal_signs']:.1%}")
    print(f"    among the 5 % largest |g_j|, also by |ΔL_j|: {row['precision_95']:.1%}")


def flat(scores):
    return np.concatenate([a.ravel() for a in scores.values()])


# %% tags=["key-figure", "slide-more"]
kappa = count_kept(net.size, 0.95)
sizes = {"g": np.abs(flat(g)), "ΔL": np.abs(flat(deltas))}
thresholds = {name: np.sort(size)[-kappa] for name, size in sizes.items()}
kept = sizes["g"] >= thresholds["g"]
kept_by_definition = sizes["ΔL"] >= thresholds["ΔL"]
wrong = np.sign(flat(g)) != np.sign(flat(deltas))
print(f"other sign: {wrong.mean():.1%} of all, {wrong[kept].mean():.2%} of those kept")
alone = sizes["g"][kept & ~kept_by_definition] / thresholds["g"]
print(f"kept by |g_j| alone: {alone.size:,}, half < {np.median(alone):.2f} thresholds")
title = f"LeNet-300-100 before training, {N} images of {data.label}: keep {kappa:,}"
scores_and_threshold(g, deltas, thresholds, title)

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert table["all"]["pearson"] > 0.96
assert table["all"]["equal_signs"] > 0.96
assert table["all"]["precision_95"] > 0.88
assert wrong[kept].mean() < 0.003 < wrong.mean() < 0.03
assert np.median(alone) < 1.25

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Nearly. The points lie along the diagonal, for both signs. The signs differ for 2 % of the connections, the faint
# second diagonal, and hardly any of them are large enough to be kept. Where $|g_j|$ and $|\Delta L_j|$ choose
# differently, the scores are close to the threshold, where it matters least. The main cause is the kink of ReLU: if you
# remove a connection, its unit can cross the kink, and no derivative sees this. MNIST gives nearly the same numbers
# (see "How well the derivative predicts a deletion" on the site).
#
# </details>
#
# ## Round 4: keep exactly $\kappa$
#
# Let $\kappa$ be the number of connections to keep. The threshold is the $\kappa$-th largest score. The next cell
# scores with *one* image, whose black pixels are exactly 0, and keeps 80 %.
#
# **Predict:** what goes wrong with `scores >= threshold` if many scores are equal?

# %% tags=["slide-more"]
image, label = glyphs(1)
gradients = mask_gradient(net, w, image.astype(np.float64), label)
scores = {name: np.abs(a) for name, a in gradients.items()}
every = flat(scores)
kappa = count_kept(every.size, 0.2)
threshold = np.sort(every)[-kappa]
kept = int(flat(keep_top(scores, 0.2)).sum())
print(f"κ = {kappa:,}; {np.sum(every == 0):,} scores are 0; the threshold is {threshold}")
print(f">= keeps {np.sum(every >= threshold):,}, > keeps {np.sum(every > threshold):,}")
print(f"keep_top keeps {kept:,}")
tenth = net.size * (1 - 0.9)
print(f"10 % of {net.size:,}: int({tenth!r}) is {int(tenth):,}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert kept == kappa
assert np.sum(every > threshold) < kappa < np.sum(every >= threshold) == net.size
assert int(net.size * (1 - 0.9)) == 26_660

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Most scores are 0, so the threshold is 0, and `>=` prunes nothing at all. Nobody is warned about a wrong $\kappa$: the
# network just trains better than it should. The last line shows another way to get it wrong: `int` cuts off where you
# mean `round`.
#
# </details>
#
# ### Exercise 5.3
# Write the choice: a mask with exactly $\kappa$ ones, none of them at a score below a score that is pruned. Break ties
# as you like.


# %%
def exactly(scores, kappa):
    """An array of 0 and 1 of the shape of `scores`, which has one axis."""
    ...  # your code


lesson_5.exactly(exactly)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def exactly(scores, kappa):
#     mask = np.zeros(len(scores))
#     highest = np.argsort(-scores, kind="stable")[:kappa]
#     mask[highest] = 1
#     return mask
# ```
# </details>
#
# ### Divide the scores
# The paper divides the scores by their sum: $s_j = |g_j| / \sum_k |g_k|$.
#
# **Predict:** keep 2 % of the connections. How many of them change if you leave the division out? And if you divide
# each layer by *its own* sum, "to be fair"?

# %% tags=["slide-more"]
score = {name: np.abs(a) for name, a in g.items()}
one_sum = {name: s / flat(score).sum() for name, s in score.items()}
own_sum = {name: s / max(s.sum(), 1e-300) for name, s in score.items()}  # biases: all 0
masks = {}
for rule, scores in {"|g|": score, "one sum": one_sum, "a sum each": own_sum}.items():
    masks[rule] = keep_top(scores, 0.98)
    kept = [int(masks[rule][f"{layer}.weight"].sum()) for layer in ("fc1", "fc2", "fc3")]
    print(f"{rule:10}  kept of fc1, fc2, fc3: {kept}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert np.array_equal(flat(masks["|g|"]), flat(masks["one sum"]))
assert masks["a sum each"]["fc1.weight"].sum() < masks["|g|"]["fc1.weight"].sum() / 5

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# One sum changes nothing: if you divide all scores by the same number, their order stays. It only makes the scores of
# two networks comparable. A sum for each layer changes a lot. Then the average score in a layer with $m$ connections
# is $1/m$, so the large first layer, which has to read the image, keeps almost nothing.
#
# </details>
#
# ### Exercise 5.4
# Show this with the smallest example that you can find. Give positive scores for two layers, no two of them equal, and
# an even number in all. The higher half is kept. If each layer is divided by its sum, the choice has to change.

# %%
layers = {"first": ..., "second": ...}  # your lists of numbers


lesson_5.layers(layers)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# layers = {"first": [1], "second": [2, 3, 4]}  # the 1 stays 1, the others become 2/9, 3/9 and 4/9
# ```
# </details>
#
# ## Round 5: many at once
#
# $g_j$ describes *one* connection, and SNIP removes hundreds of thousands.
#
# **Predict:** if many connections go, is the change of the loss the sum of their $g_j$?
#
# And if the loss is what counts, why the magnitude? The rule "+g" keeps the highest $g_j$, with their signs. The rule
# "−g" keeps the lowest: without these the loss would grow most.
#
# **Predict:** at 98 %, which rule has the lowest loss right after pruning? Which has the lowest test error after
# training?

# %% tags=["slide-more"]
joint = pruning.joint_deletion(net, w, x, y, [0.5, 0.8, 0.9, 0.95, 0.98, 0.99])
print("change of the loss when connections go")
for row in joint:
    change, predicted = -row["true"], -row["linear"]
    print(f"{row['sparsity']:.0%} go: measured {change:+.3f}, the sum {predicted:+.3f}")
joint_curves(joint, f"LeNet-300-100 before training, {N} images of {data.label}")

# %% tags=["slide-more"]
negative = {name: -a for name, a in g.items()}
rules = {"|g|": score, "+g": g, "-g": negative, "|g|, a sum each": own_sum}
start = {name: a.astype(np.float32) for name, a in w.items()}
losses, errors = {}, {}
print(f"{data.label}; the loss of the dense network is {masked_loss(ones(w)):.2f}")
for rule, scores in rules.items():
    masks = keep_top(scores, 0.98)
    losses[rule] = masked_loss(masks)
    params = train(net, start, data, masks, EPOCHS, title=None).params
    _, errors[rule] = evaluate(net, params, data.test)
    print(f"{rule:15}  loss {losses[rule]:.2f}; trained, test error {errors[rule]:.1f} %")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert abs(joint[0]["linear"]) < 0.5 * abs(joint[0]["true"])
assert max(abs(row["linear"] / row["true"] - 1) for row in joint[2:]) > 0.5
assert N < 100 or 1.5 < joint[4]["linear"] / joint[4]["true"] < 2.5
assert min(errors, key=errors.get) == "|g|"
assert max(errors, key=errors.get) == "|g|, a sum each"
assert losses["|g|, a sum each"] < losses["|g|"]

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The sum does not predict the loss. At 98 % it is wrong by a factor of two, and at 50 % it misses most of the change.
# The score *ranks* single connections. It does not tell how good the network is that remains.
#
# Nor is the loss right after pruning what we want. The rule "−g" keeps what helps *now*, but the network is untrained.
# A connection with a large $|g_j|$ has a large effect, and training can turn the effect in either direction. A
# connection with a small $|g_j|$ has little effect in any direction. So $|g|$ trains best, here and (checked once,
# outside this notebook) with three initializations and on MNIST. With a sum for each layer, the loss right after
# pruning is lower than with $|g|$. Yet it trains worst, because its first layer has too few connections to see the
# image.
#
# </details>
#
# ## On your own
# - Score with MNIST: `load("mnist")`. Then map its images back to 0 … 1. How many scores are exactly 0?
# - The second term of $\Delta L_j$ is $-\frac{1}{2} \, \partial^2 L / \partial c_j^2$ (`mask_curvature` in
#   `minisnip.pruning`). In which layer does it explain the difference $\Delta L_j - g_j$, and in which does it not?
# - Remove the two connections with the largest $|g_j|$, each alone and both together. Do the changes add up? For which
#   pairs?
#
# ## In practice
# - Most bugs of SNIP implementations are in this lesson: $\partial L / \partial w$ in place of
#   $\partial L / \partial c$, ties kept by `>=`, $\kappa$ cut off by `int`, biases counted or not, a sum for each
#   layer. None of them crashes.
# - Test for exactly $\kappa$ ones, and for $g = w \odot \partial L / \partial w$.
#
# ## Further reading
# - N. Lee, T. Ajanthan, P. Torr, *SNIP: Single-shot network pruning based on connection sensitivity*
#   ([arXiv 1810.02340](https://arxiv.org/abs/1810.02340)), section 4.
# - M. Mozer, P. Smolensky, *Skeletonization* (NIPS 1988): a derivative by a switch at $c = 1$, thirty years earlier.
# - `minisnip/pruning/sensitivity.py`, `minisnip/pruning/masks.py`, `minisnip/pruning/deletion.py`.
# - Next: [prune, then train](06_prune_then_train.ipynb).

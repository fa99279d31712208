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
# # 6. Prune a network, then train it
#
# ![An empty chart of error against connections kept, asking which curve is SNIP's](figures/teasers/6.png)
#
# | you will | |
# |---|---|
# | **do** | run Algorithm 1 of the paper, follow pruned weights through training, race SNIP against random masks |
# | **learn** | what keeps a pruned weight at zero; where SNIP beats random masks; how it compares with pruning later |
# | **need** | lesson 5; MNIST, or the built-in glyphs |
# | **time** | 50 minutes, of which the computer needs two |

# %%
import warnings
from dataclasses import replace

import numpy as np

from minisnip import exercises, pruning
from minisnip.data import Split
from minisnip.exercises import lesson_6, mnist_or_glyphs
from minisnip.lab.plots import error_curves
from minisnip.nn import lenet_300_100
from minisnip.training import SGD, evaluate, train

STEPS, SEEDS, SPARSITIES = 300, range(3), (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)

# %% tags=["guard"]
STEPS = exercises.fast_or(STEPS, fast=150)
SEEDS = exercises.fast_or(SEEDS, fast=range(2))
SPARSITIES = exercises.fast_or(SPARSITIES, fast=(0.5, 0.8, 0.9, 0.98))

# %% [markdown] tags=["slide"]
# ## Round 1: Algorithm 1
#
# 1. Draw the weights $w$.
# 2. Score all 266,610 connections of LeNet-300-100 on one batch of 100 images.
# 3. Keep the $\kappa$ connections with the largest scores: this is the mask $c$.
# 4. Train the remaining connections as usual.
#
# Our runs are short, to save your time: 300 steps on 20,000 of the images. Three seeds show roughly how much the
# results vary.
#
# **Predict:** the dense network will misclassify about 4 % of the test images. What will be the error of a network that
# loses 95 % of its connections before training?

# %%
data, net = mnist_or_glyphs(), lenet_300_100()
first = Split(data.train.images[:20_000], data.train.labels[:20_000])
small = replace(data, train=first)


def prune(method, sparsity, seed):
    """Steps 1 to 3: the weights of this seed, and their mask."""
    for_weights, for_batch, for_mask = np.random.default_rng(seed).spawn(3)
    w = net.init(for_weights)
    x, y = pruning.scoring_batch(small.train.images, small.train.labels, 100, for_batch)
    c = pruning.METHODS[method](net, w, x, y, sparsity, rng=for_mask)
    return w, c


# %% tags=["slide"]
def trained(w, c, steps):
    """Step 4: the weights after training under the mask c; {} is the dense network."""
    # Lesson 8 explains `compact`; it does not change the result.
    return train(net, w, small, c, iterations=steps, compact=bool(c), title=None).params


def error(w):
    """Test error, in percent."""
    return evaluate(net, w, data.test)[1]


w, c = prune("snip", 0.95, seed=0)
dense, pruned = error(trained(w, {}, STEPS)), error(trained(w, c, STEPS))
kept = sum(int(mask.sum()) for mask in c.values())
print(f"test error: dense {dense:.2f} %, with {kept:,} connections {pruned:.2f} %")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert dense < pruned
assert pruned < 2 * dense or data.name != "mnist"
assert data.name != "mnist" or STEPS < 300 or abs(dense - 4) < 1

# %% [markdown] tags=["slide-more"]
# <details><summary>Compare with ours</summary>
#
# One connection in twenty does most of the work, and we chose that twentieth before any training. Was the choice
# clever, or would any twentieth do? Round 3 has a control that answers this.
#
# </details>
#
# ## Round 2: what moves a pruned weight?
#
# Here are two ways to use a mask. The first multiplies the weights by the mask once, and then trains as usual. The
# second applies the mask at every step.
#
# **Predict:** of the 253,279 weights that the mask sets to zero, how many are still zero after *one* step, in each way?


# %%
def count_nonzero(w):
    """The number of pruned weights that are not zero."""
    return sum(np.count_nonzero(w[name][c[name] == 0]) for name in c)


once = trained(pruning.apply_masks(c, w), {}, steps=1)
always = trained(w, c, steps=1)
print(f"mask applied once:       {count_nonzero(once):>8,} pruned weights are not 0")
print(f"mask applied every step: {count_nonzero(always):>8,} pruned weights are not 0")

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# A weight of zero has a gradient like any other. For a weight from unit $i$ to unit $j$, $\partial L/\partial w_{ji}$
# is the value of unit $i$ times the derivative by the input of unit $j$; the weight itself does not occur. Some 222,000
# weights come back in one step. A program that masks only once reports the accuracy of a dense network under the title
# "95 % pruned".
#
# </details>
#
# ### Mask the gradient
# Would it be enough to mask the gradient? Two weights take one dense step. Then the second is pruned, and from there
# on its gradient is zero. The optimizer is SGD with momentum 0.9.
#
# **Predict:** what happens to the second weight during the next three steps?

# %%
mask, gradient = np.array([1.0, 0.0]), np.array([1.0, 1.0])
weights = {"w": np.array([1.0, 1.0])}
sgd = SGD(momentum=0.9, weight_decay=0.0)
state = sgd.start(weights)
sgd.step(weights, {"w": gradient}, state, 0.1)  # one dense step
weights["w"] *= mask
for step in range(3):
    sgd.step(weights, {"w": mask * gradient}, state, 0.1)
    first_weight, second_weight = weights["w"]
    print(f"step {step + 1}: kept {first_weight:.3f}, pruned {second_weight:.3f}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert count_nonzero(always) == 0
assert count_nonzero(once) > 100_000
assert data.name != "mnist" or abs(count_nonzero(once) - 222_000) < 1_000
assert weights["w"][1] < -0.2

# %% [markdown] tags=["slide-more"]
# <details><summary>Compare with ours</summary>
#
# The pruned weight keeps moving. Momentum remembers the velocity from before the pruning. So minisnip does not hand
# pruned weights to the optimizer at all: they are not variables, and nothing can move them.
#
# </details>
#
# ### Exercise 6.1
# Write one step of SGD with momentum 0.9, weight decay 0.01 and learning rate 0.1:
#
# $$v \leftarrow 0.9\,v + \partial L/\partial w + 0.01\,w, \qquad w \leftarrow w - 0.1\,v.$$
#
# Pruned weights must stay zero, *whatever $v$ and the gradient are*. The kept ones move as usual.


# %%
def masked_step(w, v, gradient, c):
    """(w, v) after the step; all are arrays of one shape, c of 0 and 1."""
    ...  # your code


lesson_6.masked_step(masked_step)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def masked_step(w, v, gradient, c):
#     v = c * (0.9 * v + gradient + 0.01 * w)
#     w = c * (w - 0.1 * v)
#     return w, v
# ```
# </details>
#
# ### Exercise 6.2
# A pruned network can be dead: no path leads from the input to the output, so every image gets the same answer. Know
# the error of such a network before you call a number bad. If the output biases are still trained, the answer becomes
# the most frequent class of the training set. What is the test error of always giving this answer?


# %%
def one_answer(train_labels, test_labels):
    """In percent."""
    ...  # your code


lesson_6.one_answer(one_answer)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def one_answer(train_labels, test_labels):
#     most_frequent = np.bincount(train_labels).argmax()
#     return 100 * np.mean(test_labels != most_frequent)
# ```
# </details>
#
# ## Round 3: against random masks
#
# Three masks of equal size compete:
#
# - **snip**: the connections with the largest $|g_j|$ are kept,
# - **random**: the kept connections are chosen at random,
# - **least-sensitive**: the connections with the smallest $|g_j|$ are kept.
#
# **Predict:** sketch the test error of *random* when 50, 20, 10, 5, 2 and 1 % of the connections are kept. Then sketch
# that of *snip*. Where do the two curves separate?
#
# The next cell trains 54 networks. It takes a minute or more, and says when it has done each kind of mask.

# %%
warnings.simplefilter("ignore", pruning.LayerCollapseWarning)


def race(method, sparsity, steps):
    """The test error of each seed."""
    runs = [prune(method, sparsity, seed) for seed in SEEDS]
    return [error(trained(w, c, steps)) for w, c in runs]


errors = {}
for method in ("snip", "random", "least-sensitive"):
    errors[method] = np.array([race(method, s, STEPS) for s in SPARSITIES])
    print(f"{method}: {len(SPARSITIES)} sparsities, {len(SEEDS)} seeds, done")

# %% tags=["key-figure", "slide"]
curves, kept = {}, [100 * (1 - s) for s in SPARSITIES]
print(f"{'kept (%)':<16}" + "".join(f"{percent:8g}" for percent in kept))
for method, e in errors.items():  # e has a row for each sparsity, a column for each seed
    curves[method] = {"kept": kept, "mean": e.mean(axis=1)}
    curves[method] |= {"least": e.min(axis=1), "greatest": e.max(axis=1)}
    print(f"{method:<16}" + "".join(f"{mean:8.2f}" for mean in e.mean(axis=1)))
most_frequent = np.bincount(data.train.labels).argmax()
one_class = 100 * np.mean(data.test.labels != most_frequent)
title = f"LeNet-300-100 on {data.label}, {STEPS} steps; bands: all {len(SEEDS)} seeds"
error_curves(curves, one_class, title)

# %% [markdown]
# **Predict:** at 80 %, *snip* and *random* are now trained four times as long. Does the difference grow, stay the same
# or shrink?
#
# The next cell trains six networks, and prints nothing until all are trained.

# %%
snip, random = race("snip", 0.8, 4 * STEPS), race("random", 0.8, 4 * STEPS)
longer = np.mean(random) - np.mean(snip)
for sparsity, a, b in zip(SPARSITIES, errors["snip"], errors["random"], strict=True):
    print(f"{sparsity:.0%} pruned: random minus snip: {b.mean() - a.mean():.2f} points")
print(f"80% pruned, {4 * STEPS} steps: {longer:.2f} points; snip {np.mean(snip):.2f} %")
dead = error({name: 0 * value for name, value in w.items()})
print(f"error of always the most frequent class: {one_class:.2f} %")
print(f"error if all weights and biases are 0:   {dead:.2f} %")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
lead = dict(zip(SPARSITIES, (errors["random"] - errors["snip"]).mean(axis=1), strict=True))
spread = np.ptp(errors["random"][0])
if data.name == "mnist":
    assert (errors["snip"].max(axis=1) < errors["random"].min(axis=1))[1:].all()  # from 80 % on
    assert errors["snip"][0].max() >= errors["random"][0].min() or STEPS < 300  # at 50 % the seeds overlap
    assert abs(lead[0.5]) < 0.7 < lead[0.8] < lead[0.9] < 10 < lead[0.98]
    assert abs(lead[0.5]) < spread or STEPS < 300
    assert abs(lead[0.9] - 3) < 0.5 or STEPS < 300
    assert longer < 0.7 * lead[0.8]
    assert np.allclose((one_class, dead), (88.65, 90.20))
    worse, sparse = (errors["least-sensitive"] - errors["random"]).mean(axis=1), np.array(SPARSITIES) > 0.97
    assert worse[~sparse].min() > 0 > worse[sparse].max() - 5  # up to 95 % worse than random, from 98 % on no more
    assert np.isclose(errors["least-sensitive"], one_class, atol=0.01).any()  # some networks are dead

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# At 50 % the two are hardly apart: the seeds of *random* differ more than the two methods do. At 90 % *snip* leads by
# about three points, and at 98 % *random* misclassifies about half of the images. Two remarks:
#
# - **Short training flatters SNIP.** Its networks learn faster at first, and the random ones catch up. After 2,700
#   steps (the site's table, five seeds) the errors at 80 % are 2.13 ± 0.06 for *random* and 1.96 ± 0.07 for *snip*; at
#   50 % they are 1.77 and 1.79. So with longer training SNIP hardly beats random masks up to 80 %. From 90 % on it
#   does.
# - **The order of the scores carries information.** Up to 95 %, *least-sensitive* is worse than *random*. At 98 and
#   99 % it no longer is. Its band is wide because some of its networks are dead. They answer 1 to every image, the most
#   frequent digit, and their error is 88.65 % (dotted). A dead network whose biases are zero too has ten equal logits.
#   `argmax` takes the first, so it answers 0, and its error is 90.20 %.
#
# </details>
#
# ### Exercise 6.3
# Write the claim "SNIP beats random from … on" as a function. You get the sparsities in rising order and the errors of
# all seeds for each. Find the lowest sparsity from which on *every* seed of ours is better than *every* seed of theirs.
# Then try it on this race: `first_win(SPARSITIES, errors["snip"], errors["random"])`.


# %%
def first_win(sparsities, ours, theirs):
    """A sparsity, or None; ours[i] and theirs[i] are lists of errors at sparsities[i]."""
    ...  # your code


lesson_6.first_win(first_win)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def first_win(sparsities, ours, theirs):
#     answer = None
#     for i in reversed(range(len(sparsities))):
#         if max(ours[i]) >= min(theirs[i]):
#             break
#         answer = sparsities[i]
#     return answer
# ```
#
# In this race, after 300 steps, the answer is 0.8.
# </details>
#
# ## Round 4: before training, or after?
#
# The traditional way prunes after training: train the dense network, remove the smallest weights, train again. It knows
# the trained weights, and SNIP does not. But it trains twice. For a fair comparison, *snip* gets twice the steps too.
#
# **Predict:** who wins at 90 %, and who at 98 %, with the same number of steps in all?


# %%
def rivals(sparsity, seed):
    """The test errors of both methods, with the same number of steps in all."""
    w, c = prune("snip", sparsity, seed)
    dense = trained(w, {}, STEPS)
    sizes = {name: np.abs(value) for name, value in dense.items()}
    largest = pruning.keep_top(sizes, sparsity)
    return error(trained(w, c, 2 * STEPS)), error(trained(dense, largest, STEPS))


fair = {}
for sparsity in (0.9, 0.98):
    snip, by_size = np.mean([rivals(sparsity, seed) for seed in SEEDS], axis=0)
    print(f"{sparsity:.0%} pruned: snip {snip:.2f} %, after training {by_size:.2f} %")
    fair[sparsity] = snip, by_size

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
for sparsity, (snip, by_size) in fair.items():
    assert by_size < errors["snip"][SPARSITIES.index(sparsity)].mean()
    if data.name == "mnist" and STEPS == 300:
        assert np.allclose((snip, by_size), 3.7, atol=0.15) if sparsity == 0.9 else by_size < snip

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# With the same number of steps in all, it is a tie at 90 % (both about 3.7 %), and magnitude after training wins at
# 98 %. Against SNIP with half of the steps, magnitude wins at both sparsities. In the site's table each method trains
# for 2,700 steps *after* its pruning, and magnitude after training leads at every sparsity. The price is twice the
# steps, half of them in the dense network.
#
# SNIP saves the *work before the choice*: one backward pass replaces a whole training, and the optimizer never holds
# the dense network. Lesson 8 asks whether a training step becomes faster, too.
#
# </details>
#
# ### Exercise 6.4
# The lottery ticket method costs more. It trains, removes a fifth *of the remaining connections*, resets the others to
# their initial values, and repeats this until at most the share 1 − sparsity remains. How many rounds does it take?
# Each round is one training.


# %%
def trainings(sparsity, rate):
    """The number of rounds; each removes the share `rate` of the remaining ones."""
    ...  # your code


lesson_6.trainings(trainings)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def trainings(sparsity, rate):
#     rounds, left = 0, 1.0
#     while left > 1 - sparsity + 1e-9:  # 1e-9: round-off costs no extra round
#         left *= 1 - rate
#         rounds += 1
#     return rounds
# ```
#
# For 95 % and a fifth: 14 trainings.
# </details>
#
# ## On your own
# - Add `"magnitude"` ($|w_j|$ *before* training) and `"synflow"` to the race. Magnitude empties a layer near 98 %.
#   Which one?
# - Raise `STEPS`, and plot the difference between *random* and *snip* at 80 %. Does it go to zero?
# - Give the random mask SNIP's number of connections in each layer (`minisnip.pruning.random_masks`). How much of the
#   lead remains? Lesson 7 does this at 98 %.
#
# ## In practice
# - Compare with a random mask, over several seeds, at the same sparsity. *Count* the kept connections: a comparison is
#   valid only if all masks keep exactly $\kappa$.
# - Choose hyperparameters and the epoch on validation images.
# - State what each method cost.
#
# ## Further reading
# - Lee, Ajanthan, Torr, *SNIP*, [arXiv 1810.02340](https://arxiv.org/abs/1810.02340): Algorithm 1 and Table 1.
# - Frankle et al., *Pruning neural networks at initialization: why are we missing the mark?*,
#   [arXiv 2009.08576](https://arxiv.org/abs/2009.08576).
# - `minisnip compare --help`: the whole race, twelve methods, five seeds.
# - Next: [look at what survived, and doubt it](07_doubt_the_picture.ipynb).

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
# # 7. Look at what survived, and doubt it
#
# ![A blurred picture of the kept pixels, and the question whether it is evidence](figures/teasers/7.png)
#
# | you will | |
# |---|---|
# | **do** | draw the paper's Figure 2, draw its control, and replace SNIP's ingredients one by one |
# | **learn** | what a picture proves and what it does not; which ingredients the mask needs |
# | **need** | lessons 5 and 6; MNIST, or the built-in glyphs |
# | **time** | 50 minutes, of which the computer needs two |

# %%
import numpy as np

from minisnip import exercises, pruning
from minisnip.exercises import lesson_7, mnist_or_glyphs
from minisnip.lab.experiment import CONTROLS, Experiment, record
from minisnip.lab.plots import class_pictures, control_errors, overlap_by_batch
from minisnip.nn import lenet_300_100
from minisnip.pruning import connection_sensitivity, keep_top

SPARSITIES, SEEDS, EPOCHS = (0.8, 0.98), range(3), 1

# %% [markdown] tags=["slide"]
# ## Round 1: a picture
#
# The first layer of LeNet-300-100 has 300 units. Score the untrained network with 100 images **of one class only**,
# prune, and count for each pixel how many of the 300 units still read it. Do this for each class. The result is Figure
# 2 of the paper.
#
# As a control, do the same again, but give each image a *random* label.
#
# **Predict:** the picture under the title is that of class 3, and you can read it. With random labels, will you see the
# same digit, another one, or none?

# %%
data, net = mnist_or_glyphs(), lenet_300_100()
w, rng = net.init(np.random.default_rng(0)), np.random.default_rng(1)
of_class = [data.train.images[data.train.labels == digit] for digit in range(10)]


def kept_pixels(x, y):
    """(sparsities, 28, 28): the share of the first layer's units that read each pixel."""
    scores, pictures = connection_sensitivity(net, w, x, y), []
    for sparsity in SPARSITIES:
        mask = keep_top(scores, sparsity)
        pictures.append(pruning.input_connections(net, mask)[0] / 300)
    return np.array(pictures)


# %% tags=["key-figure", "slide"]
true, random = [], []
for digit in range(10):
    x, y = of_class[digit][:100], np.full(100, digit)
    true.append(kept_pixels(x, y))
    random.append(kept_pixels(x, pruning.random_labels(y, 10, rng)))
true, random = np.swapaxes(true, 0, 1), np.swapaxes(random, 0, 1)  # sparsities first
blocks = {"scored with true labels": true, "scored with random labels": random}
rows = [f"{100 * s:g} %" for s in SPARSITIES]
title = f"{data.label}: the share of the 300 first units that read each pixel,\n"
title += "scored with 100 images of one class (brightness: relative within each picture)"
class_pictures(blocks, rows, data.class_names, title)

# %% tags=["guard"]
SEEDS = exercises.fast_or(SEEDS, fast=range(2))
EPOCHS = EPOCHS if data.name == "mnist" else 5  # glyphs has fewer images

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The upper block is the one that papers show, and it is tempting to say "SNIP has understood what a 3 looks like". In
# the lower block the labels say nothing about the images. The network cannot have learned from them what a 3 is, yet
# the picture is still there.
#
# </details>
#
# ## Round 2: the picture in numbers
#
# Are the two blocks equally clear? Measure it: take the mean image of each class, and correlate each picture with all
# ten mean images.
#
# **Predict:** which pictures resemble the mean image of their own class more, those with true labels or those with
# random labels? And which resemble the other nine classes more?

# %%
found, means = [], [x.mean(axis=0).ravel() for x in of_class]
print("labels  pruned       own    others   own - others   own class is nearest")
for labels, block in {"true": true, "random": random}.items():
    for sparsity, pictures in zip(SPARSITIES, block, strict=True):
        r = np.corrcoef(pictures.reshape(10, -1), means)
        r = r[:10, 10:]  # rows: pictures, columns: mean images
        own, others = np.diag(r).mean(), r[~np.eye(10, dtype=bool)].mean()
        nearest = np.sum(r.argmax(axis=1) == np.arange(10))
        print(f"{labels:<6} {sparsity:>7.0%} {own:>9.2f} {others:>9.2f}", end=" ")
        print(f"{own - others:>14.2f} {nearest:>16} of 10")
        found.append((own, others, own - others, nearest))

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
own, others, difference, nearest = np.reshape(found, (2, 2, 4)).T  # each: (sparsities, labels)
assert difference.min() > 0.1
if data.name == "mnist":
    assert np.diff([own, others, -difference], axis=2).min() > 0
    assert nearest.min() == 10
    assert np.allclose(difference, [[0.40, 0.34], [0.39, 0.38]], atol=0.015)
    assert np.isclose(data.train.images.min(), -0.42, atol=0.01)
    assert 2.5 < data.train.images.max() < 7 * 0.42

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# With random labels the pictures resemble their own class *more*, and the other nine classes more, too. The difference
# is 0.34 and 0.38 with random labels, 0.40 and 0.39 with true ones. In all cases, each of the ten pictures is nearest
# to its own class. So the picture does not need the labels, and it is no evidence that SNIP "knows" digits.
#
# Where does it come from? Let $z_{nj}$ be the input of unit $j$ for image $n$. The score of the weight from pixel $i$
# to unit $j$ is the magnitude of
#
# $$g_{ji} = w_{ji} \sum_n x_{ni}\, \frac{\partial L}{\partial z_{nj}}.$$
#
# The labels occur in $\partial L/\partial z_{nj}$ only. Where no image has ink, every $x_{ni}$ is the same small
# number, −0.42. Where there is ink, $x_{ni}$ varies and is up to seven times as large. **The picture shows $x$.**
#
# </details>
#
# ### Exercise 7.1
# Design the control yourself: labels that say nothing about their images. Keep in mind that all images of the batch may
# be of one class.


# %%
def blind_labels(y, classes, rng):
    """As many labels as y has, from 0 to classes - 1; rng is a numpy Generator."""
    ...  # your code


lesson_7.blind_labels(blind_labels)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def blind_labels(y, classes, rng):
#     return rng.integers(0, classes, len(y))
# ```
#
# The usual control permutes `y`. In a batch of one class that changes nothing at all.
# </details>
#
# ## Round 3: replace one ingredient
#
# We do not prune to get pictures, so train. Take SNIP at 98 %, replace one ingredient at a time, and train each network
# for one epoch with three seeds. `record` runs one experiment; it does what lesson 6 did step by step. The controls:
#
# - **redrawn**: train a new draw of the weights. (May I re-initialize?)
# - **random-labels**: score with random labels. (Does SNIP know the digits?)
# - **noise-images**: score on images of noise. (Does it know the images?)
# - **shuffled**: move the mask's ones to random places *within each layer*. (Which weights, or how many per layer?)
# - **inverted**: keep the least sensitive connections.
#
# **Predict:** order the controls from harmless to fatal.
#
# The second cell below trains 21 networks. It takes half a minute or more, and prints nothing until all are trained.


# %%
def errors(**options):
    """The test error of each seed, in percent."""
    found = []
    for seed in SEEDS:
        setting = {"sparsity": 0.98, "epochs": EPOCHS, "dataset": data.name}
        experiment = Experiment(seed=seed, compact=True, **setting, **options)
        found.append(record(experiment)["test_error_percent"])
    return found


# %% tags=["slide"]
found, controls = {}, ("redrawn", "random-labels", "noise-images", "shuffled", "inverted")
for control in ("none", *controls):
    found[CONTROLS[control]] = errors(control=control)
found["no SNIP: a random mask"] = errors(criterion="random")
for name, e in found.items():
    print(f"{name:<36}{np.mean(e):6.2f} % ± {np.std(e):.2f}")
title = f"SNIP at 98 % and its controls: LeNet-300-100 on {data.label}, epochs: {EPOCHS}"
control_errors(found, title)

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
as_is, redrawn, blind, noise, shuffled, inverted, random_mask = (np.mean(e) for e in found.values())
if data.name == "mnist":
    assert as_is < 0.5 * min(random_mask, inverted)
    assert max(redrawn, blind) < as_is + 1  # the weights and the labels hardly matter
    assert as_is + 1 < min(shuffled, noise)  # the places matter, and the images
    assert shuffled - as_is < 0.2 * (random_mask - as_is)  # the counts of each layer matter more
    assert inverted < random_mask + 10  # at 98 %: lesson 6 has lower sparsities
    assert exercises.fast_or(2 < shuffled - as_is < 4 and 40 < random_mask - as_is < 50, fast=True)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# For this network, this data and 98 %:
#
# - **May I re-initialize? Yes.** A new draw of the weights trains nearly as well. The mask does not depend on one lucky
#   draw.
# - **Does it know the digits? Hardly.** With random labels the mask is just as good. SNIP does use the *images*: with
#   noise the error rises.
# - **Which weights, or how many per layer? Mostly how many.** Shuffling within each layer costs about 3 points. A mask
#   that is random across the whole network costs about 45. So most of SNIP's lead comes from *how many* connections it
#   keeps in each layer.
# - **Inverted** is about five times worse than SNIP, and its seeds differ widely. But at 98 % it is on average *no
#   worse than random*. Here this control alone does not show that the order of the scores matters. Up to 95 % it does
#   (lesson 6).
#
# A longer comparison, with five seeds, 2,700 steps and five sparsities, agrees (the site, "Controls"). It also shows a
# limit: at 99.5 % the shuffle doubles the error, and noise nearly prevents learning. What holds at 98 % may not hold
# elsewhere.
#
# </details>
#
# ### Exercise 7.2
# A real package had a bug in this experiment: its shuffle changed nothing, so the control reported "no difference".
# Write a shuffle that works: new masks with the same number of ones in each array, at random places.


# %%
def moved_masks(masks, rng):
    """A dict of new arrays; masks is a dict of arrays of 0 and 1."""
    ...  # your code


lesson_7.moved_masks(moved_masks)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def moved_masks(masks, rng):
#     moved = {}
#     for name, c in masks.items():
#         flat = rng.permutation(c.ravel())  # a new array
#         moved[name] = flat.reshape(c.shape)
#     return moved
# ```
# </details>
#
# ### Exercise 7.3
# Claim, evidence, limit. You get three lists of errors, one error for each seed: of SNIP as it is, of SNIP with one
# ingredient replaced, and of random masks. Return what they show:
#
# - `"nothing to explain"` if SNIP as it is does not beat random with every seed;
# - else `"needed"` if every seed with the replaced ingredient is worse than every seed of SNIP as it is;
# - else `"not needed"`, *here*.


# %%
def what_it_shows(as_is, ablated, random):
    """One of the three statements; the arguments are lists of errors."""
    ...  # your code


lesson_7.what_it_shows(what_it_shows)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def what_it_shows(as_is, ablated, random):
#     if max(as_is) >= min(random):
#         return "nothing to explain"
#     if max(as_is) < min(ablated):
#         return "needed"
#     return "not needed"
# ```
# </details>
#
# ## Round 4: is one batch enough?
#
# SNIP looks at one batch, once. Score twice, with two batches that share no image, and compare the two masks $A$ and
# $B$. Their overlap is $|A \cap B| / |A \cup B|$, where $A$ and $B$ stand for the sets of kept connections.
#
# **Predict:** what is the overlap at 98 % for two batches of 100 images? And what would it be by chance?
#
# The second cell below trains twelve networks.


# %%
def mask_of(rows):
    """SNIP's mask at 98 %, scored on these training images."""
    x, y = data.train.images[rows], data.train.labels[rows]
    return keep_top(connection_sensitivity(net, w, x, y), 0.98)


overlaps, rng = {}, np.random.default_rng(2)
for size in (1, 10, 100, 1000):
    overlaps[size] = []
    for _ in SEEDS:
        a, b = rng.permutation(len(data.train.labels))[: 2 * size].reshape(2, size)
        overlaps[size].append(pruning.overlap(mask_of(a), mask_of(b)))

# %%
jaccards, by_batch = {}, {}
for size, pairs in overlaps.items():
    jaccards[size] = [pair.jaccard for pair in pairs]
    by_batch[size] = errors(scoring_images=size)
    print(f"batch of {size:>5,}: overlap {np.mean(jaccards[size]):.2f}", end=", ")
    print(f"test error {np.mean(by_batch[size]):.2f} % ± {np.std(by_batch[size]):.2f}")
pair = overlaps[100][0]
levels = {"by chance": pair.chance}
levels["by chance, with the same counts in each layer"] = pair.chance_within_layers
for name, level in levels.items():
    print(f"{name}: {level:.3f}")
overlap_by_batch(jaccards, levels, f"{data.label}, 98 %: two masks of the same weights")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
by_size = [np.mean(jaccards[size]) for size in (1, 10, 100, 1000)]
assert by_size == sorted(by_size)
if data.name == "mnist":
    assert 5 * pair.chance_within_layers < by_size[2] < 0.5
    assert 3 < by_size[3] / by_size[1] < 4
    enough = [np.mean(by_batch[size]) for size in (10, 100, 1000)]
    assert np.ptp(enough) < 1 < np.mean(by_batch[1]) - max(enough)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Two batches of 100 images agree on about a third: far more than chance, and far from everything. So one batch does not
# find *the* mask. It finds *a* mask, and many masks are equally good: ten images serve as well as a thousand, though
# the masks from a thousand agree nearly four times as much. One *image* is not enough.
#
# The limit: after long training, the size of the batch may matter. In the paper's Figure 3, at 90 %, the error is
# 1.64 % with 100 images and 1.40 % with 10,000.
#
# </details>
#
# ### Exercise 7.4
# "They overlap by 5 %" says nothing without the overlap by chance. Compute both for two flat masks: the overlap
# $|A \cap B| / |A \cup B|$, and the same value if the two had $|A|\,|B| / m$ connections in common. That is how many
# two random masks of $m$ connections share on average.


# %%
def overlap_and_chance(a, b):
    """(overlap, overlap by chance) of two arrays of 0 and 1."""
    ...  # your code


lesson_7.overlap_and_chance(overlap_and_chance)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def overlap_and_chance(a, b):
#     def jaccard(common):
#         return common / (a.sum() + b.sum() - common)
#
#     by_chance = a.sum() * b.sum() / a.size
#     return jaccard(np.sum(a * b)), jaccard(by_chance)
# ```
# </details>
#
# ## On your own
# - Give all images of a one-class batch the *same* wrong label. Which of the two blocks does the picture resemble?
# - Score with noise whose pixels have the standard deviations of MNIST's pixels. How good is *that* mask at 98 %?
# - Give every layer SNIP's count, and choose within it by $|w_j|$. What remains for the gradient to do?
#
# ## In practice
# - Write down the **claim**, the **evidence** and the **limit** before you show a picture. Here: *SNIP keeps what reads
#   ink; the labels need not be right; on MNIST, with LeNet-300-100, at 90 to 99 %.*
# - A control that cannot fail is no control. Check that it changed something:
#   `minisnip.pruning.shuffle_masks` raises an error if it would change nothing.
#
# ## Further reading
# - Frankle et al., *Pruning neural networks at initialization: why are we missing the mark?*,
#   [arXiv 2009.08576](https://arxiv.org/abs/2009.08576): shuffle, redraw, invert.
# - Su et al., *Sanity-checking pruning methods: random tickets can win the jackpot*,
#   [arXiv 2009.11094](https://arxiv.org/abs/2009.11094): random labels, layer counts.
# - `minisnip compare --controls shuffled,redrawn,random-labels` and `minisnip reproduce figure2`: the large versions.
# - Next: [break it, then repair it](08_break_and_repair.ipynb).

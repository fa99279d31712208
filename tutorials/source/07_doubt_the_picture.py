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
# # 7. Look at what survived, and doubt it
#
# ![Kept pixels, class by class, scored with true labels and with random ones](figures/07_doubt_the_picture.png)
#
# | you will | |
# |---|---|
# | **do** | draw the paper's Figure 2, then its control, and ablate SNIP's ingredients one by one |
# | **learn** | what a picture proves; what the mask needs (images, counts), and what hardly (labels, weights) |
# | **need** | lessons 5 and 6; MNIST, or the built-in glyphs |
# | **time** | 50 minutes, of which the computer needs one |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
import numpy as np

from minisnip.exercises import fast_or, lesson_7, mnist_or_glyphs
from minisnip.lab.experiment import CONTROLS, Experiment, record
from minisnip.lab.plots import class_pictures, control_errors, overlap_by_batch
from minisnip.nn import lenet_300_100
from minisnip.pruning import connection_sensitivity, input_connections, keep_top, overlap, random_labels

# %% [markdown]
# ## Round 1: a beautiful picture
#
# Score LeNet-300-100 before any training, with 100 images **of one class only**; prune; and count how many of the 300
# units of the first layer still read each pixel. Do so for each class. This is the paper's Figure 2.
#
# **Predict:** what will be seen for the class 0? And what, if each of its images gets a label *drawn by lot*?

# %%
data, net, SPARSITIES = mnist_or_glyphs(), lenet_300_100(), (0.8, 0.98)
w, lots = net.init(np.random.default_rng(0)), np.random.default_rng(1)
of_class = [data.train.images[data.train.labels == digit] for digit in range(10)]


def kept_pixels(x, y):
    """(sparsities, 28, 28): the share of the first layer's units that read each pixel."""
    scores = connection_sensitivity(net, w, x, y)
    return np.stack([input_connections(net, keep_top(scores, s))[0] / 300 for s in SPARSITIES])


true = np.stack([kept_pixels(x[:100], np.full(100, d)) for d, x in enumerate(of_class)], axis=1)
blind = np.stack([kept_pixels(x[:100], random_labels(np.zeros(100), 10, lots)) for x in of_class], axis=1)

# %% tags=["key-figure"]
class_pictures(
    {"scored with true labels": true, "the control: scored with random labels": blind},
    [f"{100 * s:g} %" for s in SPARSITIES],
    data.class_names,
    f"{data.label}: how many of the 300 first units read each pixel (brightness is relative within each picture),\n"
    "scored with 100 images of one class",
)

# %% [markdown]
# **Explain.** The upper block is the one that papers show, and it is tempting to say "SNIP has understood what a 3 is".
# The lower block used labels that know nothing. The network cannot have learned from them what a 3 is, and the picture
# is there all the same.
#
# ## Round 2: the picture in numbers
#
# "All the same" is a word; correlate each picture with the mean image of each class. **Predict** whose pictures are
# nearer to their class: those with true labels, or those with random ones? And whose are nearer to the other classes?

# %%
found, means = [], np.stack([x.mean(axis=0).ravel() for x in of_class])
print("correlation with the mean image | of its own class | of the nine others | own - others | nearest to its own")
for labels, pictures in {"true": true, "random": blind}.items():
    for s, row in zip(SPARSITIES, pictures, strict=True):
        r = np.corrcoef(row.reshape(10, -1), means)[:10, 10:]  # (10 pictures, 10 classes)
        own, rest = np.diag(r).mean(), r[~np.eye(10, dtype=bool)].mean()
        margin, hits = own - rest, np.sum(r.argmax(axis=1) == np.arange(10))
        found.append((own, rest, margin, hits))
        print(f"{labels:>10} labels, {100 * s:3g} % pruned |{own:17.2f} |{rest:19.2f} |{margin:13.2f} |{hits:7d} of 10")
own, rest, margin, hits = np.reshape(found, (2, 2, 4)).T  # each by sparsity and labels
assert margin.min() > 0.1
assert data.name != "mnist" or (np.diff([own, rest, -margin], axis=2).min() > 0 and hits.min() == 10)

# %% [markdown]
# **Explain.** With random labels the pictures are *nearer* to their class, but to the nine others too; the margin is
# .34–.38 against .39–.40. Either way 10 of 10 are nearest to their own: the labels are not needed, and the picture is
# no evidence that SNIP "knows" digits. Where does it come from? For the weight from pixel i to unit j,
#
# $$g_{ij} = w_{ij}\,\textstyle\sum_n x_{ni}\,\delta_{nj},$$
#
# where δ is what the unit is worth to the loss of image n. The labels enter by δ alone. Whatever δ is, where there is
# no ink in any image, all x are the same small number (−0.42); where there is, x is up to seven times as large, and of
# changing size. **The picture shows x.**
#
# ### Exercise 7.1
# Design the control yourself: labels that say nothing about their images. Mind that the batch may be of one class only.


# %%
def blind_labels(y, classes, rng):
    """As many labels as y has, from 0 to classes − 1, whatever the images are; rng is a numpy Generator."""
    ...  # your code


lesson_7.blind_labels(blind_labels)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def blind_labels(y, classes, rng):
#     return rng.integers(0, classes, len(y))
# ```
#
# A permutation of y is the usual control, and here it would have changed nothing at all.
# </details>
#
# ## Round 3: ablate one ingredient
#
# A picture is not what we prune for. So train, for one epoch: SNIP at 98 %, and SNIP with one ingredient ablated, each
# over a few seeds. `run` does what lesson 6 did by hand, and a control is a word:
#
# - **shuffled**: the mask's ones moved to random places *within each layer* (weights, or layer counts?)
# - **redrawn**: another draw of the weights is trained (may I re-initialize?)
# - **random-labels**, **noise-images**: what is scored (does it know the labels? the images?)
# - **inverted**: the least sensitive are kept
#
# **Predict:** order them, from harmless to fatal.

# %%
SEEDS, EPOCHS = range(fast_or(3, fast=2)), 1 if data.name == "mnist" else 5
SETTING = {"sparsity": 0.98, "epochs": EPOCHS, "dataset": data.name, "compact": True}


def errors(**options):
    """Test errors of all seeds, in percent."""
    return [record(Experiment(seed=seed, **SETTING, **options))["test_error_percent"] for seed in SEEDS]


names = ("none", "redrawn", "random-labels", "shuffled", "noise-images", "inverted")
found = {CONTROLS[name]: errors(control=name) for name in names}
found["no SNIP: a random mask"] = errors(criterion="random")

# %%
print("\n".join(f"{name:<40}{np.mean(e):6.2f} % ± {np.std(e):.2f}" for name, e in found.items()))
as_is, redrawn, blind_error, shuffled, noise, inverted, random = (np.mean(e) for e in found.values())
if data.name == "mnist":
    assert as_is < 0.5 * min(random, inverted)
    assert max(redrawn, blind_error) < as_is + 1  # the weights and the labels hardly matter
    assert as_is + 1 < min(shuffled, noise)  # the places matter, and the images
    assert shuffled - as_is < 0.2 * (random - as_is)  # the counts of each layer matter more
    assert inverted < random + 10  # at 98 %: lesson 6 has less sparse ones
control_errors(found, f"SNIP at 98 % and its controls: LeNet-300-100 on {data.label}, epochs: {EPOCHS}")

# %% [markdown]
# **Explain.** For this network, this data and 98 %:
#
# - **May I re-initialize? Yes.** Another draw trains nearly as well: the mask does not hold "winning" weights.
# - **Does it know the digits? Hardly.** Scored with random labels it is as good. It does know the *images*: scored on
#   noise it loses more.
# - **Weights or layer counts? Mostly counts.** Shuffled within each layer, it loses some 3 points; a mask that is
#   random in the whole network loses 45. Most of SNIP's lead over random is *how many* it keeps in each layer.
# - **Inverted** is five times worse than SNIP, with a wide spread. But at 98 % it is on average *no worse than random*:
#   this control alone does not show that the order matters. Up to 90 % it does (lesson 6).
#
# Five seeds and 2,700 steps at five sparsities say the same (the site, "Controls"), and set a limit: at 99.5 % the
# shuffle doubles the error, and noise is near to fatal. What is true at 98 % need not be true elsewhere.
#
# ### Exercise 7.2
# A bug of this very experiment stood in a real package: a shuffle that changes nothing, so that the control says "no
# difference". Write one that does: new masks, as many ones in each array, at random places.


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
#     return {name: rng.permutation(c.ravel()).reshape(c.shape) for name, c in masks.items()}
# ```
# </details>
#
# ### Exercise 7.3
# Claim, evidence, limit. Given the errors of the seeds as it is, with one ingredient ablated, and of random masks, say
# what they show: `"nothing to explain"` if as it is does not beat random with every seed; else `"needed"` if each
# ablated seed is worse than every one as it is; else `"not needed"`, *here*.


# %%
def what_it_shows(as_is, ablated, random):
    """One of the three statements; the arguments are lists of errors."""
    ...  # your code


lesson_7.what_it_shows(what_it_shows)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def what_it_shows(as_is, ablated, random):
#     if max(as_is) >= min(random):
#         return "nothing to explain"
#     return "needed" if max(as_is) < min(ablated) else "not needed"
# ```
# </details>
#
# ## Round 4: is one batch enough?
#
# SNIP looks at one batch, once. Score twice, with two batches that share no image, and compare what is kept: the share
# of the union that is common to both. **Predict** it for two batches of 100, at 98 %. And what would luck give?

# %%
SIZES, ROOM = (1, 10, 100, 1000), len(data.train.labels)
found, order = {}, np.random.default_rng(2)
for size in SIZES:
    pairs = [order.permutation(ROOM)[: 2 * size].reshape(2, size) for _ in SEEDS]
    scores = [[connection_sensitivity(net, w, data.train.images[b], data.train.labels[b]) for b in p] for p in pairs]
    found[size] = [overlap(*(keep_top(s, 0.98) for s in pair)) for pair in scores]
jaccards = {size: [o.jaccard for o in overlaps] for size, overlaps in found.items()}
luck = found[100][0]
levels = {"by chance": luck.chance, "by chance, with the same counts in each layer": luck.chance_within_layers}
overlap_by_batch(jaccards, levels, f"{data.label}, LeNet-300-100 at 98 %: two masks of the same weights")

# %%
by_batch = {size: errors(scoring_images=size) for size in SIZES}
for size, e in by_batch.items():
    print(f"{size:>5,} images: overlap {np.mean(jaccards[size]):.2f}, test error {np.mean(e):.2f} % ± {np.std(e):.2f}")
print(f"by chance: overlap {luck.chance:.3f}; {luck.chance_within_layers:.3f} with the same counts in each layer")
assert np.mean(jaccards[1]) < np.mean(jaccards[10]) < np.mean(jaccards[100]) < np.mean(jaccards[1000])
if data.name == "mnist":
    assert 5 * luck.chance_within_layers < np.mean(jaccards[100]) < 0.5
    assert 3 < np.mean(jaccards[1000]) / np.mean(jaccards[10]) < 4
    enough = [np.mean(by_batch[size]) for size in (10, 100, 1000)]
    assert np.ptp(enough) < 1 < np.mean(by_batch[1]) - max(enough)

# %% [markdown]
# **Explain.** Two batches of 100 agree on about a third, far more than luck, and far from all. So one batch does not
# find *the* mask; it finds *a* mask, and many are as good: here ten images serve as well as a thousand, whose masks
# agree nearly four times as much. One *image* is too few. The limit: after long training size may tell. In the paper's
# Figure 3, at 90 %, 100 images give an error of 1.64 %, 10,000 give 1.40 %.
#
# ### Exercise 7.4
# "They overlap by 5 %" says nothing without its chance level. Give both for two flat masks: |A ∩ B| / |A ∪ B|, and the
# same if the two met in |A| |B| / m places, as two lotteries do on average.


# %%
def overlap_and_chance(a, b):
    """(overlap, overlap by chance) of two arrays of 0 and 1."""
    ...  # your code


lesson_7.overlap_and_chance(overlap_and_chance)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def overlap_and_chance(a, b):
#     def jaccard(common):
#         return common / (a.sum() + b.sum() - common)
#     return jaccard(np.sum(a * b)), jaccard(a.sum() * b.sum() / a.size)
# ```
# </details>
#
# ## On your own
# - Give every image of a batch of one class the *same* wrong label. Which of the two blocks does the picture resemble?
# - Score with noise whose pixels have the standard deviations of MNIST's. Does *that* mask do well at 98 %?
# - Give every layer SNIP's count and choose within it by |w|. What is left for the gradient to do?
#
# ## In practice
# Write down the **claim**, the **evidence** and the **limit** before you show a picture. Here: *SNIP keeps what reads
# ink; the labels need not be right; on MNIST, LeNet-300-100, 90 to 99 %.* A control that cannot fail is no control:
# check that it changed something (`minisnip.pruning.shuffle_masks` refuses to change nothing).
#
# ## Further reading
# - Frankle et al., *Pruning neural networks at initialization: why are we missing the mark?*,
#   [arXiv 2009.08576](https://arxiv.org/abs/2009.08576): shuffle, redraw, invert.
# - Su et al., *Sanity-checking pruning methods: random tickets can win the jackpot*,
#   [arXiv 2009.11094](https://arxiv.org/abs/2009.11094): random labels, layer counts.
# - `minisnip compare --controls shuffled,redrawn,random-labels` and `minisnip reproduce figure2`: the large versions.
# - Next: [break it, then repair it](08_break_and_repair.ipynb).

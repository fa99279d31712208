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
# # 4. Read MNIST digits
#
# ![First-layer weights as images, and parameters per layer](figures/04_read_mnist_digits.png)
#
# | you will | |
# |---|---|
# | **do** | read the files, normalize, count parameters, and find weights that no image can move |
# | **learn** | what the first layer sees, where the parameters are, and what normalizing does to black pixels |
# | **need** | lesson 3, or having trained a network before; MNIST, downloaded once (or else digits drawn from fonts) |
# | **time** | 45 minutes, of which the computer needs 15 seconds |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
import math
from dataclasses import replace

import numpy as np

from minisnip.exercises import fast_or, lesson_4, mnist_or_glyphs
from minisnip.lab.plots import weight_pictures
from minisnip.nn import lenet_5_caffe, lenet_300_100
from minisnip.pruning import weight_gradient
from minisnip.training import SGD, evaluate, train

# %% [markdown]
# ## Round 1: 784 bytes are a digit
#
# MNIST is four files: images and labels, to train on and to test. Each is in the **idx** format: two bytes 0, the type
# of the elements (8: one byte), the number of axes; then the size of each axis in four bytes, the big end first; then
# the elements. The file of the 60,000 training images begins with
# `00 00 08 03 | 00 00 ea 60 | 00 00 00 1c | 00 00 00 1c`.
#
# `load` reads them, normalizes, and holds a tenth of the training images out for validation. Below, `pixels` undoes
# the normalizing, to see what was in the file.
#
# **Predict** which share of all pixels is exactly black, that is 0.


# %%
data = mnist_or_glyphs()


def pixels(split):
    """The same images with 0 for black and 1 for white, exactly as in the file (divided by 255)."""
    return replace(split, images=np.rint(255 * (split.images * data.std + data.mean)).astype(np.float32) / 255)


raw = replace(data, train=pixels(data.train), validation=pixels(data.validation), test=pixels(data.test))
black = np.mean(raw.train.images == 0)
print(f"images {raw.train.images.shape}, the first labels {raw.train.labels[:8]}; {black:.1%} of the pixels are 0")
assert data.name != "mnist" or abs(black - 0.809) < 0.001

# %% [markdown]
# **Explain.** Four fifths of MNIST are black: a digit is a thin line in the middle of a square. That is cheap to store
# and, as Round 4 shows, costly to forget.
#
# ### Exercise 4.1
# Read an idx file of unsigned bytes yourself: from its content to an array of the right shape.


# %%
def read_idx(content):
    """A uint8 array; `content` is a bytes object, of images (three axes) or of labels (one)."""
    ...  # your code


lesson_4.idx(read_idx)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def read_idx(content):
#     axes = content[3]
#     shape = np.frombuffer(content, ">u4", axes, offset=4)
#     return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
# ```
# </details>
#
# ## Round 2: one mean and one standard deviation
#
# Networks train best on numbers around 0 and of size 1. So every pixel gets the same map, (pixel − mean) / std, with
# the mean and the std of all *training* pixels.
#
# **Predict:** the test images go through that map too. Is their mean 0 and their std 1 afterwards? And what becomes of
# black?

# %%
for name in ("train", "test"):
    images = getattr(data, name).images
    print(f"{name:5}: mean {images.mean(dtype=float):7.4f}, std {images.std(dtype=float):.4f}")
print(f"black, 0, is now {data.train.images.min():.4f}; white, 1, is now {data.train.images.max():.4f}")
assert abs(data.train.images.mean(dtype=float)) < 0.002
assert 0.0005 < abs(data.test.images.mean(dtype=float)) < 0.01
assert np.isclose(data.train.images.min(), -data.mean / data.std)

# %% [markdown]
# **Explain.** Not exactly: other people wrote the test digits. Giving them a mean and std of their own would hide
# that, and a network in use cannot do it: it meets one image at a time. (Nor is the training split at exactly 0: the
# mean is that of all 60,000 images, and a tenth is held out.)
#
# Black is no longer 0. Keep that in mind.
#
# ### Exercise 4.2
# Write the map. Beware of files full of bytes, and of pixels that are always the same.


# %%
def normalize(train_images, test_images):
    """Both normalized, as (train, test)."""
    ...  # your code


lesson_4.normalize(normalize)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def normalize(train_images, test_images):
#     mean, std = train_images.mean(), train_images.std()
#     return (train_images - mean) / std, (test_images - mean) / std
# ```
# </details>
#
# ## Round 3: where the parameters are
#
# SNIP's two networks. LeNet-300-100 has 784 inputs, layers of 300 and 100 units, and 10 outputs. LeNet-5-Caffe has two
# convolutions of 5 × 5 windows (1 → 20 → 50 channels), then layers of 500 and 10 units, the first of which reads 800
# numbers.
#
# **Predict**, for each, which layer has the most parameters, and which share of all. Do the convolutions have half?

# %%
counts = {}
for net in (lenet_5_caffe(), lenet_300_100()):
    counts = {name: sum(map(math.prod, layer.shapes().values())) for name, layer in net.layers.items()}
    counts = {name: count for name, count in counts.items() if count}
    print(", ".join(f"{name} {count:,} ({count / net.size:.1%})" for name, count in counts.items()), f"of {net.size:,}")
assert counts == {"fc1": 235_500, "fc2": 30_100, "fc3": 1_010}

# %% [markdown]
# **Explain.** Nine tenths stand in *one* layer: the first fully connected one. A convolution uses the same 25 weights
# at every place of the image; a fully connected unit has a weight for every place. So whoever prunes 95 % of a network
# has to prune that layer, and what is left of the others decides whether anything comes through.
#
# ### Exercise 4.3
# Count the parameters of a layer, biases too, from the shape of its weight: (outputs, inputs) of a fully connected
# layer, (outputs, inputs, height, width) of a convolution.


# %%
def parameters(shape):
    """How many numbers the layer learns."""
    ...  # your code


lesson_4.parameters(parameters)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def parameters(shape):
#     return math.prod(shape) + shape[0]
# ```
# </details>
#
# ## Round 4: pixels that are never on
#
# The gradient of a first-layer weight is a sum over the images: (what its unit gets back) × (its pixel). A pixel that
# is 0 in all images gives its 300 weights a gradient of 0.
#
# **Predict:** in a batch of 100 images, pixels from 0 to 1, some pixels are black in every image. How many of the
# 235,200 weights of the first layer get a gradient of exactly 0: 300 for each of these pixels, fewer, or more?

# %%
w = net.init(np.random.default_rng(0))
x, y = raw.train.images[:100], raw.train.labels[:100]
never_here = ~x.any(axis=0).ravel()
zeros = np.count_nonzero(weight_gradient(net, w, x, y)["fc1.weight"] == 0)
print(f"{never_here.sum()} pixels are black in all 100 images: 300 × {never_here.sum()} = {300 * never_here.sum():,}")
print(f"weights whose gradient is exactly 0: {zeros:,} of 235,200")
assert zeros >= 300 * never_here.sum()
assert data.name != "mnist" or (never_here.sum(), zeros) == (261, 95_562)

# %% [markdown]
# **Explain.** More. On MNIST 261 pixels are black in all hundred images, which explains 78,300 weights. The others
# read pixels that *are* on in some image, but only in images for which the ReLU of their unit is off; then the unit
# gets nothing back. Forty of a hundred weights learn nothing from this batch.
#
# ### Exercise 4.4
# Predict the number exactly, without a gradient: from the images, and from which unit is active (above 0) for which
# image. Assume that a sum with any term other than 0 is not 0.


# %%
def dead_weights(images, active):
    """How many of the units · pixels weights get gradient 0.

    images: (images, pixels) numbers; active: (images, units) booleans.
    """
    ...  # your code


lesson_4.dead(dead_weights)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def dead_weights(images, active):
#     together = (images != 0).T.astype(int) @ active.astype(int)  # (pixels, units): in how many images both
#     return np.count_nonzero(together == 0)
# ```
# </details>
#
# Now all the images. `never` are the pixels that are black in every single one that we train on.
#
# **Predict:** how many are they? And how many weights have gradient 0 if the same hundred images are *normalized*?

# %%
never = ~raw.train.images.any(axis=0).ravel()
on, active = (x != 0).reshape(100, 784), x.reshape(100, 784) @ w["fc1.weight"].T > 0
assert zeros == np.count_nonzero(on.T.astype(int) @ active.astype(int) == 0)
g = weight_gradient(net, w, data.train.images[:100], y)
silent = np.count_nonzero(~g["fc1.weight"].any(axis=1))
print(f"{never.sum()} pixels are never on, in {len(raw.train.labels):,} images")
zeros = np.count_nonzero(g["fc1.weight"] == 0)
print(f"normalized, {zeros:,} gradients are 0; {silent} unit(s) of 300 are off for all images")
assert zeros == 784 * silent
assert np.allclose(g["fc1.weight"][:, never], -data.mean / data.std * g["fc1.bias"][:, None], atol=1e-7)
assert data.name != "mnist" or (never.sum(), silent) == (67, 1)

# %% [markdown]
# **Explain.** 67 pixels of MNIST are never on: 20,100 weights, one in thirteen of the network, that no image can move.
# Normalizing wakes them up. But look at what they wake up *to*: black is −mean/std in all images, so each of these
# weights gets −mean/std times the gradient of its unit's bias (the last but one assertion). They are 67 more biases
# for each unit, and know nothing of the digit.
#
# ## Round 5: look at what was learned
#
# We train the same initial weights twice, on pixels from 0 to 1 and on normalized ones, without weight decay.
#
# **Predict:** which weights of a unit will differ from what they were, in the one case and in the other? And which
# network errs less?

# %%
steps, before = fast_or(540, fast=200), w["fc1.weight"]
after = {}
for name, d in {"pixels 0 to 1": raw, "normalized": data}.items():
    result = train(net, w, d, iterations=steps, optimizer=SGD(weight_decay=0.0), title=None)
    after[name] = result.params["fc1.weight"]
    _, error = evaluate(net, result.params, d.test)
    moved = np.count_nonzero((after[name] != before)[:, never])
    print(f"{name:13}: test error {error:.1f} %; {moved:,} of {300 * never.sum():,} weights of never-on pixels moved")
    assert error < (7 if data.name == "mnist" else 25)
    assert moved == (0 if name == "pixels 0 to 1" else 300 * never.sum())

# %% tags=["key-figure"]
six = {
    "trained,\npixels 0 to 1": after["pixels 0 to 1"],
    "what training\nchanged,\npixels 0 to 1": after["pixels 0 to 1"] - before,
    "what training\nchanged,\nnormalized": after["normalized"] - before,
}
rows = {name: weights[:6].reshape(6, 28, 28) for name, weights in six.items()}
weight_pictures(rows, counts, f"LeNet-300-100, {data.label}, {steps} steps: six units of fc1; parameters per layer")

# %% [markdown]
# **Explain.** The trained weights (first row) are mostly the noise that they were drawn from. What training *changed*
# (second row) are smooth strokes, red and blue, in the middle; the frame is exactly white, and its weights still have
# the bytes that the generator drew. With normalized pixels (third row) the frame of a unit has one even tint: the
# extra biases of Round 4.
#
# And the errors? They hardly differ. Normalizing is a good habit; on this network, at this learning rate, it does not
# decide.
#
# ## On your own
# - Train with `SGD()`, which has weight decay 5e-4. What do the weights of never-on pixels do now? All shrink by the
#   same factor: compute it.
# - After lesson 5: score the network with SNIP on raw and on normalized pixels. How many of the connections that it
#   keeps at 95 % read a pixel that is never on?
#
# ## In practice
# Dead inputs are common: a sensor that was never plugged in, a word that never occurs. A gradient says that they are
# dead only if they are exactly 0. After any affine normalizing they look as alive as the rest. Count first, then
# normalize. And when two SNIP implementations disagree, ask how each normalized.
#
# ## Further reading
# - `minisnip/data/published.py`, which trusts no header, and `minisnip/data/dataset.py`, which splits and normalizes.
# - Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, *Efficient BackProp* (1998), section 4.3: why inputs are normalized.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, *Gradient-based learning applied to document recognition* (1998): MNIST
#   and LeNet-5.
# - Next: [score a connection before training](05_score_before_training.ipynb).

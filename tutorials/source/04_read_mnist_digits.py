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
# # 4. Read MNIST digits
#
# ![Sixteen drawn digits, and the question which pixels are never on](figures/teasers/4.png)
#
# | you will | |
# |---|---|
# | **do** | read the files, normalize, count parameters, and find weights that no image can move |
# | **learn** | what the first layer sees, where the parameters are, and what normalizing does to black pixels |
# | **need** | lesson 3, or experience with training; MNIST, downloaded once (otherwise digits drawn from fonts) |
# | **time** | 45 minutes, of which the computer needs 15 seconds |

# %%
import math
from dataclasses import replace

import numpy as np

from minisnip import exercises
from minisnip.exercises import lesson_4, mnist_or_glyphs
from minisnip.lab.plots import weight_pictures
from minisnip.nn import lenet_5_caffe, lenet_300_100
from minisnip.pruning import weight_gradient
from minisnip.training import SGD, evaluate, train

STEPS = 540  # of training, in Round 5

# %% tags=["guard"]
STEPS = exercises.fast_or(STEPS, fast=200)

# %% [markdown] tags=["slide"]
# ## Round 1: 784 bytes are a digit
#
# MNIST is four files: images and labels for training, images and labels for testing. Each is in the **idx** format.
# First come two bytes 0, one byte for the type of the elements (8: unsigned byte) and one for the number of axes. Then
# comes the size of each axis, in four bytes, the most significant byte first. The elements follow. The file of the
# 60,000 training images begins with `00 00 08 03 | 00 00 ea 60 | 00 00 00 1c | 00 00 00 1c`.
#
# `mnist_or_glyphs` reads the files, normalizes the images, and keeps a tenth of the training images for validation.
# Below, `pixels` undoes the normalizing, so we see what was in the file.
#
# **Predict:** which share of all pixels is exactly black, that is, 0?

# %% tags=["slide-more"]
data = mnist_or_glyphs()


def pixels(split):
    """The same images as in the file, with 0 for black and 1 for white."""
    levels = np.rint(255 * (split.images * data.std + data.mean))
    return replace(split, images=levels.astype(np.float32) / 255)


raw = replace(data, train=pixels(data.train), test=pixels(data.test))
raw = replace(raw, validation=pixels(data.validation))
black = np.mean(raw.train.images == 0)
print(f"images {raw.train.images.shape}, the first labels {raw.train.labels[:8]}")
print(f"{black:.1%} of the pixels are 0")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert data.name != "mnist" or abs(black - 0.809) < 0.001

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Four fifths of MNIST are black: a digit is a thin line in the middle of a square. Round 4 shows what that means for
# the weights of the first layer.
#
# </details>
#
# ### Exercise 4.1
# Read an idx file of unsigned bytes: turn its content into an array of the right shape.


# %%
def read_idx(content):
    """A uint8 array; content is a bytes object of images (three axes) or labels (one)."""
    ...  # your code


lesson_4.idx(read_idx)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def read_idx(content):
#     axes = content[3]
#     shape = np.frombuffer(content, ">u4", axes, offset=4)
#     elements = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
#     return elements.reshape(shape)
# ```
# </details>
#
# ## Round 2: one mean and one standard deviation
#
# Networks train best on numbers around 0 and of size 1. So we subtract $\mu$ from every pixel and divide by $\sigma$,
# where $\mu$ and $\sigma$ are the mean and the standard deviation of all *training* pixels.
#
# **Predict:** the test images get the same treatment. Do they then have mean 0 and standard deviation 1? And what
# happens to black?

# %% tags=["slide-more"]
for name, split in {"train": data.train, "test": data.test}.items():
    mean, std = split.images.mean(dtype=float), split.images.std(dtype=float)
    print(f"{name:5}: mean {mean:7.4f}, standard deviation {std:.4f}")
darkest, brightest = data.train.images.min(), data.train.images.max()
print(f"black, 0, is now {darkest:.4f}; white, 1, is now {brightest:.4f}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert abs(data.train.images.mean(dtype=float)) < 0.002
assert 0.0005 < abs(data.test.images.mean(dtype=float)) < 0.01
assert np.isclose(darkest, -data.mean / data.std)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Not exactly: other people wrote the test digits. A mean of their own would hide this difference. And a network in use
# has no such mean, because it meets one image at a time. (The training split is not at exactly 0 either: the mean is
# taken over all 60,000 images, and a tenth of them is kept for validation.)
#
# Black is no longer 0. Round 5 shows what follows.
#
# </details>
#
# ### Exercise 4.2
# Write this as a function. Watch out for files full of bytes, and for a pixel that is the same in all images.


# %%
def normalize(train_images, test_images):
    """Both normalized, as (train, test)."""
    ...  # your code


lesson_4.normalize(normalize)

# %% [markdown] tags=["slide"]
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
# These are SNIP's two networks. LeNet-300-100 has 784 inputs, layers of 300 and 100 units, and 10 outputs.
# LeNet-5-Caffe has two convolutions with windows of 5 × 5 (1 → 20 → 50 channels), then layers of 500 and 10 units. The
# layer of 500 units reads 800 numbers.
#
# **Predict:** in each network, which layer has the most parameters, and which share of all? Do the convolutions have
# half?

# %% tags=["slide-more"]
for net in (lenet_5_caffe(), lenet_300_100()):
    print(f"{net.size:,} parameters:")
    counts = {}
    for name, layer in net.layers.items():
        count = sum(math.prod(shape) for shape in layer.shapes().values())
        if count > 0:
            counts[name] = count
            print(f"    {name:5} {count:>7,} ({count / net.size:.1%})")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert counts == {"fc1": 235_500, "fc2": 30_100, "fc3": 1_010}
assert 0.87 < 235_500 / net.size < 400_500 / lenet_5_caffe().size < 0.93

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# *One* layer, the first fully connected one, has about nine tenths of the parameters. A convolution uses the same 25
# weights at every place of the image. A fully connected unit has a weight for every place. To prune 95 % of a network,
# you have to prune this layer.
#
# </details>
#
# ### Exercise 4.3
# Count the parameters of a layer, with its biases, from the shape of its weight. This shape is (outputs, inputs) for a
# fully connected layer, and (outputs, inputs, height, width) for a convolution.


# %%
def parameters(shape):
    """How many numbers the layer learns."""
    ...  # your code


lesson_4.parameters(parameters)

# %% [markdown] tags=["slide"]
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
# The gradient by a weight of the first layer is a sum over the images: the gradient by its unit times its pixel. If a
# pixel is 0 in all images, its 300 weights get a gradient of 0.
#
# **Predict:** take a batch of 100 images, with pixels from 0 to 1. Some pixels are black in all of them. How many of
# the 235,200 weights of the first layer have a gradient of exactly 0: 300 for each of these pixels, fewer, or more?

# %% tags=["slide-more"]
w = net.init(0)
x, y = raw.train.images[:100], raw.train.labels[:100]
dark = np.count_nonzero(~x.any(axis=0))
zeros = np.count_nonzero(weight_gradient(net, w, x, y)["fc1.weight"] == 0)
print(f"{dark} pixels are black in all 100 images: 300 × {dark} = {300 * dark:,}")
print(f"weights whose gradient is exactly 0: {zeros:,} of 235,200")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert zeros > 300 * dark
assert data.name != "mnist" or (dark, zeros) == (261, 95_562)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# More. In MNIST, 261 pixels are black in all hundred images. This explains 78,300 weights. The other weights read
# pixels that *are* on in some images, but the ReLU of their unit is off for just those images, and then the gradient by
# the unit is 0. Forty of a hundred weights learn nothing from this batch.
#
# </details>
#
# ### Exercise 4.4
# Predict this number exactly, without a gradient. You get the images, and for each image which units are active (above
# 0). Assume that a sum is 0 only if all its terms are.


# %%
def dead_weights(images, active):
    """How many of the units · pixels weights get gradient 0.

    images: (images, pixels) numbers; active: (images, units) booleans.
    """
    ...  # your code


lesson_4.dead(dead_weights)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def dead_weights(images, active):
#     on = (images != 0).astype(int)
#     together = on.T @ active.astype(int)  # (pixels, units): the number of images with both
#     return np.count_nonzero(together == 0)
# ```
# </details>
#
# ## Round 5: what training does to them
#
# Now take all the images that we train on. Some pixels are black in every one of them. And take the hundred images once
# more, but *normalized*.
#
# **Predict:** how many pixels are never on? How many weights have gradient 0 if the images are normalized?

# %% tags=["slide-more"]
never = ~raw.train.images.any(axis=0).ravel()
print(f"{never.sum()} pixels are never on, in {len(raw.train.labels):,} images")
g = weight_gradient(net, w, data.train.images[:100], y)
by_weights, by_bias = g["fc1.weight"], g["fc1.bias"]
print(f"normalized, {np.count_nonzero(by_weights == 0):,} gradients are 0")
silent = np.count_nonzero(~by_weights.any(axis=1))
print(f"{silent} unit(s) of 300 are off for all hundred images")
expected = -data.mean / data.std * by_bias[:, None]
difference = np.abs(by_weights[:, never] - expected).max()
print(f"largest |g + μ/σ · g of the bias|: {difference:.0e}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
on, active = (x != 0).reshape(100, 784), x.reshape(100, 784) @ w["fc1.weight"].T > 0
assert zeros == np.count_nonzero(on.T.astype(int) @ active.astype(int) == 0)
assert np.count_nonzero(by_weights == 0) == 784 * silent
assert np.allclose(by_weights[:, never], expected, atol=1e-7)
assert data.name != "mnist" or (never.sum(), silent) == (67, 1)
assert data.name != "mnist" or round(net.size / (300 * never.sum())) == 13

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# In MNIST, 67 pixels are never on. They have 20,100 weights, one in thirteen of the network, and no image can move
# them. Normalizing changes this: the gradients are no longer 0, except those of a unit that is off for all images.
#
# But look at the gradients. Black is now $-\mu/\sigma$ in every image. So the gradient by each of these weights is
# $-\mu/\sigma$ times the gradient by the bias of its unit (the last line). Each unit has 67 more biases, and they know
# nothing about the digit.
#
# </details>
#
# ### Train both
# We train the same initial weights twice, on pixels from 0 to 1 and on normalized ones, without weight decay.
#
# **Predict:** which weights of a unit will training change, in either case? Which network has the smaller error?

# %% tags=["slide-more"]
before, after, errors, moved = w["fc1.weight"], {}, {}, {}
for name, images in {"pixels 0 to 1": raw, "normalized": data}.items():
    options = {"iterations": STEPS, "optimizer": SGD(weight_decay=0.0), "title": None}
    params = train(net, w, images, **options).params
    after[name] = params["fc1.weight"]
    _, errors[name] = evaluate(net, params, images.test)
    moved[name] = np.count_nonzero((after[name] != before)[:, never])
    print(f"{name:13}: test error {errors[name]:.1f} %, ", end="")
    print(f"{moved[name]:,} of {300 * never.sum():,} never-on weights moved")

# %% tags=["key-figure", "slide-more"]
raw_weights, normalized_weights = after.values()
six = {
    "trained,\npixels 0 to 1": raw_weights,
    "what training\nchanged,\npixels 0 to 1": raw_weights - before,
    "what training\nchanged,\nnormalized": normalized_weights - before,
}
rows = {name: weights[:6].reshape(6, 28, 28) for name, weights in six.items()}
title = f"Six units of fc1, {data.label}, {STEPS} steps; parameters per layer"
weight_pictures(rows, counts, title)

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert moved == {"pixels 0 to 1": 0, "normalized": 300 * never.sum()}
assert max(errors.values()) < (7 if data.name == "mnist" else 25)
if data.name == "mnist" and STEPS == 540:
    assert abs(errors["pixels 0 to 1"] - errors["normalized"]) < 0.5

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The trained weights (first row) are mostly the noise that they started as. What training *changed* (second row) are
# smooth strokes, red and blue, in the middle. The frame is exactly white: its weights did not move at all. With
# normalized pixels (third row), the frame of each unit has one even tint: the extra biases.
#
# The two errors hardly differ. Normalizing is a good habit, but for this network and this learning rate it does not
# matter.
#
# </details>
#
# ## On your own
# - Train with `SGD()`, whose weight decay is 5e-4. What happens to the weights of the never-on pixels? They all shrink
#   by the same factor: compute it.
# - After lesson 5: score the network with SNIP on raw and on normalized pixels. How many of the connections that it
#   keeps at 95 % read a pixel that is never on?
#
# ## In practice
# - Dead inputs are common: a sensor that nobody plugged in, a word that never occurs. A gradient shows that they are
#   dead only if they are exactly 0. After normalizing they look as alive as the others. So count first, then normalize.
# - If two implementations of SNIP disagree, ask how each one normalizes.
#
# ## Further reading
# - `minisnip/data/published.py`, which checks every header, and `minisnip/data/dataset.py`, which splits and
#   normalizes.
# - Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, *Efficient BackProp* (1998), section 4.3: why inputs are normalized.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, *Gradient-based learning applied to document recognition* (1998): MNIST
#   and LeNet-5.
# - Next: [score a connection before training](05_score_before_training.ipynb).

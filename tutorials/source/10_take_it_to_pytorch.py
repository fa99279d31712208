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
# # 10. Take it to PyTorch
#
# ![The same masks from two frameworks, and what they cost](figures/10_take_it_to_pytorch.png)
#
# | you will | |
# |---|---|
# | **do** | send a mask to PyTorch and train there, compute the same mask there, export the pruned network to ONNX |
# | **learn** | why a mask fits every framework; when two masks may differ; what pruning gives where none are known |
# | **need** | lessons 5 and 8; MNIST, or the built-in glyphs; `pip install '.[notebooks,export]'` |
# | **time** | 45 minutes, of which the computer needs half a minute |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
from pathlib import Path
from timeit import repeat

import numpy as np
import onnxruntime
import torch

from minisnip import export
from minisnip.exercises import fast_or, lesson_10, mnist_or_glyphs
from minisnip.lab.plots import collapse_and_cost
from minisnip.nn import lenet_300_100
from minisnip.pruning import apply_masks, compact, connection_sensitivity, keep_top, mask_gradient, overlap
from minisnip.training import evaluate

# %% [markdown]
# ## Round 1: a mask is a dict of arrays
#
# `to_torch` makes a PyTorch module with our parameters and masks. The masks become those of `torch.nn.utils.prune`, so
# PyTorch's own tools know them. Then PyTorch trains, with momentum and weight decay, and `from_torch` reads the weights
# back.
#
# **Predict:** the module never heard of SNIP. How many of the 253,279 removed connections are zero after training? And
# what error does *our* `evaluate` find for *their* weights?

# %%
data, net = mnist_or_glyphs(), lenet_300_100()
x, y = data.train.images[:100], data.train.labels[:100]
w = net.init(0)
masks = keep_top(connection_sensitivity(net, w, x, y), 0.95)
module = export.to_torch(net, w, masks)
difference = abs(module(torch.from_numpy(x)).detach().numpy() - net(apply_masks(masks, w), x)).max()
print("the logits differ by less than 1e-5:", difference < 1e-5)
print(", ".join(module.state_dict()))

# %%
images, labels = torch.from_numpy(data.train.images), torch.from_numpy(data.train.labels)
optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
for step in range(fast_or(540, fast=50)):
    batch = slice(100 * step % 10_000, 100 * step % 10_000 + 100)
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(module(images[batch]), labels[batch]).backward()
    optimizer.step()

# %%
trained, found = export.from_torch(net, module)
removed = sum(int((trained[name][c == 0] == 0).sum()) for name, c in masks.items())
print(f"{removed:,} removed connections are zero")
error = evaluate(net, trained, data.test)[1]
print(f"test error below 15 %: {error < 15}")
assert difference < 1e-5
assert all(np.array_equal(found[name], c) for name, c in masks.items())
assert removed == 266_610 - 13_331
assert error < fast_or(15, fast=60)

# %% [markdown]
# **Explain.** All of them. The module holds `weight_orig` and `weight_mask`, and its weight is their product, computed
# anew in every forward pass. Momentum and decay may move `weight_orig` where the mask is 0, and nobody sees it. That is
# the $c \odot w$ of lesson 5, by other names; and as names and layouts of parameters are PyTorch's here, nothing else
# had to be translated.
#
# ### Exercise 10.1
# Write the translation: from parameters and masks, two dicts of arrays, to a state dict in PyTorch's words.


# %%
def state_of(params, masks):
    """A dict: name_orig and name_mask for what has a mask; the plain name for what has none."""
    ...  # your code


lesson_10.state_of(state_of)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def state_of(params, masks):
#     state = {}
#     for name, w in params.items():
#         if name in masks:
#             state[f"{name}_orig"], state[f"{name}_mask"] = w, masks[name]
#         else:
#             state[name] = w
#     return state
# ```
# </details>
#
# ## Round 2: the same mask from both
#
# Now let PyTorch score, too. The derivative by the mask at c = 1 is $g_j = w_j \, \partial L / \partial w_j$, so its
# ordinary gradient is enough. Same weights, same batch.
#
# **Predict:** are the two masks equal in float64, in float32, in both, in neither?


# %%
def by_pytorch(w):
    dense = export.to_torch(net, w)
    inputs = torch.from_numpy(x.astype(w["fc1.weight"].dtype))
    torch.nn.functional.cross_entropy(dense(inputs), torch.from_numpy(y)).backward()
    return {name: (p * p.grad).detach().numpy() for name, p in dense.named_parameters()}


def top(g, sparsity):
    return keep_top({name: abs(g[name]) for name in g}, sparsity)


# %%
for kind in (np.float64, np.float32):
    same = {name: a.astype(kind) for name, a in w.items()}
    ours, theirs = mask_gradient(net, same, x.astype(kind), y), by_pytorch(same)
    largest = max(abs(g).max() for g in ours.values())
    apart = max(abs(ours[name] - theirs[name]).max() for name in ours) / largest
    a, b = top(ours, 0.95), top(theirs, 0.95)
    alike = overlap(a, b).jaccard
    print(f"{kind.__name__}: derivatives agree to {'1e-13' if apart < 1e-13 else '1e-4'} of the largest;", end=" ")
    print("the masks share more than 99.9 % of what they keep:", alike > 0.999)
    assert apart < (1e-13 if kind is np.float64 else 1e-4)
    assert alike == 1 if kind is np.float64 else alike > 0.999

# %% [markdown]
# **Explain.** In float64 they are equal, all 266,610 decisions. In float32 they may differ in a connection or two: the
# frameworks add up the same numbers in another order, the last digits of $g_j$ differ, and of two connections beside
# the threshold the other one wins. That is no mistake. A wrong formula looks different: it disagrees far away from the
# threshold.
#
# ### Exercise 10.2
# Tell the two apart. All differences are round-off if each connection where the masks differ has a score that is within
# `tolerance` times the threshold of the threshold, which is the smallest score that mask a keeps.


# %%
def is_round_off(scores, a, b, tolerance):
    """Whether masks a and b, flat arrays of 0 and 1, differ beside the threshold only."""
    ...  # your code


lesson_10.is_round_off(is_round_off)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def is_round_off(scores, a, b, tolerance):
#     threshold = scores[a == 1].min()
#     return bool((abs(scores[a != b] - threshold) <= tolerance * threshold).all())
# ```
# </details>
#
# ## Round 3: where nobody knows masks
#
# A phone or a browser runs neither framework, but an ONNX file, in a runtime such as onnxruntime. There are no masks in
# it: a pruned weight is a zero.
#
# **Predict:** SNIP removed 98 %. By how much does the file shrink, and by how much the time, if zeros are written as
# they are? And if `compact` first cuts out every unit without a path?

# %%
shares = np.array([10, 5, 2, 1])
files = {"dense": [], "masked": [], "compacted": []}
for share in shares:
    c = keep_top(connection_sensitivity(net, w, x, y), 1 - share / 100)
    small = compact(net, w, c)
    versions = {"dense": (net, w), "masked": (net, apply_masks(c, w)), "compacted": (small.net, small.params)}
    for version, (network, params) in versions.items():
        path = Path(f"{version}.onnx")
        export.to_onnx(network, params, path)
        files[version].append(path.read_bytes())
        path.unlink()

# %%
kilobytes = {version: [len(file) / 1000 for file in made] for version, made in files.items()}
print(" " * 10 + "".join(f"{100 - share:9} %" for share in shares))
for version, sizes in kilobytes.items():
    print(f"{version:<10}" + "".join(f"{size:8.0f} kB" for size in sizes))
few = data.test.images[:100]
logits, seconds = {}, {}
for version, made in files.items():
    session = onnxruntime.InferenceSession(made[-1], providers=["CPUExecutionProvider"])
    (logits[version],) = session.run(None, {"images": few})
    seconds[version] = min(repeat(lambda s=session: s.run(None, {"images": few}), number=5, repeat=20))
print("at 99 % the compacted file is the fastest:", min(seconds, key=seconds.get) == "compacted")

# %%
assert kilobytes["masked"] == kilobytes["dense"]
assert kilobytes["compacted"][-1] < 0.2 * kilobytes["dense"][-1]
assert np.allclose(logits["masked"], logits["compacted"], atol=1e-5)
assert seconds["compacted"] < seconds["masked"]

# %% tags=["key-figure"]
costs = {"size of the ONNX file, kB": kilobytes}
table = Path("data/10_onnxruntime.csv")  # not there if you have the notebook alone
if table.exists():
    recorded = np.genfromtxt(table, delimiter=",", skip_header=3)[:4, 2:].T
    costs["onnxruntime, 100 images (recorded once), ms"] = dict(zip(files, recorded, strict=True))
sparsities = 1 - np.array(fast_or([50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1], fast=[50, 5, 0.5])) / 100
scores = {"scored by minisnip": mask_gradient(net, w, x, y), "scored by PyTorch": by_pytorch(w)}
both = {name: [top(g, s) for s in sparsities] for name, g in scores.items()}
title = f"LeNet-300-100, {data.label}. Above: the same masks from both. Below: what they give outside"
collapse_and_cost(100 * (1 - sparsities), both, shares, costs, title)

# %% [markdown]
# **Explain.** With zeros as they are, by nothing at all: the masked file has as many bytes as the dense one, and takes
# as long. onnxruntime multiplies zeros like any other number, as NumPy and PyTorch do. `compact` needs no support from
# the runtime, because what it leaves is an ordinary, smaller network. Lesson 8 in one sentence: zeros are not speed
# until rows vanish, wherever you take them.
#
# The milliseconds change with every run and every machine. So they were recorded once, and the site's page "Size and
# speed of exported networks" has all of them, for one image and for a hundred.
#
# ### Exercise 10.3
# Measure a call so that the number can be repeated: one call to warm up, then the median of `repeats` calls, in
# milliseconds. `clock()` gives seconds, as `time.perf_counter` does; look at it around each call.


# %%
def milliseconds_of(work, clock, repeats):
    """The median milliseconds of a call of work()."""
    ...  # your code


lesson_10.milliseconds(milliseconds_of)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def milliseconds_of(work, clock, repeats):
#     work()
#     seconds = []
#     for _ in range(repeats):
#         start = clock()
#         work()
#         seconds.append(clock() - start)
#     return 1000 * np.median(seconds)
# ```
# </details>
#
# ## On your own
# - Score with another batch in PyTorch. Does `is_round_off` still say yes? By how much do the masks overlap?
# - Export LeNet-5-Caffe at 99 %. Which layer shrinks, and why does its time hardly change?
# - `minisnip export RUN --format onnx` writes a trained run. Open the file in a viewer of ONNX graphs.
#
# ## In practice
# Exchange masks as data: a dict of arrays in `.npz` or `.safetensors`, never a pickle, which runs code when it is read.
# Check a port by the derivatives in float64 first. When they agree there, a difference in float32 is round-off; when
# they do not, no amount of training will tell you why. And when somebody reports a speedup from sparsity, ask which
# kernel used it.
#
# ## Further reading
# - [PyTorch's pruning tutorial](https://pytorch.org/tutorials/intermediate/pruning_tutorial.html): `weight_orig`,
#   `weight_mask`, and what `remove` does.
# - [The ONNX operators](https://onnx.ai/onnx/operators/): what a runtime has to know.
# - N. Lee, T. Ajanthan, P. Torr, *SNIP*, 2019, [arXiv 1810.02340](https://arxiv.org/abs/1810.02340).
# - Back to [lesson 8](08_break_and_repair.ipynb), where rows vanish.

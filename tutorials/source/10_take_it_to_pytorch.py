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
# # 10. Take it to PyTorch
#
# ![A mask from NumPy, and an empty mask from PyTorch with a question mark](figures/teasers/10.png)
#
# | you will | |
# |---|---|
# | **do** | send a mask to PyTorch and train there, let PyTorch score, export the pruned network to ONNX |
# | **learn** | how a mask moves between frameworks; whether two frameworks agree; what a runtime without masks gains |
# | **need** | lessons 5 and 8; MNIST, or the built-in glyphs; `pip install '.[notebooks,export]'` |
# | **time** | 45 minutes, of which the computer needs one |
#
# On Linux, PyTorch brings gigabytes for graphics cards. Get its small build for the CPU first:
# `pip install torch --index-url https://download.pytorch.org/whl/cpu`

# %%
from functools import partial
from pathlib import Path
from timeit import repeat

import numpy as np
import onnxruntime
import torch

from minisnip import exercises, export, pruning
from minisnip.exercises import lesson_10, mnist_or_glyphs
from minisnip.lab.plots import collapse_and_cost
from minisnip.nn import lenet_300_100
from minisnip.training import evaluate

STEPS, PERCENTS = 540, [50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1]  # connections kept

# %% tags=["guard"]
torch.set_num_threads(1)  # a second thread would wait for other programs on a busy machine
STEPS = exercises.fast_or(STEPS, fast=50)
PERCENTS = exercises.fast_or(PERCENTS, fast=[50, 5, 0.5])

# %% [markdown] tags=["slide"]
# ## Round 1: a mask is a dict of arrays
#
# `to_torch` makes a PyTorch module with our parameters and masks. The masks become those of `torch.nn.utils.prune`, so
# PyTorch's own tools know them. Then PyTorch trains, with momentum and weight decay, and `from_torch` reads the weights
# back.
#
# **Predict:** PyTorch's optimizer knows nothing of pruning. Of the 253,279 removed connections, how many are zero after
# training? And what test error does our `evaluate` find for these weights?

# %%
data, net = mnist_or_glyphs(), lenet_300_100()
x, y = data.train.images[:100], data.train.labels[:100]
w = net.init(0)
masks = pruning.keep_top(pruning.connection_sensitivity(net, w, x, y), 0.95)
module = export.to_torch(net, w, masks)
ours = net(pruning.apply_masks(masks, w), x)
theirs = module(torch.from_numpy(x)).detach().numpy()
print("the logits differ by less than 1e-5:", np.abs(ours - theirs).max() < 1e-5)
print("\n".join(module.state_dict()))

# %% tags=["slide"]
images = torch.from_numpy(data.train.images)
labels = torch.from_numpy(data.train.labels)
options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
optimizer = torch.optim.SGD(module.parameters(), **options)
for step in range(STEPS):
    start = 100 * step % 10_000
    batch = slice(start, start + 100)
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(module(images[batch]), labels[batch])
    loss.backward()
    optimizer.step()

# %% tags=["slide-more"]
trained, found = export.from_torch(net, module)
zeros = sum(int(np.sum(trained[name][c == 0] == 0)) for name, c in masks.items())
print(f"{zeros:,} removed connections are zero")
error = evaluate(net, trained, data.test)[1]
print(f"the test error is {error:.1f} %")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert np.abs(ours - theirs).max() < 1e-5
assert all(np.array_equal(found[name], c) for name, c in masks.items())
assert zeros == 266_610 - 13_331
assert error < exercises.fast_or(15, fast=60)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# All of them are zero. The module holds `weight_orig` and `weight_mask`, and every forward pass computes the weight as
# their product. Momentum and weight decay may move `weight_orig` where the mask is 0, but this has no effect. The
# product is the $c \odot w$ of lesson 5 under other names. Our parameters have PyTorch's names and layouts, so nothing
# else had to be translated.
#
# </details>
#
# ### Exercise 10.1
# Write the translation: from parameters and masks, two dicts of arrays, to a state dict with PyTorch's names.


# %%
def state_of(params, masks):
    """A dict: name_orig and name_mask if there is a mask; name if there is none."""
    ...  # your code


lesson_10.state_of(state_of)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def state_of(params, masks):
#     state = {}
#     for name, w in params.items():
#         if name in masks:
#             state[f"{name}_orig"] = w
#             state[f"{name}_mask"] = masks[name]
#         else:
#             state[name] = w
#     return state
# ```
# </details>
#
# ## Round 2: let PyTorch score
#
# The derivative by the mask at $c = 1$ is $g_j = w_j \, \partial L / \partial w_j$, so PyTorch's ordinary gradient is
# enough to score. We use the same weights and the same batch.
#
# **Predict:** are our mask and PyTorch's equal in float64, in float32, in both, or in neither?


# %%
def by_pytorch(w):
    """PyTorch's derivative by the mask, for each parameter."""
    dense = export.to_torch(net, w)
    inputs = torch.from_numpy(x.astype(w["fc1.weight"].dtype))
    loss = torch.nn.functional.cross_entropy(dense(inputs), torch.from_numpy(y))
    loss.backward()
    return {name: (p * p.grad).detach().numpy() for name, p in dense.named_parameters()}


def top(g, sparsity):
    """SNIP's mask: the largest |g_j|."""
    return pruning.keep_top({name: np.abs(g[name]) for name in g}, sparsity)


# %% tags=["slide-more"]
apart, alike = {}, {}
for kind in ("float64", "float32"):
    same = {name: a.astype(kind) for name, a in w.items()}
    ours = pruning.mask_gradient(net, same, x.astype(kind), y)
    theirs = by_pytorch(same)
    largest = max(np.abs(g).max() for g in ours.values())
    apart[kind] = max(np.abs(ours[name] - theirs[name]).max() for name in ours) / largest
    alike[kind] = pruning.overlap(top(ours, 0.95), top(theirs, 0.95)).jaccard
    print(f"{kind}: the g_j differ by {apart[kind]:.0e} of the largest", end=", ")
    print(f"the overlap of the masks is {alike[kind]:.5f}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert apart["float64"] < 1e-13
assert apart["float32"] < 1e-4
assert alike["float64"] == 1
assert alike["float32"] > 0.999

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# In float64 the masks are equal: all 266,610 decisions agree. In float32 one or two connections may differ. The two
# frameworks add the same numbers in a different order, so the last digits of $g_j$ differ, and of two connections next
# to the threshold a different one is kept. This is round-off, not a mistake. A wrong formula looks different: its mask
# also differs far from the threshold.
#
# </details>
#
# ### Exercise 10.2
# Tell the two apart. The threshold is the smallest score that mask `a` keeps. The differences are round-off if the
# score, wherever the masks differ, is at most `tolerance` times the threshold away from the threshold.


# %%
def is_round_off(scores, a, b, tolerance):
    """Whether the flat masks a and b differ only next to the threshold."""
    ...  # your code


lesson_10.is_round_off(is_round_off)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def is_round_off(scores, a, b, tolerance):
#     threshold = scores[a == 1].min()
#     distances = np.abs(scores[a != b] - threshold)
#     return bool(np.all(distances <= tolerance * threshold))
# ```
# </details>
#
# ## Round 3: a runtime without masks
#
# A phone or a browser does not run PyTorch. It reads an ONNX file in a runtime such as onnxruntime. Such a file has no
# masks: a pruned weight is a zero.
#
# **Predict:** SNIP removed 99 % of the connections. By how much does the file shrink, and by how much the time, if the
# zeros are written as they are? And if `compact` first removes every unit that is not on a path?

# %%
kept = np.array([10, 5, 2, 1])
files = {"dense": [], "masked": [], "compacted": []}
for percent in kept:
    c = pruning.keep_top(pruning.connection_sensitivity(net, w, x, y), 1 - percent / 100)
    small = pruning.compact(net, w, c)
    versions = {"dense": (net, w), "masked": (net, pruning.apply_masks(c, w))}
    versions["compacted"] = (small.net, small.params)
    for version, (network, params) in versions.items():
        path = Path(f"{version}.onnx")
        export.to_onnx(network, params, path)
        files[version].append(path.read_bytes())
        path.unlink()

# %% tags=["slide-more"]
given, kilobytes, logits, seconds = {"images": data.test.images[:100]}, {}, {}, {}
for version, made in files.items():
    kilobytes[version] = [len(file) / 1000 for file in made]
    for percent, size in zip(kept, kilobytes[version], strict=True):
        print(f"{version:<10}{100 - percent} % pruned: {size:6.0f} kB")
    session = onnxruntime.InferenceSession(made[-1], providers=["CPUExecutionProvider"])
    (logits[version],) = session.run(None, given)
    call = partial(session.run, None, given)
    seconds[version] = min(repeat(call, number=5, repeat=20))
fastest = min(seconds, key=seconds.get)
print("at 99 %, is the compacted file the fastest?", fastest == "compacted")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert kilobytes["masked"] == kilobytes["dense"]
assert kilobytes["compacted"][-1] < 0.2 * kilobytes["dense"][-1]
assert np.allclose(logits["masked"], logits["compacted"], atol=1e-5)
assert seconds["compacted"] < seconds["masked"]
table = Path("../data/10_onnxruntime.csv" if Path.cwd().name == "student" else "data/10_onnxruntime.csv")
recorded = {}
if table.exists():
    columns = np.genfromtxt(table, delimiter=",", skip_header=3)[:4, 2:].T
    recorded["onnxruntime, 100 images (recorded once), ms"] = dict(zip(files, columns, strict=True))

# %% tags=["key-figure", "slide"]
sparsities = [1 - percent / 100 for percent in PERCENTS]
scores = {"scored by minisnip": pruning.mask_gradient(net, w, x, y)}
scores["scored by PyTorch"] = by_pytorch(w)
both = {name: [top(g, s) for s in sparsities] for name, g in scores.items()}
costs = {"size of the ONNX file, kB": kilobytes} | recorded
title = f"LeNet-300-100, {data.label}. Above: the masks. Below: the cost outside"
collapse_and_cost(PERCENTS, both, kept, costs, title)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# With the zeros as they are, nothing is gained. The masked file has as many bytes as the dense one and takes as long:
# onnxruntime multiplies zeros like any other number, as NumPy and PyTorch do. After `compact` there is an ordinary,
# smaller network, and every runtime can use it. This is lesson 8 again: zeros save nothing until whole rows vanish.
#
# How much vanishes depends on the sparsity. At 90 % nearly all pixels are still read and nearly all units remain. So
# the file is hardly smaller, and the time no shorter: to pick the pixels takes longer than the few missing units save.
# At 99 % both shrink.
#
# The milliseconds change with every run and every machine, so we recorded them once. The site's page "Size and speed of
# exported networks" has them all, for one image and for a hundred.
#
# </details>
#
# ### Exercise 10.3
# Measure a call so that others can repeat it: one call to warm up, then the median of `repeats` calls, in milliseconds.
# `clock()` returns seconds, as `time.perf_counter` does. Read it before and after each call.


# %%
def milliseconds_of(work, clock, repeats):
    """The median milliseconds of a call of work()."""
    ...  # your code


lesson_10.milliseconds(milliseconds_of)

# %% [markdown] tags=["slide"]
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
# - Score with another batch in PyTorch. Does `is_round_off` still say yes? How large is the overlap of the masks?
# - Export LeNet-5-Caffe at 99 %. Which layer shrinks, and why does its time hardly change?
# - `minisnip export RUN --format onnx` writes a trained run. Open the file in a viewer of ONNX graphs.
#
# ## In practice
# - Exchange masks as data: a dict of arrays in `.npz` or `.safetensors`. Never use a pickle, which runs code when it is
#   read.
# - Check a port by its derivatives in float64 first. If they agree there, a difference in float32 is round-off. If they
#   do not, no amount of training will tell you why.
# - When someone reports a speedup from sparsity, ask which kernel used it.
#
# ## Further reading
# - [PyTorch's pruning tutorial](https://pytorch.org/tutorials/intermediate/pruning_tutorial.html): `weight_orig`,
#   `weight_mask`, and what `remove` does.
# - [The ONNX operators](https://onnx.ai/onnx/operators/): what a runtime has to know.
# - N. Lee, T. Ajanthan, P. Torr, *SNIP*, 2019, [arXiv 1810.02340](https://arxiv.org/abs/1810.02340).
# - Back to [lesson 8](08_break_and_repair.ipynb), where rows vanish.

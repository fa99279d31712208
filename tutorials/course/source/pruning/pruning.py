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
# # Prune a network before it is trained
#
# Graded, 20 points, from lessons 5 to 8. Every student prunes another network with another batch: write your student id
# below, exactly as your instructor knows it. Fill in the functions; the cells behind them show some of the tests, and
# there are others. `minisnip.pruning` has functions that do most of this: read them, and write your own.
#
# Before you hand it in: *restart the kernel and run all cells*. It takes less than a minute and needs no download.

# %%
STUDENT = "my student id"

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np

from minisnip import Tensor, grad, pruning
from minisnip.data import load
from minisnip.exercises import seed_of
from minisnip.nn import Flatten, Linear, ReLU, Sequential, cross_entropy

seed = seed_of(STUDENT)
rng = np.random.default_rng(seed)
net = Sequential(
    (1, 28, 28),
    flatten=Flatten(),
    fc1=Linear(784, 20 + seed % 11),
    relu1=ReLU(),
    fc2=Linear(20 + seed % 11, 15),
    relu2=ReLU(),
    fc3=Linear(15, 10),
)
w = net.init(rng, dtype=np.float64)
glyphs = load("glyphs").train
x, y = pruning.scoring_batch(glyphs.images.astype(np.float64), glyphs.labels, 100, rng)
print(f"seed {seed}: {net.size:,} connections")

# %% [markdown]
# ## Task 1 (3 points): the derivative by the mask
#
# g_j = ∂L(c ⊙ w; D)/∂c_j at c = 1, for every connection, where L is the `cross_entropy` of `net(c ⊙ w, x)` and the labels
# y. Return a dict with the names of `w`. (Lesson 5.)


# %% nbgrader={"grade": false, "grade_id": "mask_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mask_gradient(net, w, x, y):
    """∂L/∂c at c = 1, by parameter, signed."""
    ### BEGIN SOLUTION
    c = {name: Tensor(np.ones_like(w[name])) for name in w}
    return grad(cross_entropy(net({name: c[name] * w[name] for name in w}, x), y), c)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mask_gradient_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
g = mask_gradient(net, w, x, y)
assert list(g) == list(w)
assert all(g[name].shape == w[name].shape for name in w)
assert not g["fc1.bias"].any(), "a bias is 0 before training: removing it changes nothing"
### BEGIN HIDDEN TESTS
expected = pruning.mask_gradient(net, w, x, y)
assert all(np.allclose(g[name], expected[name], atol=1e-12) for name in w), "g_j = w_j ∂L/∂w_j, with its sign"
half = {name: v / 2 for name, v in w.items()}
expected = pruning.mask_gradient(net, half, x[:7], y[:7])
assert all(np.allclose(v, expected[name], atol=1e-12) for name, v in mask_gradient(net, half, x[:7], y[:7]).items())
### END HIDDEN TESTS

# %% [markdown]
# ## Task 2 (3 points): exactly κ
#
# Keep the `kappa` connections of highest score in the whole network, whatever layer they are in: masks of 0 and 1 with
# the names and shapes of the scores, and exactly `kappa` ones, with ties too. (Lesson 5.)


# %% nbgrader={"grade": false, "grade_id": "keep", "locked": false, "schema_version": 3, "solution": true, "task": false}
def keep(scores, kappa):
    """Masks with exactly kappa ones, where the scores are highest."""
    ### BEGIN SOLUTION
    flat = np.concatenate([s.ravel() for s in scores.values()])
    chosen = np.zeros(flat.size)
    chosen[np.argsort(-flat, kind="stable")[:kappa]] = 1
    parts = np.split(chosen, np.cumsum([s.size for s in scores.values()])[:-1])
    return {name: part.reshape(s.shape) for (name, s), part in zip(scores.items(), parts, strict=True)}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "keep_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
small = {"a": np.array([[3.0, 1.0]]), "b": np.array([2.0, 0.5])}
masks = keep(small, 2)
assert masks["a"].tolist() == [[1, 0]]
assert masks["b"].tolist() == [1, 0]
### BEGIN HIDDEN TESTS
for kappa in (0, 1, 4):
    assert sum(c.sum() for c in keep(small, kappa).values()) == kappa
tied = {"a": np.ones((5, 4)), "b": np.full(7, 2.0), "c": np.ones(3)}
for kappa in (3, 7, 8, 20):
    masks = keep(tied, kappa)
    assert sum(c.sum() for c in masks.values()) == kappa, "ties: exactly kappa, not one more"
    assert masks["b"].sum() == min(kappa, 7)
scores = {name: np.abs(v) for name, v in pruning.mask_gradient(net, w, x, y).items()}
kappa = 500 + seed % 100
masks = keep(scores, kappa)
assert sum(c.sum() for c in masks.values()) == kappa
kept, gone = (np.concatenate([scores[n][masks[n] == bit] for n in scores]) for bit in (1, 0))
assert kept.min() >= gone.max(), "one threshold for the whole network"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 3 (3 points): zeros stay zero
#
# One step of SGD with momentum and weight decay on one parameter under its mask c:
# v ← momentum · v + g + decay · w, then w ← w − rate · v. Return the new w and v, and leave the arrays that you were given
# as they are. The gradient g and the velocity v may be anything where c = 0; the new w must be 0 there. (Lesson 6.)


# %% nbgrader={"grade": false, "grade_id": "step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def step(w, v, g, c, rate, momentum, decay):
    """The new (w, v)."""
    ### BEGIN SOLUTION
    v = c * (momentum * v + g + decay * w)
    return c * (w - rate * v), v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "step_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
new_w, new_v = step(np.array([2.0]), np.array([1.0]), np.array([3.0]), np.array([1.0]), 0.1, 0.5, 0.0)
assert np.allclose((new_w[0], new_v[0]), (1.65, 3.5))
### BEGIN HIDDEN TESTS
test_rng = np.random.default_rng(seed)
weight, velocity, gradient = test_rng.standard_normal((3, 40))
c = (test_rng.random(40) < 0.5).astype(float)
weight *= c
before = [a.copy() for a in (weight, velocity, gradient, c)]
right_v = 0.9 * velocity + gradient + 0.01 * weight
right_w = weight - 0.1 * right_v
new_w, new_v = step(weight, velocity, gradient, c, 0.1, 0.9, 0.01)
assert np.allclose(new_w[c == 1], right_w[c == 1])
assert np.allclose(new_v[c == 1], right_v[c == 1]), "weight decay goes through the velocity"
assert not new_w[c == 0].any(), "momentum revives what was pruned"
again, _ = step(new_w, new_v, np.zeros(40), c, 0.1, 0.9, 0.01)
assert not again[c == 0].any(), "momentum revives what was pruned, one step later"
assert all(np.array_equal(a, b) for a, b in zip(before, (weight, velocity, gradient, c), strict=True)), (
    "changed an input"
)
### END HIDDEN TESTS

# %% [markdown]
# ## Task 4 (3 points): a control
#
# Is it *which* connections SNIP keeps, or only how many of each layer? Two functions that help to find out (lesson 7):
# `jaccard` tells how alike two masks are, |A ∩ B| / |A ∪ B| over all layers together, and `control` makes a mask that keeps
# as many connections of each parameter, at places drawn by lot.


# %% nbgrader={"grade": false, "grade_id": "jaccard", "locked": false, "schema_version": 3, "solution": true, "task": false}
def jaccard(a, b):
    """|A ∩ B| / |A ∪ B| of the connections that two masks keep."""
    ### BEGIN SOLUTION
    both = sum(np.sum((a[name] == 1) & (b[name] == 1)) for name in a)
    either = sum(np.sum((a[name] == 1) | (b[name] == 1)) for name in a)
    return both / either
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "jaccard_test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
a, b = {"p": np.array([1, 1, 0]), "q": np.array([1])}, {"p": np.array([0, 1, 1]), "q": np.array([1])}
assert jaccard(a, a) == 1
assert jaccard(a, b) == 0.5
### BEGIN HIDDEN TESTS
test_rng = np.random.default_rng(seed)
first, second = ({"p": test_rng.integers(0, 2, (30, 3)), "q": test_rng.integers(0, 2, 9)} for _ in range(2))
assert np.isclose(jaccard(first, second), pruning.overlap(first, second).jaccard), "over all layers, not their mean"
### END HIDDEN TESTS


# %% nbgrader={"grade": false, "grade_id": "control", "locked": false, "schema_version": 3, "solution": true, "task": false}
def control(masks, rng):
    """As many ones in each parameter, at places drawn by lot."""
    ### BEGIN SOLUTION
    return {name: rng.permutation(c.ravel()).reshape(c.shape) for name, c in masks.items()}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "control_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
masks = {"fc1.weight": np.eye(6), "fc1.bias": np.zeros(6)}
drawn = control(masks, np.random.default_rng(0))
assert {name: c.sum() for name, c in drawn.items()} == {"fc1.weight": 6, "fc1.bias": 0}
### BEGIN HIDDEN TESTS
assert np.array_equal(masks["fc1.weight"], np.eye(6)), "changed the mask that it was given"
snipped = pruning.keep_top(pruning.connection_sensitivity(net, w, x, y), 0.9)
test_rng = np.random.default_rng(seed)
controls = [control(snipped, test_rng) for _ in range(50)]
for drawn in controls[:5]:
    assert all(drawn[n].shape == c.shape and drawn[n].sum() == c.sum() for n, c in snipped.items()), "other counts"
often = np.mean([drawn["fc1.weight"] for drawn in controls], axis=0)
share = snipped["fc1.weight"].mean()
expected = np.sqrt(share * (1 - share) / 50)
assert 0.8 * expected < often.std() < 1.2 * expected, "every place of a parameter must be equally likely"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 5 (2 points): connections on a path
#
# A kept weight is effective if it is on a path of kept weights from an input to an output. Given the masks of the weights
# of a fully connected network, a list of (units, inputs) arrays with the first layer first, count them. (Lesson 8.)


# %% nbgrader={"grade": false, "grade_id": "effective", "locked": false, "schema_version": 3, "solution": true, "task": false}
def effective(masks):
    """How many kept weights are on a path from an input to an output."""
    ### BEGIN SOLUTION
    fed, read = [np.ones(masks[0].shape[1])], [np.ones(len(masks[-1]))]
    for c in masks:
        fed.append((c @ fed[-1] > 0) * 1.0)
    for c in masks[::-1]:
        read.insert(0, (read[0] @ c > 0) * 1.0)
    return int(sum((c * np.outer(r, f)).sum() for c, f, r in zip(masks, fed, read[1:], strict=False)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "effective_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
assert effective([np.array([[1], [0]]), np.array([[1, 1]])]) == 2
### BEGIN HIDDEN TESTS
assert effective([np.array([[1]]), np.array([[1]]), np.array([[0]])]) == 0
scores = {name: v for name, v in pruning.connection_sensitivity(net, w, x, y).items() if name.endswith("weight")}
for sparsity in (0.9, 0.98, 0.99):
    masks = pruning.keep_top(scores, sparsity)
    expected = sum(int(c.sum()) for c in pruning.effective_masks(net, masks).values())
    assert effective(list(masks.values())) == expected, "two walks: what the input reaches, and what reaches the output"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 6 (3 points): ask again after each cut
#
# `score(masks)` gives the scores of the network under these masks. Begin with masks of ones like `w`; round t = 1 … `rounds`
# asks once and keeps `round(m * (kappa / m) ** (t / rounds))` of the m connections, the best of those still there. What is
# removed stays removed. Return the last masks. Your `keep` of task 2 may serve, or `pruning.keep_top`. (Lesson 8.)


# %% nbgrader={"grade": false, "grade_id": "iterate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def iterate(score, w, kappa, rounds):
    """The masks after the last round, with kappa ones."""
    ### BEGIN SOLUTION
    masks = {name: np.ones_like(v) for name, v in w.items()}
    m = sum(v.size for v in w.values())
    for t in range(1, rounds + 1):
        scores = {name: np.where(masks[name] == 1, s, -np.inf) for name, s in score(masks).items()}
        masks = keep(scores, round(m * (kappa / m) ** (t / rounds)))
    return masks
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "iterate_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
masks = iterate(lambda masks: {"a": np.array([1.0, 4.0, 3.0, 2.0])}, {"a": np.zeros(4)}, 1, 2)
assert masks["a"].tolist() == [0, 1, 0, 0]
### BEGIN HIDDEN TESTS
test_rng, asked, scored = np.random.default_rng(seed), [], []


def score(masks):
    """The removed ones look best: they must not return."""
    asked.append({name: np.array(c) for name, c in masks.items()})
    scored.append({name: test_rng.random(c.shape) + 1 - c for name, c in masks.items()})
    return {name: s.copy() for name, s in scored[-1].items()}


kappa = 20 + seed % 30
asked.append(iterate(score, w, kappa, 6))
counts = [int(sum(c.sum() for c in masks.values())) for masks in asked]
assert counts == [round(net.size * (kappa / net.size) ** (t / 6)) for t in range(7)], "the same share in each round"
for before, scores, after in zip(asked, scored, asked[1:], strict=False):
    assert all(np.all(after[n] <= before[n]) for n in w), "what is removed stays removed"
    kept, gone = (np.concatenate([scores[n][(before[n] == 1) & (after[n] == bit)] for n in w]) for bit in (1, 0))
    assert kept.min() >= gone.max(), "the best of what is left"
### END HIDDEN TESTS

# %% [markdown]
# ## Task 7 (3 points): until rows vanish
#
# Of a trained and masked network `w2 @ relu(w1 @ x + b1)` return `(pixels, w1, b1, w2)`: with as few hidden units as
# possible, and with only those inputs that are still read then. `pixels` are their numbers, rising, and
# `w2 @ relu(w1 @ x[pixels] + b1)` is what it was, for every x. Judge by which numbers are zero. (Lesson 8.)


# %% nbgrader={"grade": false, "grade_id": "compacted", "locked": false, "schema_version": 3, "solution": true, "task": false}
def compacted(w1, b1, w2):
    """(pixels, w1, b1, w2) without dead hidden units and without inputs that nobody reads."""
    ### BEGIN SOLUTION
    alive = (w1.any(axis=1) | (b1 > 0)) & w2.any(axis=0)  # a unit without inputs says relu(b1)
    pixels = np.flatnonzero(w1[alive].any(axis=0))
    return pixels, w1[alive][:, pixels], b1[alive], w2[:, alive]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "compacted_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
pixels, w1, b1, w2 = compacted(np.array([[0.0, 2.0], [1.0, 0.0]]), np.zeros(2), np.array([[3.0, 0.0]]))
assert list(pixels) == [1]
assert (w1.tolist(), b1.tolist(), w2.tolist()) == ([[2.0]], [0.0], [[3.0]])
### BEGIN HIDDEN TESTS
pixels, w1, b1, w2 = compacted(np.zeros((3, 1)), np.array([2.0, -2.0, 0.0]), np.ones((1, 3)))
assert (len(pixels), b1.tolist()) == (0, [2.0]), "a unit without inputs says relu(b1), which may be a number"
test_rng = np.random.default_rng(seed)
masks = pruning.keep_top(pruning.connection_sensitivity(net, w, x, y), 0.99)
full1, full2 = (masks[f"{layer}.weight"] * w[f"{layer}.weight"] for layer in ("fc1", "fc2"))
bias = test_rng.standard_normal(len(full1)) * (test_rng.random(len(full1)) < 0.5)
images = x[:20].reshape(20, -1)
pixels, w1, b1, w2 = compacted(full1.copy(), bias.copy(), full2.copy())
outputs = [
    np.maximum(i @ a.T + b, 0) @ v.T for i, a, b, v in ((images, full1, bias, full2), (images[:, pixels], w1, b1, w2))
]
assert np.allclose(*outputs), "the outputs changed"
units = (full1.any(axis=1) | (bias > 0)) & full2.any(axis=0)
assert len(w1) == units.sum(), "a hidden unit too many"
assert list(pixels) == list(np.flatnonzero(full1[units].any(axis=0))), "a pixel that only dead units read is not read"
### END HIDDEN TESTS

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
# below, exactly as your instructor knows it, and fill in the functions.
#
# The cell after each function runs some of its tests. It prints the smallest input for which your answer is wrong, and
# its number is what the tests that you see give. More tests run when your answer is marked. A task has parts, and each part
# gives its points even if the others fail.
#
# `minisnip.pruning` has functions that do most of this. Read them, and write your own: while your function runs, the
# functions of `minisnip.pruning`, `.training` and `.lab` raise an error, however you import them. You need only NumPy,
# `Tensor`, `grad`, `cross_entropy` and the network.
#
# Before you hand it in: *restart the kernel and run all cells*. It takes less than a minute and needs no download. Keep
# `marking.py` in the same folder as the notebook.

# %%
STUDENT = "my student id"

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import numpy as np
from marking import problem

from minisnip import Tensor, grad
from minisnip.nn import cross_entropy

net, w, x, y = problem(STUDENT)
print(f"{net.size:,} connections, {len(x)} images")
net

# %% [markdown]
# ## Task 1 (3 points): the derivative by the mask
#
# $g_j = \partial L(c \odot w; D)/\partial c_j$ at $c = 1$, for every connection, where $L$ is the `cross_entropy` of
# `net(c ⊙ w, x)` and the labels `y`. Return a dict with the names of `w`. (Lesson 5.)


# %% nbgrader={"grade": false, "grade_id": "mask_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mask_gradient(net, w, x, y):
    """∂L/∂c at c = 1, by parameter, signed."""
    ### BEGIN SOLUTION
    c = {name: Tensor(np.ones_like(w[name])) for name in w}
    masked = {name: c[name] * w[name] for name in w}
    return grad(cross_entropy(net(masked, x), y), c)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mask_gradient_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
import numpy as np
from marking import mark


def tests(answer):
    from marking import case, problem, sizes

    from minisnip import pruning
    from minisnip.nn import Linear, Sequential

    def sized(*arguments):
        """|g|"""
        return sizes(answer(*arguments))

    weights = {"fc.weight": np.array([[1.0, -2.0], [0.0, 3.0]]), "fc.bias": np.zeros(2)}
    small = (Sequential((2,), fc=Linear(2, 2)), weights, np.eye(2), np.array([0, 1]))
    given = "one layer, w = [[1, -2], [0, 3]], images (1, 0) and (0, 1), labels 0 and 1"
    right = {"fc.weight": np.array([[-0.13447071, -0.0066928509], [0, -0.010039276]]), "fc.bias": np.zeros(2)}
    parts = {
        "sizes, one layer": (1, [case(sized, *small, gives=sizes(right), given=given)]),
        "signs": (1, [case(answer, *small, gives=right, given=given, hint="a derivative has a sign")]),
        "sizes, three layers and biases": (1, []),
    }
    ### BEGIN HIDDEN TESTS
    net_2, w_2, x_2, y_2 = problem(f"{STUDENT}, another")
    w_2 = {name: a if name.endswith("weight") else np.linspace(-0.2, 0.2, a.size) for name, a in w_2.items()}
    right = pruning.mask_gradient(net_2, w_2, x_2[:7], y_2[:7])
    hint = "g_j = w_j ∂L/∂w_j, for the biases too"
    trial = case(
        sized,
        net_2,
        w_2,
        x_2[:7],
        y_2[:7],
        gives=sizes(right),
        given=f"a network of {net_2.size:,} connections, 7 images",
        hint=hint,
    )
    parts["sizes, three layers and biases"][1].append(trial)
    ### END HIDDEN TESTS
    return parts


mark(tests, mask_gradient)

# %% [markdown]
# ## Task 2 (3 points): exactly $\kappa$
#
# Keep the `kappa` connections of highest score in the whole network, whatever layer they are in. Return masks of 0 and 1
# with the names and shapes of the scores, and exactly `kappa` ones. Some scores may be equal: then any choice among them
# is right. `kappa` may be 0. (Lesson 5.)


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
import numpy as np
from marking import mark


def tests(answer):
    from marking import case, ones, problem

    small = {"a": np.array([[3.0, 1.0]]), "b": np.array([2.0, 0.5])}
    right = {"a": np.array([[1, 0]]), "b": np.array([1, 0])}
    parts = {
        "scores that differ": (1, [case(answer, small, 2, gives=right)]),
        "the scores of your network": (1, []),
        "equal scores, and kappa = 0": (1, []),
    }
    ### BEGIN HIDDEN TESTS
    from minisnip import pruning

    for kappa in (1, 3, 4):
        parts["scores that differ"][1].append(case(ones(answer), small, kappa, gives=kappa))
    network = pruning.connection_sensitivity(*problem(f"{STUDENT}, another"))
    count = sum(s.size for s in network.values())
    for kappa in (1, 100, 2_000):
        right, given = pruning.keep_top(network, 1 - kappa / count), f"the scores of a network, kappa = {kappa}"
        hint = "one threshold for the whole network, not one for each layer"
        parts["the scores of your network"][1].append(case(answer, network, kappa, gives=right, given=given, hint=hint))
    edges = parts["equal scores, and kappa = 0"][1]
    edges.append(case(ones(answer), {"a": np.ones(2)}, 1, gives=1, hint="exactly kappa ones, not one more"))
    edges.append(case(ones(answer), small, 0, gives=0))
    tied = {"a": np.ones((2, 2)), "b": np.full(3, 2.0), "c": np.ones(1)}
    edges += [case(ones(answer), tied, kappa, gives=kappa) for kappa in (2, 3, 5, 8)]
    edges.append(case(lambda *arguments: answer(*arguments)["b"], tied, 5, gives=np.ones(3), hint="the highest first"))
    ### END HIDDEN TESTS
    return parts


mark(tests, keep)

# %% [markdown]
# ## Task 3 (3 points): zeros stay zero
#
# One step of SGD with momentum and weight decay on one parameter under its mask $c$:
# $v \leftarrow \mathrm{momentum} \cdot v + g + \mathrm{decay} \cdot w$, then $w \leftarrow w - \mathrm{rate} \cdot v$.
# Return the new `(w, v)`, and leave the arrays that you were given as they are. The gradient `g` and the velocity `v`
# may be anything where $c = 0$; the new $w$ must be 0 there. (Lesson 6.)


# %% nbgrader={"grade": false, "grade_id": "step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def step(w, v, g, c, rate, momentum, decay):
    """The new (w, v)."""
    ### BEGIN SOLUTION
    v = c * (momentum * v + g + decay * w)
    return c * (w - rate * v), v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "step_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
import numpy as np
from marking import mark


def tests(answer):
    from marking import case, keeps_its_arguments

    one = (np.array([2.0]), np.array([1.0]), np.array([3.0]), np.array([1.0]))  # w, v, g, c
    names = "w = [2], v = [1], g = [3], c = [1], rate 0.1, momentum 0.5, decay {}"
    parts = {
        "without decay": (
            1,
            [case(answer, *one, 0.1, 0.5, 0.0, gives=(np.array([1.65]), np.array([3.5])), given=names.format(0))],
        ),
        "with decay": (1, []),
        "zeros stay zero": (1, []),
    }
    ### BEGIN HIDDEN TESTS

    from minisnip.exercises import seed_of

    hint = "the arrays that you were given must stay as they are"
    trial = case(keeps_its_arguments, answer, *one, 0.1, 0.5, 0.0, gives=True, given=names.format(0), hint=hint)
    parts["without decay"][1].append(trial)
    hint = "weight decay goes through the velocity"
    trial = case(
        answer, *one, 0.1, 0.5, 0.25, gives=(np.array([1.6]), np.array([4.0])), given=names.format(0.25), hint=hint
    )
    parts["with decay"][1].append(trial)

    def revived(w, v, g, c):
        """How many weights under a zero are not zero, after one step and after one more without a gradient."""
        first, velocity = answer(w, v, g, c, 0.1, 0.9, 0.0)
        second, _ = answer(first, velocity, np.zeros_like(g), c, 0.1, 0.9, 0.0)
        return int(np.count_nonzero(first[c == 0])), int(np.count_nonzero(second[c == 0]))

    zeros = parts["zeros stay zero"][1]
    hint = "momentum revives what was pruned"
    given = "w = [0, 2], v = [{}, 1], g = [3, 3], c = [0, 1]; how many zeros move in the first and in the second step"
    for v in (0.0, 1.0):
        arrays = [np.array(a) for a in ([0.0, 2.0], [v, 1.0], [3.0, 3.0], [0.0, 1.0])]
        zeros.append(case(revived, *arrays, gives=(0, 0), given=given.format(v), hint=hint))
    test_rng = np.random.default_rng(seed_of(STUDENT))
    weight, velocity, gradient = test_rng.standard_normal((3, 5, 8))
    c = (test_rng.random((5, 8)) < 0.5).astype(float)
    zeros.append(case(revived, weight * c, velocity, gradient, c, gives=(0, 0), given="a weight of (5, 8)", hint=hint))
    ### END HIDDEN TESTS
    return parts


mark(tests, step)

# %% [markdown]
# ## Task 4 (3 points): a control
#
# Does it matter *which* connections SNIP keeps, or only how many of each layer? Two functions help to find out (lesson
# 7). `jaccard` measures how alike two masks are: $|A \cap B| / |A \cup B|$ over all layers together. `control` makes a
# mask that keeps as many connections of each parameter, at random places.


# %% nbgrader={"grade": false, "grade_id": "jaccard", "locked": false, "schema_version": 3, "solution": true, "task": false}
def jaccard(a, b):
    """|A ∩ B| / |A ∪ B| of the connections that two masks keep."""
    ### BEGIN SOLUTION
    both = sum(np.sum((a[name] == 1) & (b[name] == 1)) for name in a)
    either = sum(np.sum((a[name] == 1) | (b[name] == 1)) for name in a)
    return both / either
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "jaccard_test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import numpy as np
from marking import mark


def tests(answer):
    from marking import case

    a, b = {"p": np.array([1, 1, 0])}, {"p": np.array([0, 1, 1])}
    parts = {
        "one layer": (0.5, [case(answer, a, a, gives=1.0), case(answer, a, b, gives=1 / 3)]),
        "several layers": (0.5, []),
    }
    ### BEGIN HIDDEN TESTS

    from minisnip import pruning
    from minisnip.exercises import seed_of

    hint = "over all layers together, not the mean of the layers"
    more = parts["several layers"][1]
    more.append(case(answer, a | {"q": np.array([1])}, b | {"q": np.array([1])}, gives=0.5, hint=hint))
    test_rng = np.random.default_rng(seed_of(STUDENT))
    masks = [{"p": test_rng.integers(0, 2, (30, 3)), "q": test_rng.integers(0, 2, 9)} for _ in range(2)]
    right = pruning.overlap(*masks).jaccard
    more.append(case(answer, *masks, gives=right, given="two random masks of (30, 3) and (9,)", hint=hint))
    ### END HIDDEN TESTS
    return parts


mark(tests, jaccard)


# %% nbgrader={"grade": false, "grade_id": "control", "locked": false, "schema_version": 3, "solution": true, "task": false}
def control(masks, rng):
    """As many ones in each parameter, at random places."""
    ### BEGIN SOLUTION
    return {name: rng.permutation(c.ravel()).reshape(c.shape) for name, c in masks.items()}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "control_test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import numpy as np
from marking import mark


def tests(answer):
    from marking import case

    def counts(masks):
        """The ones of each parameter, drawn with seed 0."""
        drawn = answer(masks, np.random.default_rng(0))
        return {name: int(np.sum(c)) for name, c in drawn.items()}

    masks = {"fc.weight": np.eye(2), "fc.bias": np.zeros(3)}
    parts = {
        "the counts": (1, [case(counts, masks, gives={"fc.weight": 2, "fc.bias": 0})]),
        "every place is equally likely": (1, []),
    }
    ### BEGIN HIDDEN TESTS
    from marking import keeps_its_arguments, problem

    from minisnip import pruning
    from minisnip.exercises import seed_of

    def draws(masks, times):
        """fc1.weight of so many masks."""
        test_rng = np.random.default_rng(seed_of(STUDENT))
        return np.array(
            [answer({name: c.copy() for name, c in masks.items()}, test_rng)["fc1.weight"] for _ in range(times)]
        )

    def even(masks, times):
        """Whether the places are drawn as evenly as chance has it."""
        often, share = draws(masks, times).mean(axis=0), masks["fc1.weight"].mean()
        return 0.8 < often.std() / np.sqrt(share * (1 - share) / times) < 1.2

    def kept_in_the_first_row(masks, times):
        """The counts of the first row that occur."""
        return sorted({int(drawn[0].sum()) for drawn in draws(masks, times)})

    def drawn_in_place(masks):
        """Whether the mask that is given stays as it is."""
        return not keeps_its_arguments(lambda given: answer(given, np.random.default_rng(0)), masks)

    places = parts["every place is equally likely"][1]
    hint = "the mask that you were given must stay as it is: make another one"
    places.append(case(drawn_in_place, {"fc.weight": np.arange(9) % 2}, gives=False, hint=hint))
    row = {"fc1.weight": np.array([[1.0, 1.0], [0.0, 0.0]])}
    given = "fc1.weight: [[1, 1], [0, 0]], 400 draws; how many ones the first row may have"
    hint = "rows that move as a whole keep the counts of the units: flatten first"
    places.append(case(kept_in_the_first_row, row, 400, gives=[0, 1, 2], given=given, hint=hint))
    snipped = pruning.keep_top(pruning.connection_sensitivity(*problem(f"{STUDENT}, another")), 0.9)
    parts["the counts"][1].append(
        case(
            lambda masks: bool(np.all(draws(masks, 1)[0] == masks["fc1.weight"])),
            snipped,
            gives=False,
            given="SNIP's masks at 90 %; are the random places the old ones?",
        )
    )
    given = "SNIP's masks at 90 %, 50 draws; is every place kept in about as many draws?"
    places.append(case(even, snipped, 50, gives=True, given=given, hint=hint))
    ### END HIDDEN TESTS
    return parts


mark(tests, control)

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
import numpy as np
from marking import mark


def tests(answer):
    from marking import case

    unfed = [np.array([[1], [0]]), np.array([[1, 1]])]  # a hidden unit without an input
    unread = [np.array([[1], [1]]), np.array([[1, 0]])]  # a hidden unit that nothing reads
    parts = {
        "a unit without inputs": (0.5, [case(answer, unfed, gives=2)]),
        "a unit that nothing reads": (0.5, [case(answer, unread, gives=2)]),
        "several layers": (1, []),
    }
    ### BEGIN HIDDEN TESTS
    from marking import problem

    from minisnip import pruning

    wider = np.ones((2, 2))
    parts["a unit without inputs"][1].append(case(answer, [wider * [[1], [0]], np.array([[1, 1]])], gives=3))
    parts["a unit that nothing reads"][1].append(case(answer, [wider, np.array([[0, 1]])], gives=3))
    deeper = parts["several layers"][1]
    hint = "two walks: what the input reaches, and what reaches the output"
    deeper.append(case(answer, [np.array([[1]]), np.array([[1]]), np.array([[0]])], gives=0, hint=hint))
    deeper.append(case(answer, [np.array([[0]]), np.array([[1]]), np.array([[1]])], gives=0, hint=hint))
    net_2, w_2, x_2, y_2 = problem(f"{STUDENT}, another")
    scores = pruning.connection_sensitivity(net_2, w_2, x_2, y_2, biases=False)
    for sparsity in (0.99, 0.98, 0.9):
        c = pruning.keep_top(scores, sparsity)
        right = sum(int(v.sum()) for v in pruning.effective_masks(net_2, c).values())
        given = f"the masks of a network of {net_2.size:,} connections at {sparsity:.0%}"
        deeper.append(case(answer, list(c.values()), gives=right, given=given, hint=hint))
    ### END HIDDEN TESTS
    return parts


mark(tests, effective)

# %% [markdown]
# ## Task 6 (3 points): ask again after each cut
#
# `score(masks)` gives the scores of the network under these masks, and `keep(scores, kappa)` is a right answer to task 2:
# yours, or ours if yours fails. Begin with masks of ones like `w`. Round $t = 1, \dots, T$, with $T$ = `rounds`, asks for
# scores once and keeps `round(m * (kappa / m) ** (t / rounds))` of the $m$ connections: the best of those that are still
# there. What is removed stays removed. Return the last masks. (Lesson 8.)


# %% nbgrader={"grade": false, "grade_id": "iterate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def iterate(score, keep, w, kappa, rounds):
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
import numpy as np
from marking import mark


def tests(answer):
    from marking import case

    highest = globals().get("keep")  # there is none if task 2 has a syntax error

    def last_masks(first, second, kappa, rounds):
        """The masks that are kept if the scores are `first` in the first round and `second` afterwards."""
        found = answer(lambda masks: {"a": first if masks["a"].all() else second}, highest, {"a": first}, kappa, rounds)
        return found["a"]

    one, two = np.array([1.0, 4.0, 3.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0])
    right = np.array([0, 0, 1, 0])
    given = "scores [1, 4, 3, 2] in the first round and {} in the second, kappa = 1, 2 rounds"
    parts = {
        "asked again": (1, [case(last_masks, one, one[::-1], 1, 2, gives=right, given=given.format("[2, 3, 4, 1]"))]),
        "the removed stay removed": (1, [case(last_masks, one, two, 1, 2, gives=right, given=given.format(two))]),
        "the same share in each round": (1, []),
    }
    ### BEGIN HIDDEN TESTS

    from minisnip.exercises import seed_of

    def highest(scores, kappa):
        """A right answer to task 2."""
        order = np.argsort(-np.concatenate([np.ravel(s) for s in scores.values()]), kind="stable")
        chosen = np.isin(np.arange(order.size), order[:kappa]) * 1.0
        ends = np.cumsum([np.size(s) for s in scores.values()])[:-1]
        return {n: part.reshape(np.shape(scores[n])) for n, part in zip(scores, np.split(chosen, ends), strict=True)}

    def counts(sizes, kappa, rounds):
        """How many connections are kept before the first round, after it, and so on."""
        asked = []

        def score(masks):
            asked.append(sum(int(np.sum(c)) for c in masks.values()))
            return {name: np.random.default_rng(0).random(np.shape(c)) for name, c in masks.items()}

        found = answer(score, highest, {name: np.zeros(size) for name, size in sizes.items()}, kappa, rounds)
        return [*asked, sum(int(np.sum(c)) for c in found.values())]

    last = parts["the same share in each round"][1]
    hint = "each round keeps the same share of what the round before left"
    last.append(case(counts, {"a": 8}, 1, 3, gives=[8, 4, 2, 1], given="8 connections, kappa = 1, 3 rounds", hint=hint))
    kappa, sizes = 20 + seed_of(STUDENT) % 30, {"a": (50, 60), "b": 50}
    right = [round(3050 * (kappa / 3050) ** (t / 6)) for t in range(7)]
    last.append(case(counts, sizes, kappa, 6, gives=right, given=f"3,050 connections, {kappa = }, 6 rounds", hint=hint))
    ### END HIDDEN TESTS
    return parts


mark(tests, iterate)

# %% [markdown]
# ## Task 7 (3 points): until rows vanish
#
# Of a trained and masked network `w2 @ relu(w1 @ x + b1)` return `(pixels, w1, b1, w2)`: with as few hidden units as
# possible, and with only those inputs that are still read then. `pixels` are their numbers, rising, and
# `w2 @ relu(w1 @ x[pixels] + b1)` is what it was, for every $x$. Judge by which numbers are zero. (Lesson 8.)


# %% nbgrader={"grade": false, "grade_id": "compacted", "locked": false, "schema_version": 3, "solution": true, "task": false}
def compacted(w1, b1, w2):
    """(pixels, w1, b1, w2) without dead hidden units and without inputs that nothing reads."""
    ### BEGIN SOLUTION
    alive = (w1.any(axis=1) | (b1 > 0)) & w2.any(axis=0)  # a unit without inputs gives relu(b1)
    pixels = np.flatnonzero(w1[alive].any(axis=0))
    return pixels, w1[alive][:, pixels], b1[alive], w2[:, alive]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "compacted_test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
import numpy as np
from marking import mark


def tests(answer):
    from marking import case

    one_read = (np.array([[0.0, 2.0], [1.0, 0.0]]), np.zeros(2), np.array([[3.0, 0.0]]))
    right = (np.array([1]), np.array([[2.0]]), np.array([0.0]), np.array([[3.0]]))
    parts = {
        "hidden units": (1, [case(lambda *a: answer(*a)[1:], *one_read, gives=right[1:])]),
        "inputs": (1, [case(lambda *a: answer(*a)[0], *one_read, gives=right[0])]),
        "biases": (1, []),
    }
    ### BEGIN HIDDEN TESTS
    from marking import problem

    from minisnip import pruning
    from minisnip.exercises import seed_of

    net_2, w_2, x_2, y_2 = problem(f"{STUDENT}, another")
    c = pruning.keep_top(pruning.connection_sensitivity(net_2, w_2, x_2, y_2), 0.99)
    full1, full2 = (c[f"{layer}.weight"] * w_2[f"{layer}.weight"] for layer in ("fc1", "fc2"))
    none = np.zeros(len(full1))
    seeds = np.random.default_rng(seed_of(STUDENT))
    some = seeds.standard_normal(len(full1)) * (seeds.random(len(full1)) < 0.5)

    def units_and_error(w1, b1, w2):
        """How many hidden units are left, and how far the outputs are off for 20 images."""
        images = x_2[:20].reshape(20, -1)
        pixels, *small = answer(w1, b1, w2)
        whole, parts = (
            np.maximum(x @ a.T + b, 0) @ v.T for x, (a, b, v) in ((images, (w1, b1, w2)), (images[:, pixels], small))
        )
        return len(small[0]), float(np.abs(whole - parts).max())

    cancel = (np.array([[1.0, -1.0], [0.0, 0.0]]), np.zeros(2), np.array([[1.0, 1.0], [-1.0, 0.0]]))
    right = (cancel[0][:1], np.zeros(1), cancel[2][:, :1])
    hint = "a row of 1 and -1 has a sum of 0, and is not empty"
    parts["hidden units"][1].append(case(lambda *a: answer(*a)[1:], *cancel, gives=right, hint=hint))
    given = (
        "the first two layers of a network at 99 %, {} biases; hidden units left, and the greatest error of an output"
    )
    units = int(np.sum(full1.any(axis=1) & full2.any(axis=0)))
    trial = case(units_and_error, full1, none, full2, gives=(units, 0.0), given=given.format("no"))
    parts["hidden units"][1].append(trial)
    pixels = np.flatnonzero(full1[full2.any(axis=0)].any(axis=0))
    hint = "a pixel that only dead units read is not read"
    given_1 = "the first two layers of a network at 99 %, no biases"
    parts["inputs"][1].append(
        case(lambda *a: answer(*a)[0], full1, none, full2, gives=pixels, given=given_1, hint=hint)
    )
    hint = "a unit without inputs gives relu(b1), which may be more than 0"
    constant = (np.zeros((3, 1)), np.array([2.0, -2.0, 0.0]), np.ones((1, 3)))
    parts["biases"][1].append(case(lambda *a: answer(*a)[2], *constant, gives=np.array([2.0]), hint=hint))
    units = int(np.sum((full1.any(axis=1) | (some > 0)) & full2.any(axis=0)))
    trial = case(units_and_error, full1, some, full2, gives=(units, 0.0), given=given.format("some"), hint=hint)
    parts["biases"][1].append(trial)
    ### END HIDDEN TESTS
    return parts


mark(tests, compacted)

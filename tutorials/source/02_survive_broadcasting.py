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
# # 2. Make gradients survive broadcasting, and prove it
#
# ![Two arrays of different shapes, and the question which shape the gradient has](figures/teasers/2.png)
#
# | you will | |
# |---|---|
# | **do** | undo a broadcast, choose a step, write an op, and test it so well that five wrong versions of it fail |
# | **learn** | why a stretched input gets a sum; how far to trust a numerical derivative; what a test sees |
# | **need** | [lesson 1](01_walk_the_graph.ipynb), NumPy's broadcasting; no download |
# | **time** | 50 minutes, of which the computer needs some ten seconds |

# %%
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, check_grads, grad, ops, primitive
from minisnip.exercises import lesson_2
from minisnip.lab.plots import step_errors
from minisnip.testing import arrays, broadcastable_shapes

# %% [markdown] tags=["slide"]
# ## Round 1: what is stretched is used many times
#
# A layer adds one bias $b$ of shape (3,) to four samples $x$ of shape (4, 3). NumPy stretches $b$ to four equal rows.
# Somebody writes the VJPs of the sum as if nothing were stretched. Then the gradient by $b$ is $g$, of shape (4, 3).
#
# **Predict:** which shape does $b$ have after one step of gradient descent with this gradient? Is there an error
# message?

# %% tags=["slide-more"]
x, b = np.zeros((4, 3)), np.zeros(3)
g = np.arange(12.0).reshape(4, 3)
print("b has shape", b.shape, "and b - 0.1 g has shape", (b - 0.1 * g).shape)

# %% tags=["slide-more"]
bias = Tensor(b)
right = grad(ops.sum(g * (x + bias)), bias)
print("minisnip: the gradient by b is", right)

hasty = primitive(np.add, lambda g, out, x, b: g, lambda g, out, x, b: g)
try:
    grad(ops.sum(g * hasty(x, bias)), bias)
except ValueError as error:
    print("hasty:", error)

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert np.array_equal(right, g.sum(axis=0))
assert (b - 0.1 * g).shape == (4, 3)
refused = False
try:
    grad(ops.sum(g * hasty(x, bias)), bias)
except ValueError:
    refused = True
assert refused

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# NumPy gives no error message. After one step $b$ has four rows, and the network trains a different bias for each
# sample. `primitive` compares the shapes, so it refuses the hasty sum.
#
# A stretched number is one number that is used many times. Lesson 1 tells what follows: its contributions are *added*.
# Stretching and summing are **adjoint**: $\langle \mathrm{stretch}(b), g \rangle = \langle b, \mathrm{sum}(g) \rangle$.
# In `ops` they are called `broadcast_to` and `sum_to`, and each is the VJP of the other.
#
# </details>
#
# ### Exercise 2.1
# Undo a broadcast. NumPy stretches in two ways: it adds axes on the left, and it repeats along axes of size 1.


# %%
def unbroadcast(g, shape):
    """The gradient by an array of this shape; g is the gradient by the stretched one."""
    ...  # your code


lesson_2.unbroadcast(unbroadcast)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def unbroadcast(g, shape):
#     added = tuple(range(g.ndim - len(shape)))
#     g = g.sum(axis=added)
#     repeated = tuple(i for i, n in enumerate(shape) if n == 1)
#     return g.sum(axis=repeated, keepdims=True)
# ```
# </details>
#
# ## Round 2: a second opinion, and its step
#
# A gradient of the right shape can have wrong numbers. For a second opinion, take a difference of the function itself,
# with a small step $h$:
#
# $$f'(x) \approx \frac{f(x + h) - f(x - h)}{2h}.$$
#
# Its error is about $h^2 f'''(x) / 6$, so a smaller $h$ should be better. If the function takes complex numbers, there
# is another estimate, the **complex step** $\mathrm{Im}\, f(x + ih) / h$.
#
# **Predict:** let $h$ fall from $1$ to $10^{-15}$. How small does the error of the difference become in float64, and at
# which $h$? How small in float32? And what is the error of the complex step?

# %% tags=["slide-more"]
points = np.linspace(0, 1, 101)


def f(x):
    return np.exp(np.sin(x))


def difference(h, dtype):
    upper, lower = f((points + h).astype(dtype)), f((points - h).astype(dtype))
    return (upper - lower) / (2 * h)


def relative_error(slopes):
    exact = np.cos(points) * f(points)
    return np.sqrt(np.mean((slopes / exact - 1) ** 2))


# %% tags=["key-figure", "slide"]
estimates = {
    "central difference, float32": lambda h: difference(h, np.float32),
    "central difference, float64": lambda h: difference(h, np.float64),
    "complex step, float64": lambda h: np.imag(f(points + 1j * h)) / h,
}
steps, errors = np.geomspace(1e-15, 1, 61), {}
for name, estimate in estimates.items():
    errors[name] = np.array([relative_error(estimate(h)) for h in steps])
    least = errors[name].argmin()
    print(f"{name:27}: least error {errors[name][least]:.0e} at h = {steps[least]:.0e}")
title = "Error of the slope of exp(sin x), for many steps"
step_errors(steps, errors, lesson_2.MARKED_STEP, title)

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
single, double, stepped = errors.values()
assert 1e-6 < single.min() < 1e-4
assert 1e-3 <= steps[single.argmin()] <= 3e-2
assert 1e-12 < double.min() < 1e-9
assert 1e-6 <= steps[double.argmin()] <= 1e-4
assert stepped[steps < 1e-9].max() < 1e-15

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The difference has two errors, and they add up. The **truncation error**, about $h^2$, falls as $h$ falls. The
# **round-off error** rises: the numbers $f$ are known to $\varepsilon$, and their difference is divided by $h$, which
# gives $\varepsilon / h$. At the bottom of the V, the two errors are of equal size. In float32
# ($\varepsilon \approx 10^{-7}$) this happens near $h = 10^{-2}$, and no step gives more than about five digits.
#
# The complex step subtracts nothing: $\mathrm{Im}\, f(x + ih) = h f'(x) - h^3 f'''(x) / 6 + \dots$ You can take $h$ so
# small that the second term vanishes. But $f$ has to be analytic. The modulus $|x|$, for example, is not.
#
# </details>
#
# ### Exercise 2.2
# Which step should a central difference take, given the $\varepsilon$ of the precision (`np.finfo(dtype).eps`)?


# %%
def best_step(eps):
    """A step with at most ten times the least error; functions and inputs of size 1."""
    ...  # your code


lesson_2.step(best_step)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def best_step(eps):
#     return eps ** (1 / 3)  # h² + eps / h is least where h³ = eps / 2
# ```
# </details>
#
# ## Round 3: check the check
#
# The op $\sqrt{x + 10^{-3}}$ adds a small number under the root, so that its VJP never divides by zero. The VJP of
# `wrong` forgets this number. We check both ops by central differences, with three settings of the precision, the step
# and the tolerance.
#
# **Predict:** which settings let `right` pass, and which refuse `wrong`?

# %% tags=["slide-more"]
right = primitive(lambda x: np.sqrt(x + 1e-3), lambda g, out, x: g * 0.5 / out)
wrong = primitive(lambda x: np.sqrt(x + 1e-3), lambda g, out, x: g * 0.5 / ops.sqrt(x))


def error_of(op, dtype, h):
    """The largest relative difference between grad and a central difference."""
    x = np.array([1, 2, 3], dtype)
    variable = Tensor(x)
    slopes = grad(ops.sum(op(variable)), variable)
    differences = (op(x + dtype(h)) - op(x - dtype(h))) / (2 * h)
    return np.abs(slopes / differences - 1).max()


# %% tags=["slide-more"]
for dtype, h, tolerance in [
    (np.float64, 1e-13, 1e-6),
    (np.float32, 1e-3, 1e-3),
    (np.float64, 6e-6, 1e-6),
]:
    print(f"{dtype.__name__}, h = {h}, tolerance {tolerance}")
    for name, op in {"right": right, "wrong": wrong}.items():
        error = error_of(op, dtype, h)
        verdict = "passes" if error < tolerance else "is refused"
        print(f"    {name}: error {error:.0e}, {verdict}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
errors = [
    [error_of(op, *setting) for op in (right, wrong)]
    for setting in [(np.float64, 1e-13), (np.float32, 1e-3), (np.float64, 6e-6)]
]
assert min(errors[0]) > 1e-6
assert max(errors[1]) < 1e-3
assert errors[2][0] < 1e-6 < errors[2][1]
assert 4e-4 < errors[2][1] < 6e-4

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# - The first setting refuses both. The step is far too small, and the round-off error alone exceeds the tolerance.
#   People who see this make the tolerance larger.
# - The second lets both pass. In float32, with the usual step of $10^{-3}$, you cannot ask for much more than three
#   digits. The forgotten number is an error of $5 \cdot 10^{-4}$, so it passes.
# - Only the third tells right from wrong.
#
# `check_grads` takes differences in float64 at several steps, so it knows how exact they are. If $f$ allows it,
# `check_grads` also takes the complex step, with a tolerance of $10^{-12}$.
#
# </details>
#
# ### Exercise 2.3
# Now write an op of your own, the **soft maximum** $\mathrm{out} = \log(e^a + e^b)$, element by element. Both $a$ and
# $b$ may be stretched. Each input gets the share $e^{\mathrm{input} - \mathrm{out}}$ of $g$. Write both VJPs with
# `ops`, in the shapes of $a$ and $b$.


# %%
def soft_maximum_vjps(g, out, a, b):
    """(gradient by a, gradient by b), where g is the gradient by out."""
    ...  # your code


lesson_2.own_op(soft_maximum_vjps)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def soft_maximum_vjps(g, out, a, b):
#     by_a = ops.sum_to(g * ops.exp(a - out), a.shape)
#     by_b = ops.sum_to(g * ops.exp(b - out), b.shape)
#     return by_a, by_b
# ```
# </details>
#
# ## Round 4: five mutants
#
# A test that never fails proves nothing. So we plant five mistakes in the VJPs of the soft maximum. Each wrong version
# is called a **mutant**, and a test that fails on it **kills** it:
#
# | mutant | mistake |
# |---|---|
# | swapped | $a$ gets the share of $b$, and $b$ that of $a$ |
# | g forgotten | takes $g = 1$ for every output |
# | clipped | raises each share below $e^{-2}$ to $e^{-2}$ |
# | averaged | takes the mean along a stretched axis, not the sum |
# | by value | right numbers, but computed in NumPy, so they cannot be differentiated again |
#
# We try five tests. The first two use one example; for the others, Hypothesis draws a hundred.

# %% tags=["slide-more"]
a, b = np.array([0.5, 1.0]), np.array([-0.5, 0.25])


def by_hand(op, h=6e-6):
    x = Tensor(a)
    difference = (op(a + h, b) - op(a - h, b)) / (2 * h)
    np.testing.assert_allclose(grad(ops.sum(op(x, b)), x), difference, rtol=1e-6)


def with_hypothesis(op, pairs, order):
    @lesson_2.repeatable  # settings of Hypothesis: the same examples in every run
    @given(pairs)
    def holds(pair):
        check_grads(op, pair, order)

    holds()


# %% [markdown] tags=["slide"]
# **Predict** a table of the five tests by the five mutants: which test kills which mutant?

# %% tags=["slide-more"]
same_shape = st.tuples(arrays((2,)), arrays((2,)))
any_shapes = broadcastable_shapes().flatmap(lambda pair: st.tuples(*map(arrays, pair)))
tests = {
    "by hand, g all ones": by_hand,
    "check_grads, one example": lambda op: check_grads(op, [a, b], order=1),
    "any numbers, one shape": lambda op: with_hypothesis(op, same_shape, order=1),
    "any numbers, any shapes": lambda op: with_hypothesis(op, any_shapes, order=1),
    "the same, order 2": lambda op: with_hypothesis(op, any_shapes, order=2),
}
killed = lesson_2.kill_table(tests)

# %% tags=["slide-more"]
# When Hypothesis has found an input that fails, it looks for the simplest one.
try:
    with_hypothesis(lesson_2.MUTANTS["clipped"], same_shape, order=1)
except AssertionError as error:
    print(str(error).split(": grad gives")[0])
    print(error.__notes__[0])

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert [len(killed[name]) for name in tests] == [1, 2, 3, 4, 5]
assert np.log(1 + np.exp(119 / 64)) > 2 > np.log(1 + np.exp(118 / 64))

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Each test sees one mistake more than the test above it. A random $g$ shows that $g$ was forgotten. Numbers far apart
# show the clipping, different shapes show the mean, and the second derivative shows the mutant that cannot be
# differentiated again. The test by hand, which everybody writes first, kills one mutant of five. The last column
# matters as much as the others: a test that refuses everything kills all mutants, too.
#
# The simplest input for `clipped` is $a = 0$ and $b = 1.859375 = 119/64$. At $b = 118/64$ the share of $a$ is still
# above $e^{-2}$. So the simplest input lies where the mistake begins.
#
# </details>
#
# ### Exercise 2.4
# Write a test in one function, with `given`, that lets the right op pass and kills all five mutants. Decorate it with
# `lesson_2.repeatable`, too, and call the function that you have defined.
# `lesson_2.kill_table({"first try": my_test})` shows which mutants a test kills. Each takes some ten seconds.


# %%
def my_test(op):
    """Raise an exception if a derivative of op(a, b) is wrong."""
    ...  # your code


lesson_2.property_test(my_test)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def my_test(op):
#     @lesson_2.repeatable
#     @given(broadcastable_shapes().flatmap(lambda shapes: st.tuples(*map(arrays, shapes))))
#     def holds(pair):
#         check_grads(op, pair)  # the default is order 2
#
#     holds()
# ```
# </details>
#
# ## On your own
# - Write a sixth mutant that survives your test. Is it wrong at inputs that `arrays()` never draws? (It draws multiples
#   of 1/64 between −2 and 2.) Then write a test that kills it.
# - Take another op, say $\sqrt{a^2 + b^2}$, and plant mistakes of your own:
#   `lesson_2.kill_table(tests, mutants, right)`. Which strategy of `minisnip.testing` avoids its kink at 0?
# - Try `check_grads` on `ops.relu` with `arrays()`, and then with `nonzero_arrays()`. What is different at a kink?
# - How do the V's change for $f(1000 x)$? Can one step be right for all functions?
#
# ## In practice
# - The tests of `minisnip` have one property for each op, and a file of planted mistakes for the checker itself
#   (`tests/autodiff/test_planted_bugs.py`).
# - PyTorch's `torch.autograd.gradcheck` and JAX's `jax.test_util.check_grads` check by differences. Both warn you to
#   use float64.
#
# ## Further reading
# - `minisnip/autodiff/check.py` and `minisnip/testing.py`: what you used here.
# - W. Squire and G. Trapp, *Using complex variables to estimate derivatives of real functions*, SIAM Review 40 (1998).
# - [Hypothesis](https://hypothesis.readthedocs.io): how it draws, and how it simplifies.
# - Next: [train a network from nothing](03_train_from_nothing.ipynb).

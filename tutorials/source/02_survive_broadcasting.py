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
# # 2. Make gradients survive broadcasting, and prove it
#
# ![The error of a derivative against its step: two V's and a flat line below them](figures/02_survive_broadcasting.png)
#
# | you will | |
# |---|---|
# | **do** | undo a broadcast, choose a step, write an op of your own, and a test that kills five wrong versions of it |
# | **learn** | why a stretched input gets a sum; how far a numerical derivative can be trusted; what a test sees |
# | **need** | [lesson 1](01_walk_the_graph.ipynb), NumPy's broadcasting; no download |
# | **time** | 50 minutes, of which the computer needs some ten seconds |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minisnip import Tensor, check_grads, grad, ops, primitive
from minisnip.exercises import lesson_2
from minisnip.lab.plots import step_errors
from minisnip.testing import arrays, broadcastable_shapes

# %% [markdown]
# ## Round 1: what is stretched is used many times
#
# A layer adds one bias to each of 4 samples: x of shape (4, 3), b of shape (3,). NumPy stretches b to four equal rows.
# Somebody writes the VJPs of the sum as if nothing had been stretched: the gradient by b is g, which is (4, 3).
#
# **Predict:** what is the shape of b after one step of gradient descent without a check? Is there an error message?

# %%
x, b, g = np.zeros((4, 3)), np.zeros(3), np.arange(12.0).reshape(4, 3)
print("NumPy: b has shape", b.shape, "and b - 0.1 g has shape", (b - 0.1 * g).shape)

bias = Tensor(b)
right = grad(ops.sum(g * (x + bias)), bias)
print("right: the gradient by b is", right, "of shape", right.shape)
assert np.array_equal(right, g.sum(axis=0))

hasty = primitive(np.add, lambda g, out, x, b: g, lambda g, out, x, b: g)
try:
    grad(ops.sum(g * hasty(x, bias)), bias)
except ValueError as error:
    print("hasty:", error)

# %% [markdown]
# **Explain.** There is no error message: after one step b has a row for each sample, and the network goes on with
# another bias for each. `primitive` compares the shapes, and so the hasty sum is refused here.
#
# A stretched number is one number that is used many times, and lesson 1 says what becomes of that: the contributions
# are *added*. To stretch and to sum are each other's **adjoint**: ⟨stretch(b), g⟩ = ⟨b, sum(g)⟩. In `ops` they are
# `broadcast_to` and `sum_to`, and each is the other's VJP.
#
# ### Exercise 2.1
# Undo a broadcast. NumPy stretches in two ways: it adds axes in front, and it repeats along axes of size 1.


# %%
def unbroadcast(g, shape):
    """The gradient by an array of this shape, where g is the gradient by what it was stretched to."""
    ...  # your code


lesson_2.unbroadcast(unbroadcast)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def unbroadcast(g, shape):
#     g = g.sum(axis=tuple(range(g.ndim - len(shape))))
#     return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)
# ```
# </details>
#
# ## Round 2: a second opinion, and its step
#
# Shapes can be right and numbers wrong. The second opinion on a derivative is a difference of the function itself:
# (f(x + h) − f(x − h)) / 2h. Its error is about h² f‴ / 6, so a smaller h should be better.
#
# There is another one, for functions that take complex numbers: Im f(x + ih) / h.
#
# **Predict:** as h falls from 1 to 10⁻¹⁵, how small does the error of the difference become in float64, and at which h?
# In float32? And what does the complex step do?


# %%
def f(x):
    return np.exp(np.sin(x))


def error_of(slope):
    return np.sqrt(np.mean((slope / (np.cos(points) * f(points)) - 1) ** 2))


def difference(dtype, h):
    upper, lower = f((points + h).astype(dtype)), f((points - h).astype(dtype))
    return (upper - lower) / (2 * h)


# %% tags=["key-figure"]
points, steps = np.linspace(0, 1, 101), np.geomspace(1e-15, 1, 61)
errors = {
    "central difference, float32": np.array([error_of(difference(np.float32, h)) for h in steps]),
    "central difference, float64": np.array([error_of(difference(np.float64, h)) for h in steps]),
    "complex step, float64": np.array([error_of(np.imag(f(points + 1j * h)) / h) for h in steps]),
}
chosen = {"6e-6,\nas in round 3": 6e-6}
step_errors(steps, errors, chosen, "The slope of exp(sin x): a V for differences, a floor for the complex step")

# %%
for name, values in errors.items():
    print(f"{name:27}: at best {values.min():.0e}; at h = 1e-15 {values[0]:.0e}")
single, double, stepped = errors.values()
assert 1e-6 < single.min() < 1e-4
assert 1e-3 <= steps[single.argmin()] <= 3e-2
assert 1e-12 < double.min() < 1e-9
assert 1e-6 <= steps[double.argmin()] <= 1e-4
assert stepped[steps < 1e-9].max() < 1e-15

# %% [markdown]
# **Explain.** Two errors are added. **Truncation**, about h², falls to the left. **Round-off** rises to the left: f is
# known to ε, and the difference is divided by h, so ε / h. At the bottom of the V the two are of a size. In float32
# (ε ≈ 10⁻⁷) that is near h = 10⁻² already, and five digits are all that can be had.
#
# The complex step subtracts nothing: Im f(x + ih) = h f′(x) − h³ f‴(x) / 6 + …, and h can be so small that the
# second term vanishes beside the first. What it needs is an f that is analytic: |x| as the modulus is not.
#
# ### Exercise 2.2
# Given ε of the precision, which step does a central difference take? (`np.finfo(dtype).eps`)


# %%
def best_step(eps):
    """A step whose error is at most ten times the least possible, for functions and inputs of size 1."""
    ...  # your code


lesson_2.step(best_step)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def best_step(eps):
#     return eps ** (1 / 3)  # h² + eps / h is least where h³ = eps / 2
# ```
# </details>
#
# ## Round 3: right code that fails, wrong code that passes
#
# √(x + ε) has a small ε under the root, so that nothing is divided by zero. In the VJP of `wrong` it was forgotten.
#
# **Predict:** three checks, each with its precision, step and tolerance. Which let `right`
# pass, and which refuse `wrong`?

# %%
right = primitive(lambda x: np.sqrt(x + 1e-3), lambda g, out, x: g * 0.5 / out)
wrong = primitive(lambda x: np.sqrt(x + 1e-3), lambda g, out, x: g * 0.5 / ops.sqrt(x))


def verdict(op, dtype, h, tolerance):
    x = Tensor(np.array([1, 2, 3], dtype))
    differences = (op(x.value + dtype(h)) - op(x.value - dtype(h))) / (2 * h)
    error = np.abs(grad(op(x).sum(), x) / differences - 1).max()
    return f"off by {error:.0e}, " + ("passes" if error < tolerance else "refused")


table = [(np.float64, 1e-13, 1e-6), (np.float32, 1e-3, 1e-3), (np.float64, 6e-6, 1e-6)]
verdicts = [[verdict(op, *setting) for op in (right, wrong)] for setting in table]
for (dtype, h, tolerance), words in zip(table, verdicts, strict=True):
    print(f"{dtype.__name__}, h = {h}, tolerance {tolerance}: right {words[0]}; wrong {words[1]}")
assert [["passes" in word for word in words] for words in verdicts] == [[False, False], [True, True], [True, False]]

# %% [markdown]
# **Explain.** In the first row the step is far to the left in the figure: round-off alone is more than the tolerance.
# Who sees that makes the tolerance larger. Or the check is done in float32, where at the usual step of 10⁻³ one cannot
# ask for much more than three digits; and the forgotten ε, an error of 5 · 10⁻⁴, passes. Only the last row tells right
# from wrong. `check_grads` takes differences in float64, at several steps, so that it knows how exact they are. Where f
# allows it, it takes the complex step as well, with a tolerance of 10⁻¹².
#
# ### Exercise 2.3
# Now an op of your own: the **soft maximum** out = log(eᵃ + eᵇ), element by element; a and b may be stretched.
# Each input gets a share of g, e^(input − out). Write both VJPs with `ops`, in the shapes of a and of b.


# %%
def soft_maximum_vjps(g, out, a, b):
    """(gradient by a, gradient by b), where g is the gradient by out."""
    ...  # your code


lesson_2.own_op(soft_maximum_vjps)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def soft_maximum_vjps(g, out, a, b):
#     return ops.sum_to(g * ops.exp(a - out), a.shape), ops.sum_to(g * ops.exp(b - out), b.shape)
# ```
# </details>
#
# ## Round 4: five mutants
#
# A test that nothing fails proves nothing. So we plant five mistakes in the soft maximum, and see which test **kills**
# which of these **mutants**, that is, fails on it:
#
# | mutant | what is wrong |
# |---|---|
# | swapped | a gets the share of b, and b that of a |
# | g forgotten | as if one unit of each output were worth 1 |
# | clipped | a share below e⁻² counts as e⁻² |
# | averaged | along a stretched axis the mean is taken, not the sum |
# | by value | the right numbers, computed in NumPy: not to be differentiated again |
#
# And five tests. The first two try one example; the others let Hypothesis draw a hundred.

# %%
a, b = np.array([0.5, 1.0]), np.array([-0.5, 0.25])


def by_hand(op, h=6e-6):
    x = Tensor(a)
    np.testing.assert_allclose(grad(op(x, b).sum(), x), (op(a + h, b) - op(a - h, b)) / (2 * h), rtol=1e-6)


def with_hypothesis(pairs, order):
    def test(op):
        @lesson_2.repeatable  # Hypothesis' settings: the same examples in every run
        @given(pairs)
        def holds(pair):
            check_grads(op, pair, order)

        holds()

    return test


# %% [markdown]
# **Predict** a table of five tests by five mutants: killed, or not?

# %%
same_shape = st.tuples(arrays((2,)), arrays((2,)))
any_shapes = broadcastable_shapes().flatmap(lambda shapes: st.tuples(*map(arrays, shapes)))
tests = {
    "by hand, g all ones": by_hand,
    "check_grads, one example": lambda op: check_grads(op, [a, b], order=1),
    "any numbers, one shape": with_hypothesis(same_shape, order=1),
    "any numbers, any shapes": with_hypothesis(any_shapes, order=1),
    "the same, order 2": with_hypothesis(any_shapes, order=2),
}
killed = lesson_2.kill_table(tests)
assert [len(killed[name]) for name in tests] == [1, 2, 3, 4, 5]

# %% [markdown]
# **Explain.** Each test sees one thing more. A random cotangent shows that g was forgotten; numbers that are far apart,
# the clipping; shapes that differ, the mean; and the second derivative, that nothing can be differentiated again. The
# test by hand, which everybody writes first, kills one mutant in five. The last column matters as much as the others:
# a test that refuses everything kills all mutants, too.
#
# When Hypothesis finds a failure, it looks for a simpler one until there is none. For `clipped` it comes down to this:

# %%
clipped = lesson_2.MUTANTS["clipped"]
try:
    with_hypothesis(same_shape, order=1)(clipped)
except AssertionError as error:
    print(str(error).split(": grad gives")[0])
    print(error.__notes__[0])
assert np.log(1 + np.exp(1.859375)) > 2 > np.log(1 + np.exp(1.859375 - 1 / 64))

# %% [markdown]
# a = 0 and b = 1.859375 = 119/64: at 118/64 the share of a is still above e⁻². The smallest counterexample is where
# the mistake begins.
#
# ### Exercise 2.4
# Your turn: a test in one function, with `given`, that lets the right op pass and kills all five.
# Decorate with `lesson_2.repeatable` too; and do not forget to call what you have defined. While you are at it,
# `lesson_2.kill_table({"first try": my_test})` shows which mutants each of your tests kills.


# %%
def my_test(op):
    """Raise an exception if a derivative of op(a, b) is wrong."""
    ...  # your code


lesson_2.property_test(my_test)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def my_test(op):
#     @lesson_2.repeatable
#     @given(broadcastable_shapes().flatmap(lambda shapes: st.tuples(*map(arrays, shapes))))
#     def holds(pair):
#         check_grads(op, pair)  # order 2 unless told otherwise
#
#     holds()
# ```
# </details>
#
# ## On your own
# - Make a sixth mutant that survives your test. Is it wrong at inputs that `arrays()` never draws? (Its numbers are
#   multiples of 1/64 between −2 and 2.) Then make a test that kills it.
# - Take another op, say √(a² + b²), and plant mistakes of your own: `lesson_2.kill_table(tests, mutants, right)`. Which
#   strategy of `minisnip.testing` keeps away from its kink at 0?
# - Try `check_grads` on `ops.relu` with `arrays()`, and then with `nonzero_arrays()`. What is the difference at a kink?
# - How do the V's change for f(1000 x)? What does that say of a step that is the same for all functions?
#
# ## In practice
# The tests of `minisnip` have one property for each op, and a file of planted mistakes
# (`tests/autodiff/test_planted_bugs.py`) for the checker itself. PyTorch's `torch.autograd.gradcheck` and JAX's
# `jax.test_util.check_grads` do the same by differences; both warn to use float64.
#
# ## Further reading
# - `minisnip/autodiff/check.py`, `differences.py` beside it, and `minisnip/testing.py`: what was used here.
# - W. Squire and G. Trapp, *Using complex variables to estimate derivatives of real functions*, SIAM Review 40 (1998).
# - [Hypothesis](https://hypothesis.readthedocs.io): how it draws, and how it simplifies.
# - Next: [train a network from nothing](03_train_from_nothing.ipynb).

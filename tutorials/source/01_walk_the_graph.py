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
# # 1. Differentiate a computation by walking its graph
#
# ![The graph of a small computation, with the value of every node and its gradient](figures/01_walk_the_graph.png)
#
# | you will | |
# |---|---|
# | **do** | walk a graph backwards by hand, then in twelve lines of Python, and break it |
# | **learn** | what reverse-mode differentiation is: one local rule for each op, one order, one sum |
# | **need** | derivatives of one variable, Python; no download |
# | **time** | 35 minutes, of which the computer needs a few seconds |
#
# The answers are already below the questions: to predict first, choose *Edit ▸ Clear Outputs of All Cells* in
# JupyterLab.

# %%
# %matplotlib inline
import numpy as np

from minisnip import Tensor, check_grads, grad, ops, primitive
from minisnip.exercises import lesson_1
from minisnip.lab.plots import computation_graph

# %% [markdown]
# ## Round 1: a variable remembers
#
# A `Tensor` is a variable: it remembers which op made it, and from what. Everything else is a constant.
# Below, L = x · y + tanh(x) at x = 2, y = -1.
#
# **Predict** ∂L/∂x and ∂L/∂y before you run the cell. (tanh′ = 1 − tanh², and tanh 2 ≈ 0.964.)

# %%
x, y = Tensor(2.0), Tensor(-1.0)
product, squashed = x * y, ops.tanh(x)
L = product + squashed
slopes = grad(L, [x, y])
print("L =", float(L), " ∂L/∂x =", slopes[0], " ∂L/∂y =", slopes[1])
assert np.allclose(slopes, [-1 + 1 - np.tanh(2) ** 2, 2])

# %% [markdown]
# **Explain.** x reaches L by two ways: through the product, where it counts y = −1, and through tanh, where it counts
# 1 − tanh²(2) ≈ 0.07. The two are *added*. y has one way, and counts x = 2.
#
# `grad` found the ways in what L remembers: its op, the Tensors it was made from, theirs, and so on. The picture of
# that memory is the figure of this lesson. Blue is what was computed from left to right, orange what came back.

# %% tags=["key-figure"]
nodes = {id(x): "x", id(y): "y", id(product): "x · y", id(squashed): "tanh x", id(L): "L"}
gradients = {id(x): slopes[0], id(y): slopes[1], id(product): 1.0, id(squashed): 1.0, id(L): 1.0}
computation_graph(L, gradients, nodes, "L = x · y + tanh(x): values forward, gradients back")

# %% [markdown]
# ## Round 2: one local rule for each op
#
# An op knows nothing of the computation around it. It only answers: *if one unit of my output is worth g to the loss,
# what is one unit of each input worth?* That is its **vector-Jacobian product**, VJP for short. `primitive` makes an op
# from a function and one VJP for each argument; a VJP is called with g, the output, and the inputs.
#
# **Predict:** which of the two squares below does `check_grads` refuse, and what will it say?

# %%
square = primitive(np.square, lambda g, out, x: g * 2 * x)
hasty = primitive(np.square, lambda g, out, x: 2 * x)
check_grads(square, np.array(3.0))
try:
    check_grads(hasty, np.array(3.0))
except AssertionError as error:
    print(str(error).splitlines()[0])
else:
    raise AssertionError("the hasty square should have been refused")

# %% [markdown]
# **Explain.** `hasty` forgets g: it is right only where its output *is* the loss, for there g = 1. `check_grads` never
# asks with g = 1: it draws g at random, so that this mistake cannot hide.
#
# ### Exercise 1.1
# Write both VJPs of out = a · b. The check compares with derivatives that it computes itself.


# %%
def product_vjps(g, a, b):
    """(gradient by a, gradient by b), where g is the gradient by a · b."""
    ...  # your code


lesson_1.product(product_vjps)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def product_vjps(g, a, b):
#     return g * b, g * a
# ```
# </details>
#
# ### Exercise 1.2
# The VJP of tanh gets the output, not the input: use it, and no tanh needs to be computed again.


# %%
def tanh_vjp(g, out):
    """The gradient by x, where out = tanh(x) and g is the gradient by out."""
    ...  # your code


lesson_1.tanh(tanh_vjp)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def tanh_vjp(g, out):
#     return g * (1 - out**2)
# ```
# </details>
#
# ## Round 3: an order in which nothing comes too early
#
# A node may hand its gradient on only when that is complete, which is when all nodes that use it have been visited.
# So write a node down only when all nodes that it was made from are written down. Read backward, that order will do:


# %%
def in_order(output):
    """All that the output was computed from; each node after everything that uses it."""
    written, stack = {}, [output]
    while stack:
        waiting = [parent for _, parent in stack[-1].parents if parent not in written]
        if waiting:
            stack += waiting
        else:
            written[stack.pop()] = True
    return list(written)[::-1]


print([nodes[id(node)] for node in in_order(L)])

# %% [markdown]
# **Predict:** y = y + y, sixty times, makes 2⁶⁰ ways from the first y to the last. How long will `grad` take?

# %%
start = Tensor(1.0)
last = start
for _ in range(60):
    last = last + last
print(f"{len(in_order(last))} nodes; the gradient is {grad(last, start):.0f} = 2^60")
assert len(in_order(last)) == 61
assert grad(last, start) == 2.0**60

# %% [markdown]
# **Explain.** No time at all: each of the 61 *nodes* is visited once, whatever the number of ways. Had we followed the
# ways one by one, as a careless recursion does, the sun would burn out first.
#
# ### Exercise 1.3
# From the other end: given the parents of each node, by name, give an order in which every node comes after all those
# that use it. Begin at the output, the one node that nobody uses, and count uses.


# %%
def backward_order(parents):
    """A list of the names; `parents["c"] == ["a", "b"]` says that c was computed from a and b."""
    ...  # your code


lesson_1.order(backward_order)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def backward_order(parents):
#     open_uses = {name: 0 for name in parents}
#     for own in parents.values():
#         for parent in own:
#             open_uses[parent] += 1
#     ready, order = [name for name, uses in open_uses.items() if uses == 0], []
#     while ready:
#         order.append(ready.pop())
#         for parent in parents[order[-1]]:
#             open_uses[parent] -= 1
#             if open_uses[parent] == 0:
#                 ready.append(parent)
#     return order
# ```
# </details>
#
# ## Round 4: the walk, and how to break it
#
# Here is all of it. `book` notes what a node is worth to one of those that use it.


# %%
def add_up(gradients, node, contribution):
    gradients[node] = gradients.get(node, 0.0) + contribution


def walk(output, book):
    """∂output/∂node for every node: rules, order, sum."""
    gradients = {output: 1.0}
    for node in in_order(output):
        values = [arg.value if isinstance(arg, Tensor) else arg for arg in node.args]
        for i, parent in node.parents:
            book(gradients, parent, node.op.vjp(i, gradients[node], node.value, values, node.metadata))
    return gradients


assert walk(L, add_up)[x] == slopes[0]

# %% [markdown]
# Now somebody writes `=` where `+=` was meant. **Predict** what becomes of the derivative of x · x + x at x = 3, which
# is 2x + 1 = 7.


# %%
def overwrite(gradients, node, contribution):
    gradients[node] = contribution


x = Tensor(3.0)
right, wrong = walk(x * x + x, add_up)[x], walk(x * x + x, overwrite)[x]
print("added up:", right, " overwritten:", wrong)
assert (right, wrong) == (7.0, 3.0)

# %% [markdown]
# **Explain.** x is used three times: twice in the product (3 and 3) and once in the sum (1). Overwriting keeps only
# what came last, and a gradient that is wrong in this way is often still of the right sign. Training goes on, only
# worse; this is a mistake that nobody sees without a check.
#
# ### Exercise 1.4
# A colleague wants to save the call of `get` and books like this: `gradients[node] += contribution`. That fails at
# once. Mend it in your own way: a function that changes the dict `gradients` so that contributions add up.


# %%
def book(gradients, node, contribution):
    """Note one contribution to the gradient of a node."""
    ...  # your code


lesson_1.accumulation(book)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def book(gradients, node, contribution):
#     gradients[node] = gradients[node] + contribution if node in gradients else contribution
# ```
# </details>
#
# ## On your own
# - Make an op `sine` with `primitive`, and let `check_grads(..., order=2)` judge it: its VJP has to be differentiable
#   too.
# - How much memory does the walk need? Which gradients could be forgotten, and when? Then look for `pop` in
#   `minisnip/autodiff/engine.py`.
#
# ## In practice
# PyTorch, JAX and TensorFlow do what `walk` does. They differ in *when* the graph is known, and in how much of it is
# compiled. What is shared is the price: a gradient by all inputs costs a few times the function itself, however many
# inputs there are. Lesson 5 rests on that: a quarter of a million connections are scored by one walk.
#
# ## Further reading
# - `minisnip/autodiff/engine.py`: the same walk on arrays, in one sitting.
# - A. Griewank, *Who invented the reverse mode of differentiation?*, Documenta Mathematica, extra volume (2012).
# - [autodidact](https://github.com/mattjj/autodidact) and [micrograd](https://github.com/karpathy/micrograd): two other
#   small engines.
# - Next: [make gradients survive broadcasting, and prove it](02_survive_broadcasting.ipynb).

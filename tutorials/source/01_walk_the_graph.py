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
# # 1. Differentiate a computation by walking its graph
#
# ![A computation drawn as a graph, with a question mark where the gradients belong](figures/teasers/1.png)
#
# | you will | |
# |---|---|
# | **do** | walk a graph backward by hand, then in twelve lines of Python, and break it |
# | **learn** | what reverse-mode differentiation is: a local rule for each op, an order, and a sum |
# | **need** | derivatives of one variable, Python; no download |
# | **time** | 35 minutes, of which the computer needs a few seconds |

# %%
import numpy as np

from minisnip import Tensor, check_grads, grad, ops, primitive
from minisnip.exercises import lesson_1
from minisnip.lab.plots import computation_graph

# %% [markdown] tags=["slide"]
# ## Round 1: a variable remembers
#
# A `Tensor` is a variable. It remembers the op that made it, and the inputs of that op. Everything else is a constant.
# The next cell computes $L = x \cdot y + \tanh x$ at $x = 2$ and $y = -1$.
#
# **Predict** $\partial L/\partial x$ and $\partial L/\partial y$ before you run the cell.
# (Use $\tanh' x = 1 - \tanh^2 x$ and $\tanh 2 \approx 0.964$.)

# %% tags=["slide-more"]
x, y = Tensor(2.0), Tensor(-1.0)
product = x * y
squashed = ops.tanh(x)
L = product + squashed
slope_x, slope_y = grad(L, [x, y])
print(f"L = {L.value:.3f}, ∂L/∂x = {slope_x:.3f}, ∂L/∂y = {slope_y:.3f}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert np.allclose([slope_x, slope_y], [-1 + 1 - np.tanh(2) ** 2, 2])
assert np.isclose(1 - np.tanh(2) ** 2, 0.07, atol=0.005)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# There are two paths from $x$ to $L$. Along the product the slope is $y = -1$, along the tanh it is
# $1 - \tanh^2 2 \approx 0.07$. The two slopes are *added*. From $y$ there is one path, with the slope $x = 2$.
#
# `grad` found these paths in the memory of $L$: its op, the inputs of the op, the ops that made those inputs, and so
# on. The next cell draws this memory as a graph. Blue numbers were computed from left to right; orange numbers are the
# gradients, which came back from right to left.
#
# </details>

# %% tags=["key-figure", "slide-more"]
nodes = {"x": x, "y": y, "x · y": product, "tanh x": squashed, "L": L}
gradients = grad(L, nodes)
names = {id(node): name for name, node in nodes.items()}
slopes = {id(nodes[name]): gradients[name] for name in nodes}
computation_graph(L, slopes, names, "L = x · y + tanh x: values forward, gradients back")

# %% [markdown] tags=["slide"]
# ## Round 2: a local rule for each op
#
# An op knows nothing about the rest of the computation. It answers one question: if the gradient of $L$ by my output is
# $g$, what is the gradient of $L$ by each of my inputs? The answer is called a **vector-Jacobian product**, or VJP.
# `primitive` makes an op from a function and one VJP for each of its arguments. A VJP gets $g$, the output and the
# inputs.
#
# **Predict:** which of the two squares below does `check_grads` refuse, and why?

# %% tags=["slide-more"]
first = primitive(np.square, lambda g, out, x: g * 2 * x)
second = primitive(np.square, lambda g, out, x: 2 * x)

for name, op in {"first": first, "second": second}.items():
    try:
        check_grads(op, np.array(3.0))
        print(f"{name} is right.")
    except AssertionError as error:
        print(f"{name} is refused. {error}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
check_grads(first, np.array(3.0))
refusal = ""
try:
    check_grads(second, np.array(3.0))
except AssertionError as error:
    refusal = str(error)
assert "does not multiply by g" in refusal

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# The second forgets $g$. It is right only if its output *is* $L$, because then $g = 1$. `check_grads` draws $g$ at
# random, so it finds the mistake.
#
# </details>
#
# ### Exercise 1.1
# Write both VJPs of the product $a \cdot b$. The check compares them with derivatives that it computes by itself.


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
# The VJP of tanh gets the output, not the input. Use the output, so that no tanh is computed a second time.


# %%
def tanh_vjp(g, out):
    """The gradient by x, where out = tanh(x) and g is the gradient by out."""
    ...  # your code


lesson_1.tanh(tanh_vjp)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def tanh_vjp(g, out):
#     return g * (1 - out**2)
# ```
# </details>
#
# ## Round 3: an order
#
# A node may pass its gradient on when the gradient is complete, that is, after all nodes that use it have passed on
# theirs. So we list each node after the nodes that it was made from, and then read the list backward:


# %% tags=["slide-more"]
def in_order(output):
    """All that the output was computed from; each node after everything that uses it."""
    listed, stack = {}, [output]
    while stack:
        node = stack[-1]
        waiting = [parent for _, parent in node.parents if parent not in listed]
        if waiting:
            stack += waiting
        else:
            listed[stack.pop()] = True
    return list(listed)[::-1]


# %% [markdown] tags=["slide"]
# Compute $y \leftarrow y + y$, sixty times. Then there are $2^{60}$ paths from the first $y$ to the last.
#
# **Predict:** how long does `grad` take?

# %% tags=["slide-more"]
print("L:", [names[id(node)] for node in in_order(L)])
first = Tensor(1.0)
last = first
for _ in range(60):
    last = last + last
print(f"{len(in_order(last))} nodes")
print(f"the gradient is {grad(last, first):.0f}, and 2^60 is {2**60}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert len(in_order(last)) == 61
assert grad(last, first) == 2.0**60

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# Hardly any time. `grad` visits each of the 61 *nodes* once, however many paths there are. A recursion that follows
# each path by itself makes $2^{60}$ visits; at a billion visits a second, that takes 36 years.
#
# </details>
#
# ### Exercise 1.3
# Find such an order from the other end. You get the parents of each node, by name. Return the names in an order in
# which every node comes after all nodes that use it. Begin with the output, which no node uses, and count uses.


# %%
def backward_order(parents):
    """A list of the names; parents["c"] == ["a", "b"] says that a and b made c."""
    ...  # your code


lesson_1.order(backward_order)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def backward_order(parents):
#     uses = {name: 0 for name in parents}
#     for used in parents.values():
#         for parent in used:
#             uses[parent] += 1
#     ready, order = [name for name in parents if uses[name] == 0], []
#     while ready:
#         name = ready.pop()
#         order.append(name)
#         for parent in parents[name]:
#             uses[parent] -= 1
#             if uses[parent] == 0:
#                 ready.append(parent)
#     return order
# ```
# </details>
#
# ## Round 4: a sum
#
# Now we have everything: the rules, the order, and a function `book` that adds a contribution to the gradient of a
# node. This is the whole of reverse-mode differentiation:


# %% tags=["slide-more"]
def add_up(gradients, node, contribution):
    gradients[node] = gradients.get(node, 0.0) + contribution


def walk(output, book):
    """∂output/∂node for every node that the output was computed from."""
    gradients = {output: 1.0}
    for node in in_order(output):
        values = [arg.value if isinstance(arg, Tensor) else arg for arg in node.args]
        for i, parent in node.parents:
            part = node.op.vjp(i, gradients[node], node.value, values, node.metadata)
            book(gradients, parent, part)
    return gradients


# %% [markdown] tags=["slide"]
# Somebody writes `=` instead of `+=`.
#
# **Predict:** what does `walk` then give for the derivative of $x \cdot x + x$ at $x = 3$? The right answer is
# $2x + 1 = 7$.


# %% tags=["slide-more"]
def overwrite(gradients, node, contribution):
    gradients[node] = contribution


x = Tensor(3.0)
y = x * x + x
right = walk(y, add_up)[x]
wrong = walk(y, overwrite)[x]
print(f"added up: {right}, overwritten: {wrong}")

# %% tags=["guard"]
# Checks of the text, folded: they give the answers away.
assert (right, wrong) == (7.0, 3.0)
assert np.isclose(walk(L, add_up)[nodes["x"]], slope_x)

# %% [markdown] tags=["slide"]
# <details><summary>Compare with ours</summary>
#
# $x$ is used three times: twice in the product, where the contributions are 3 and 3, and once in the sum, where it
# is 1. `overwrite` keeps only the last contribution. A gradient that is wrong in this way often still has the right
# sign. The network trains, only worse, and nobody sees the mistake without a check.
#
# </details>
#
# ### Exercise 1.4
# A colleague wants to save the call of `get` and writes `gradients[node] += contribution`. This fails at once. Write a
# function that changes the dict `gradients` so that the contributions add up.


# %%
def book(gradients, node, contribution):
    """Note one contribution to the gradient of a node."""
    ...  # your code


lesson_1.accumulation(book)

# %% [markdown] tags=["slide"]
# <details><summary>Solution</summary>
#
# ```python
# def book(gradients, node, contribution):
#     if node in gradients:
#         gradients[node] = gradients[node] + contribution
#     else:
#         gradients[node] = contribution
# ```
# </details>
#
# ## On your own
# - Make an op `sine` with `primitive`, and test it with `check_grads(..., order=2)`. For that its VJP has to be
#   differentiable, too.
# - How much memory does the walk need? Which gradients can be forgotten, and when? Then look for `pop` in
#   `minisnip/autodiff/engine.py`.
#
# ## In practice
# - PyTorch, JAX and TensorFlow do what `walk` does. They differ in *when* they know the graph, and in how much of it
#   they compile.
# - The price is the same everywhere. A gradient by all inputs costs a few times as much as the function itself,
#   however many inputs there are. Lesson 5 uses this: one walk scores a quarter of a million connections.
#
# ## Further reading
# - `minisnip/autodiff/engine.py`: the same walk on arrays, in one sitting.
# - A. Griewank, *Who invented the reverse mode of differentiation?*, Documenta Mathematica, extra volume (2012).
# - [autodidact](https://github.com/mattjj/autodidact) and [micrograd](https://github.com/karpathy/micrograd): two other
#   small engines.
# - Next: [make gradients survive broadcasting, and prove it](02_survive_broadcasting.ipynb).

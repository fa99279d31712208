"""The graph of a computation: what was computed from what, with the values and the gradients."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from minisnip.autodiff.engine import Tensor, backward_order
from minisnip.lab.plots.colors import BLUE, GRAY, ORANGE

Place = tuple[float, float]


def computation_graph(output: Tensor, gradients: Mapping[int, float], names: Mapping[int, str], title: str) -> Figure:
    """Boxes for the Tensors, from the variables on the left to the output on the right.

    Parameters
    ----------
    output : Tensor of shape ()
    gradients : dict
        ∂output/∂node by the id of a node; those that are not there are left out.
    names : dict
        What a node is called, by its id; the op's name where there is none.
    """
    nodes = [*backward_order(output)][::-1]
    places = _places(nodes)
    width = 1 + max(x for x, _ in places.values())
    height = 1 + max(y for _, y in places.values())
    figure = Figure(figsize=(2.3 * width, 1.5 * height + 0.6), layout="constrained")
    axes = figure.subplots()
    for node in nodes:
        for _, parent in node.parents:
            _arrow(axes, places[id(parent)], places[id(node)])
        name = names.get(id(node), node.op.name if node.op else "variable")
        _box(axes, places[id(node)], name, float(node.value), gradients.get(id(node)))
    axes.set(xlim=(-0.45, width - 0.55), ylim=(-0.5, height - 0.5))
    axes.set_axis_off()
    axes.set_title(f"{title}\nblue: the value; orange: the gradient of the output by it", fontsize=11)
    return figure


BOX = 0.62, 0.74  # in a grid of 1 by 1


def _box(axes: Axes, place: Place, name: str, value: float, gradient: float | None) -> None:
    (x, y), (width, height) = place, BOX
    corner = x - width / 2, y - height / 2
    axes.add_patch(FancyBboxPatch(corner, width, height, "round,pad=0,rounding_size=0.06", fc="white", ec=GRAY))
    axes.text(x, y + 0.2, name, ha="center", va="center", fontsize=11)
    axes.text(x, y - 0.02, f"{value:.3f}", ha="center", va="center", fontsize=10, color=BLUE)
    if gradient is not None:
        axes.text(x, y - 0.23, f"{gradient:.3f}", ha="center", va="center", fontsize=10, color=ORANGE)


def _arrow(axes: Axes, start: Place, end: Place) -> None:
    """From the right side of a box to the left side of another."""
    tail, head = (start[0] + BOX[0] / 2, start[1]), (end[0] - BOX[0] / 2, end[1])
    axes.annotate("", head, tail, arrowprops={"arrowstyle": "-|>", "color": GRAY, "shrinkA": 0, "shrinkB": 0})


def _places(nodes: list[Tensor]) -> dict[int, tuple[float, float]]:
    """Across: the longest way from a variable. Down: the nodes of a column, spread about the middle."""
    depth: dict[int, int] = {}
    for node in nodes:
        depth[id(node)] = 1 + max((depth[id(parent)] for _, parent in node.parents), default=-1)
    columns: dict[int, list[int]] = {}
    for node in nodes:
        columns.setdefault(depth[id(node)], []).append(id(node))
    tallest = max(map(len, columns.values()))
    return {
        node: (float(x), (tallest - len(column)) / 2 + len(column) - 1 - i)
        for x, column in columns.items()
        for i, node in enumerate(column)
    }

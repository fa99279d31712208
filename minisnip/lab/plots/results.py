"""Results of training: losses and errors, against the epoch, the sparsity, the control and the scoring batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from minisnip.autodiff.engine import Array, Arrays
from minisnip.lab.plots.style import BLUE, COLORS, GRAY, ORANGE, kept_axis, log_axis, panels, styled, titled_figure

HIGHLIGHTED = 5  # curves of a comparison that have a color
FINE = (1, 1.5, 2, 3, 5, 7)  # ticks of an axis of errors, which often spans less than a decade


@styled
def training_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """Loss and error against the epoch, a color for each run: training dashed, validation solid.

    Parameters
    ----------
    histories : dict of lists of rows, as in `TrainResult.history`
        By the name of the run.
    title : str
    """
    figure, (loss, error) = panels(9, 3.8, title, 2)
    for axes, quantity in ((loss, "loss"), (error, "error_percent")):
        for (name, rows), color in zip(histories.items(), COLORS, strict=False):
            epochs = [row["epoch"] for row in rows]
            for split, line in (("train", "o--"), ("validation", "o-")):
                values = [row[f"{split}_{quantity}"] for row in rows]
                axes.plot(epochs, values, line, color=color, label=f"{name}, {split}", markersize=3)
        axes.set(xlabel="epoch", yscale="log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
        log_axis(axes.yaxis)
    loss.set_ylabel("cross-entropy (nats)")
    error.set_ylabel("error (%)")
    error.legend()
    return figure


@styled
def loss_curves(losses: Mapping[str, Sequence[float]], chance: float, title: str) -> Figure:
    """The loss against the step, a line for each run.

    Parameters
    ----------
    losses : dict of sequences, in nats
    chance : float
        The loss of a network that gives every class the same probability, dotted.
    title : str
    """
    figure, (axes,) = panels(9, 3.8, title)
    axes.axhline(chance, linestyle=":", color=GRAY, label=f"knows nothing: {chance:.3f}")
    for name, values in losses.items():
        axes.plot(values, markevery=0.1, label=name)
    axes.set(xlabel="step", ylabel="cross-entropy (nats)", ylim=(0, None))
    figure.legend(loc="outside right upper")
    return figure


@styled
def memorization(curves: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> Figure:
    """Figure 4 of the paper: training loss and error, for true labels (solid) and shuffled ones (dashed).

    Parameters
    ----------
    curves : dict of {"iterations", "train_loss", "train_error_percent"} by "<network>, <true or shuffled> labels"
    """
    figure, (loss, error) = panels(10, 4.4, title, 2)
    networks = list(dict.fromkeys(name.partition(",")[0] for name in curves))
    for name, curve in curves.items():
        color = COLORS[networks.index(name.partition(",")[0])]
        line = ".--" if "shuffled" in name else ".-"
        for axes, key in ((loss, "train_loss"), (error, "train_error_percent")):
            axes.plot(curve["iterations"], curve[key], line, color=color, label=name)
    loss.set(xlabel="iteration", ylabel="training loss (nats)", yscale="log")
    log_axis(loss.yaxis)
    error.set(xlabel="iteration", ylabel="training error (%)", ylim=(-2, 100))
    figure.legend(*error.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@styled
def sparsity_curves(curves: Mapping[str, Mapping[str, Any]], title: str = "") -> Figure:
    """Figure 1 of the paper: test error against the connections kept, a panel for each network.

    Parameters
    ----------
    curves : dict of {"sparsity", "mean", "std", "paper"}, in percent, by the title of the panel
        Sparsity 0 is the dense network, drawn as a level; `paper` is a dict from sparsity to the paper's error.
    """
    figure, row = panels(10, 4.4, title, len(curves), sharey=True)
    for axes, (name, curve) in zip(row, curves.items(), strict=True):
        _draw_sparsities(axes, *(np.array(curve[key], np.float64) for key in ("sparsity", "mean", "std")))
        _draw_paper(axes, curve["paper"])
        axes.set(title=name, yscale="log")
        log_axis(axes.yaxis, FINE)
        kept_axis(axes)
    row[0].set_ylabel("test error (%)")
    row[0].legend(loc="upper left")
    return figure


def _draw_sparsities(axes: Axes, sparsity: Array, mean: Array, std: Array) -> None:
    """A level for the dense network, a curve for the pruned ones; bands are mean ± std."""
    dense, low, high = sparsity == 0, mean - std, mean + std
    for i in np.flatnonzero(dense):
        axes.axhspan(low[i], high[i], color=GRAY, alpha=0.25, linewidth=0)
        axes.axhline(mean[i], color=GRAY, linestyle="--", label="dense")
    kept = 100 - sparsity[~dense]
    axes.fill_between(kept, low[~dense], high[~dense], color=BLUE, alpha=0.2, linewidth=0)
    axes.plot(kept, mean[~dense], color=BLUE, label="SNIP, mean ± std over seeds")


def _draw_paper(axes: Axes, paper: Mapping[float, float]) -> None:
    pruned = {100 - sparsity: error for sparsity, error in paper.items() if sparsity > 0}
    axes.plot([*pruned], [*pruned.values()], "D", mfc="none", color=ORANGE, label="SNIP, the paper (MNIST)")
    if 0.0 in paper:
        axes.axhline(paper[0.0], color=ORANGE, linestyle=":", label="dense, the paper (MNIST)")


@styled
def error_curves(curves: Mapping[str, Mapping[str, Sequence[float]]], chance: float, title: str) -> Figure:
    """Test error against the connections kept, both logarithmic; bands from the smallest to the largest error.

    The first five methods are highlighted; those after them are thin and gray.

    Parameters
    ----------
    curves : dict of {"kept", "mean", "least", "greatest"}, in percent, by method
    chance : float
        The error of always giving the same answer, dotted.
    title : str
    """
    figure, (axes,) = panels(9.5, 5.2, title)
    handles = [axes.axhline(chance, linestyle=":", color=GRAY, label="always the same answer")]
    for i, (name, curve) in enumerate(curves.items()):
        looks: dict[str, Any] = {} if i < HIGHLIGHTED else {"color": GRAY, "linewidth": 0.8, "alpha": 0.7}
        handles += axes.plot(curve["kept"], curve["mean"], label=name, **looks)
        color = handles[-1].get_color()
        if i < HIGHLIGHTED:
            axes.fill_between(curve["kept"], curve["least"], curve["greatest"], color=color, alpha=0.15, linewidth=0)
    axes.set(yscale="log", ylabel="test error (%)")
    log_axis(axes.yaxis, FINE)
    kept_axis(axes)
    handles.sort(key=lambda line: float(np.asarray(line.get_ydata())[-1]), reverse=True)  # the order of the right ends
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


@styled
def length_curves(curves: Mapping[str, Mapping[int, Sequence[float]]], title: str) -> Figure:
    """Validation error against the iterations, both logarithmic; bands from the smallest to the largest error.

    Parameters
    ----------
    curves : dict of dicts of (mean, least, greatest) in percent, by the name of the curve and the iterations
    title : str
    """
    figure, (axes,) = panels(7.5, 4.6, title)
    for (name, curve), color in zip(curves.items(), COLORS, strict=False):
        means, least, greatest = zip(*curve.values(), strict=True)
        axes.plot([*curve], means, color=color, label=name)
        axes.fill_between([*curve], least, greatest, color=color, alpha=0.15, linewidth=0)
    axes.set(xscale="log", yscale="log", xlabel="iterations", ylabel="validation error (%)")
    log_axis(axes.xaxis)
    log_axis(axes.yaxis, FINE)
    axes.legend()
    return figure


@styled
def scoring_batches(
    ours: Mapping[int, Sequence[float]], paper: Mapping[int, float], pictures: Mapping[int, Array], title: str
) -> Figure:
    """Figure 3 of the paper: test error against the size of the scoring batch, and the pixels that are read.

    Parameters
    ----------
    ours : dict of test errors in percent over seeds, by the number of images
    paper : dict of test errors in percent
    pictures : dict of (H, W) counts of kept connections
    """
    figure = titled_figure(9, 5.8, title)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.6, 1))[:, 0]
    axes = above.subplots()
    axes.plot([*ours], [np.mean(errors) for errors in ours.values()], label="ours, mean")
    seeds = [(1.12 * images, error) for images, errors in ours.items() for error in errors]  # beside the mean
    axes.plot(*zip(*seeds, strict=True), ".", color=BLUE, alpha=0.5, label="ours, each seed")
    axes.plot([*paper], [*paper.values()], "D", mfc="none", color=ORANGE, label="the paper (MNIST)")
    axes.set(xscale="log", yscale="log", xlabel="images in the scoring batch", ylabel="test error (%)")
    log_axis(axes.xaxis, (1,))
    log_axis(axes.yaxis, FINE)
    axes.legend()
    top = max(picture.max() for picture in pictures.values())
    row = below.subplots(1, len(pictures), squeeze=False)[0]
    for panel, (images, picture) in zip(row, pictures.items(), strict=True):
        shown = panel.imshow(picture, vmin=0, vmax=top)
        panel.set(xticks=[], yticks=[], title=f"{images:,} image{'s' if images > 1 else ''}")
    below.colorbar(shown, ax=list(row), label="units that\nread a pixel", shrink=0.8)
    return figure


@styled
def control_errors(errors: Mapping[str, Sequence[float]], title: str) -> Figure:
    """A row of dots for each control, a dot for each seed; the first row is the unchanged method.

    Parameters
    ----------
    errors : dict of test errors in percent, by the name of the control
    title : str
    """
    figure, (axes,) = panels(9, 1.3 + 0.42 * len(errors), title)
    first = next(iter(errors.values()))
    axes.axvspan(min(first), max(first), color=BLUE, alpha=0.15, linewidth=0)
    for i, own in enumerate(errors.values()):
        color = ORANGE if i else BLUE
        axes.plot(own, [i] * len(own), "o", color=color, alpha=0.7)
        axes.plot(sum(own) / len(own), i, "|", color=color, markersize=18, markeredgewidth=2)
    axes.set(xscale="log", xlabel="test error (%); dots: seeds, bars: their mean")
    axes.set_yticks(range(len(errors)), list(errors))
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    log_axis(axes.xaxis, FINE)
    return figure


@styled
def overlap_by_batch(overlaps: Mapping[int, Sequence[float]], chance: Mapping[str, float], title: str) -> Figure:
    """The overlap of two masks that were scored on different images, against the number of images.

    Parameters
    ----------
    overlaps : dict of Jaccard indices of pairs of masks, by the number of images in a batch
    chance : dict of float
        Overlaps to expect by chance, by name.
    title : str
    """
    figure, (axes,) = panels(7.5, 4.2, title)
    for images, found in overlaps.items():
        axes.plot([images] * len(found), found, "o", color=BLUE, alpha=0.5)
    axes.plot([*overlaps], [np.mean(o) for o in overlaps.values()], "-", label="two batches, their mean")
    for (name, level), line in zip(chance.items(), (":", "--", "-."), strict=False):
        axes.axhline(level, color=GRAY, linestyle=line, label=name)
    axes.set(xscale="log", ylim=(0, 1), xlabel="images in each batch", ylabel="overlap of the kept sets")
    log_axis(axes.xaxis, (1,))
    axes.legend(loc="upper left")
    return figure


@styled
def collapse_and_cost(
    kept: Sequence[float],
    masks: Mapping[str, Sequence[Arrays]],
    shares: Sequence[float],
    costs: Mapping[str, Mapping[str, Sequence[float]]],
    title: str,
) -> Figure:
    """Above, the share kept of each layer, a panel for each pruning method; below, a panel for each cost.

    Parameters
    ----------
    kept, shares : sequences of float
        Connections kept, in percent: one for each mask, and one for each cost.
    masks : dict of sequences of masks, by the title of the panel
        An emptied layer is a cross in the gray band at the bottom, because a logarithmic axis has no 0.
    costs : dict of dicts of numbers, by "<title of the panel>, <unit>" and by network
    """
    figure = titled_figure(10, 7.2, title)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.05, 1))[:, 0]
    layers = {name: _percent_kept(of_panel) for name, of_panel in masks.items()}
    smallest = min(a[a > 0].min(initial=100) for curves in layers.values() for a in curves.values())
    row = above.subplots(1, len(masks), sharey=True, squeeze=False)[0]
    for axes, (name, percents) in zip(row, layers.items(), strict=True):
        _draw_layers(axes, np.array(kept), percents, smallest)
        axes.set_title(name)
    row[0].set_ylabel("kept of the layer (%)")
    row[-1].legend(loc="lower left")
    for axes, (name, curves) in zip(below.subplots(1, len(costs), squeeze=False)[0], costs.items(), strict=True):
        what, _, unit = name.rpartition(", ")
        for network, values in curves.items():
            axes.plot(shares, values, label=network)
        kept_axis(axes, "connections kept in all (%)")
        axes.set(title=what, ylabel=unit, ylim=(0, None))
        axes.legend()
    return figure


def _percent_kept(masks: Sequence[Arrays]) -> dict[str, Array]:
    """(masks,) percent kept of each weight, by the name of the layer."""
    weights = [name for name in masks[0] if name.endswith("weight")]
    return {n.removesuffix(".weight"): np.array([100 * float(np.mean(c[n])) for c in masks]) for n in weights}


def _draw_layers(axes: Axes, kept: Array, percents: Arrays, smallest: float) -> None:
    """A curve for each layer; below `smallest`, a cross for each emptied one."""
    for name, values in percents.items():
        axes.plot(kept, np.where(values > 0, values, np.nan), label=name)
    levels = smallest / 2.2 ** np.arange(1, len(percents) + 1)  # apart from each other, so that none is covered
    for line, values, level in zip(list(axes.lines), percents.values(), levels, strict=True):
        empty = kept[values == 0]
        axes.plot(empty, np.full(len(empty), level), "x", color=line.get_color(), markersize=7, markeredgewidth=2)
    bottom = levels[-1] / 1.8
    if any(np.any(values == 0) for values in percents.values()):
        axes.axhspan(bottom, 0.7 * smallest, color=GRAY, alpha=0.15, linewidth=0)
        axes.text(0.03, 0.03, "× emptied", transform=axes.transAxes)
    axes.set(yscale="log", ylim=(bottom, 160), yticks=10.0 ** np.arange(np.ceil(np.log10(smallest)), 3))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    kept_axis(axes, "connections kept in all (%)")

"""The figures of the page of speed. All times are on logarithmic axes, and nothing is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from minisnip.lab.plots.style import BLUE, COLORS, GRAY, ORANGE, log_axis, panels, styled, titled_figure
from tests.benchmarks import busy, growth
from tests.benchmarks.compaction import KINDS
from tests.benchmarks.race import PEER, US, Row
from tests.benchmarks.table import spread
from tests.benchmarks.training_step import WORKS


def dots(axes: Axes, turns: Mapping[str, Sequence[float]], color: str, label: str = "") -> None:
    """A row for each name: the median, and a line from the least to the greatest."""
    middles, least, most = zip(*map(spread, turns.values()), strict=True)
    axes.plot(middles, [*turns], "o", color=color, label=label)
    axes.hlines([*turns], least, most, color=color)


def time_axis(axes: Axes) -> None:
    """Milliseconds to the right, logarithmic; the first name is at the top."""
    axes.set(xscale="log", xlabel="milliseconds")
    log_axis(axes.xaxis, (1, 3))
    if not axes.yaxis_inverted():  # panels share it
        axes.invert_yaxis()


@styled
def steps(rows: Sequence[Row]) -> Figure:
    """A panel for each network and kind of weights."""
    shown = [row for row in rows if row["work"] == WORKS[0]]
    figure, grid = panels(12, 2.8, "A training step on 100 images", len(shown), sharey=True)
    for axes, row in zip(grid, shown, strict=True):
        dots(axes, row["turns_ms"], GRAY)
        dots(axes, {US: row["turns_ms"][US]}, BLUE)
        axes.set_title(f"{row['network']}, {row['weights']}")
        time_axis(axes)
    return figure


@styled
def beside_busy(rows: Sequence[Row]) -> Figure:
    """A row for each work, network and library: alone and beside the busy process."""
    figure, (axes,) = panels(9, 5.5, "Alone, and beside one busy process")
    for situation, color, label in ((busy.ALONE, BLUE, "alone"), (busy.BUSY, ORANGE, "beside a busy process")):
        named = {f"{busy.title(r)}, {r['network']}: {who}": ms for r in rows for who, ms in r[situation].items()}
        dots(axes, named, color, label)
    time_axis(axes)
    axes.legend()
    return figure


@styled
def compaction(rows: Sequence[Row]) -> Figure:
    """A panel for each network: a step against the share of connections that the mask keeps."""
    networks = [(name, list(found)) for name, found in groupby(rows, key=lambda row: row["network"])]
    figure, grid = panels(9, 3.6, "A training step under SNIP's masks", len(networks))
    for axes, (name, found) in zip(grid, networks, strict=True):
        kept = [100 - float(row["sparsity"].strip(" %")) for row in found]
        for kind in [kind for kind in (*KINDS, PEER) if kind in found[0]["step_ms"]]:
            axes.plot(
                kept, [spread(row["step_ms"][kind])[0] for row in found], label=kind.replace(PEER, f"{PEER} dense")
            )
        axes.set(xscale="log", yscale="log", xlabel="connections kept (%)", ylabel="milliseconds", title=name)
        log_axis(axes.xaxis)
        log_axis(axes.yaxis)
        axes.invert_xaxis()
    grid[0].legend()
    return figure


@styled
def growing(rows: Sequence[Row]) -> Figure:
    """A panel for each series: every point, and the line whose slope is the exponent."""
    found = list(growth.curves(rows))
    figure = titled_figure(12, 5.6, "How time grows; the slope is the exponent")
    grid = figure.subplots(2, -(-len(found) // 2), squeeze=False).flat
    for axes, (title, grows, points) in zip(grid, found, strict=False):
        xs, middles = [row["x"] for row in points], [spread(row["turns_ms"])[0] for row in points]
        slope, height = np.polyfit(np.log(xs), np.log(middles), 1)
        axes.plot(xs, np.exp(height + slope * np.log(xs)), color=GRAY, marker="", label=f"slope {slope:.2f}")
        axes.plot(xs, middles, "o", color=COLORS[0])
        unit, words = (1, grows) if max(xs) < 10_000 else (1e6, f"{grows}, in millions")
        axes.set(xscale="log", yscale="log", xlabel=words, ylabel="milliseconds")
        axes.set_xticks(xs, [f"{x / unit:.2g}" if unit > 1 else f"{x:g}" for x in xs])
        axes.xaxis.set_minor_locator(NullLocator())
        log_axis(axes.yaxis, (1, 3))
        axes.set_title(title, fontsize="small")
        axes.legend()
    return figure

"""Pruning 15 million parameters: seconds and peak memory of keep_top, the derivatives and compaction.

    python -m tests.benchmarks.big [--pairs 7] [--steps 50]

The network is 784-3000-3150-1000-10, with a batch of 100 MNIST images and SNIP's masks at 98 %. PyTorch and np.argsort
do the same where they can. Peak memory (tracemalloc, in a run that is not timed) is beyond the arguments.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from minisnip.nn import Linear, Sequential
from minisnip.pruning import LayerCollapseWarning, apply_masks, connection_sensitivity, keep_top
from tests.benchmarks import command
from tests.benchmarks.growth import MINISNIP, mlp
from tests.benchmarks.problem import BATCH, Problem, first, mnist_or_glyphs, problem
from tests.benchmarks.race import PEER, SORT, US, Row, entries, race
from tests.benchmarks.table import ratio_cell, spread, table
from tests.benchmarks.turns import SLOW, Effort, Entry, take_turns

HIDDEN, SMALL, SPARSITY, STEPS = (3000, 3150, 1000), (30, 32, 10), 0.98, 5
WORKS = {  # its function in `contestants`, and who else does it
    "keep_top": ("selection", {PEER: "torch_:selection", SORT: "argsort_:selection"}),
    "mask_gradient": ("gradient", {}),
    "connection_sensitivity": ("scoring", {PEER: "torch_:scoring"}),
    "compact": ("compacting", {}),
    "cut": ("cutting", {}),
}


def snipped(dense: Problem) -> Problem:
    """The same network under SNIP's masks."""
    scores = connection_sensitivity(dense.net, dense.params, dense.images, dense.labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)
        masks = keep_top(scores, SPARSITY)
    return replace(dense, params=apply_masks(masks, dense.params), masks=masks)


def widths(net: Sequential) -> str:
    """784-300-100-10, say."""
    linear = [layer for layer in net.layers.values() if isinstance(layer, Linear)]
    return "-".join(str(size) for size in (linear[0].in_features, *(layer.out_features for layer in linear)))


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each work."""
    dense = problem(mlp(SMALL if effort.smoke else HIDDEN), first(mnist_or_glyphs().train, BATCH))
    pruned, few = snipped(dense), replace(effort, steps=min(STEPS, effort.steps))
    for name, (work, others) in WORKS.items():
        given: tuple[Any, ...] = (dense.net.size, SPARSITY) if work == "selection" else (dense,)
        given = (pruned,) if name in ("compact", "cut") else given
        found = race(entries({US: f"minisnip_:{work}", **others}, given), few, SLOW)
        peak = take_turns({US: Entry(f"{MINISNIP}:extra_bytes", (work, *given))}, replace(effort, pairs=0, steps=1))
        yield {
            "work": name,
            "network": widths(dense.net),
            "parameters": dense.net.size,
            **found,
            "peak_bytes": peak[US].first[0],
        }


def section(rows: Sequence[Row]) -> str:
    """The table, in Markdown."""
    header = ["work", "parameters", *(f"{name}, s" for name in (US, PEER, SORT)), f"{US} / {PEER}", "peak memory, MiB"]
    return f"""\
The network is {rows[0]["network"]}, the batch has {BATCH} images, and the masks are SNIP's at
{100 * SPARSITY:g} %. Peak memory is what the work allocates, beyond its arguments.

{table(header, map(_cells, rows))}
"""


def _cells(row: Row) -> list[str]:
    turns = row["turns_ms"]
    times = (_seconds(turns[name]) if name in turns else "–" for name in (US, PEER, SORT))
    memory = f"{row['peak_bytes'] / 2**20:,.0f}"
    return [f"`{row['work']}`", f"{row['parameters']:,}", *times, ratio_cell(turns, US, PEER), memory]


def _seconds(turns: Sequence[float]) -> str:
    return "{:.2f} ({:.2f}–{:.2f})".format(*(ms / 1000 for ms in spread(turns)))


if __name__ == "__main__":
    command.main(measure, section, __doc__)

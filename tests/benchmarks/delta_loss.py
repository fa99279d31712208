"""Time and memory of ΔL for every connection, against one forward pass for each.

    python -m tests.benchmarks.delta_loss [--pairs 7] [--steps 50]

Float64, a batch of 100 MNIST images (glyphs where MNIST cannot be had). The plain loop would take hours: its time is
that of one of its passes, times the number of connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from minisnip.nn.models import TITLES
from tests.benchmarks import command
from tests.benchmarks.problem import BATCH, PAPERS, first, mnist_or_glyphs, problem
from tests.benchmarks.race import Row
from tests.benchmarks.table import spread, table
from tests.benchmarks.turns import Effort, Entry, take_turns

MINISNIP = "tests.benchmarks.contestants.minisnip_"


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each network."""
    batch = first(mnist_or_glyphs().train, 2 if effort.smoke else BATCH)
    for model, make in PAPERS.items():
        given = problem(make(), batch, dtype=np.float64)
        once = replace(effort, steps=1)
        (all_of_them,) = take_turns({"": Entry(f"{MINISNIP}:deletions", (given,))}, once).values()
        (one_pass,) = take_turns({"": Entry(f"{MINISNIP}:forward", (given,))}, effort).values()
        (peak,) = take_turns(
            {"": Entry(f"{MINISNIP}:extra_bytes", ("deletions", given))}, replace(once, pairs=0)
        ).values()
        yield {
            "network": TITLES[model],
            "parameters": given.net.size,
            "turns_ms": all_of_them.milliseconds,
            "pass_ms": one_pass.milliseconds,
            "peak_bytes": peak.first[0],
        }


def seconds(row: Row) -> tuple[float, float, float]:
    """Of all ΔL: the median, the least and the greatest."""
    middle, least, most = spread(row["turns_ms"])
    return middle / 1000, least / 1000, most / 1000


def section(rows: Sequence[Row]) -> str:
    """The table, in Markdown."""
    header = ["network", "connections", "all ΔL, s", "plain loop (extrapolated), s", "ratio", "peak memory, MiB"]
    return f"""\
`minisnip.pruning.delta_loss` computes ΔL = L(w) − L(w without j) exactly for every connection j. The plain loop makes a
forward pass for each connection; its time is that of one pass, times the connections. Float64, {BATCH} images.

{table(header, map(_cells, rows))}
"""


def _cells(row: Row) -> list[str]:
    loop = spread(row["pass_ms"])[0] * row["parameters"] / 1000
    took = "{:.1f} ({:.1f}–{:.1f})".format(*seconds(row))
    numbers = took, f"{loop:,.0f}", f"{loop / seconds(row)[0]:,.0f}×", f"{row['peak_bytes'] / 2**20:.0f}"
    return [row["network"], f"{row['parameters']:,}", *numbers]


if __name__ == "__main__":
    command.main(measure, section, __doc__)

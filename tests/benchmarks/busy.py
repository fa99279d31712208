"""Alone, and beside one busy process: an epoch of each LeNet, a scoring batch, and `agree`; minisnip and PyTorch.

    python -m tests.benchmarks.busy [--pairs 7] [--steps 50] [--share 1]

One epoch of `train`, validation included, beside a plain PyTorch loop over the same images in the same order; SNIP's
scores of 100 images; and all that `minisnip agree` computes for LeNet-300-100, against itself. PyTorch runs with its
default threads and limited to one. In each round everybody has a turn alone and one beside a process that computes
without pause; it lives only for these turns. With --share 0.1 an epoch has a tenth of the images.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from minisnip.nn.models import TITLES
from tests.benchmarks import command
from tests.benchmarks.problem import BATCH, PAPERS, first, mnist_or_glyphs, problem
from tests.benchmarks.race import ONE_THREAD, PEER, US, Row, entries, race_in
from tests.benchmarks.table import Spread, in_words, ms_cell, ratio, table
from tests.benchmarks.turns import SLOW, Effort, Situations

ALONE, BUSY = "alone_ms", "busy_ms"
EPOCH, SCORE, AGREE = "an epoch", "a scoring batch", "agree"
LOOP = """import os
parent = os.getppid()
print("busy", flush=True)
while os.getppid() == parent:  # a killed benchmark leaves it no parent
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def busy_process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that computes without pause, in pure Python, for as long as this lasts."""
    with subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it runs
            yield process
        finally:
            process.kill()


SITUATIONS: Situations = {ALONE: nullcontext, BUSY: busy_process}


def contestants(work: str) -> dict[str, str]:
    """Who does it: minisnip, and PyTorch with its default threads and with one."""
    return {US: f"minisnip_:{work}", PEER: f"torch_:{work}", ONE_THREAD: f"torch_:{work}_in_one_thread"}


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each work and network."""
    once = replace(effort, steps=1)
    for model in PAPERS:
        given = entries(contestants("epoch"), (model, effort.share))
        found = race_in(SITUATIONS, given, once, rtol=0.05)  # hundreds of steps in float32 drift apart
        yield {"work": EPOCH, "network": TITLES[model], "share": effort.share, **found}
    batch = first(mnist_or_glyphs().train, BATCH)
    for model, make in PAPERS.items():
        given = entries(contestants("scoring"), (problem(make(), batch),))
        yield {"work": SCORE, "network": TITLES[model], **race_in(SITUATIONS, given, effort, SLOW)}
    given = entries({US: "minisnip_:agreement"}, (2 if effort.smoke else BATCH,))
    yield {"work": AGREE, "network": TITLES["lenet-300-100"], **race_in(SITUATIONS, given, once)}


def slowdown(row: Row, name: str) -> Spread:
    """How many times slower beside the busy process."""
    return ratio(row[BUSY][name], row[ALONE][name])


def against(row: Row, peer: str, situation: str = BUSY) -> Spread | None:
    """minisnip's time as a part of the peer's in the same situation; None if the peer was not there."""
    return ratio(row[situation][US], row[situation][peer]) if peer in row[situation] else None


def verdict(rows: Sequence[Row]) -> str:
    """A sentence: whether PyTorch limited to one thread removes minisnip's lead beside a busy process."""
    pairs = {f"{row['work']} of {row['network']}": [against(row, peer) for peer in (PEER, ONE_THREAD)] for row in rows}
    medians = {name: (default[0], one[0]) for name, (default, one) in pairs.items() if default and one}
    leads = {name: one for name, (default, one) in medians.items() if default < 1}
    if not leads:
        return f"Beside one busy process, {US} is not ahead of {PEER}." if medians else f"{PEER} was not measured."
    default, one = (_range([pair[i] for pair in medians.values()]) for i in (0, 1))
    fewer = f"; it is ahead in {len(leads)} of {len(medians)} rows only" if len(leads) < len(medians) else ""
    return (
        f"**{PEER} limited to one thread (`torch.set_num_threads(1)`) {_fate(leads)}**: beside one busy process, {US} "
        f"takes {default} of {PEER}'s time with its default threads, and {one} with one{fewer}."
    )


def _fate(leads: Mapping[str, float]) -> str:
    """What one thread does to the leads: each is a part of the time of PyTorch in one thread."""
    lost = [name for name, one in leads.items() if one >= 1]
    if lost:
        return f"removes {US}'s lead" + f" in {', '.join(lost)}" * (len(lost) < len(leads))
    return f"leaves {US} ahead, but by less than a factor of two" if max(leads.values()) > 0.5 else f"leaves {US} ahead"


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def section(rows: Sequence[Row]) -> str:
    """The tables, in Markdown."""
    times = ["work", "network", "who", "alone, ms", "beside a busy process, ms", "slower"]
    ratios = ["work", "network", *(f"{US} / {peer}, {s}" for s in ("alone", "busy") for peer in (PEER, ONE_THREAD))]
    return f"""\
An epoch is `train` on so many of the 54,000 images, with its validation, beside a plain PyTorch loop over the same
images in the same order; a scoring batch has {BATCH} images; `agree` is all that `minisnip agree` computes. The busy
process is a loop in pure Python.

![Milliseconds alone and beside a busy process](busy.png)

{table(times, (cells for row in rows for cells in _times(row)))}

{table(ratios, (_ratios(row) for row in rows if len(row[ALONE]) > 1))}
"""


def title(row: Row) -> str:
    """The work in words, with its share of an epoch."""
    share = row.get("share", 1.0)
    return str(row["work"]) if share == 1 else f"{100 * share:g} % of {row['work']}"


def _times(row: Row) -> Iterator[list[str]]:
    for name in row[ALONE]:
        cells = [ms_cell(row[situation], name) for situation in (ALONE, BUSY)]
        yield [title(row), row["network"], name, *cells, in_words(slowdown(row, name))]


def _ratios(row: Row) -> list[str]:
    found = [against(row, peer, situation) for situation in (ALONE, BUSY) for peer in (PEER, ONE_THREAD)]
    return [title(row), row["network"], *("–" if f is None else in_words(f) for f in found)]


if __name__ == "__main__":
    command.main(measure, lambda rows: f"{verdict(rows)}\n\n{section(rows)}", __doc__)

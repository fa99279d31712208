"""What cutting out the dead units gives: the masked, the compacted and the dense network side by side.

    python -m tests.benchmarks.compaction [--pairs 7] [--steps 50]

SNIP's masks on MNIST (glyphs where it cannot be had): what was cut; bytes on disk; milliseconds of a training step
(batch of 100, with PyTorch's dense step beside) and of an evaluation (10,000 images).
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.nn import MODELS, Select, Sequential
from minisnip.nn.models import TITLES
from minisnip.pruning import (
    Compact,
    LayerCollapseWarning,
    apply_masks,
    compact,
    connection_sensitivity,
    cut,
    effective_masks,
    keep_top,
)
from tests.benchmarks import command
from tests.benchmarks.problem import BATCH, PAPERS, Problem, first, mnist_or_glyphs
from tests.benchmarks.race import PEER, Row, installed
from tests.benchmarks.table import milliseconds, ms_cell, ratio_cell, spread, table
from tests.benchmarks.turns import SLOW, Effort, Entry, take_turns

EVALUATED, EVALUATIONS = 10_000, 5  # images, and how often in a turn
SPARSITIES = (0.9, 0.95, 0.98, 0.99, 0.995)
DENSE, MASKED, COMPACTED = KINDS = ("dense", "masked", "compacted")
FILES = (DENSE, MASKED, f"{MASKED}, compressed", COMPACTED, f"{COMPACTED}, compressed")
CONTESTANTS = "tests.benchmarks.contestants"
LESSON = Path("tutorials") / "data" / "08_milliseconds.csv"
LESSON_HEADER = """# Milliseconds of a training step on 100 MNIST images under SNIP's masks:
# python -m tests.benchmarks.all; the site has the whole table
network,sparsity_percent,dense,masked,compacted
"""
Network = tuple[Sequential, dict[str, Array], dict[str, Array]]  # with its parameters and masks


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each network and sparsity."""
    dataset, few = mnist_or_glyphs(), replace(effort, steps=min(EVALUATIONS, effort.steps))
    batch, test = first(dataset.train, BATCH), first(dataset.test, BATCH if effort.smoke else EVALUATED)
    for model in PAPERS:
        for sparsity in SPARSITIES:
            yield {
                "network": TITLES[model],
                "sparsity": f"{100 * sparsity:g} %",
                "left": what_is_left(model, sparsity),
                "bytes": bytes_on_disk(model, sparsity),
                "step_ms": race("step", problems(model, sparsity, batch, cut), effort),
                "evaluation_ms": race("evaluation", problems(model, sparsity, test, compact), few),
            }


@cache
def snip(model: str, sparsity: float) -> Network:
    """The dense network, and SNIP's masks from a batch of 100."""
    net, batch = MODELS[model](), first(mnist_or_glyphs().train, BATCH)
    params = net.init(np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)
        return net, params, keep_top(connection_sensitivity(net, params, batch.images, batch.labels), sparsity)


def problems(model: str, sparsity: float, split: data.Split, make_small: Callable[..., Compact]) -> dict[str, Problem]:
    """The same images for the three networks."""
    net, params, masks = snip(model, sparsity)
    small = make_small(net, params, masks)
    return {
        DENSE: Problem(net, params, {}, split.images, split.labels),
        MASKED: Problem(net, apply_masks(masks, params), masks, split.images, split.labels),
        COMPACTED: Problem(small.net, small.params, small.masks, split.images, split.labels),
    }


def race(work: str, given: Mapping[str, Problem], effort: Effort) -> dict[str, list[float]]:
    """The milliseconds of the turns of the three networks, and of PyTorch's dense step.

    Raises
    ------
    AssertionError
        If the masked and the compacted network do not give the same losses, or PyTorch and the dense one.
    """
    entries = {name: Entry(f"{CONTESTANTS}.minisnip_:{work}", (problem,)) for name, problem in given.items()}
    if work == "step" and installed(PEER):
        entries[PEER] = Entry(f"{CONTESTANTS}.torch_:{work}", (given[DENSE],))
    turns = take_turns(entries, effort, SLOW)
    np.testing.assert_allclose(turns[COMPACTED].first, turns[MASKED].first, rtol=1e-4)
    np.testing.assert_allclose(turns.get(PEER, turns[DENSE]).first, turns[DENSE].first, rtol=1e-3)
    return {name: done.milliseconds for name, done in turns.items()}


def what_is_left(model: str, sparsity: float) -> list[str]:
    """Widths and parameters of the small network; connections kept, and those of them that are on a path."""
    net, params, masks = snip(model, sparsity)
    small, effective = compact(net, params, masks), effective_masks(net, masks)
    kept, on_paths = (int(sum(c.sum() for c in m.values())) for m in (masks, effective))
    widths = str(small).split(";")[0].split(" -> ")[1]
    return [widths, f"{small.net.size:,}", f"{kept:,}", f"{on_paths:,}"]


def bytes_on_disk(model: str, sparsity: float) -> list[int]:
    """Of the parameters as .npz; the compacted ones with the numbers of the pixels that are read."""
    net, params, masks = snip(model, sparsity)
    masked, small = apply_masks(masks, params), compact(net, params, masks)
    chosen = {n: layer.index.astype(np.int32) for n, layer in small.net.layers.items() if isinstance(layer, Select)}
    compacted = {**small.params, **chosen}
    sizes = [size(np.savez, params)]
    sizes += [size(save, arrays) for arrays in (masked, compacted) for save in (np.savez, np.savez_compressed)]
    return sizes


def size(save: Any, arrays: Mapping[str, Array]) -> int:
    """The bytes of a file; c ⊙ w has zeros of both signs, which would not compress, so -0.0 is written as 0.0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        save(path, **{name: a + 0 for name, a in arrays.items()})
        return path.stat().st_size


def section(rows: Sequence[Row]) -> str:
    """The tables, in Markdown."""
    left = ["compacted to", "parameters left", "kept", "on a path"]
    step = [*(f"{kind}, ms" for kind in KINDS), f"{PEER} dense, ms", f"{COMPACTED} / {DENSE}", f"{COMPACTED} / {PEER}"]
    evaluation = [*(f"{kind}, ms" for kind in KINDS), f"{COMPACTED} / {DENSE}"]
    return f"""\
Zeros in a mask are neither memory nor speed: a masked network multiplies its zeros. `minisnip.pruning.compact` removes
every input, unit and channel without a path from an input to an output. The logits stay the same, and
`train(..., compact=True)` or `minisnip train --compact` trains the small network. The masks are SNIP's.
In LeNet-5-Caffe SNIP prunes the fully connected layer; the time is in the convolutions, which lose hardly a channel
below 99 %.

![Milliseconds of a training step against the share of connections kept](compaction.png)

{_table(rows, left, lambda row: row["left"])}

A training step on {BATCH} images:

{_table(rows, step, lambda row: _times(row["step_ms"], [*KINDS, PEER], [DENSE, PEER]))}

An evaluation of {EVALUATED:,} images:

{_table(rows, evaluation, lambda row: _times(row["evaluation_ms"], KINDS, [DENSE]))}

Bytes of the parameters on disk, as `.npz`:

{_table(rows, FILES, lambda row: [f"{size:,}" for size in row["bytes"]])}
"""


def _table(rows: Sequence[Row], header: Sequence[str], cells: Callable[[Row], Sequence[str]]) -> str:
    return table(["network", "sparsity", *header], ([row["network"], row["sparsity"], *cells(row)] for row in rows))


def _times(turns: Mapping[str, Sequence[float]], names: Sequence[str], others: Sequence[str]) -> list[str]:
    return [*(ms_cell(turns, name) for name in names), *(ratio_cell(turns, COMPACTED, other) for other in others)]


def for_lesson(rows: Sequence[Row]) -> str:
    """The milliseconds of the steps, as CSV."""
    medians = ([milliseconds(spread(row["step_ms"][kind])[0]) for kind in KINDS] for row in rows)
    lines = ([row["network"], row["sparsity"].strip(" %"), *ms] for row, ms in zip(rows, medians, strict=True))
    return LESSON_HEADER + "".join(",".join(cells) + "\n" for cells in lines)


if __name__ == "__main__":
    command.main(measure, section, __doc__)

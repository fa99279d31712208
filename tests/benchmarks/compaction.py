"""What cutting out the dead units gives: the masked, the compacted and the dense network side by side.

    python -m tests.benchmarks.compaction [--pairs 7] [--steps 50] [--evaluations 5] [--out FOLDER]

SNIP's masks on MNIST (glyphs where it cannot be had): what was cut; bytes on disk; milliseconds of a training step
(batch of 100) and of an evaluation (10,000 images), with the ratio dense / compacted and its range over pairs.
Prints two tables; writes them and compaction.json, which the site shows, and the milliseconds that lesson 8 draws.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.files import save_text
from minisnip.nn import LENETS, Select, Sequential
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
from tests.benchmarks.problem import Problem, first, mnist_or_glyphs
from tests.benchmarks.table import RESULTS, line, milliseconds, print_table, write_result
from tests.benchmarks.turns import Entry, Turns, ratio, take_turns

EVALUATED = 10_000  # images
SPARSITIES = (0.9, 0.95, 0.98, 0.99, 0.995)
DENSE, MASKED, COMPACTED = KINDS = ("dense", "masked", "compacted")
FILES = (DENSE, MASKED, f"{MASKED}, compressed", COMPACTED, f"{COMPACTED}, compressed")
TIMES = [f"{kind}, ms" for kind in KINDS] + [f"{DENSE} / {COMPACTED}"]
MINISNIP = "tests.benchmarks.contestants.minisnip_"
LESSON = Path("tutorials") / "data" / "08_milliseconds.csv"
LESSON_HEADER = """# Milliseconds of a training step on 100 MNIST images under SNIP's masks, two cores:
# python -m tests.benchmarks.compaction; the site has the whole table
network,sparsity_percent,dense,masked,compacted
"""
Network = tuple[Sequential, dict[str, Array], dict[str, Array]]  # with its parameters and masks


@cache
def snip(model: str, sparsity: float) -> Network:
    """The dense network, and SNIP's masks from a batch of 100."""
    net, batch = LENETS[model](), first(mnist_or_glyphs().train, 100)
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


def race(work: str, given: Mapping[str, Problem], pairs: int, steps: int) -> dict[str, Turns]:
    """The three networks take turns; refused if the masked and the compacted one do not give the same losses."""
    turns = take_turns({name: Entry(f"{MINISNIP}:{work}", (p,)) for name, p in given.items()}, pairs, steps)
    np.testing.assert_allclose(turns[COMPACTED].first, turns[MASKED].first, rtol=1e-4)
    return turns


def cells(turns: Mapping[str, Turns]) -> list[str]:
    """Milliseconds of the three, and the ratio."""
    middle, least, most = ratio(turns[DENSE], turns[COMPACTED])
    return [*(milliseconds(turns[name].median) for name in KINDS), f"{middle:.2f}× ({least:.2f}–{most:.2f})"]


def what_is_left(model: str, sparsity: float) -> list[str]:
    """Widths and parameters of the small network; connections kept, and those of them that are on a path."""
    net, params, masks = snip(model, sparsity)
    small, effective = compact(net, params, masks), effective_masks(net, masks)
    kept, on_paths = (int(sum(c.sum() for c in m.values())) for m in (masks, effective))
    widths = str(small).split(";")[0].split(" -> ")[1]
    return [widths, f"{small.net.size:,}", f"{kept:,}", f"{on_paths:,}"]


def bytes_on_disk(model: str, sparsity: float) -> list[str]:
    """Of the parameters as .npz; the compacted ones with the numbers of the pixels that are read."""
    net, params, masks = snip(model, sparsity)
    masked, small = apply_masks(masks, params), compact(net, params, masks)
    chosen = {n: layer.index.astype(np.int32) for n, layer in small.net.layers.items() if isinstance(layer, Select)}
    compacted = {**small.params, **chosen}
    sizes = [size(np.savez, params)]
    sizes += [size(save, arrays) for arrays in (masked, compacted) for save in (np.savez, np.savez_compressed)]
    return [f"{s:,}" for s in sizes]


def size(save: Any, arrays: Mapping[str, Array]) -> int:
    """The bytes of a file; c ⊙ w has zeros of both signs, which would not compress, so -0.0 is written as 0.0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        save(path, **{name: a + 0 for name, a in arrays.items()})
        return path.stat().st_size


def timed(pairs: int, steps: int, evaluations: int, records: list[dict[str, Any]]) -> Iterator[list[str]]:
    """A row for each network and sparsity; what it was made from is added to the records."""
    dataset = mnist_or_glyphs()
    batch, test = first(dataset.train, 100), first(dataset.test, EVALUATED)
    for model in LENETS:
        for sparsity in SPARSITIES:
            step = race("step", problems(model, sparsity, batch, cut), pairs, steps)
            evaluation = race("evaluation", problems(model, sparsity, test, compact), pairs, evaluations)
            raw = {"step": step, "evaluation": evaluation}
            ms = {work: {n: [1000 * s for s in t.seconds] for n, t in turns.items()} for work, turns in raw.items()}
            records.append({"network": TITLES[model], "sparsity_percent": 100 * sparsity, "turns_ms": ms})
            words = [TITLES[model], f"{100 * sparsity:g} %", *what_is_left(model, sparsity)]
            yield [*words, *cells(step), *cells(evaluation)]


def parts(times: Sequence[str]) -> dict[str, list[str]]:
    """The wide table, as three that fit a page."""
    rows = [text.strip("| ").split("|") for text in times]
    columns = {"1_left": range(2, 6), "2_step": range(6, 10), "3_evaluation": range(10, 14)}
    return {name: [line([row[i].strip() for i in (0, 1, *kept)]) for row in rows] for name, kept in columns.items()}


def for_lesson(table: Sequence[str]) -> str:
    """The milliseconds of the steps, as CSV."""
    rows = ([cell.strip(" %") for cell in row.strip("|").split("|")] for row in table[2:])
    return LESSON_HEADER + "".join(",".join(row[:5]) + "\n" for row in rows)


def main(argv: list[str] | None = None) -> None:
    """Print both tables, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7, help="rounds, in each of which every network has a turn")
    parser.add_argument("--steps", type=int, default=50, help="training steps, of which a turn is the median")
    parser.add_argument("--evaluations", type=int, default=5, help="evaluations, of which a turn is the median")
    parser.add_argument("--out", type=Path, default=RESULTS / "compaction")
    options = parser.parse_args(argv)
    label = mnist_or_glyphs().label
    points = [(model, sparsity) for model in LENETS for sparsity in SPARSITIES]
    sizes = ([TITLES[model], f"{100 * s:g} %", *bytes_on_disk(model, s)] for model, s in points)
    bytes_table = print_table([f"bytes on disk, {label}", "sparsity", *FILES], sizes)
    print()
    header = [f"network, {label}", "sparsity", "compacted to", "parameters left", "kept", "on a path"]
    header += [f"{work}: {name}" for work in ("step", "evaluation") for name in TIMES]
    records: list[dict[str, Any]] = []
    times = print_table(header, timed(options.pairs, options.steps, options.evaluations, records))
    write_result(options.out, {**parts(times), "4_bytes": bytes_table}, data=label, pairs=options.pairs, turns=records)
    if options.out == RESULTS / "compaction":
        save_text(LESSON, for_lesson(parts(times)["2_step"]))


if __name__ == "__main__":
    main()

"""What pruning gives outside: sizes of ONNX files and onnxruntime's milliseconds, dense, masked and compacted.

    python -m tests.benchmarks.exported [--pairs 7] [--steps 50]

SNIP's masks on MNIST (glyphs where it cannot be had), untrained weights; float32; one image and a batch of 100. Needs
`'.[export]'`. Writes tests/benchmarks/results/exported, which the site shows, and lesson 10's table.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from minisnip.autodiff.engine import Array, Arrays
from minisnip.files import save_text
from minisnip.nn import Sequential
from minisnip.nn.models import TITLES
from minisnip.pruning import apply_masks, compact
from tests.benchmarks.command import told
from tests.benchmarks.compaction import COMPACTED, DENSE, KINDS, MASKED, snip
from tests.benchmarks.problem import PAPERS, first, mnist_or_glyphs
from tests.benchmarks.race import Row
from tests.benchmarks.table import RESULTS, lines, milliseconds, ms_cell, ratio_cell, spread, write_result
from tests.benchmarks.turns import SLOW, Effort, Entry, take_turns

ROOT = Path(__file__).parents[2]
OUT = RESULTS / "exported"
SPARSITIES = (0.9, 0.95, 0.98, 0.99)
BATCHES = {"1 image": 1, "100 images": 100}
LESSON = Path("tutorials") / "data" / "10_onnxruntime.csv"
LESSON_HEADER = """# Milliseconds of onnxruntime for 100 MNIST images under SNIP's masks:
# python -m tests.benchmarks.exported; the site has the whole table
network,sparsity_percent,dense,masked,compacted
"""
INFERENCE = "tests.benchmarks.contestants.onnxruntime_:inference"


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each network and sparsity."""
    images = first(mnist_or_glyphs().test, max(BATCHES.values())).images
    for model in PAPERS:
        for sparsity in SPARSITIES:
            files = {kind: onnx_bytes(*made) for kind, made in networks(model, sparsity).items()}
            yield {
                "network": TITLES[model],
                "sparsity": f"{100 * sparsity:g} %",
                "bytes": {kind: len(file) for kind, file in files.items()},
                "turns_ms": {name: race(files, images[:size], effort) for name, size in BATCHES.items()},
            }


def networks(model: str, sparsity: float) -> dict[str, tuple[Sequential, Arrays]]:
    """The dense network, the masked one, which has zeros, and the smaller one that is left; with parameters."""
    net, params, masks = snip(model, sparsity)
    small = compact(net, params, masks)
    return {DENSE: (net, params), MASKED: (net, apply_masks(masks, params)), COMPACTED: (small.net, small.params)}


def onnx_bytes(net: Sequential, params: Arrays) -> bytes:
    """The file that `to_onnx` writes."""
    from minisnip.export import to_onnx  # here: where the extra is not installed, the site's tables are still checked

    with tempfile.TemporaryDirectory() as folder:
        to_onnx(net, params, path := Path(folder) / "net.onnx")
        return path.read_bytes()


def race(files: Mapping[str, bytes], images: Array, effort: Effort) -> dict[str, list[float]]:
    """The milliseconds of the turns.

    Raises
    ------
    AssertionError
        If the masked and the compacted network do not give the same logits.
    """
    turns = take_turns({kind: Entry(INFERENCE, (file, images)) for kind, file in files.items()}, effort, SLOW)
    np.testing.assert_allclose(turns[COMPACTED].first, turns[MASKED].first, rtol=1e-4)
    return {name: done.milliseconds for name, done in turns.items()}


def tables(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The table of sizes, and one of times for each batch."""
    sizes = ["network", "sparsity", *(f"{kind}, bytes" for kind in KINDS), f"{DENSE} / {COMPACTED}"]
    times = ["network", "sparsity", *(f"{kind}, ms" for kind in KINDS), f"{MASKED} / {DENSE}", f"{COMPACTED} / {DENSE}"]
    made = {"1_sizes": ["Size of the ONNX file:", "", *lines(sizes, map(_sizes, rows))]}
    for i, batch in enumerate(BATCHES):
        cells = (_times(row, batch) for row in rows)
        made[f"{i + 2}_milliseconds"] = [f"onnxruntime, {batch} at a time:", "", *lines(times, cells)]
    return made


def _sizes(row: Row) -> list[str]:
    sizes = row["bytes"]
    factor = f"{sizes[DENSE] / sizes[COMPACTED]:.1f}"
    return [row["network"], row["sparsity"], *(f"{sizes[kind]:,}" for kind in KINDS), factor]


def _times(row: Row, batch: str) -> list[str]:
    turns = row["turns_ms"][batch]
    ratios = [ratio_cell(turns, kind, DENSE) for kind in (MASKED, COMPACTED)]
    return [row["network"], row["sparsity"], *(ms_cell(turns, kind) for kind in KINDS), *ratios]


def for_lesson(rows: Sequence[Row]) -> str:
    """The milliseconds for 100 images, as CSV."""
    medians = ([milliseconds(spread(row["turns_ms"]["100 images"][kind])[0]) for kind in KINDS] for row in rows)
    cells = ([row["network"], row["sparsity"].strip(" %"), *ms] for row, ms in zip(rows, medians, strict=True))
    return LESSON_HEADER + "".join(",".join(line) + "\n" for line in cells)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write them, unless it is a smoke run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    effort = Effort.parse(argv, parser)
    rows = [*told(measure(effort))]
    for lines_of in tables(rows).values():
        print("\n".join(lines_of), end="\n\n")
    if not effort.smoke:
        label = mnist_or_glyphs().label
        write_result(OUT, tables(rows), command="-m tests.benchmarks.exported", data=label, rows=rows)
        save_text(ROOT / LESSON, for_lesson(rows))


if __name__ == "__main__":
    main()

"""What cutting out the dead units gives: the masked, the compacted and the dense network side by side.

    python -m tests.benchmarks.compaction [rounds] [steps] [steps of LeNet-5-Caffe]

SNIP's masks on MNIST (glyphs where it cannot be had): milliseconds of a training step (batch of 100) and of an
evaluation (10,000 images), with the ratio dense / compacted and its range over rounds; what was cut; bytes on disk.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minisnip import data
from minisnip.autodiff.tensor import Array
from minisnip.nn import MODELS, Select, Sequential
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
from tests.benchmarks.table import milliseconds, print_table
from tests.benchmarks.turns import Entry, ratio, take_turns

EVALUATED = 10_000  # images
SPARSITIES = (0.9, 0.95, 0.98, 0.99, 0.995)
DENSE, MASKED, COMPACTED = "dense", "masked", "compacted"
FILES = (DENSE, MASKED, f"{MASKED}, compressed", COMPACTED, f"{COMPACTED}, compressed")
MINISNIP = "tests.benchmarks.contestants.minisnip_"
Network = tuple[Sequential, dict[str, Array], dict[str, Array]]  # with its parameters and masks


def snip(model: str, sparsity: float) -> Network:
    """The dense network, and SNIP's masks from a batch of 100."""
    net, batch = MODELS[model](), first(mnist_or_glyphs().train, 100)
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


def times(
    work: str, model: str, split: data.Split, make_small: Callable[..., Compact], rounds: int, steps: int
) -> Iterator[list[object]]:
    """A row for each sparsity; refused if the masked and the compacted network do not give the same losses."""
    for sparsity in SPARSITIES:
        contestants = problems(model, sparsity, split, make_small).items()
        turns = take_turns({name: Entry(f"{MINISNIP}:{work}", (given,)) for name, given in contestants}, rounds, steps)
        np.testing.assert_allclose(turns[COMPACTED].first, turns[MASKED].first, rtol=1e-4)
        middle, least, most = ratio(turns[DENSE], turns[COMPACTED])
        medians = [milliseconds(turns[name].median) for name in turns]
        yield [model, f"{100 * sparsity:g} %", *medians, f"{middle:.2f}× ({least:.2f}–{most:.2f})"]


def what_went() -> Iterator[list[object]]:
    """Widths, parameters and connections of the small networks."""
    for model in MODELS:
        for sparsity in SPARSITIES:
            net, params, masks = snip(model, sparsity)
            small, effective = compact(net, params, masks), effective_masks(net, masks)
            kept, on_paths = (int(sum(c.sum() for c in m.values())) for m in (masks, effective))
            widths = str(small).split(";")[0]
            yield [model, f"{100 * sparsity:g} %", widths, f"{small.net.size:,}", f"{kept:,}", f"{on_paths:,}"]


def bytes_on_disk() -> Iterator[list[object]]:
    """Of the parameters as .npz; the compacted ones with the numbers of the pixels that are read."""
    for model in MODELS:
        for sparsity in SPARSITIES:
            net, params, masks = snip(model, sparsity)
            masked, small = apply_masks(masks, params), compact(net, params, masks)
            pixels = {
                n: layer.index.astype(np.int32) for n, layer in small.net.layers.items() if isinstance(layer, Select)
            }
            sizes = [
                size(np.savez, params),
                size(np.savez, masked),
                size(np.savez_compressed, masked),
                size(np.savez, {**small.params, **pixels}),
                size(np.savez_compressed, {**small.params, **pixels}),
            ]
            yield [model, f"{100 * sparsity:g} %", *[f"{s:,}" for s in sizes]]


def size(save: Any, arrays: Mapping[str, Array]) -> int:
    """The bytes of a file; c ⊙ w has zeros of both signs, which would not compress, so -0.0 is written as 0.0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        save(path, **{name: a + 0 for name, a in arrays.items()})
        return path.stat().st_size


def main(rounds: int = 7, steps: int = 50, convnet_steps: int = 50) -> None:
    """Print all tables; an evaluation is timed a tenth as often as a step."""
    dataset = mnist_or_glyphs()
    print_table([f"network, {dataset.label}", "sparsity", "widths", "parameters", "kept", "effective"], what_went())
    print()
    print_table([f"bytes on disk, {dataset.label}", "sparsity", *FILES], bytes_on_disk())
    for work, split, make_small, part in (
        ("step", first(dataset.train, 100), cut, 1),
        ("evaluation", first(dataset.test, EVALUATED), compact, 10),
    ):
        for model in MODELS:
            count = steps if model == "lenet-300-100" else convnet_steps
            print()
            print_table(
                [f"{work}, ms, {dataset.label}", "sparsity", DENSE, MASKED, COMPACTED, "dense / compacted"],
                times(work, model, split, make_small, rounds, max(1, count // part)),
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

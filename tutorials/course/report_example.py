"""The numbers of the worked example: does SNIP's mask belong to the weights that it was scored with?

    python tutorials/course/report_example.py            write report_example.csv beside this file: 32 networks, about a minute
    python tutorials/course/report_example.py --seeds 1  a try that takes seconds, printed only

Digits drawn from fonts, no download. Each row is one network: its seed, how its mask was made, its test error.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minisnip.data import Dataset, load
from minisnip.nn import Sequential, lenet_300_100
from minisnip.pruning import LayerCollapseWarning, connection_sensitivity, keep_top, scoring_batch, shuffle_masks
from minisnip.training import evaluate, train

SPARSITY, EPOCHS, SEEDS = 0.98, 3, 8
FILE = Path(__file__).with_suffix(".csv")

Arrays = dict[str, np.ndarray]
Row = tuple[int, str, float]  # seed, mask, test error in percent


def networks(net: Sequential, data: Dataset, seed: int) -> Iterator[tuple[str, Arrays, Arrays]]:
    """(how the mask was made, the weights, the mask), each with the same number of connections."""
    w, other = net.init(seed), net.init(1_000 + seed)
    x, y = scoring_batch(data.train.images, data.train.labels, 100, seed)
    c = keep_top(connection_sensitivity(net, w, x, y), SPARSITY)
    everywhere = keep_top({name: np.random.default_rng(seed).random(a.shape) for name, a in w.items()}, SPARSITY)
    yield "own weights", w, c
    yield "other weights", other, c
    yield "shuffled in each layer", w, shuffle_masks(c, seed)
    yield "random", w, everywhere


def rows(seeds: int) -> Iterator[Row]:
    """Train every network, and print its row."""
    net, data = lenet_300_100(), load("glyphs")
    for seed in range(seeds):
        for how, w, c in networks(net, data, seed):
            params = train(net, w, data, c, EPOCHS, rng=seed, title=None).params
            row = seed, how, evaluate(net, params, data.test)[1]
            print(f"{seed},{how},{row[2]:.2f}", flush=True)
            yield row


def main() -> None:
    """Write the file, unless fewer seeds are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"networks of each kind (default: {SEEDS})")
    seeds = parser.parse_args().seeds
    warnings.simplefilter("ignore", LayerCollapseWarning)
    lines = [f"{seed},{how},{error:.2f}" for seed, how, error in rows(seeds)]
    if seeds == SEEDS:
        FILE.write_text("\n".join(["seed,mask,test_error_percent", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

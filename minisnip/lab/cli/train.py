"""minisnip train: score, prune, train, evaluate."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from minisnip import data
from minisnip.lab import run_folder
from minisnip.lab.cli.options import ASKED, folder, load, one_of, or_wrong_option
from minisnip.lab.prune_and_train import OPTIMIZERS, Config, check_sizes, run
from minisnip.nn import MODELS, SCHEMES
from minisnip.pruning import METHODS, input_connections, picture, report
from minisnip.training import SCHEDULES


def command(options: argparse.Namespace) -> None:
    """Run, or go on with, one configuration; write its folder, print the summary."""
    asked = {key: value for key, value in vars(options).items() if value is not None and key in asdict(Config())}
    config = or_wrong_option(options, lambda: Config.usual(**asked))
    if options.out is not None:
        or_wrong_option(options, lambda: run_folder.make(options.out))
    dataset, config = load(config, options)
    or_wrong_option(options, lambda: check_sizes(config, dataset))
    folder = options.out or run_folder.default(config)
    result = or_wrong_option(options, lambda: run_folder.open_for(folder, config, options.resume))
    if result is None:
        print(f"Pruning {config.model} to {config.percent} by {config.criterion} on {dataset.label}, then training ...")
        outcome = run(config, dataset, folder, options.resume)
        result = run_folder.write(folder, outcome)
        counts = input_connections(outcome.net, outcome.masks)[0]
        print(
            f"\nInput pixels that are still read ({dataset.label}):\n\n{picture(counts)}\n\n{report(outcome.masks)}\n"
        )
    print(f"{run_folder.summary(result)}\n\nFiles and figures: {folder}/")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="score, prune, train and evaluate; with no options: LeNet-300-100, 95 %%, MNIST, about a minute",
        description="Score every connection on one batch, keep the most sensitive, train the sparse network, and write "
        "result.json, masks.npz, params.npz, history.csv and three figures into a folder.",
    )
    parser.set_defaults(command=command, parser=parser)

    def option(name: str, metavar: str, help: str, type: Callable[[str], Any] = str) -> None:
        default = getattr(Config(), name)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, metavar=metavar, type=type, default=default, help=f"{help} (default: {default})")

    option("model", "NAME", one_of(MODELS))
    option("sparsity", "S", "share that is removed, 0 <= S < 1", float)
    option("criterion", "NAME", one_of(METHODS))
    parser.add_argument("--dataset", metavar="NAME", choices=data.NAMES, help=ASKED)
    option("epochs", "N", "passes over the training images", int)
    option("seed", "N", "of all random choices", int)
    outs = "folder for the results (default: one for each configuration, under runs/)"
    parser.add_argument("--out", metavar="DIR", type=folder, help=outs)
    parser.add_argument("--resume", action="store_true", help="go on with the unfinished run in the folder")
    parser.add_argument("--compare-dense", action="store_true", help="train the unpruned twin too")
    compact = "train the smaller dense network that the mask leaves; params.npz has the full shapes again"
    parser.add_argument("--compact", action="store_true", help=compact)
    fresh = "train another draw of the weights than the scored one, as the authors' code does"
    parser.add_argument("--fresh-init", action="store_true", help=fresh)
    option("init", "NAME", f"initial weights: {one_of(SCHEMES)}")
    option("scoring_images", "N", "images to score the connections on", int)
    option("batch_size", "N", "images in a training step", int)
    option("optimizer", "NAME", one_of(OPTIMIZERS))
    rate = "at the start (default: sgd 0.1, but 0.02 for lenet-5-caffe; adam 0.001)"
    decay = "factor of the L2 penalty (default: sgd 0.0005, adam 0)"
    parser.add_argument("--learning-rate", metavar="X", type=float, help=rate)
    parser.add_argument("--weight-decay", metavar="X", type=float, help=decay)
    option("schedule", "NAME", f"of the learning rate: {one_of(SCHEDULES)}")

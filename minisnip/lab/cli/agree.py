"""minisnip agree: the definition beside the criterion."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minisnip import data
from minisnip.lab import agree, run_folder
from minisnip.lab.agree import AgreeConfig
from minisnip.lab.cli.options import ASKED, folder, load, one_of, or_wrong_option
from minisnip.nn import MODELS


def command(options: argparse.Namespace) -> None:
    """Compare, write the folder, print the summary."""
    asked = {"model": options.model, "batch": options.batch, "seed": options.seed}
    config = or_wrong_option(options, lambda: AgreeConfig(**asked, dataset=options.dataset or "mnist"))
    if options.out is not None:
        or_wrong_option(options, lambda: run_folder.make(options.out))
    dataset, config = load(config, options)
    name = f"agree-{config.dataset}-{config.model}-batch{config.batch}-seed{config.seed}"
    folder = options.out or Path("runs") / name
    or_wrong_option(options, lambda: run_folder.make(folder))
    result = or_wrong_option(options, lambda: agree.agree(config, dataset))
    agree.write(folder, config, dataset, result)
    print(f"{agree.summary(result.report)}\n\nFiles and figures: {folder}/")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "agree",
        help="set what removing each connection does beside the derivative that SNIP takes for it",
        description="Compute the derivative g and the exact change of the loss ΔL for every connection of an untrained "
        "network, and write how far they agree: agreement.json, the arrays and five figures.",
    )
    parser.set_defaults(command=command, parser=parser)
    parser.add_argument(
        "--model", metavar="NAME", default="lenet-300-100", help=f"{one_of(MODELS)} (default: the first)"
    )
    parser.add_argument("--batch", metavar="N", type=int, default=100, help="images (default: 100)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of weights and batch (default: 0)")
    parser.add_argument("--dataset", metavar="NAME", choices=data.NAMES, help=ASKED)
    parser.add_argument("--out", metavar="DIR", type=folder, help="folder for the results (default: one under runs/)")

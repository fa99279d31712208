"""minisnip compare: methods and controls side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minisnip import data
from minisnip.lab import compare, compare_report, run_folder
from minisnip.lab.cli.options import ASKED, folder, load, one_of, or_wrong_option, processes
from minisnip.lab.compare import CONTROLS, IN_ROUNDS, TICKETS, Trial
from minisnip.lab.runs import run_all
from minisnip.nn import MODELS
from minisnip.pruning import METHODS

SPARSITIES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
METHOD_NAMES = [*METHODS, *TICKETS]


def command(options: argparse.Namespace) -> None:
    """Run what is not there yet, write the report, print the tables."""
    trials = or_wrong_option(options, lambda: _trials(options))
    if options.out is not None:
        or_wrong_option(options, lambda: run_folder.make(options.out))
    dataset, first = load(trials[0], options)
    trials = [Trial(**{**vars(trial), "dataset": first.dataset}) for trial in trials]
    out = options.out or Path("runs") / f"compare-{first.dataset}-{first.model}"
    or_wrong_option(options, lambda: run_folder.make(out))
    rows = run_all(out / "runs", trials, compare.run, options.jobs, title="comparing")
    print(f"{compare_report.write(out, rows, dataset)}\nresults.csv, tables.md and error.png: {out}/")


def _trials(options: argparse.Namespace) -> list[Trial]:
    shared = {"model": options.model, "dataset": options.dataset or "mnist", "epochs": options.epochs}
    pairs = [(method, "none") for method in options.criteria] + [("snip", control) for control in options.controls]
    if not pairs or options.seeds < 1:
        raise ValueError(f"{len(pairs)} criteria and controls, {options.seeds} seeds: at least 1 of each is needed")
    return [
        Trial(method, control, sparsity, seed, **shared)
        for seed in range(options.seeds)
        for method, control in pairs
        for sparsity in options.sparsities
    ]


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "compare",
        help="prune by several criteria, and by SNIP with one ingredient spoiled; train each; table and figure",
        description="Prune, train and evaluate for each criterion, sparsity and seed, side by side in processes. A run "
        "that is finished is not computed again. Writes results.csv, tables.md and error.png.",
    )
    parser.set_defaults(command=command, parser=parser)
    default = [name for name in METHODS if name not in ("delta-loss", *IN_ROUNDS[1:])]
    parser.add_argument(
        "--criteria",
        metavar="A,B,...",
        type=_names,
        default=default,
        help=f"{one_of(METHOD_NAMES)} (default: {','.join(default)})",
    )
    parser.add_argument(
        "--controls",
        metavar="A,B,...",
        type=_names,
        default=[],
        help=f"of SNIP: {one_of(name for name in CONTROLS if name != 'none')} (default: none)",
    )
    text = ",".join(f"{s:g}" for s in SPARSITIES)
    parser.add_argument(
        "--sparsities", metavar="S,...", type=_numbers, default=list(SPARSITIES), help=f"(default: {text})"
    )
    parser.add_argument("--seeds", metavar="N", type=int, default=5, help="0 to N - 1 (default: 5)")
    parser.add_argument("--epochs", metavar="N", type=int, default=10, help="of each training (default: 10)")
    parser.add_argument(
        "--model", metavar="NAME", default="lenet-300-100", help=f"{one_of(MODELS)} (default: the first)"
    )
    parser.add_argument("--dataset", metavar="NAME", choices=data.NAMES, help=ASKED)
    parser.add_argument("--jobs", metavar="N", type=processes, default=-1, help="processes (default: one on each core)")
    parser.add_argument("--out", metavar="DIR", type=folder, help="folder for the results (default: one under runs/)")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in _names(text)]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0.9,0.95") from error

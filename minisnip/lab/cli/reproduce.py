"""minisnip reproduce: the paper's tables and figures, from scratch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minisnip import data
from minisnip.lab import reproduce, run_folder
from minisnip.lab.cli.options import ASKED, folder, load, one_of, or_wrong_option, processes
from minisnip.lab.reproduce import ALL, BUDGETS, RESULTS, Budget, RunConfig
from minisnip.lab.run_files import refuse_other_versions


def command(options: argparse.Namespace) -> None:
    """Compute what is not there yet, write the reports, print the tables."""
    budget = or_wrong_option(options, lambda: _budget(options))
    if options.out is not None:
        or_wrong_option(options, lambda: run_folder.make(options.out))
    _, first = load(RunConfig(dataset=options.dataset or "mnist"), options)
    out, runs = _folders(options, first.dataset)
    or_wrong_option(options, lambda: run_folder.make(out))
    or_wrong_option(options, lambda: refuse_other_versions(runs))
    for name in ALL if options.result == "all" else [options.result]:
        typed = _typed(name, options, first.dataset)
        text, files = reproduce.reproduce(
            name, budget, first.dataset, out, runs, typed, jobs=options.jobs, scheduler=options.scheduler
        )
        print(f"# {name}\n\n{text}\n\n{', '.join(file.name for file in files)}: {out}/\n", flush=True)


def _budget(options: argparse.Namespace) -> Budget:
    if options.result not in (*RESULTS, "all"):
        raise ValueError(f"unknown result {options.result!r}: choose one of {one_of((*RESULTS, 'all'))}")
    if options.budget not in BUDGETS:
        raise ValueError(f"unknown budget {options.budget!r}: choose one of {one_of(BUDGETS)}")
    if options.budget == "best" and options.result != "table1":
        raise ValueError(f"budget best is that of our recipe, a row of table1; {options.result} has none")
    budget = BUDGETS[options.budget]
    return budget if options.seeds is None else budget.with_seeds(options.seeds)


def _folders(options: argparse.Namespace, dataset: str) -> tuple[Path, Path]:
    """Of the reports, one for each budget and number of seeds; and of the runs, which these share."""
    if options.out is not None:
        return options.out, options.out / "runs"
    shared = Path("runs") / f"reproduce-{dataset}"
    return shared / (options.budget + (f"-{options.seeds}-seeds" if options.seeds else "")), shared / "runs"


def _typed(name: str, options: argparse.Namespace, dataset: str) -> str:
    """The command that computes one result, for the record; it names the data set, unless MNIST was there unasked."""
    named = None if (options.dataset, dataset) == (None, "mnist") else dataset
    asked = {"budget": options.budget, "seeds": options.seeds, "dataset": named}
    return " ".join(["minisnip reproduce", name, *(f"--{k} {v}" for k, v in asked.items() if v is not None)])


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "reproduce",
        help="the paper's MNIST tables and figures from scratch, beside its numbers",
        description="Compute a table or a figure of the paper from scratch, side by side in processes. A run that is "
        "finished is not computed again: a reproduction that was killed goes on where it was. Writes CSV, tables, "
        "figures, and a JSON that tells where they come from.",
    )
    parser.set_defaults(command=command, parser=parser)
    parser.add_argument("result", metavar="RESULT", help=f"{one_of(ALL)}, all of these, or search (for our recipe)")
    budgets = "smoke (a minute each), short (hours; the default), paper (20 seeds, 100,000 iterations: days), or best "
    parser.add_argument(
        "--budget", metavar="NAME", default="short", help=f"{budgets}(of table1: our recipe alone, as long as short)"
    )
    parser.add_argument("--seeds", metavar="N", type=int, help="0 to N - 1 (default: what the budget says)")
    parser.add_argument("--jobs", metavar="N", type=processes, default=-1, help="processes (default: one on each core)")
    parser.add_argument("--dataset", metavar="NAME", choices=data.NAMES, help=ASKED)
    parser.add_argument("--out", metavar="DIR", type=folder, help="folder for the results (default: one under runs/)")
    parser.add_argument(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="hand the runs to this Dask cluster; its workers must see the folder of the results too",
    )

"""The command `minisnip`: parses, calls, prints."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from minisnip import data
from minisnip.experiments import agree, run_folder
from minisnip.experiments.agree import AgreeConfig
from minisnip.experiments.prune_and_train import OPTIMISERS, Config, Interrupted, check_sizes, run
from minisnip.nn import MODELS, SCHEMES
from minisnip.pruning import METHODS, input_connections, picture, report
from minisnip.training import SCHEDULES, CheckpointError, DivergenceError

Configuration = TypeVar("Configuration", Config, AgreeConfig)
ASKED = f"{', '.join(data.NAMES)} (default: mnist, or with a warning glyphs where it cannot be had)"
FAILED, WRONG_OPTION, INTERRUPTED = 1, 2, 130

NOT_MNIST = """
********************************************************************************
  MNIST IS NEITHER HERE NOR REACHABLE: going on with the built-in GLYPHS instead.
  Every table, file and figure of this run says "glyphs (not MNIST)".
********************************************************************************
{reason}
"""


class Parser(argparse.ArgumentParser):
    """An option that is wrong gets one sentence and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_OPTION, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 it failed, 2 a wrong option, 130 interrupted."""
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
        try:
            code: int = options.command(options) or 0
            sys.stdout.flush()
        except (Interrupted, KeyboardInterrupt) as error:
            print(f"\nminisnip: {str(error) or 'interrupted'}", file=sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:  # minisnip data | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at exit
            return FAILED
        except (data.DataError, CheckpointError, DivergenceError, OSError) as error:
            print(f"minisnip: {error}", file=sys.stderr)
            return FAILED
    return code


def _train(options: argparse.Namespace) -> None:
    asked = {key: value for key, value in vars(options).items() if value is not None and key in asdict(Config())}
    config = _or_wrong_option(options, lambda: Config.usual(**asked))
    if options.out is not None:
        _or_wrong_option(options, lambda: run_folder.make(options.out))
    dataset, config = _load(config, options)
    _or_wrong_option(options, lambda: check_sizes(config, dataset))
    folder = options.out or run_folder.default(config)
    result = _or_wrong_option(options, lambda: run_folder.open_for(folder, config, options.resume))
    if result is None:
        print(f"Pruning {config.model} to {config.percent} by {config.criterion} on {dataset.label}, then training ...")
        outcome = run(config, dataset, folder, options.resume)
        result = run_folder.write(folder, outcome)
        counts = input_connections(outcome.net, outcome.masks)[0]
        print(
            f"\nInput pixels that are still read ({dataset.label}):\n\n{picture(counts)}\n\n{report(outcome.masks)}\n"
        )
    print(f"{run_folder.summary(result)}\n\nFiles and figures: {folder}/")


def _or_wrong_option(options: argparse.Namespace, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ValueError as error:
        options.parser.error(str(error))


def _load(config: Configuration, options: argparse.Namespace) -> tuple[data.Dataset, Configuration]:
    """The dataset; where none was asked for and MNIST cannot be had, the glyphs, after a loud warning."""
    try:
        return data.load(config.dataset), config
    except data.DataUnavailableError as error:
        if options.dataset is not None:
            raise
        print(NOT_MNIST.format(reason=error), file=sys.stderr)
    return data.load("glyphs"), replace(config, dataset="glyphs")


def _data(options: argparse.Namespace) -> int:
    print(f"cache: {data.cache_folder()}\n")
    rows = data.status()
    for row in rows:
        place = f"{row.path} ({row.size:,} bytes)" if row.path else ""
        print(f"{row.dataset:<15}{row.file:<30}{row.state:<10}  {place}".rstrip())
    return 0 if {row.state for row in rows} <= {"verified", "missing"} else FAILED


def _agree(options: argparse.Namespace) -> None:
    asked = {"model": options.model, "batch": options.batch, "seed": options.seed}
    config = _or_wrong_option(options, lambda: AgreeConfig(**asked, dataset=options.dataset or "mnist"))
    if options.out is not None:
        _or_wrong_option(options, lambda: run_folder.make(options.out))
    dataset, config = _load(config, options)
    name = f"agree-{config.dataset}-{config.model}-batch{config.batch}-seed{config.seed}"
    folder = options.out or Path("runs") / name
    _or_wrong_option(options, lambda: run_folder.make(folder))
    result = _or_wrong_option(options, lambda: agree.agree(config, dataset))
    agree.write(folder, config, dataset, result)
    print(f"{agree.summary(result.report)}\n\nFiles and figures: {folder}/")


def _parser() -> Parser:
    parser = Parser(
        prog="minisnip",
        description="Prune a network before training (SNIP, arXiv 1810.02340), then train what is left.",
    )
    parser.add_argument("--version", action="version", version=f"minisnip {version('minisnip')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_train(commands)
    _add_agree(commands)
    show = commands.add_parser(
        "data",
        help="show and verify the data sets on this machine",
        description="Show where the files of MNIST and Fashion-MNIST are, and verify their checksums.",
    )
    show.set_defaults(command=_data, parser=show)
    return parser


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="score, prune, train and evaluate; with no options: LeNet-300-100, 95 %%, MNIST, about a minute",
        description="Score every connection on one batch, keep the most sensitive, train the sparse network, and write "
        "result.json, masks.npz, params.npz, history.csv and three figures into a folder.",
    )
    parser.set_defaults(command=_train, parser=parser)

    def add(name: str, metavar: str, help: str, type: Callable[[str], Any] = str) -> None:
        default = getattr(Config(), name)
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, metavar=metavar, type=type, default=default, help=f"{help} (default: {default})")

    add("model", "NAME", _one_of(MODELS))
    add("sparsity", "S", "share that is removed, 0 <= S < 1", float)
    add("criterion", "NAME", _one_of(METHODS))
    parser.add_argument("--dataset", metavar="NAME", choices=data.NAMES, help=ASKED)
    add("epochs", "N", "passes over the training images", int)
    add("seed", "N", "of all random choices", int)
    outs = "folder for the results (default: one for each configuration, under runs/)"
    parser.add_argument("--out", metavar="DIR", type=_folder, help=outs)
    parser.add_argument("--resume", action="store_true", help="go on with the unfinished run in the folder")
    parser.add_argument("--compare-dense", action="store_true", help="train the unpruned twin too")
    compact = "train the smaller dense network that the mask leaves; params.npz has the full shapes again"
    parser.add_argument("--compact", action="store_true", help=compact)
    fresh = "train another draw of the weights than the scored one, as the authors' code does"
    parser.add_argument("--fresh-init", action="store_true", help=fresh)
    add("init", "NAME", f"initial weights: {_one_of(SCHEMES)}")
    add("scoring_images", "N", "images to score the connections on", int)
    add("batch_size", "N", "images in a training step", int)
    add("optimiser", "NAME", _one_of(OPTIMISERS))
    rate = "at the start (default: sgd 0.1, but 0.02 for lenet-5-caffe; adam 0.001)"
    decay = "factor of the L2 penalty (default: sgd 0.0005, adam 0)"
    parser.add_argument("--learning-rate", metavar="X", type=float, help=rate)
    parser.add_argument("--weight-decay", metavar="X", type=float, help=decay)
    add("schedule", "NAME", f"of the learning rate: {_one_of(SCHEDULES)}")


def _add_agree(commands: Any) -> None:
    parser = commands.add_parser(
        "agree",
        help="set what removing each connection does beside the derivative that SNIP takes for it",
        description="Compute the derivative g and the exact change of the loss ΔL for every connection of an untrained "
        "network, and write how far they agree: agreement.json, the arrays and five figures.",
    )
    parser.set_defaults(command=_agree, parser=parser)
    parser.add_argument(
        "--model", metavar="NAME", default="lenet-300-100", help=f"{_one_of(MODELS)} (default: the first)"
    )
    parser.add_argument("--batch", metavar="N", type=int, default=100, help="images (default: 100)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of weights and batch (default: 0)")
    parser.add_argument("--dataset", metavar="NAME", choices=data.NAMES, help=ASKED)
    parser.add_argument("--out", metavar="DIR", type=_folder, help="folder for the results (default: one under runs/)")


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)


def _one_of(names: Iterable[str]) -> str:
    return ", ".join(names)


if __name__ == "__main__":
    sys.exit(main())

"""The command `minisnip`: parses, calls, prints. One file for each sub-command."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version

from minisnip import data
from minisnip.lab.cli import agree, compare, datasets, reproduce, train
from minisnip.lab.cli.options import FAILED, INTERRUPTED, Parser
from minisnip.lab.cluster import ClusterError
from minisnip.lab.prune_and_train import Interrupted
from minisnip.lab.run_files import OtherVersionError
from minisnip.lab.runs import LostRunError
from minisnip.pruning import LayerCollapseWarning
from minisnip.training import CheckpointError, DivergenceError

FAILURES = (
    data.DataError,
    CheckpointError,
    ClusterError,
    DivergenceError,
    LostRunError,
    OSError,
    OtherVersionError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 it failed, 2 a wrong option, 130 interrupted."""
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("once", LayerCollapseWarning)  # pruning says it, and training
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
        except FAILURES as error:
            print(f"minisnip: {error}", file=sys.stderr)
            return FAILED
    return code


def _parser() -> Parser:
    parser = Parser(
        prog="minisnip",
        description="Prune a network before training (SNIP, arXiv 1810.02340), then train what is left.",
    )
    parser.add_argument("--version", action="version", version=f"minisnip {version('minisnip')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (train, compare, reproduce, agree, datasets):
        command.add(commands)
    return parser

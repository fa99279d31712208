"""What the commands share: the parser, choices, folders, and the data set with its fallback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from minisnip import data
from minisnip.lab.agree import AgreeConfig
from minisnip.lab.compare import Trial
from minisnip.lab.prune_and_train import Config
from minisnip.lab.reproduce.one_run import RunConfig

Configuration = TypeVar("Configuration", Config, AgreeConfig, Trial, RunConfig)
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


def or_wrong_option(options: argparse.Namespace, call: Callable[[], Any]) -> Any:
    """What the call answers; its ValueError is a wrong option."""
    try:
        return call()
    except ValueError as error:
        options.parser.error(str(error))


def load(config: Configuration, options: argparse.Namespace) -> tuple[data.Dataset, Configuration]:
    """The dataset; where none was asked for and MNIST cannot be had, the glyphs, after a loud warning."""
    try:
        return data.load(config.dataset), config
    except data.DataUnavailableError as error:
        if options.dataset is not None:
            raise
        print(NOT_MNIST.format(reason=error), file=sys.stderr)
    return data.load("glyphs"), replace(config, dataset="glyphs")


def folder(text: str) -> Path:
    """The type of an option that names a folder."""
    if not text:
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)


def processes(text: str) -> int:
    """The type of --jobs."""
    if (number := int(text)) < 1 and number != -1:
        raise argparse.ArgumentTypeError(f"{number} processes: give 1 or more, or -1 for one on each core")
    return number


def one_of(names: Iterable[str]) -> str:
    """Names to choose from, for a help text."""
    return ", ".join(names)

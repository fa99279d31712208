"""minisnip data: the data sets on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from minisnip import data
from minisnip.lab.cli.options import FAILED


def command(options: argparse.Namespace) -> int:
    """Print where every file is, and whether it is whole."""
    print(f"cache: {data.cache_folder()}\n")
    rows = data.status()
    for row in rows:
        place = f"{row.path} ({row.size:,} bytes)" if row.path else ""
        print(f"{row.dataset:<15}{row.file:<30}{row.state:<10}  {place}".rstrip())
    return 0 if {row.state for row in rows} <= {"verified", "missing"} else FAILED


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "data",
        help="show and verify the data sets on this machine",
        description="Show where the files of MNIST and Fashion-MNIST are, and verify their checksums.",
    )
    parser.set_defaults(command=command, parser=parser)

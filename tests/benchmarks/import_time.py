"""What importing minisnip costs, beside a bare interpreter and NumPy, each in fresh interpreters that take turns."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

HEADER = ("import", "the whole process, ms", "beyond the interpreter, ms", "imports matplotlib")
COMMANDS = ("pass", "import numpy", "import minisnip", "import minisnip.training, minisnip.pruning")


def rows(repeats: int = 11) -> Iterator[list[str]]:
    """One row for each command; "beyond" is the median over pairs with the bare interpreter."""
    for command in COMMANDS:  # not counted: it reads the files from the disk
        run(command)
    rounds = [{command: seconds(command) for command in COMMANDS} for _ in range(repeats)]
    for command in COMMANDS:
        whole = statistics.median(times[command] for times in rounds)
        beyond = statistics.median(times[command] - times["pass"] for times in rounds)
        yield [
            f"`{command}`",
            f"{1000 * whole:.0f}",
            f"{1000 * beyond:.0f}",
            "yes" if has_matplotlib(command) else "no",
        ]


def seconds(command: str) -> float:
    started = time.perf_counter()
    run(command)
    return time.perf_counter() - started


def run(command: str) -> str:
    return subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout


def has_matplotlib(command: str) -> bool:
    return run(f"{command}\nimport sys; print('matplotlib' in sys.modules)").strip() == "True"

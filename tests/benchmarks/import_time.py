"""What importing minisnip costs, beside a bare interpreter and NumPy, each in fresh interpreters that take turns.

python -m tests.benchmarks.import_time [--pairs 7]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from tests.benchmarks import command
from tests.benchmarks.race import Row
from tests.benchmarks.table import spread, table
from tests.benchmarks.turns import Effort

BARE = "pass"
COMMANDS = (BARE, "import numpy", "import minisnip", "import minisnip.training, minisnip.pruning")


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each command."""
    for code in COMMANDS:  # not counted: it reads the files from the disk
        run(code)
    rounds = [{code: seconds(code) for code in COMMANDS} for _ in range(1 if effort.smoke else effort.pairs)]
    for code in COMMANDS:
        turns = [round(1000 * times[code], 4) for times in rounds]
        yield {"command": code, "turns_ms": turns, "matplotlib": has_matplotlib(code)}


def section(rows: Sequence[Row]) -> str:
    """The table, in Markdown; "beyond" is the median over pairs with the bare interpreter."""
    bare = next(row["turns_ms"] for row in rows if row["command"] == BARE)
    beyond = [spread(a - b for a, b in zip(row["turns_ms"], bare, strict=True))[0] for row in rows]
    cells = (
        [
            f"`{row['command']}`",
            *(f"{ms:.0f}" for ms in (spread(row["turns_ms"])[0], more)),
            "yes" if row["matplotlib"] else "no",
        ]
        for row, more in zip(rows, beyond, strict=True)
    )
    header = ["import", "the whole process, ms", "beyond the interpreter, ms", "imports matplotlib"]
    return f"""\
Fresh interpreters that take turns; the files have been read before.

{table(header, cells)}
"""


def seconds(code: str) -> float:
    started = time.perf_counter()
    run(code)
    return time.perf_counter() - started


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def has_matplotlib(code: str) -> bool:
    return run(f"{code}\nimport sys; print('matplotlib' in sys.modules)").strip() == "True"


if __name__ == "__main__":
    command.main(measure, section, __doc__)

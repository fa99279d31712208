"""Measure everything that the project says about speed, in one go at one commit, and write the page.

    python -m tests.benchmarks.all [--pairs 7] [--steps 50] [--share 0.5]      less than an hour on two quiet cores
    python -m tests.benchmarks.all --smoke                                     a minute; only see that it works

Writes tests/benchmarks/results/speed (speed.json, page.md and the figures) and the milliseconds of lesson 8; then run
`python -m tests.readme --write`. A part that is finished is kept in runs/speed: after an interruption the same command
resumes, and what another commit or other settings have measured is measured again. A checkout with changes is refused,
so that the commit says what was measured. A smoke run writes to runs/smoke.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minisnip.files import save_text
from minisnip.lab.report import save
from minisnip.lab.runs import commit
from tests.benchmarks import page
from tests.benchmarks.command import told
from tests.benchmarks.compaction import LESSON, for_lesson
from tests.benchmarks.facts import THREADS, facts
from tests.benchmarks.problem import mnist_or_glyphs
from tests.benchmarks.race import PEER, installed
from tests.benchmarks.turns import Effort

SHARE = 0.5  # of an epoch of LeNet-5-Caffe beside a busy process: it keeps the whole under an hour
WORK, SMOKE_OUT = Path("runs") / "speed", Path("runs") / "smoke"
ROOT = Path(__file__).parents[2]


def changes() -> list[str]:
    """What git says was changed in this checkout, but for what this command writes."""
    written = [page.FOLDER.relative_to(ROOT).as_posix(), LESSON.as_posix()]
    status = ["git", "-C", str(ROOT), "status", "--porcelain", "-uall", "--", ".", *(f":!{path}" for path in written)]
    return subprocess.run(status, check=True, capture_output=True, text=True).stdout.splitlines()


def refuse_what_is_not_honest() -> None:
    """Exit with a sentence if the numbers would not be those of a commit, or the peer would be limited or not there."""
    if found := changes():
        raise SystemExit(
            "the checkout has changes, so its commit would not say what was measured: commit or remove them, or run "
            "with --smoke\n" + "\n".join(found)
        )
    if limited := [name for name in THREADS if name in os.environ]:
        raise SystemExit(
            f"{', '.join(limited)} would limit PyTorch and NumPy, which are measured as they come: unset it"
        )
    if not installed(PEER):
        raise SystemExit("PyTorch is not installed, and everything is compared with it: pip install '.[bench]'")


def identity(effort: Effort) -> dict[str, Any]:
    """What a finished part must agree in to be used."""
    return {"commit": commit(), "effort": asdict(effort)}


def finished(name: str, effort: Effort) -> dict[str, Any] | None:
    """A part that an earlier call of this command measured at this commit with these settings."""
    file = WORK / f"{name}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    same = {key: found.get(key) for key in identity(effort)} == identity(effort)
    return found if same and not effort.smoke else None


def measured(name: str, effort: Effort) -> dict[str, Any]:
    """The rows of a part and its seconds; it is written down only when it is finished."""
    started = time.perf_counter()
    rows = list(told(page.PARTS[name].module.measure(effort)))
    found = {**identity(effort), "seconds": round(time.perf_counter() - started, 1), "rows": rows}
    if not effort.smoke:
        save_text(WORK / f"{name}.json", json.dumps(found) + "\n")
    return found


def print_plan(effort: Effort) -> None:
    """A line for each part, with the minutes that it may take on two quiet cores."""
    todo = 0.0
    for name, part in page.PARTS.items():
        done = finished(name, effort)
        todo += 0 if done else part.minutes
        print(f"{name:<12}{'finished' if done else f'{part.minutes:g} min':>10}  {part.title}")
    print("smoke: about a minute in all" if effort.smoke else f"{todo:g} minutes to go", flush=True)


def everything(effort: Effort) -> page.Record:
    """All parts, from the files of earlier calls or measured now."""
    parts = {}
    for name in page.PARTS:
        print(f"== {name}", flush=True)
        parts[name] = finished(name, effort) or measured(name, effort)
    minutes = round(sum(part["seconds"] for part in parts.values()) / 60, 1)
    rows = {name: part["rows"] for name, part in parts.items()}
    return {**facts(), **asdict(effort), "data": mnist_or_glyphs().label, "minutes": minutes, "parts": rows}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the plan, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    effort = Effort.parse(argv, parser, SHARE)
    if not effort.smoke:
        refuse_what_is_not_honest()
    print_plan(effort)
    record, out = everything(effort), SMOKE_OUT if effort.smoke else page.FOLDER
    save(out, page.files(record))
    if not effort.smoke:
        save_text(ROOT / LESSON, for_lesson(record["parts"]["compaction"]))
    print(f"{record['minutes']:g} minutes; wrote {out}")


if __name__ == "__main__":
    main()

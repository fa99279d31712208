"""The score of a sample with its confidence interval, and the mutants that survived."""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import WorkerOutcome

KNOWN = Path(__file__).parent / "known.toml"


class Mutant(NamedTuple):
    """A mutant with its outcome; `equivalent` if no test can notice it."""

    file: Path
    diff: str
    killed: bool
    equivalent: bool
    reason: str


def report(found: Sequence[Mutant], groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Each survivor with its diff, then a table by package and by group."""
    rows: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in found:
        rows[mutant.file.parts[1].removesuffix(".py")].append(mutant)
    parts = {f"{name}, together": of_group(found, group) for name, group in groups.items()}
    survivors = [m for m in found if not m.killed and not m.equivalent]
    listed = [f"{m.file}: {m.reason or 'survived'}\n{m.diff}\n" for m in survivors]
    return "\n".join([*listed, *(_line(name, row) for name, row in [*sorted(rows.items()), *parts.items()])])


def of_group(found: Sequence[Mutant], group: Mapping[str, Any]) -> list[Mutant]:
    """The mutants of the files and folders of a group."""
    return [m for m in found if any(m.file.is_relative_to(path) for path in group["paths"])]


def score(group: Sequence[Mutant]) -> dict[str, Any]:
    """How many were tried, are equivalent and were killed, and the percentage of the others with its interval."""
    killed, equivalent = sum(m.killed for m in group), sum(m.equivalent for m in group)
    others = len(group) - equivalent
    percent = 100 * killed / others if others else math.nan
    found = {"tried": len(group), "equivalent": equivalent, "killed": killed}
    return {**found, "percent_low_high": [percent, *wilson(killed, others)]}


def verdict(found: Sequence[Mutant], groups: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What is wrong: a group with too many that are called equivalent, or with too few killed, beyond chance.

    Chance is the confidence interval: a small sample may fall below what is asked. None if nothing is wrong.
    """
    wrong = []
    for name, group in groups.items():
        mutants = of_group(found, group)
        tried = [m for m in mutants if not m.equivalent]
        if 10 * len(tried) < 9 * len(mutants):
            wrong.append(f"{name}: more than a tenth is called equivalent")
        if tried and score(mutants)["percent_low_high"][2] < group["least"]:
            wrong.append(f"{name}: less than {group['least']} % is killed")
    return "; ".join(wrong) or None


def mutants(session: WorkDB) -> Iterator[Mutant]:
    """All tested mutants of a session."""
    known = {
        (entry["file"], changed(entry["diff"])): entry for entry in tomllib.loads(KNOWN.read_text()).get("mutant", [])
    }
    for item, result in session.completed_work_items:
        if result.worker_outcome != WorkerOutcome.SKIPPED:
            file, diff = item.mutations[0].module_path, changed(result.diff or "")
            entry = {} if result.is_killed else known.get((str(file), diff), {})
            yield Mutant(file, diff, result.is_killed, entry.get("equivalent", False), entry.get("reason", ""))


def changed(diff: str) -> str:
    """The lines that a mutant takes away and adds."""
    lines = (line.rstrip() for line in diff.splitlines())
    kept = [line for line in lines if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in kept)


def _line(name: str, group: Sequence[Mutant]) -> str:
    found = score(group)
    percent, low, high = found["percent_low_high"]
    others = found["tried"] - found["equivalent"]
    share = f"{percent:6.1f} %  ({low:.1f} to {high:.1f})"
    return f"{name:<16}{found['killed']:>5} of {others:<5}{share}, equivalent {found['equivalent']}"


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % confidence interval of a share, in percent (Wilson 1927)."""
    if not trials:
        return math.nan, math.nan
    p, square = successes / trials, z**2 / trials
    middle, half = p + square / 2, z * math.sqrt(p * (1 - p) / trials + square / (4 * trials))
    return 100 * (middle - half) / (1 + square), 100 * (middle + half) / (1 + square)

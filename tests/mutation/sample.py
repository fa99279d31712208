"""A seeded sample of mutants: every file is represented by its share of the places where something can be changed."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cosmic_ray import plugins
from cosmic_ray.commands.init import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, WorkerOutcome, WorkItem, WorkResult

from tests.mutation import operators  # noqa: F401  (registers its own)


def draw(session: WorkDB, groups: Mapping[str, Mapping[str, Any]], exclude: str, seed: int) -> None:
    """Fill the session with all mutants, and skip all but a sample of each group.

    Parameters
    ----------
    session : WorkDB
    groups : dict of {"paths", "mutants"}
        The files and folders of each group, and the size of its sample.
    exclude : str
        A regular expression: operators that are not used.
    seed : int
    """
    rng = np.random.default_rng(seed)
    files = {name: sorted(_python_files(group["paths"])) for name, group in groups.items()}
    init([file for group in files.values() for file in group], session, {})
    items = [item for item in session.work_items if not re.search(exclude, item.mutations[0].operator_name)]
    by_file = _by_file_and_place(items)
    chosen = {job for name, group in groups.items() for job in _of_group(by_file, files[name], group["mutants"], rng)}
    skipped = WorkResult(WorkerOutcome.SKIPPED, "not in the sample")
    session.set_multiple_results([item.job_id for item in session.work_items if item.job_id not in chosen], skipped)


def _python_files(paths: Sequence[str]) -> list[Path]:
    return [file for path in map(Path, paths) for file in ([path] if path.is_file() else path.rglob("*.py"))]


def _by_file_and_place(items: Sequence[WorkItem]) -> dict[Path, list[list[WorkItem]]]:
    """For each file, the mutants of each place in it; in an order that does not depend on the random job ids."""
    found: dict[Path, dict[tuple[int, int], list[WorkItem]]] = defaultdict(lambda: defaultdict(list))
    for item in sorted(items, key=lambda item: _key(item.mutations[0])):
        mutation = item.mutations[0]
        found[mutation.module_path][mutation.start_pos].append(item)
    return {file: [*places.values()] for file, places in found.items()}


def _key(mutation: MutationSpec) -> tuple[Any, ...]:
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name, mutation.occurrence


def _of_group(
    by_file: Mapping[Path, list[list[WorkItem]]], files: Sequence[Path], mutants: int, rng: np.random.Generator
) -> list[str]:
    """The job ids of a sample over some files, at most one mutant at each place."""
    counts = {file: len(by_file[file]) for file in files if file in by_file}
    jobs: list[str] = []
    for file, share in shares(counts, mutants).items():
        places = (by_file[file][i] for i in rng.permutation(counts[file]))
        found = (next((m for i in rng.permutation(len(place)) if changes(m := place[i])), None) for place in places)
        valid = (item.job_id for item in found if item is not None)
        jobs += [job for _, job in zip(range(share), valid, strict=False)]
    return jobs


def shares(counts: Mapping[Any, int], total: int) -> dict[Any, int]:
    """Whole numbers in proportion to the counts; their sum is the total (largest remainders)."""
    exact = {key: total * count / max(1, sum(counts.values())) for key, count in counts.items()}
    whole = {key: int(number) for key, number in exact.items()}
    largest = sorted(exact, key=lambda key: whole[key] - exact[key])
    return {key: whole[key] + (key in largest[: total - sum(whole.values())]) for key in counts}


def changes(item: WorkItem) -> bool:
    """Whether the mutant compiles and differs in more than type hints and `zip(strict=True)`, which only assert."""
    mutation = item.mutations[0]
    source = mutation.module_path.read_text(encoding="utf-8")
    mutant = mutate_code(source, plugins.get_operator(mutation.operator_name)(), mutation.occurrence)
    try:
        return mutant is not None and _without_assertions(mutant) != _without_assertions(source)
    except SyntaxError:
        return False


@cache
def _without_assertions(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.Call):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "strict"]
    return ast.dump(tree)

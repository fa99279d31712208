"""One mutant and its tests, in a process and a clone of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import WorkItem, WorkResult

from tests.mutation import operators  # noqa: F401  (registers its own)
from tests.mutation.cover import Cover

MEMORY = 8 * 2**30  # bytes: a mutant that asks for more fails, and the machine lives
covered: Cover  # in a process that tests mutants
PYTEST = f"{sys.executable} -m pytest @tests.txt --basetemp=.pytest -x -q -p no:cacheprovider"


def begin(tree: Path, clones: Path) -> None:
    """In a process of its own: a clone to mutate, and what the tests of the tree run."""
    global covered
    own = clones / str(os.getpid())
    subprocess.run(["git", "clone", "--quiet", tree, own], check=True)
    covered = Cover(tree)
    os.chdir(own)
    os.environ["PYTHONPATH"] = str(own)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def result_of(item: WorkItem, settings: dict[str, Any]) -> tuple[str, WorkResult]:
    """The name and the result of one mutant, by the tests of its line and those that look at the package as a whole."""
    mutation, timeout = item.mutations[0], settings["timeout"]
    tests = covered.tests(mutation.module_path, mutation.start_pos[0], settings["seconds"])
    tests += [test for test in covered.seconds if test.partition("::")[0] in settings["always"]]
    Path("tests.txt").write_text("\n".join(tests), encoding="utf-8")
    limited = f"timeout --kill-after=5 {timeout} nice -n 10 {PYTEST} --hypothesis-profile=mutation"  # ends children too
    return item.job_id, mutate_and_test(item.mutations, limited, 2 * timeout)

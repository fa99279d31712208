"""The command; see `tests.mutation`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tomllib
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkItem, WorkResult
from tqdm import tqdm

from tests.mutation import cover, report, sample

ROOT = Path(__file__).parents[2]
MEMORY = 8 * 2**30  # bytes: a mutant that asks for more fails, and the machine lives
covered: cover.Cover  # in a process that tests mutants
PYTEST = f"{sys.executable} -m pytest @tests.txt --basetemp=.pytest -x -q -p no:cacheprovider"


def main() -> None:
    """Draw, test and report; exit with an error if too few were killed."""
    options = parsed()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["minisnip"]["mutation"]
    tree, groups = (options.work / f"seed-{options.seed}").resolve(), settings["groups"]
    if not options.report:
        prepare(tree, options.jobs)
    os.chdir(tree)
    with use_db("mutants.sqlite") as session:
        if not options.report:
            run(session, options, settings)
        print(f"seed {options.seed}; mutants not tested yet: {len(session.pending_work_items)}\n")
        mutants = [*report.mutants(session)]
    print(report.report(mutants, groups))
    if options.record:
        store(options.record, options.seed, {name: report.of_group(mutants, group) for name, group in groups.items()})
    sys.exit(report.verdict(mutants, groups))


def parsed() -> Namespace:
    """The options of the command."""
    parser = ArgumentParser("python -m tests.mutation", description="Test whether the tests notice mutants.")
    parser.add_argument("--seed", type=int, required=True, help="random seed of the sample")
    parser.add_argument("--work", type=Path, default=ROOT / ".mutation", help="folder of the clones and results")
    parser.add_argument("--share", type=float, default=1.0, help="part of the sample that is drawn")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a clone of its own")
    parser.add_argument("--report", action="store_true", help="only report what is there")
    parser.add_argument(
        "--record",
        type=lambda folder: Path(folder).resolve(),
        help="folder to store the score in, for tests.reliability",
    )
    return parser.parse_args()


def store(folder: Path, seed: int, groups: Mapping[str, Sequence[report.Mutant]]) -> None:
    """Write the score of each group, with the commit that was tested."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    scores = {name: report.score(group) for name, group in groups.items()}
    content = {"seed": seed, "commit": commit, "groups": scores}
    (folder / f"mutants-{seed}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def prepare(tree: Path, jobs: int) -> None:
    """Clone the last commit, and measure there what each test runs."""
    if not tree.exists():
        subprocess.run(["git", "clone", "--quiet", ROOT, tree], check=True)
    if not (tree / cover.TIMES).exists():
        os.environ["PYTHONPATH"] = str(tree)
        cover.measure(tree, jobs)


def run(session: WorkDB, options: Namespace, settings: dict[str, Any]) -> None:
    """Test all mutants of the sample that have no result yet, in random order."""
    if not session.num_work_items:
        groups = {
            name: {**group, "mutants": int(options.share * group["mutants"])}
            for name, group in settings["groups"].items()
        }
        sample.draw(session, groups, settings["exclude-operators"], options.seed)
    items = session.pending_work_items
    with TemporaryDirectory(dir=Path.cwd().parent) as clones:
        given = {"mp_context": get_context("spawn"), "initializer": begin, "initargs": (Path.cwd(), Path(clones))}
        with ProcessPoolExecutor(options.jobs, **given) as pool:
            results = [pool.submit(result_of, item, settings) for item in items]
            for done in tqdm(as_completed(results), "mutants", len(results)):
                session.set_result(*done.result())


def begin(tree: Path, clones: Path) -> None:
    """In a process of its own: a clone to mutate, and what the tests of the tree run."""
    global covered
    own = clones / str(os.getpid())
    subprocess.run(["git", "clone", "--quiet", tree, own], check=True)
    covered = cover.Cover(tree)
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


if __name__ == "__main__":
    main()

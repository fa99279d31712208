"""The command; see `tests.mutation`."""

from __future__ import annotations

import json
import os
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

from cosmic_ray.work_db import WorkDB, use_db
from tqdm import tqdm

from tests.mutation import cover, report, sample, trial

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Draw, test and report; exit with an error if too few were killed."""
    options = parsed()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["minisnip"]["mutation"]
    tree = (options.work / f"seed-{options.seed}").resolve()
    groups = {name: group for name, group in settings["groups"].items() if name in options.groups}
    if not options.report:
        prepare(tree, options.jobs)
    os.chdir(tree)
    with use_db("mutants.sqlite") as session:
        if not options.report:
            run(session, options, settings, groups)
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
    parser.add_argument("--groups", nargs="+", choices=["core", "rest"], default=["core", "rest"])
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


def run(session: WorkDB, options: Namespace, settings: dict[str, Any], groups: dict[str, Any]) -> None:
    """Test all mutants of the sample that have no result yet, in random order."""
    if not session.num_work_items:
        sizes = {name: {**group, "mutants": int(options.share * group["mutants"])} for name, group in groups.items()}
        sample.draw(session, sizes, settings["exclude-operators"], options.seed)
    items = session.pending_work_items
    with TemporaryDirectory(dir=Path.cwd().parent) as clones:
        spawn, given = get_context("spawn"), (Path.cwd(), Path(clones))
        with ProcessPoolExecutor(options.jobs, mp_context=spawn, initializer=trial.begin, initargs=given) as pool:
            results = [pool.submit(trial.result_of, item, settings) for item in items]
            for done in tqdm(as_completed(results), "mutants", len(results)):
                session.set_result(*done.result())


if __name__ == "__main__":
    main()

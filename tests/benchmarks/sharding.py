"""When to cut a batch into shards: both networks, uncut (threads share the products) and in shards.

    python -m tests.benchmarks.sharding [--pairs 7] [--steps 50]

A training step at batch 100 (and 1,000 for the MLP), dense. This is what the rule in `minisnip.nn.threads` rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from minisnip.autodiff.threads import one_thread, pool, shared
from minisnip.nn import MODELS
from minisnip.nn.models import TITLES
from minisnip.nn.threads import Shards, keep_freed_memory
from minisnip.training import SGD
from minisnip.training.loop import Recipe, Run, initial_state, train_step
from tests.benchmarks import command
from tests.benchmarks.problem import Problem, first, mnist_or_glyphs, problem
from tests.benchmarks.race import Row
from tests.benchmarks.table import ms_cell, table
from tests.benchmarks.turns import Effort, Entry, take_turns

CASES = (("lenet-300-100", 100), ("lenet-300-100", 1000), ("lenet-5-caffe", 100))
CUTS = {  # images in a shard and threads; 0: threads share the products
    "uncut, 1 thread": (0, 1),
    "uncut, 2 threads": (0, 2),
    "shards of 50, 1 thread": (50, 1),
    "shards of 50, 2 threads": (50, 2),
    "shards of 25, 2 threads": (25, 2),
}


def step(given: Problem, size: int, count: int) -> Callable[[], float]:
    """A step in shards of this size, whatever the rule says; the threads stay for as long as the process."""
    keep_freed_memory()
    stack = ExitStack()
    stack.enter_context(one_thread)
    spread = stack.enter_context(pool(count))
    shards = Shards(spread, size or None)
    if not size:
        stack.enter_context(shared(count))
    params, optimizer, batch = {name: w.copy() for name, w in given.params.items()}, SGD(), (given.images, given.labels)
    run = Run(given.net, {}, Recipe(1, len(given.images), optimizer, 0.02, "constant"), splits={})
    state = initial_state(params, {}, optimizer, rng=0)

    def work(_: object = stack) -> float:  # a context that nobody holds is left
        return train_step(run, state, batch, 0.02, shards)[0]

    return work


def measure(effort: Effort) -> Iterator[Row]:
    """A row for each network and batch; always in processes: a contestant changes the rule of its own."""
    split = mnist_or_glyphs().train
    cases, cuts = (CASES[:1], [*CUTS.items()][:2]) if effort.smoke else (CASES, CUTS.items())
    for model, batch in cases:
        given = problem(MODELS[model](), first(split, batch))
        entries = {name: Entry("tests.benchmarks.sharding:step", (given, *cut)) for name, cut in cuts}
        turns = take_turns(entries, replace(effort, smoke=False))
        found = {name: done.milliseconds for name, done in turns.items()}
        yield {"network": TITLES[model], "batch": batch, "turns_ms": found}


def section(rows: Sequence[Row]) -> str:
    """The table, in Markdown."""
    return f"""\
A dense training step, with the batch uncut (threads share the large products) and cut into shards of several sizes,
with one thread of BLAS. The rule of `minisnip.nn.threads` rests on this.

{table(["network", "batch", *(f"{name}, ms" for name in CUTS)], map(_cells, rows))}
"""


def _cells(row: Row) -> list[object]:
    return [row["network"], row["batch"], *(ms_cell(row["turns_ms"], name) for name in CUTS)]


if __name__ == "__main__":
    command.main(measure, section, __doc__)

"""When to cut a batch into shards: both networks, uncut (threads share the products) and in shards.

    python -m tests.benchmarks.sharding [rounds=7] [steps=50]

A training step at batch 100 (and 1,000 for the MLP), dense. This is what the rule in `minisnip.nn.threads` rests on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from minisnip.autodiff.threads import one_thread, pool, shared
from minisnip.nn import LENETS, threads
from minisnip.nn.models import TITLES
from minisnip.nn.threads import Shards, keep_freed_memory
from minisnip.training import SGD
from minisnip.training.loop import Recipe, Run, initial_state, train_step
from tests.benchmarks.problem import Problem, first, mnist_or_glyphs, problem
from tests.benchmarks.table import milliseconds, print_table
from tests.benchmarks.turns import Entry, take_turns

CASES = (("lenet-300-100", 100), ("lenet-300-100", 1000), ("lenet-5-caffe", 100))
CUTS = ((0, 1), (0, 2), (50, 1), (50, 2), (25, 2))  # images in a shard and threads; 0: threads share the products


def step(given: Problem, size: int, count: int) -> Callable[[], float]:
    """A step in shards of this size, whatever the rule says; the threads stay for as long as the process."""
    keep_freed_memory()
    stack = ExitStack()
    stack.enter_context(one_thread)
    spread = stack.enter_context(pool(count))
    threads.SHARD = size
    shards: Shards = (lambda f, n: spread(f, threads.shards_of(n))) if size else threads.uncut
    if not size:
        stack.enter_context(shared(count))
    params, optimizer, batch = {name: w.copy() for name, w in given.params.items()}, SGD(), (given.images, given.labels)
    run = Run(given.net, {}, Recipe(1, len(given.images), optimizer, 0.02, "constant"), splits={})
    state = initial_state(params, {}, optimizer, rng=0)

    def work(_: object = stack) -> float:  # a context that nobody holds is left
        return train_step(run, state, batch, 0.02, shards)[0]

    return work


def rows(rounds: int, steps: int) -> Iterator[list[object]]:
    """A row for each network and batch."""
    data = mnist_or_glyphs()
    for model, batch in CASES:
        given = problem(LENETS[model](), first(data.train, batch))
        entries = {str(cut): Entry(f"{__spec__.name}:step", (given, *cut)) for cut in CUTS}
        turns = take_turns(entries, rounds, steps)
        yield [TITLES[model], batch, *(milliseconds(turns[str(cut)].median) for cut in CUTS)]


def main() -> None:
    """Print the table."""
    rounds, steps = (*map(int, sys.argv[1:]), *(7, 50)[len(sys.argv) - 1 :])
    names = [f"{f'shards of {size}' if size else 'uncut'}, {n} thread{'s' * (n > 1)}" for size, n in CUTS]
    print_table(["network", "batch", *(f"{name}, ms" for name in names)], rows(rounds, steps))


if __name__ == "__main__":
    main()

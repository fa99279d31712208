"""minisnip: a step as its training loop does it, evaluation, scoring and selection."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from minisnip.data import Split
from minisnip.nn.threads import sharding
from minisnip.pruning import connection_sensitivity, keep_top
from minisnip.training import SGD, evaluate
from minisnip.training.loop import Recipe, Run, initial_state, kept_connections, precompute_head, train_step
from tests.benchmarks.problem import MOMENTUM, RATE, WEIGHT_DECAY, Problem, scores


def step(problem: Problem) -> Callable[[], float]:
    """A step as `train` takes it; the shards' threads stay for as long as the work does."""
    kept, params = kept_connections(problem.masks), {name: w.copy() for name, w in problem.params.items()}
    net, (images,) = precompute_head(problem.net, problem.images)
    optimizer, batch, shards = SGD(MOMENTUM, WEIGHT_DECAY), (images, problem.labels), sharding(net)
    run = Run(net, kept, Recipe(1, len(images), optimizer, RATE, "constant"), splits={})
    state, opened = initial_state(params, kept, optimizer, rng=0), shards.__enter__()

    def work(_: object = shards) -> float:  # a context that nobody holds is left
        return train_step(run, state, batch, RATE, opened)[0]

    return work


def peak_bytes(problem: Problem) -> Callable[[], float]:
    """The result is the most memory held during a step: parameters, momentum and buffers count, the batch does not."""

    def work() -> float:
        tracemalloc.start()
        once = step(problem)
        once()
        tracemalloc.reset_peak()
        once()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    return work


def evaluation(problem: Problem) -> Callable[[], float]:
    """The result is the mean loss."""
    split = Split(problem.images, problem.labels)
    return lambda: evaluate(problem.net, problem.params, split)[0]


def scoring(problem: Problem) -> Callable[[], float]:
    """The result is the last weights' share of the sensitivity."""

    def work() -> float:
        sensitivities = connection_sensitivity(problem.net, problem.params, problem.images, problem.labels)
        return float(list(sensitivities.values())[-2].sum())

    return work


def selection(size: int, sparsity: float) -> Callable[[], float]:
    """The result is how many of the first tenth are kept."""
    given = scores(size)
    return lambda: float(keep_top(given, sparsity)["0"].sum())

"""minisnip: a step as its training loop does it, an epoch, evaluation, and everything that prunes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from unittest.mock import patch

import numpy as np

from minisnip.data import Split
from minisnip.lab.agree import compare_scores
from minisnip.lab.experiment import Experiment
from minisnip.nn import MODELS, cross_entropy, threads
from minisnip.nn.threads import sharding
from minisnip.pruning import compact, connection_sensitivity, cut, delta_loss, keep_top, mask_gradient
from minisnip.training import SGD, evaluate, train
from minisnip.training.loop import Recipe, Run, initial_state, kept_connections, precompute_head, train_step
from tests.benchmarks.problem import MOMENTUM, RATE, WEIGHT_DECAY, Problem, mnist_or_glyphs, scores, shortened


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


def epoch(model: str, share: float) -> Callable[[], float]:
    """`train`, from the same weights each time, on a share of the images; the result is the mean loss of the steps."""
    net, dataset = MODELS[model](), shortened(share)
    params, optimizer = net.init(np.random.default_rng(0)), SGD(MOMENTUM, WEIGHT_DECAY)

    def work() -> float:
        how = {"epochs": 1, "optimizer": optimizer, "learning_rate": RATE, "schedule": "constant"}
        return train(net, params, dataset, **how, rng=0, title=None).history[0]["train_loss"]  # type: ignore[arg-type]

    return work


def agreement(images: int) -> Callable[[], float]:
    """What `minisnip agree` computes for LeNet-300-100; the result is the correlation of both scores."""
    experiment, dataset = Experiment(scoring_images=images), mnist_or_glyphs()
    return lambda: float(compare_scores(experiment, dataset).report["agreement"]["all"]["pearson"])


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


def extra_bytes(work: str, *arguments: object) -> Callable[[], float]:
    """The result is the most memory held during this work beyond its arguments."""
    once: Callable[[], float] = globals()[work](*arguments)

    def measured() -> float:
        with patch.object(threads, "keep_freed_memory"):  # its block is never written to
            tracemalloc.start()
            once()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return peak

    return measured


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


def gradient(problem: Problem) -> Callable[[], float]:
    """The result is the last bias's derivative."""
    return lambda: float(
        list(mask_gradient(problem.net, problem.params, problem.images, problem.labels).values())[-1][0]
    )


def deletions(problem: Problem) -> Callable[[], float]:
    """Every ΔL; the result is that of the last bias."""
    given = problem.net, problem.params, problem.images, problem.labels
    return lambda: float(list(delta_loss(*given, title=None).values())[-1][-1])


def compacting(problem: Problem) -> Callable[[], float]:
    """The result is how many parameters remain."""
    return lambda: float(compact(problem.net, problem.params, problem.masks).net.size)


def cutting(problem: Problem) -> Callable[[], float]:
    """The result is how many parameters remain."""
    return lambda: float(cut(problem.net, problem.params, problem.masks).net.size)


def forward(problem: Problem) -> Callable[[], float]:
    """A forward pass; the result is the loss."""
    return lambda: float(cross_entropy(problem.net(problem.params, problem.images), problem.labels))

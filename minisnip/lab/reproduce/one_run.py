"""One run of a reproduction: score, prune, train, and note the error of every epoch."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.data import Dataset, Split
from minisnip.lab.prune_and_train import OPTIMIZERS
from minisnip.lab.run_folder import file_label
from minisnip.nn import MODELS, SCHEMES, Sequential
from minisnip.pruning import METHODS, count_kept, emptied_layers, input_connections, random_labels, scoring_batch
from minisnip.training import SCHEDULES, DivergenceError, TrainResult, train


@dataclass(frozen=True)
class RunConfig:
    """All that determines a run."""

    model: str = "lenet-300-100"
    dataset: str = "mnist"
    seed: int = 0
    sparsity: float = 0.95  # 0 for the dense network
    method: str = "snip"
    init: str = "glorot"  # of the weights that are scored
    trained_init: str | None = None  # of another draw, which is trained; None: the scored one is (Algorithm 1)
    scoring_images: int = 100
    scoring_class: int | None = None  # score with images of this class only
    scoring_labels: str = "true"
    training_labels: str = "true"
    training_images: int | None = None  # train on the first so many; None for all
    iterations: int = 16_200  # 0 to prune and not train
    batch_size: int = 100
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    schedule: str = "step"
    report: str = "test"  # "validation": the test split is not read at all

    def __post_init__(self) -> None:
        for option, known in _CHOICES.items():
            if getattr(self, option) not in known:
                choices = ", ".join(map(str, known))
                raise ValueError(f"unknown {option} {getattr(self, option)!r}: choose one of {choices}")
        count_kept(1, self.sparsity)
        for option in ("seed", "iterations", "weight_decay"):
            if not getattr(self, option) >= 0:
                raise ValueError(f"{option} {getattr(self, option)} must not be negative")


_CHOICES: dict[str, Mapping[Any, object]] = {
    "model": MODELS,
    "dataset": dict.fromkeys(data.NAMES),
    "method": METHODS,
    "init": SCHEMES,
    "trained_init": {**SCHEMES, None: None},
    "scoring_labels": dict.fromkeys(("true", "random")),
    "training_labels": dict.fromkeys(("true", "shuffled")),
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "report": dict.fromkeys(("test", "validation")),
}


@cache
def load(name: str) -> Dataset:
    """The data set, loaded once in each process."""
    return data.load(name)


def run(config: RunConfig) -> dict[str, Any]:
    """Prune, train and evaluate.

    Returns
    -------
    dict
        The label of the data set, what is kept, errors in percent of the epoch that validation chose (None without
        training), the processor's seconds, and the history. A run whose loss becomes infinite ends there, and says so
        under "diverged".
    """
    dataset, net, started = load(config.dataset), MODELS[config.model](), time.process_time()
    init_rng, scoring_rng, fresh_rng, order_rng, label_rng = np.random.default_rng(config.seed).spawn(5)
    params = net.init(init_rng, config.init)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is empty stands in the result
        masks = _masks(config, net, params, dataset, scoring_rng, label_rng) if config.sparsity else {}
        if config.trained_init:
            params = net.init(fresh_rng, config.trained_init)
        trained, diverged = _trained(config, net, params, masks, dataset, order_rng, label_rng)
    return {
        "dataset": file_label(dataset),
        "kept": sum(int(np.count_nonzero(c)) for c in masks.values()) if masks else net.size,
        "emptied_layers": " ".join(emptied_layers(masks)),
        **_errors(trained),
        "diverged": diverged,
        "seconds": round(time.process_time() - started, 3),
        "first_layer": input_connections(net, masks)[0].tolist(),  # how often each pixel is read
        "history": trained.history if trained else [],
    }


def _masks(
    config: RunConfig,
    net: Sequential,
    params: Mapping[str, Array],
    dataset: Dataset,
    rng: np.random.Generator,
    label_rng: np.random.Generator,
) -> dict[str, Array]:
    images, labels = dataset.train.images, dataset.train.labels
    if config.scoring_class is not None:
        rows = labels == config.scoring_class
        images, labels = images[rows], labels[rows]
    x, y = scoring_batch(images, labels, config.scoring_images, rng)
    if config.scoring_labels == "random":
        y = random_labels(y, len(dataset.class_names), label_rng)
    return METHODS[config.method](net, params, x, y, config.sparsity, rng=rng)


def _trained(
    config: RunConfig,
    net: Sequential,
    params: Mapping[str, Array],
    masks: Mapping[str, Array],
    dataset: Dataset,
    rng: np.random.Generator,
    label_rng: np.random.Generator,
) -> tuple[TrainResult | None, str]:
    """What training gave, if there was any, and what went wrong, if anything did."""
    if not config.iterations:
        return None, ""
    try:
        return train(
            net,
            params,
            replace(dataset, train=_training_split(config, dataset.train, label_rng)),
            masks,
            iterations=config.iterations,
            batch_size=config.batch_size,
            optimizer=OPTIMIZERS[config.optimizer](weight_decay=config.weight_decay),
            learning_rate=config.learning_rate,
            schedule=config.schedule,
            rng=rng,
            compact=bool(masks),
            watch={"test": dataset.test} if config.report == "test" else {},
            title=None,
        ), ""
    except DivergenceError as error:
        return error.result, str(error)


def _training_split(config: RunConfig, split: Split, rng: np.random.Generator) -> Split:
    images, labels = split.images[: config.training_images], split.labels[: config.training_images]
    return Split(images, rng.permutation(labels) if config.training_labels == "shuffled" else labels)


def _errors(trained: TrainResult | None) -> dict[str, float | None]:
    """Of the epoch that validation chose; and, for a footnote only, of that which the test split would have chosen."""
    history = trained.history if trained else []
    chosen = history[trained.best_epoch - 1] if trained and history else {}
    tests = [row["test_error_percent"] for row in history if "test_error_percent" in row]
    return {
        "best_epoch": trained.best_epoch if trained else 0,
        "validation_error_percent": chosen.get("validation_error_percent"),
        "test_error_percent": chosen.get("test_error_percent"),
        "test_error_percent_if_the_test_split_had_chosen": min(tests, default=None),
    }

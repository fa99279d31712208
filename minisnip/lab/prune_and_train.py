"""The main road: score every connection once, keep the top κ, train what is left (Algorithm 1 of the paper)."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset
from minisnip.lab.timing import timed
from minisnip.nn import MODELS, SCHEMES, Sequential
from minisnip.pruning import METHODS, count_kept, scoring_batch
from minisnip.training import SCHEDULES, SGD, Adam, TrainingInterrupted, TrainResult, evaluate, train

OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}
SGD_RATES = {"lenet-300-100": 0.1, "lenet-5-caffe": 0.02}  # the paper's 0.1 makes the dense LeNet-5-Caffe diverge


@dataclass(frozen=True)
class Config:
    """All that determines a run; the same configuration on the same machine gives the same bytes."""

    model: str = "lenet-300-100"
    sparsity: float = 0.95
    criterion: str = "snip"
    dataset: str = "mnist"
    seed: int = 0
    scoring_images: int = 100
    init: str = "glorot"
    fresh_init: bool = False  # train another draw than the one that was scored, as the authors' code does
    epochs: int = 30
    batch_size: int = 100
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    compare_dense: bool = False
    compact: bool = False  # train the smaller network that the mask leaves

    def __post_init__(self) -> None:
        for option, known in _CHOICES.items():
            if getattr(self, option) not in known:
                raise ValueError(f"unknown {option} {getattr(self, option)!r}: choose one of {', '.join(known)}")
        count_kept(1, self.sparsity)
        for option in ("scoring_images", "epochs", "batch_size", "learning_rate"):
            if not 0 < getattr(self, option) < math.inf:
                raise ValueError(f"{option} {getattr(self, option)} must be above 0 and finite")
        for option in ("weight_decay", "seed"):
            if not 0 <= getattr(self, option) < math.inf:
                raise ValueError(f"{option} {getattr(self, option)} must be finite and not negative")

    @classmethod
    def usual(cls, model: str = "lenet-300-100", optimizer: str = "sgd", **options: Any) -> Config:
        """The configuration with the usual learning rate and weight decay for this network and optimizer."""
        rate = SGD_RATES.get(model, 0.1) if optimizer == "sgd" else 1e-3
        usual = {"learning_rate": rate, "weight_decay": 5e-4 if optimizer == "sgd" else 0.0}
        return cls(model=model, optimizer=optimizer, **{**usual, **options})

    @property
    def percent(self) -> str:
        """The sparsity as text."""
        return f"{100 * self.sparsity:g} %"


_CHOICES: dict[str, Mapping[str, object]] = {
    "model": MODELS,
    "criterion": METHODS,
    "init": SCHEMES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}


@dataclass(frozen=True)
class Outcome:
    """One trained network; errors in percent. The test split is read once, by the epoch that the validation chose."""

    trained: TrainResult
    validation_error: float
    test_error: float


@dataclass(frozen=True)
class Comparison:
    """What a run gives: the mask, the network trained under it, and its dense twin if that was asked for."""

    config: Config
    dataset: Dataset
    net: Sequential
    masks: dict[str, Array]
    pruned: Outcome
    dense: Outcome | None
    seconds: dict[str, float]


class Interrupted(Exception):  # noqa: N818  (nothing went wrong)
    """Ctrl-C during training; what was done is in the checkpoint."""


def run(config: Config, dataset: Dataset, checkpoints: Path, resume: bool = False) -> Comparison:
    """Prune before training, train, and evaluate.

    Parameters
    ----------
    config : Config
    dataset : Dataset
    checkpoints : Path
        A folder; `pruned.checkpoint.npz` and `dense.checkpoint.npz` are kept there.
    resume : bool
        Go on from the checkpoints that are there.

    Raises
    ------
    Interrupted
        If Ctrl-C stopped the training.
    DivergenceError
        If the loss is not finite.
    """
    check_sizes(config, dataset)
    net, seconds = MODELS[config.model](), dict[str, float]()
    init_rng, scoring_rng, fresh_rng, order_rng = np.random.default_rng(config.seed).spawn(4)
    params = net.init(init_rng, config.init)
    with timed(seconds, "score"):
        masks = prune(net, params, dataset, config, scoring_rng)
    if config.fresh_init:
        params = net.init(fresh_rng, config.init)
    outcomes: dict[str, Outcome] = {}
    for name, c in {"pruned": masks, "dense": {}}.items():
        if name == "pruned" or config.compare_dense:
            file = checkpoints / f"{name}.checkpoint.npz"
            trained = _train(net, params, dataset, c, config, copy.deepcopy(order_rng), file, resume, name)
            seconds[f"train_{name}"] = round(trained.seconds, 3)
            with timed(seconds, f"evaluate_{name}"):
                outcomes[name] = _evaluated(net, trained, dataset)
    return Comparison(config, dataset, net, masks, outcomes["pruned"], outcomes.get("dense"), seconds)


def check_sizes(config: Config, dataset: Dataset) -> None:
    """Refuse, with a ValueError, to take more images at a time than there are."""
    images = len(dataset.train.labels)
    for option in ("scoring_images", "batch_size"):
        if getattr(config, option) > images:
            raise ValueError(
                f"{option} {getattr(config, option)}, but there are {images:,} training images: take fewer"
            )


def prune(
    net: Sequential, params: Mapping[str, Array], dataset: Dataset, config: Config, rng: np.random.Generator
) -> dict[str, Array]:
    """The mask: score every connection on the first images of the shuffled training split, keep the top κ."""
    x, y = scoring_batch(dataset.train.images, dataset.train.labels, config.scoring_images, rng)
    return METHODS[config.criterion](net, params, x, y, config.sparsity, rng=rng)


def _train(
    net: Sequential,
    params: Mapping[str, Array],
    dataset: Dataset,
    masks: Mapping[str, Array],
    config: Config,
    rng: np.random.Generator,
    file: Path,
    resume: bool,
    name: str,
) -> TrainResult:
    try:
        return train(
            net,
            params,
            dataset,
            masks,
            config.epochs,
            batch_size=config.batch_size,
            optimizer=OPTIMIZERS[config.optimizer](weight_decay=config.weight_decay),
            learning_rate=config.learning_rate,
            schedule=config.schedule,
            rng=rng,
            checkpoint=file,
            resume=resume,
            compact=config.compact and bool(masks),
            title=f"training, {name}",
        )
    except TrainingInterrupted as error:
        done = f"{len(error.result.history)} of {config.epochs} epochs ({name})"
        raise Interrupted(f"interrupted; {done} are kept in {file.parent}, and --resume goes on from there") from None


def _evaluated(net: Sequential, trained: TrainResult, dataset: Dataset) -> Outcome:
    _, validation_error = evaluate(net, trained.params, dataset.validation)
    _, test_error = evaluate(net, trained.params, dataset.test)
    return Outcome(trained, validation_error, test_error)

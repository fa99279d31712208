"""Methods and controls side by side: prune, train and evaluate, over sparsities and seeds.

`minisnip compare` writes results.csv with a row for each run, two tables and a figure. A method prunes before training
(METHODS) or after it (TICKETS); a control spoils one ingredient of SNIP (CONTROLS).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.lab.run_folder import file_label
from minisnip.nn import MODELS, Sequential
from minisnip.pruning import (
    CRITERIA,
    METHODS,
    collapse_sparsity,
    count_kept,
    effective_masks,
    emptied_layers,
    noise_images,
    one_shot,
    random_labels,
    random_masks,
    scoring_batch,
    shuffle_masks,
)
from minisnip.training import (
    SGD,
    evaluate,
    from_scratch,
    l1_penalty,
    lottery_ticket,
    magnitude_after_training,
    train,
)

TICKETS: dict[str, Callable[..., Any]] = {
    "magnitude-after-training": magnitude_after_training,
    "lottery-ticket": lottery_ticket,
    "l1-penalty": l1_penalty,
    "from-scratch": from_scratch,
}
IN_ROUNDS = ("synflow", "iterative-snip", "force")  # their scores change on the way, so no one score list collapses
CONTROLS = {
    "none": "as it is",
    "shuffled": "the mask shuffled inside each layer",
    "same-counts": "as many connections of each layer, by lot",
    "redrawn": "another draw of the weights trained",
    "inverted": "the least sensitive kept",
    "random-labels": "scored with random labels",
    "noise-images": "scored on images of noise",
}


@dataclass(frozen=True)
class Trial:
    """One run of a comparison; all that determines its result."""

    method: str = "snip"
    control: str = "none"
    sparsity: float = 0.95
    seed: int = 0
    model: str = "lenet-300-100"
    dataset: str = "mnist"
    epochs: int = 10
    scoring_images: int = 100
    batch_size: int = 100
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    schedule: str = "cosine"

    def __post_init__(self) -> None:
        for option, known in _CHOICES.items():
            if getattr(self, option) not in known:
                raise ValueError(f"unknown {option} {getattr(self, option)!r}: choose one of {', '.join(known)}")
        count_kept(1, self.sparsity)
        if self.control != "none" and self.method != "snip":
            raise ValueError(f"control {self.control} of {self.method}: controls are of snip")
        if not 0 < self.epochs < math.inf or self.seed < 0:
            raise ValueError(f"epochs {self.epochs} must be at least 1, seed {self.seed} not negative")


_CHOICES: dict[str, Mapping[str, object]] = {
    "method": {**METHODS, **TICKETS},
    "control": CONTROLS,
    "model": MODELS,
    "dataset": dict.fromkeys(data.NAMES),
}


@cache
def _dataset(name: str) -> data.Dataset:
    """Loaded once in each process."""
    return data.load(name)


def run(trial: Trial) -> dict[str, Any]:
    """Prune, train and evaluate; the row of results.csv."""
    dataset, net = _dataset(trial.dataset), MODELS[trial.model]()
    init_rng, scoring_rng, fresh_rng, order_rng, control_rng = np.random.default_rng(trial.seed).spawn(5)
    params = net.init(init_rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is empty stands in the row
        started = time.perf_counter()
        masks, params, collapse = _pruned(trial, net, params, dataset, scoring_rng, control_rng, order_rng)
        seconds = time.perf_counter() - started
        if trial.control == "redrawn":
            params = net.init(fresh_rng)
        trained = train(net, params, dataset, masks, rng=order_rng, compact=True, **_training(trial))
    return {
        **asdict(trial),
        "dataset": file_label(dataset),
        "kept": _count(masks),
        "effective": _count(effective_masks(net, masks)),
        "emptied_layers": " ".join(emptied_layers(masks)),
        "collapse_sparsity": collapse,
        "seconds_to_prune": round(seconds, 3),
        "seconds_to_train": round(trained.seconds, 3),
        "best_epoch": trained.best_epoch,
        "validation_error_percent": evaluate(net, trained.params, dataset.validation)[1],
        "test_error_percent": evaluate(net, trained.params, dataset.test)[1],
    }


def _count(masks: Mapping[str, Array]) -> int:
    return sum(int(np.count_nonzero(c)) for c in masks.values())


def _training(trial: Trial) -> dict[str, Any]:
    """What the training before pruning, if there is one, has in common with the training after."""
    return {
        "epochs": trial.epochs,
        "batch_size": trial.batch_size,
        "learning_rate": trial.learning_rate,
        "schedule": trial.schedule,
        "optimizer": SGD(weight_decay=trial.weight_decay),
        "title": None,
    }


def _pruned(
    trial: Trial,
    net: Sequential,
    params: dict[str, Array],
    dataset: data.Dataset,
    rng: np.random.Generator,
    control_rng: np.random.Generator,
    order_rng: np.random.Generator,
) -> tuple[dict[str, Array], dict[str, Array], float | None]:
    """Masks, the parameters to train under them, and where the scores would empty a layer, if scores decide alone."""
    if trial.method in TICKETS:
        ticket = TICKETS[trial.method](net, params, dataset, trial.sparsity, rng=order_rng, **_ticket_training(trial))
        return ticket.masks, ticket.params, None
    x, y = scoring_batch(dataset.train.images, dataset.train.labels, trial.scoring_images, rng)
    x, y = _spoiled_batch(trial.control, x, y, len(dataset.class_names), control_rng)
    name = "least-sensitive" if trial.control == "inverted" else trial.method
    if name in IN_ROUNDS:
        masks, collapse = METHODS[name](net, params, x, y, trial.sparsity, rng=rng), None
    else:
        scores = CRITERIA[name](net, params, x, y, rng=rng)
        masks = one_shot(lambda *_, **__: scores, net, params, x, y, trial.sparsity, rng=rng)
        collapse = collapse_sparsity(scores)
    return _spoiled_masks(trial.control, masks, params, control_rng), params, collapse


def _ticket_training(trial: Trial) -> dict[str, Any]:
    """Gates and penalties have optimizers and rates of their own."""
    own = {"l1-penalty": ("optimizer",), "from-scratch": ("optimizer", "learning_rate", "schedule")}
    return {key: value for key, value in _training(trial).items() if key not in own.get(trial.method, ())}


def _spoiled_batch(control: str, x: Array, y: Array, classes: int, rng: np.random.Generator) -> tuple[Array, Array]:
    if control == "random-labels":
        return x, random_labels(y, classes, rng)
    return (noise_images(x, rng), y) if control == "noise-images" else (x, y)


def _spoiled_masks(
    control: str, masks: dict[str, Array], params: Mapping[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    if control == "shuffled":
        return shuffle_masks(masks, rng)
    if control == "same-counts":
        return random_masks(params, {name: int(np.count_nonzero(c)) for name, c in masks.items()}, rng)
    return masks

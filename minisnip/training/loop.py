"""The training loop: ordinary training of c ⊙ w, in which the validation error decides which epoch is kept.

Pruned weights are zero before the first step and are no variables of it (`step.py`); so neither momentum nor weight
decay ever moves them. The test split is not read here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset, Split
from minisnip.nn import Sequential
from minisnip.nn.threads import Shards, sharding
from minisnip.pruning import apply_masks, cut, warn_of_collapse
from minisnip.training.checkpoint import Run, fingerprint, load_checkpoint, save_checkpoint
from minisnip.training.evaluate import evaluate_in_shards
from minisnip.training.history import check_finite, record, result_of
from minisnip.training.hoist import hoist
from minisnip.training.optimizers import SGD, Optimizer
from minisnip.training.progress import SHOW, progress_bar, show
from minisnip.training.recipe import Recipe
from minisnip.training.result import DivergenceError, TrainResult
from minisnip.training.step import Kept, kept_connections, live, train_step


def train(
    net: Sequential,
    params: Mapping[str, Array],
    dataset: Dataset,
    masks: Mapping[str, Array] | None = None,
    epochs: int = 30,
    *,
    batch_size: int = 100,
    optimizer: Optimizer = SGD(),  # noqa: B008  (it is frozen)
    learning_rate: float = 0.1,
    schedule: str = "cosine",
    rng: np.random.Generator | int = 0,
    checkpoint: Path | str | None = None,
    resume: bool = False,
    compact: bool = False,
    workers: int | None = None,
    iterations: int | None = None,
    watch: Mapping[str, Split] | None = None,
    title: str | None = "training",
) -> TrainResult:
    """Train the network on `dataset.train` and keep the epoch that does best on `dataset.validation`.

    Parameters
    ----------
    net : Sequential
    params : dict of arrays
        Where to start; they are not changed.
    dataset : Dataset
    masks : dict of arrays of 0 and 1, or None
        Pruned connections are exactly zero at every step. None trains the dense network.
    epochs, batch_size : int
        Images that do not fill a batch are left out, other ones in each epoch.
    optimizer : SGD or Adam
    learning_rate : float
    schedule : "constant", "step" or "cosine"
    rng : numpy.random.Generator or int
        For the order of the images.
    checkpoint : path or None
        Where to save after every epoch.
    resume : bool
        Go on from `checkpoint`, if there is one: the result has the same bytes as if it had never stopped.
    compact : bool
        Train the smaller dense network that the masks leave (`pruning.cut`): the same steps to float tolerance, faster.
        The result has the full shapes again, and the small network as `.compact`.
    workers : int or None
        Threads, if the network is trained in shards (`minisnip.nn.threads`); None for one on each core.
    iterations : int or None
        Steps, where the run shall not end with an epoch; the last epoch is cut short. None for `epochs` whole ones.
    watch : dict of Split or None
        Splits whose loss and error are noted after every epoch, as <name>_loss and <name>_error_percent; they choose
        nothing.
    title : str or None
        Of the progress bar, which shows on a terminal only; None for no bar.

    Returns
    -------
    TrainResult

    Raises
    ------
    DivergenceError
        If the loss is not finite; says where. The checkpoint keeps the last good epoch.
    CheckpointError
        If the checkpoint is damaged, or of a run with other settings.
    ValueError
        If a setting makes no sense, or a mask is not 0 or 1.
    TypeError
        If it is to be compact, and has other layers than those of minisnip.nn.

    Warns
    -----
    LayerCollapseWarning
        Before the first step, if the masks leave a layer no weight; it names the layer.
    """
    recipe = Recipe(epochs, batch_size, optimizer, learning_rate, schedule, iterations)
    recipe.check(len(dataset.train.labels))
    masks, watch = masks or {}, watch or {}
    if {"train", "validation"} & set(watch):
        raise ValueError("watch has a split called train or validation, which are watched anyway: give it another name")
    if not all(np.isin(c, (0, 1)).all() for c in masks.values()):
        raise ValueError("a mask holds other numbers than 0 and 1: keep_top makes masks")
    warn_of_collapse(masks)
    masks = {name: np.asarray(c, params[name].dtype) if name in params else c for name, c in masks.items()}
    rng, file = np.random.default_rng(rng), None if checkpoint is None else Path(checkpoint)
    if not compact:
        return _train(net, params, dataset, watch, masks, recipe, rng, file, resume, workers, title)
    small = cut(net, params, masks)
    try:
        return _train(
            small.net, small.params, dataset, watch, small.masks, recipe, rng, file, resume, workers, title
        ).expanded(small)
    except DivergenceError as error:
        error.result = error.result.expanded(small)
        raise


def _train(
    net: Sequential,
    params: Mapping[str, Array],
    dataset: Dataset,
    watch: Mapping[str, Split],
    masks: Mapping[str, Array],
    recipe: Recipe,
    rng: np.random.Generator,
    checkpoint: Path | None,
    resume: bool,
    workers: int | None,
    title: str | None,
) -> TrainResult:
    start = {name: np.array(w, order="C") for name, w in apply_masks(masks, params).items()}
    settings = {
        **fingerprint(net, dataset, start, masks, rng),
        **{key: str(value) for key, value in vars(recipe).items()},
    }
    kept, splits = kept_connections(masks), {"train": dataset.train, "validation": dataset.validation, **watch}
    net, images = hoist(net, *(split.images for split in splits.values()))
    splits = {name: Split(x, s.labels) for (name, s), x in zip(splits.items(), images, strict=True)}
    state = recipe.optimizer.start(live(start, kept))
    run = Run(start, state, rng, best={name: w.copy() for name, w in start.items()})
    if resume and checkpoint is not None and checkpoint.exists():
        run = load_checkpoint(checkpoint, run, settings)
    steps = len(dataset.train.labels) // recipe.batch_size
    try:
        with (
            progress_bar(title, steps, recipe, run) as bar,
            sharding(net, workers) as shards,
            np.errstate(over="ignore", invalid="ignore"),
        ):
            while len(run.history) * steps < recipe.total(steps):
                _train_epoch(net, splits, kept, recipe, run, shards, bar)
                if checkpoint is not None:
                    save_checkpoint(checkpoint, run, settings)
    except KeyboardInterrupt:
        return result_of(run, finished=False)
    return result_of(run, finished=True)


def _train_epoch(
    net: Sequential,
    splits: Mapping[str, Split],
    kept: Kept,
    recipe: Recipe,
    run: Run,
    shards: Shards,
    bar: Any,
) -> None:
    """Every batch of a new random order, then the other splits."""
    started = time.perf_counter()
    images, labels = splits["train"].images, splits["train"].labels
    steps, epoch = len(labels) // recipe.batch_size, len(run.history) + 1
    order = run.rng.permutation(len(labels))[: steps * recipe.batch_size].reshape(steps, -1)
    order = order[: recipe.total(steps) - (epoch - 1) * steps]
    losses: list[float] = []
    wrong, rate = 0, 0.0
    for i, rows in enumerate(order, start=(epoch - 1) * steps):
        rate, batch = recipe.rate(i, steps), (images[rows], labels[rows])
        loss, wrong_here = train_step(net, run.params, kept, batch, recipe.optimizer, run.state, rate, shards)
        check_finite("training", loss, i, rate, losses, run)
        losses.append(loss)
        wrong += wrong_here
        bar.update()
        if i % SHOW == 0:
            show(bar, losses, wrong, recipe.batch_size, run)
    others = [name for name in splits if name != "train"]
    evaluated = {name: evaluate_in_shards(shards, net, run.params, splits[name]) for name in others}
    check_finite("validation", evaluated["validation"][0], epoch * steps - 1, rate, losses, run)
    run.seconds += time.perf_counter() - started
    record(run, rate, losses, 100 * wrong / order.size, evaluated)

"""The training loop: stochastic gradient descent on c ⊙ w; the validation error decides which epoch is kept.

The variables of a pruned network are its kept connections. Matrix products give the gradient of all weights; from there
on only the kept entries are used, as flat vectors. A pruned weight is zero before the first step and is no variable of
any step, so neither momentum nor weight decay ever moves it. The test split is never read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from tqdm import tqdm

from minisnip.autodiff.engine import Array, Arrays, Tensor, grad
from minisnip.data.dataset import Dataset, Split
from minisnip.mistakes import Registry, check_evaluation, check_settings, check_training, generator
from minisnip.nn import Flatten, Select, Sequential, cross_entropy
from minisnip.nn.init import Rng
from minisnip.nn.normalization import fixed_subset, running_statistics
from minisnip.nn.threads import Shards, sharding
from minisnip.pruning.masks import apply_masks, warn_of_collapse
from minisnip.training.augment import Augmentation
from minisnip.training.checkpoint import TrainState, fingerprint, load_checkpoint, save_checkpoint
from minisnip.training.optimizers import SGD, Averaged, Optimizer, averages

if TYPE_CHECKING:
    from minisnip.pruning import Compact

Kept: TypeAlias = dict[str, Array]  # for each masked parameter, the flat indices of its kept connections

POSTFIX_STEPS = 50  # steps between two updates of the numbers beside the progress bar
BAR = "{desc}: {percentage:3.0f}%|{bar}| {remaining} left{postfix}"  # fits 80 columns


def constant(step: int, total: int) -> float:
    """1, at every step."""
    return 1.0


def step(step: int, total: int) -> float:
    """A tenth after each quarter of the steps.

    The paper's "every 25k iterations", for a run of 100k; the quarters are our choice for other lengths.
    """
    return 0.1 ** (4 * step // total)


def cosine(step: int, total: int) -> float:
    """(1 + cos(π step / total)) / 2, from 1 to almost 0.

    Loshchilov and Hutter 2017 (arXiv 1608.03983), without restarts.
    """
    return 0.5 * (1 + math.cos(math.pi * step / total))


def warmup(i: int, total: int) -> float:
    """As `step`, after a rise from 0 in the first 5 % of the steps.

    Goyal et al. 2017 (arXiv 1706.02677): for a network that diverges at its learning rate.
    """
    return min(1.0, 20 * (i + 1) / total) * step(i, total)


def warmup_cosine(i: int, total: int) -> float:
    """As `cosine`, after the same rise as in `warmup`."""
    return min(1.0, 20 * (i + 1) / total) * cosine(i, total)


# A factor on the learning rate, from the step (counted from 0) and the number of steps
SCHEDULES = Registry("schedule", {f.__name__: f for f in (constant, step, cosine, warmup, warmup_cosine)})


@dataclass(frozen=True)
class Recipe:
    """The settings of `train` that decide its result; a resumed run must have the same ones."""

    epochs: int
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    schedule: str
    iterations: int | None = None

    def total(self, steps: int) -> int:
        """The number of steps in the whole run, given the steps per epoch."""
        return self.epochs * steps if self.iterations is None else self.iterations

    def rate(self, iteration: int, steps: int) -> float:
        """The learning rate at an iteration, counted from 0, given the steps per epoch."""
        return self.learning_rate * SCHEDULES[self.schedule](iteration, self.total(steps))

    def check(self, images: int) -> None:
        """Raise a ValueError (or TypeError) if a setting makes no sense, given the number of training images."""
        check_settings(self.optimizer, epochs=self.epochs, batch_size=self.batch_size, iterations=self.iterations or 1)
        SCHEDULES[self.schedule](0, 1)  # refuses an unknown name
        if self.epochs < 1 or not 1 <= self.batch_size <= images or not self.learning_rate > 0:
            raise ValueError(
                f"epochs {self.epochs}, batch_size {self.batch_size}, learning_rate {self.learning_rate}: expected at "
                f"least 1 epoch, a batch of 1 to {images} (the training images) and a learning rate above 0"
            )
        if self.iterations is not None and self.iterations < 1:
            raise ValueError(f"iterations {self.iterations} must be at least 1, or None for whole epochs")


@dataclass(frozen=True)
class TrainResult:
    """What training returns.

    Attributes
    ----------
    params : dict of arrays
        The parameters of the epoch with the lowest validation error, the first one if several are equal; with the
        running statistics of each BatchNorm, if there is one. If no epoch was finished, the initial ones.
    history : list of dict
        One row per finished epoch: epoch, iterations, learning_rate, train_loss, train_error_percent, validation_loss,
        validation_error_percent; losses in nats.
    best_epoch : int
        The epoch of `params`, counted from 1; 0 if no epoch was finished.
    seconds : float
        The time of all finished epochs, before and after a resumption.
    finished : bool
        False in the result that a DivergenceError or a TrainingInterrupted carries.
    compact : Compact or None
        The small network that was trained, if `compact` was True.
    """

    params: dict[str, Array]
    history: list[dict[str, float]]
    best_epoch: int
    seconds: float
    finished: bool
    compact: Compact | None = None

    def __repr__(self) -> str:
        errors = [row["validation_error_percent"] for row in self.history]
        best = f"epoch {self.best_epoch} of {len(errors)}, validation error {min(errors, default=math.nan):.2f} %"
        return f"TrainResult({best}, {self.seconds:.1f} s; .params, .history)"


class _Unfinished(BaseException):
    """What ends a training early; `result` is the partial result. It can be pickled: a worker process may raise it."""

    def __init__(self, message: str, result: TrainResult) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.result)


class DivergenceError(_Unfinished, ArithmeticError):
    """The loss became infinite or NaN; `result` has the best epoch before that."""


class TrainingInterrupted(_Unfinished, KeyboardInterrupt):
    """Ctrl-C stopped the training; `result` has the best of the finished epochs."""


@dataclass(frozen=True)
class Run:
    """What a training run needs and never changes; what changes is its `TrainState`.

    Attributes
    ----------
    net : Sequential
        The network that is trained, without its precomputed head.
    kept : dict of (k,) integer arrays
    recipe : Recipe
    splits : dict of Split
        "train", "validation", and those that are only watched.
    compact : Compact or None
        Where `net` comes from, if it is the smaller network that the masks leave.
    augment : Augmentation or None
        What changes the images of each batch.
    """

    net: Sequential
    kept: Kept
    recipe: Recipe
    splits: Mapping[str, Split]
    compact: Compact | None = None
    augment: Augmentation | None = None

    @property
    def steps(self) -> int:
        """The steps per epoch."""
        return len(self.splits["train"].labels) // self.recipe.batch_size

    @property
    def total(self) -> int:
        """The steps of the whole run."""
        return self.recipe.total(self.steps)

    def result(self, state: TrainState, finished: bool) -> TrainResult:
        """The best epoch so far, in the shapes of the full network."""
        small = None if self.compact is None else replace(self.compact, params=state.best)
        params = state.best if small is None else small.expand(state.best)
        return TrainResult(params, state.history, state.best_epoch, state.seconds, finished, small)


def train(
    net: Sequential,
    params: Arrays,
    dataset: Dataset,
    masks: Arrays | None = None,
    epochs: int = 30,
    *,
    batch_size: int = 100,
    optimizer: Optimizer = SGD(),  # noqa: B008  (it is frozen)
    learning_rate: float = 0.1,
    schedule: str = "cosine",
    augment: str | None = None,
    average: float = 0.0,
    rng: Rng = 0,
    checkpoint: Path | str | None = None,
    resume: bool = False,
    compact: bool = False,
    threads: int | None = None,
    iterations: int | None = None,
    watch: Mapping[str, Split] | None = None,
    title: str | None = "training",
) -> TrainResult:
    """Train the network on `dataset.train` and keep the epoch that does best on `dataset.validation`.

    Parameters
    ----------
    net : Sequential
    params : dict of arrays
        The initial parameters; they are not changed.
    dataset : Dataset
    masks : dict of arrays of 0 and 1, or None
        Pruned connections are exactly zero at every step. None or {} trains the dense network. Every prunable
        parameter has a mask, or every one but the biases, which are then all kept.
    epochs, batch_size : int
        Each epoch leaves out the images that do not fill a batch; the random order decides which.
    optimizer : Optimizer
        `SGD` or `Adam`.
    learning_rate : float
        The initial learning rate.
    schedule : "constant", "step" or "cosine"
    augment : str or None
        Random changes of the training images, another draw at every step: "shift" by up to one pixel in each direction
        ("shift:2" by up to two), "flip" left and right (not for digits), or "shift,flip". Black enters at the border.
    average : float in [0, 1)
        Evaluate and keep an exponential average of the weights with this decay per step, such as 0.999 (`Averaged` has
        the formula); 0 for the weights themselves. The training loss and error are always those of the weights.
    rng : numpy.random.Generator, seed or None
        Gives the order of the images, and their random changes.
    checkpoint : path or None
        The file to save to after every epoch.
    resume : bool
        Continue from `checkpoint` if it exists: the result has the same bytes as that of an uninterrupted run.
    compact : bool
        Train the smaller dense network that the masks leave (`pruning.cut`): the same steps to float tolerance, but
        faster. The result has the full shapes again, and the small network as `.compact`.
    threads : int or None
        The number of threads (`minisnip.nn.threads`); None for one per core. The result does not depend on it.
    iterations : int or None
        The number of steps, for a run that may end within an epoch; the last epoch is cut short. None for `epochs`
        whole epochs.
    watch : dict of Split or None
        More splits to evaluate after every epoch. The history has them as <name>_loss and <name>_error_percent; they
        do not decide which epoch is kept.
    title : str or None
        The title of the progress bar, which shows on a terminal only; None for no bar.

    Returns
    -------
    TrainResult

    Raises
    ------
    DivergenceError
        If the loss is not finite; says where. The checkpoint keeps the last good epoch.
    TrainingInterrupted
        On Ctrl-C. The checkpoint keeps the last finished epoch.
    CheckpointError
        If the checkpoint is damaged, or belongs to a run with other settings.
    ValueError
        If a setting makes no sense, a mask is not 0 or 1, or there are masks but none for some parameter.
    TypeError
        If an argument is of the wrong kind, or `compact` is True and a layer is not one of minisnip.nn.

    Warns
    -----
    LayerCollapseWarning
        Before the first step, if the masks leave a layer no weight; names the layer.

    Examples
    --------
    >>> from minisnip.data import Dataset, Split
    >>> from minisnip.nn import Linear, Sequential
    >>> from minisnip.training import train
    >>> net, images = Sequential((2,), fc=Linear(2, 2)), np.random.default_rng(0).normal(size=(300, 2))
    >>> split = Split(images, images.argmax(axis=1))  # the class is the larger of two numbers
    >>> data = Dataset("larger", ("first", "second"), 0.0, 1.0, split, split, split)
    >>> train(net, net.init(0), data, epochs=3, batch_size=30).history[-1]["validation_error_percent"] < 5
    True
    """
    recipe = Recipe(epochs, batch_size, optimizer, learning_rate, schedule, iterations)
    check_training(net, params, dataset, masks, watch or {})
    recipe.check(len(dataset.train.labels))
    augmentation = None if augment is None else Augmentation.parse(augment).fit(dataset)
    if average:
        recipe = replace(recipe, optimizer=Averaged(optimizer, average))
    params, masks, watch, small = net.without_state(params), masks or {}, watch or {}, None
    warn_of_collapse(masks)
    if compact:
        from minisnip.pruning import cut  # here, so that the rest of the loop can be read without it

        small = cut(net, params, masks)
        net, params, masks = small.net, small.params, small.masks
    kept = kept_connections(masks)
    start = {name: np.array(w, order="C") for name, w in apply_masks(masks, params).items()}
    state = initial_state(start, kept, recipe.optimizer, rng)
    settings = {**fingerprint(net, dataset, state, kept), **{key: str(value) for key, value in vars(recipe).items()}}
    settings |= {} if augmentation is None else {"augment": str(augmentation)}
    file = None if checkpoint is None else Path(checkpoint)
    if resume and file is not None and file.exists():
        state = load_checkpoint(file, settings, state)
    splits = {"train": dataset.train, "validation": dataset.validation, **watch}
    images = [split.images for split in splits.values()]
    body, images = precompute_head(net, *images) if augmentation is None else (net, images)
    splits = {name: Split(x, split.labels) for (name, split), x in zip(splits.items(), images, strict=True)}
    run = Run(body, kept, recipe, splits, small, augmentation)
    done = len(state.history) * run.steps
    try:
        with (
            sharding(body, threads) as shards,
            tqdm(desc=title, total=run.total, initial=done, bar_format=BAR, disable=None if title else True) as bar,
            np.errstate(over="ignore", invalid="ignore"),
        ):
            while len(state.history) * run.steps < run.total:
                train_epoch(run, state, shards, bar)
                if file is not None:
                    save_checkpoint(file, state, settings)
    except KeyboardInterrupt:
        message = f"training was interrupted; finished epochs: {len(state.history)}"
        raise TrainingInterrupted(message, run.result(state, finished=False)) from None
    return run.result(state, finished=True)


def initial_state(params: dict[str, Array], kept: Kept, optimizer: Optimizer, rng: Rng) -> TrainState:
    """The state before the first epoch; steps change `params` in place."""
    best = {name: w.copy() for name, w in params.items()}
    return TrainState(params, optimizer.start(live(params, kept)), generator(rng), best)


def train_epoch(run: Run, state: TrainState, shards: Shards, bar: Any) -> None:
    """Take a step for every batch of a new random order, evaluate the other splits, and note it all in the history."""
    started, done, size = time.perf_counter(), len(state.history) * run.steps, run.recipe.batch_size
    images, labels = run.splits["train"].images, run.splits["train"].labels
    order = state.rng.permutation(len(labels))[: run.steps * size].reshape(run.steps, size)
    losses: list[float] = []
    wrong = 0
    for i, rows in enumerate(order[: run.total - done], start=done):
        rate = run.recipe.rate(i, run.steps)
        x = images[rows] if run.augment is None else run.augment(images[rows], state.rng)
        loss, mistakes = train_step(run, state, (x, labels[rows]), rate, shards)
        losses.append(loss)
        wrong += mistakes
        _check_finite(run, state, "training", loss, losses)
        bar.update()
        if i % POSTFIX_STEPS == 0:
            _show(bar, state, float(np.mean(losses)), 100 * wrong / (len(losses) * size))
    row: dict[str, float] = {"epoch": len(state.history) + 1, "iterations": done + len(losses), "learning_rate": rate}
    row |= {"train_loss": float(np.mean(losses)), "train_error_percent": 100 * wrong / (len(losses) * size)}
    params = evaluated(run, state)
    for name, split in run.splits.items():
        if name != "train":
            loss, error = evaluate_in_shards(run.net, params, split, shards)
            row |= {f"{name}_loss": loss, f"{name}_error_percent": error}
    _check_finite(run, state, "validation", row["validation_loss"], losses)
    state.seconds += time.perf_counter() - started
    _record(state, row, params)


def train_step(
    run: Run, state: TrainState, batch: tuple[Array, Array], rate: float, shards: Shards
) -> tuple[float, int]:
    """Move the kept connections by one step, unless the loss is not finite.

    Returns
    -------
    loss, wrong : float, int
        The mean loss and the number of wrong answers on the batch, before the step.
    """
    loss, wrong, gradients = loss_gradient(run.net, state.params, *batch, shards)
    if np.isfinite(loss):
        variables = live(state.params, run.kept)
        run.recipe.optimizer.step(variables, live(gradients, run.kept), state.optimizer_state, rate)
        for name, index in run.kept.items():
            state.params[name].reshape(-1)[index] = variables[name]
    return loss, wrong


def evaluated(run: Run, state: TrainState) -> dict[str, Array]:
    """The parameters that are evaluated and kept: those of the last step, or their average; and running statistics."""
    params = dict(state.params)
    for name, average in averages(state.optimizer_state).items():
        params[name] = params[name].copy()
        params[name].reshape(-1)[run.kept.get(name, slice(None))] = average.reshape(-1)
    return params | running_statistics(run.net, params, fixed_subset(run.splits["train"].images, run.recipe.batch_size))


def kept_connections(masks: Arrays) -> Kept:
    """The flat indices where each mask is not zero."""
    return {name: np.flatnonzero(c) for name, c in masks.items()}


def live(arrays: Arrays, kept: Kept) -> dict[str, Array]:
    """The entries of the kept connections as flat vectors; an array without a mask stays as it is."""
    return {name: a.reshape(-1).take(kept[name]) if name in kept else a for name, a in arrays.items()}


def loss_gradient(
    net: Sequential, params: Arrays, images: Array, labels: Array, shards: Shards
) -> tuple[float, int, dict[str, Array]]:
    """The mean loss, the number of wrong answers and ∂L/∂w, summed over the shards of a batch."""

    def shard(part: slice) -> tuple[float, int, dict[str, Array]]:
        weights = {name: Tensor(w, copy=False) for name, w in params.items()}
        x = images[part]  # an op would copy a plain array
        logits = net(weights, Tensor(x, copy=False) if x.dtype.kind == "f" else x)
        loss = cross_entropy(logits, labels[part]) * (len(labels[part]) / len(labels))
        wrong = np.count_nonzero(logits.value.argmax(axis=1) != labels[part])
        return float(loss), int(wrong), grad(loss, weights)

    losses, wrongs, gradients = zip(*shards(shard, len(labels)), strict=True)
    total, *others = gradients
    for g in others:
        for name in total:
            total[name] += g[name]
    return sum(losses), sum(wrongs), total


def evaluate(
    net: Sequential, params: Arrays, split: Split, *, batch_size: int = 500, threads: int | None = None
) -> tuple[float, float]:
    """Mean cross-entropy (nats) and error (percent of wrong answers) over all images of a split.

    `threads` is the number of threads, None for one per core; the answer does not depend on it. Batch normalization
    uses the running statistics among the parameters; without them, those of each `batch_size` images.

    Raises
    ------
    ValueError
        If the batch size is below 1, or the split has no images.
    TypeError
        If the split is a whole data set, or the parameters are no dict.

    Examples
    --------
    >>> from minisnip.data import Split
    >>> from minisnip.nn import Linear, Sequential
    >>> from minisnip.training import evaluate
    >>> net, split = Sequential((2,), fc=Linear(2, 2)), Split(np.eye(2), np.array([0, 1]))
    >>> loss, error = evaluate(net, {"fc.weight": np.zeros((2, 2)), "fc.bias": np.zeros(2)}, split)
    >>> round(loss, 4), error  # log 2 nats; every answer is class 0, half of them wrong
    (0.6931, 50.0)
    """
    check_evaluation(params, split)
    if batch_size < 1 or len(split.labels) == 0:
        raise ValueError(f"batch_size {batch_size} and {len(split.labels)} images: at least 1 of each is needed")
    with sharding(net, threads) as shards:
        return evaluate_in_shards(net, params, split, shards, batch_size)


def evaluate_in_shards(
    net: Sequential, params: Arrays, split: Split, shards: Shards, batch_size: int = 500
) -> tuple[float, float]:
    """As `evaluate`, with shards that are open already."""
    images, labels, n = split.images, split.labels, len(split.labels)
    batches = [slice(start, min(start + batch_size, n)) for start in range(0, n, batch_size)]
    logits = shards.forward(lambda part: net(params, images[part]), batches)
    loss = sum(float(cross_entropy(logits[b], labels[b])) * (b.stop - b.start) for b in batches)
    return loss / n, 100 * int(np.count_nonzero(logits.argmax(axis=1) != labels)) / n


def precompute_head(net: Sequential, *images: Array) -> tuple[Sequential, list[Array]]:
    """Flatten and select once for all images what would be flattened and selected again in every step.

    A compact network begins by selecting the pixels that it still reads. Selected in advance, they need not be gathered
    from each batch, and the batch itself is smaller.

    Returns
    -------
    body : Sequential
        The network without its head. It is `net` itself if the head has other layers than Flatten and Select, or if
        `net` is of another class, which may do more than call its layers in turn.
    images : list of arrays
        The images as the body takes them.
    """
    head = net.head
    if type(net) is not Sequential or not head or not all(isinstance(a, Flatten | Select) for a in head.values()):
        return net, list(images)
    first = Sequential(net.input_shape, **head)
    body = {name: layer for name, layer in net.layers.items() if name not in head}
    return Sequential(net.out_shapes[list(head)[-1]], **body), [np.ascontiguousarray(first({}, x)) for x in images]


def _record(state: TrainState, row: dict[str, float], params: Arrays) -> None:
    """Add the row of an epoch, and keep its parameters if no earlier epoch has a validation error as low."""
    lowest = min((earlier["validation_error_percent"] for earlier in state.history), default=math.inf)
    state.history.append(row)
    if row["validation_error_percent"] < lowest:
        state.best, state.best_epoch = {name: w.copy() for name, w in params.items()}, len(state.history)


def _check_finite(run: Run, state: TrainState, which: str, loss: float, losses: list[float]) -> None:
    """Raise a DivergenceError that says where, if a loss is not finite; `losses` are those of the epoch's steps."""
    if math.isfinite(loss):
        return
    step = len(state.history) * run.steps + len(losses)
    rate = run.recipe.rate(step - 1, run.steps)
    earlier = [*(row["train_loss"] for row in state.history), *losses]
    last = next(filter(math.isfinite, reversed(earlier)), math.nan)
    kept = f"epoch {state.best_epoch} is kept" if state.best_epoch else "no epoch was finished"
    raise DivergenceError(
        f"the {which} loss became {loss} at step {step}, at learning rate {rate:.3g}; the last finite loss "
        f"was {last:.4g}, and {kept}: try a lower learning rate (say {rate / 10:.1g}) or less weight decay",
        run.result(state, finished=False),
    )


def _show(bar: Any, state: TrainState, loss: float, error: float) -> None:
    """Show loss and error of this epoch so far, and the validation error of the last one."""
    validation = f", val {state.history[-1]['validation_error_percent']:.2f}%" if state.history else ""
    bar.set_postfix_str(f"loss {loss:.3f}, error {error:.2f}%{validation}", refresh=False)

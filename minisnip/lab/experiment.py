"""One experiment: all that determines a run, and the one function that runs it.

The fields of `Experiment` are the source of the command's options, of the checks, of the names of result files and of
the columns of tables. `run` prunes, trains and evaluates, for every command; `record` keeps what JSON can hold.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minisnip import data, pruning, training
from minisnip.autodiff.engine import Array, Arrays
from minisnip.data import Dataset, Split
from minisnip.mistakes import unknown
from minisnip.nn import MODELS, SCHEMES, Sequential, by_gate
from minisnip.nn.known import UnknownLayerError
from minisnip.pruning import CRITERIA, METHODS, LayerCollapseWarning
from minisnip.training import (
    SCHEDULES,
    SGD,
    Adam,
    Averaged,
    DivergenceError,
    Ticket,
    TrainingInterrupted,
    TrainResult,
    evaluate,
    train,
)
from minisnip.training.augment import Augmentation

NUMERICS = 2  # raised when the arithmetic of a run changes; 1: the shipped results, computed with BLAS's own threads

OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}
SGD_RATES = {"lenet-300-100": 0.1, "lenet-5-caffe": 0.02}  # the paper's 0.1 makes the dense LeNet-5-Caffe diverge
ADAM_RATE = 1e-3
WEIGHT_DECAY = {"sgd": 5e-4, "adam": 0.0}

TICKETS: dict[str, Callable[..., Ticket]] = {  # these train before they prune
    "magnitude-after-training": training.magnitude_after_training,
    "lottery-ticket": training.lottery_ticket,
    "l1-penalty": training.l1_penalty,
    "from-scratch": training.from_scratch,
}
OWN_TRAINING = ("optimizer", "learning_rate", "schedule")  # what from-scratch chooses itself, for its gates
IN_ROUNDS = ("synflow", "iterative-snip", "force")  # their scores change from round to round
CONTROLS = {
    "none": "as it is",
    "shuffled": "the mask shuffled inside each layer",
    "same-counts": "as many connections in each layer, at random places",
    "redrawn": "another draw of the weights trained",
    "inverted": "the least sensitive kept",
    "random-labels": "scored with random labels",
    "noise-images": "scored on images of noise",
}
IF_TEST_CHOSE = "test_error_percent_if_the_test_split_had_chosen"


_USUAL_RATES = ", ".join(f"{rate:g} for {model}" for model, rate in SGD_RATES.items()) + f"; adam: {ADAM_RATE:g}"
_USUAL_DECAY = ", ".join(f"{optimizer}: {decay:g}" for optimizer, decay in WEIGHT_DECAY.items())
_AUGMENT = "random changes of the training images: shift (by up to 1 pixel; shift:2 by up to 2), flip, or shift,flip"
_AVERAGE = "decay of the exponential average of the weights that is evaluated and kept, such as 0.999; 0 for none"


def option(default: Any, help: str, choices: Iterable[str] = (), kind: type | None = None, zero: bool = False) -> Any:
    """A field with what the command and the checks need to know of it.

    Parameters
    ----------
    default : object
        None is a default too; then `kind` says the type of a value.
    help : str
    choices : iterable of str
    kind : type or None
    zero : bool
        Whether a number may be 0; it may never be negative or infinite.
    """
    kind = type(default) if kind is None else kind
    return field(default=default, metadata={"help": help, "choices": tuple(choices), "kind": kind, "zero": zero})


@dataclass(frozen=True)
class Experiment:
    """All that determines a run: equal experiments on the same machine give the same bytes.

    A learning rate or a weight decay of None becomes the usual one for the model and the optimizer, so that a result
    file holds the number. (`dataclasses.replace` keeps that number: give None again when you replace the model.)

    Raises
    ------
    ValueError
        If a value makes no sense; names the field, the value and what is expected.
    """

    model: str = option("lenet-300-100", "network", MODELS)
    dataset: str = option("mnist", "data set", data.NAMES)
    criterion: str = option("snip", "what decides which connections are kept", [*METHODS, *TICKETS])
    control: str = option("none", "the ingredient of SNIP that is replaced", CONTROLS)
    sparsity: float = option(0.95, "share of connections to remove, 0 <= S < 1; 0 is the dense network", zero=True)
    seed: int = option(0, "random seed", zero=True)
    init: str = option("glorot", "initial weights", SCHEMES)
    trained_init: str | None = option(None, "train another draw, made with this scheme", SCHEMES, str)
    scoring_images: int = option(100, "images in the scoring batch")
    scoring_class: int | None = option(None, "score with images of this class only", kind=int, zero=True)
    training_images: int | None = option(None, "train on the first images only, this many", kind=int)
    training_labels: str = option("true", "labels to train on", ("true", "shuffled"))
    epochs: int = option(30, "passes over the training images")
    iterations: int | None = option(None, "training steps, in place of epochs; 0 to prune only", kind=int, zero=True)
    batch_size: int = option(100, "images in a training step")
    optimizer: str = option("sgd", "optimizer", OPTIMIZERS)
    learning_rate: float = option(None, f"initial learning rate (default: {_USUAL_RATES})", kind=float)
    weight_decay: float = option(None, f"factor of the L2 penalty (default: {_USUAL_DECAY})", kind=float, zero=True)
    schedule: str = option("cosine", "learning-rate schedule", SCHEDULES)
    augment: str | None = option(None, _AUGMENT, kind=str)
    average: float = option(0.0, _AVERAGE, zero=True)
    compact: bool = option(
        False, "train the smaller dense network that the mask leaves; params.npz has the full shapes again"
    )
    test_split: str = option("once", "when the test split is read", ("once", "every-epoch", "never"))

    def __post_init__(self) -> None:
        usual = SGD_RATES.get(self.model, 0.1) if self.optimizer == "sgd" else ADAM_RATE
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", usual)
        if self.weight_decay is None:
            object.__setattr__(self, "weight_decay", WEIGHT_DECAY.get(self.optimizer))
        for f in fields(self):
            object.__setattr__(self, f.name, _checked(f, getattr(self, f.name)))
        pruning.count_kept(1, self.sparsity)
        Averaged(SGD(), self.average)  # refuses what is no decay
        if self.augment is not None:
            object.__setattr__(self, "augment", str(Augmentation.parse(self.augment)))
        if self.control != "none" and self.criterion != "snip":
            raise ValueError(
                f"control {self.control} with criterion {self.criterion}: controls are of snip; choose one of the two"
            )

    @property
    def percent(self) -> str:
        """The sparsity as text."""
        return f"{100 * self.sparsity:g} %"


KINDS: dict[type, tuple[Any, str]] = {  # what each type of field takes, in words too
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    bool: (bool, "True or False"),
    str: (str, "text"),
}


def _checked(f: Field[Any], value: Any) -> Any:
    """The value in the type of its field, so that equal experiments have equal names; a ValueError if it is wrong."""
    choices, kind = f.metadata["choices"], f.metadata["kind"]
    if value is None and f.default is None:
        return None
    accepted, words = KINDS[kind]
    if not isinstance(value, accepted) or isinstance(value, bool) != (kind is bool):
        raise ValueError(f"{f.name} {value!r} must be {words}")
    if choices and value not in choices:
        raise ValueError(unknown(f.name, value, choices))
    if kind in (int, float) and not (0 < value < math.inf or (f.metadata["zero"] and value == 0)):
        expected = "finite and not negative" if f.metadata["zero"] else "above 0 and finite"
        raise ValueError(f"{f.name} {value} must be {expected}")
    return kind(value)


def check_sizes(experiment: Experiment, dataset: Dataset) -> None:
    """Refuse, with a ValueError, images that the model does not take, too many at a time, or shifted out of sight."""
    net, shape = MODELS[experiment.model](), dataset.train.images.shape[1:]
    if net.input_shape != shape:
        raise ValueError(
            f"model {experiment.model} takes images of shape {net.input_shape}, those of {dataset.label} have {shape}: "
            "choose another model or data set"
        )
    images = len(dataset.train.labels)
    there = {"scoring_images": images, "batch_size": min(images, experiment.training_images or images)}
    for name, most in there.items():
        if (size := getattr(experiment, name)) > most:
            raise ValueError(f"{name} {size}, but there are {most:,} training images: take fewer")
    if experiment.augment is not None:
        Augmentation.parse(experiment.augment).fit(dataset)
    if net.mixes_images and 1 in (experiment.scoring_images, experiment.batch_size):
        raise ValueError(f"{experiment.model} has batch normalization: scoring_images and batch_size must be 2 or more")


@cache
def load(name: str) -> Dataset:
    """The data set, loaded once in each process."""
    return data.load(name)


class Streams(NamedTuple):
    """The random streams of a run; what one ingredient draws does not change what another does."""

    init: np.random.Generator
    scoring: np.random.Generator
    fresh: np.random.Generator
    order: np.random.Generator
    control: np.random.Generator


@dataclass(frozen=True)
class Run:
    """What a run gives.

    Attributes
    ----------
    net : Sequential
    masks : dict of arrays
        All ones for the dense network.
    collapse_sparsity : float or None
        Where the scores would empty a layer; None if there is not one set of scores that decides alone.
    trained : TrainResult
        Without training (`iterations=0`), the initial parameters and no history.
    test_error : float or None
        In percent, of the epoch that validation chose; None if the test split was not read or no epoch was finished.
    divergence : DivergenceError or None
    seconds_to_prune : float
    """

    experiment: Experiment
    dataset: Dataset
    net: Sequential
    masks: dict[str, Array]
    collapse_sparsity: float | None
    trained: TrainResult
    test_error: float | None
    divergence: DivergenceError | None
    seconds_to_prune: float

    @property
    def validation_error(self) -> float | None:
        """In percent, of the epoch that it chose; None if no epoch was finished."""
        best = self.trained.best_epoch
        return self.trained.history[best - 1]["validation_error_percent"] if best else None

    def __repr__(self) -> str:
        pruned = f"{self.experiment.criterion} at {self.experiment.percent}, {self.kept:,} connections"
        return f"Run({pruned}, test error {self.test_error} %, {self.trained})"

    @property
    def kept(self) -> int:
        """The number of connections."""
        return _count(self.masks)


def run(
    experiment: Experiment,
    dataset: Dataset | None = None,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    title: str | None = None,
) -> Run:
    """Prune, train and evaluate.

    Parameters
    ----------
    experiment : Experiment
    dataset : Dataset or None
        None loads the one that the experiment names.
    checkpoint, resume, title
        As in `train`.

    Raises
    ------
    TrainingInterrupted
        If Ctrl-C stopped the training; a plain KeyboardInterrupt if that was a training before the pruning.
    ValueError
        If there are fewer training images than the experiment takes at a time.

    Warns
    -----
    LayerCollapseWarning
        Once, before the training, if the masks leave a layer no weight; names the layer.
    """
    dataset = load(experiment.dataset) if dataset is None else dataset
    check_sizes(experiment, dataset)
    net, rngs = MODELS[experiment.model](), Streams(*np.random.default_rng(experiment.seed).spawn(5))
    learned = replace(dataset, train=_training_split(experiment, dataset.train, rngs.control))
    options, started = _training_options(experiment, title), time.perf_counter()
    with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):
        try:
            ticket, collapse = _prune(experiment, net, (dataset, learned), options, rngs)
        except TrainingInterrupted as stopped:
            raise KeyboardInterrupt(
                "interrupted in the training before the pruning; nothing is kept of it"
            ) from stopped
    seconds = time.perf_counter() - started
    masks, params = ticket.masks, ticket.params
    pruning.warn_of_collapse(masks)
    if experiment.trained_init or experiment.control == "redrawn":
        params = net.init(rngs.fresh, experiment.trained_init or experiment.init)
    if experiment.sparsity:
        options |= {"masks": masks, "compact": experiment.compact}
    watch = {"test": dataset.test} if experiment.test_split == "every-epoch" else {}
    trained, divergence = TrainResult(params, [], best_epoch=0, seconds=0.0, finished=True), None
    try:
        if experiment.iterations != 0:
            options |= {"checkpoint": checkpoint, "resume": resume, "watch": watch}
            with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):
                trained = train(net, params, learned, rng=rngs.order, **options)
    except DivergenceError as error:
        trained, divergence = error.result, error
    test_error = _test_error(experiment, net, trained, dataset)
    return Run(experiment, dataset, net, masks, collapse, trained, test_error, divergence, seconds)


def _training_split(experiment: Experiment, split: Split, rng: np.random.Generator) -> Split:
    images, labels = split.images[: experiment.training_images], split.labels[: experiment.training_images]
    return Split(images, rng.permutation(labels) if experiment.training_labels == "shuffled" else labels)


def _training_options(experiment: Experiment, title: str | None) -> dict[str, Any]:
    """What the training before pruning, if there is one, has in common with the training after."""
    names = ("epochs", "iterations", "batch_size", "learning_rate", "schedule", "augment", "average")
    optimizer = OPTIMIZERS[experiment.optimizer](weight_decay=experiment.weight_decay)
    return {**{name: getattr(experiment, name) for name in names}, "optimizer": optimizer, "title": title}


def _prune(
    experiment: Experiment, net: Sequential, datasets: tuple[Dataset, Dataset], options: dict[str, Any], rngs: Streams
) -> tuple[Ticket, float | None]:
    """The masks with the parameters to train under them, and the sparsity at which the scores would empty a layer.

    The first data set is scored; a ticket trains on the second, whose images and labels the experiment chooses.
    """
    params = net.init(rngs.init, experiment.init)
    if not experiment.sparsity:
        return Ticket(pruning.ones({name: params[name] for name in net.prunable}), params), None
    if experiment.criterion in TICKETS:
        options = _before_pruning(experiment, options)
        train_and_prune = TICKETS[experiment.criterion]
        return train_and_prune(net, params, datasets[1], experiment.sparsity, rng=rngs.order, **options), None
    x, y = _scoring_batch(experiment, datasets[0], rngs)
    name = "least-sensitive" if experiment.control == "inverted" else experiment.criterion
    if name in IN_ROUNDS:
        return Ticket(METHODS[name](net, params, x, y, experiment.sparsity, rng=rngs.scoring), params), None
    scores = CRITERIA[name](net, params, x, y, rng=rngs.scoring)
    masks = pruning.one_shot(lambda *_, **__: scores, net, params, x, y, experiment.sparsity, rng=rngs.scoring)
    masks = _controlled(experiment.control, masks, params, rngs.control)
    return Ticket(masks, params), pruning.collapse_sparsity(scores)


def _before_pruning(experiment: Experiment, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a training that comes before the pruning."""
    if experiment.criterion == "l1-penalty":  # without weight decay, so that there is only one penalty
        return {**options, "optimizer": OPTIMIZERS[experiment.optimizer](weight_decay=0.0)}
    own = OWN_TRAINING if experiment.criterion == "from-scratch" else ()
    return {name: value for name, value in options.items() if name not in own}


def _controlled(control: str, masks: dict[str, Array], params: Arrays, rng: np.random.Generator) -> dict[str, Array]:
    """The masks, or what a control makes of them."""
    if control == "shuffled":
        return pruning.shuffle_masks(masks, rng)
    if control == "same-counts":
        return pruning.random_masks(params, {name: int(np.count_nonzero(c)) for name, c in masks.items()}, rng)
    return masks


def _scoring_batch(experiment: Experiment, dataset: Dataset, rngs: Streams) -> tuple[Array, Array]:
    """Images and labels, from all training images whatever is trained on; or what a control makes of them."""
    images, labels = dataset.train.images, dataset.train.labels
    if experiment.scoring_class is not None:
        rows = labels == experiment.scoring_class
        images, labels = images[rows], labels[rows]
    x, y = pruning.scoring_batch(images, labels, experiment.scoring_images, rngs.scoring)
    if experiment.control == "random-labels":
        return x, pruning.random_labels(y, len(dataset.class_names), rngs.control)
    return (pruning.noise_images(x, rngs.control), y) if experiment.control == "noise-images" else (x, y)


def _test_error(experiment: Experiment, net: Sequential, trained: TrainResult, dataset: Dataset) -> float | None:
    """The test error of the epoch that validation chose."""
    if experiment.test_split == "never" or not trained.best_epoch:
        return None
    if experiment.test_split == "every-epoch":
        return trained.history[trained.best_epoch - 1]["test_error_percent"]
    return evaluate(net, trained.params, dataset.test)[1]


def record(experiment: Experiment, checkpoint: Path | None = None) -> dict[str, Any]:
    """Run it, and keep what JSON can hold: the content of a result file.

    Parameters
    ----------
    experiment : Experiment
    checkpoint : Path or None
        The file to save the training to after every epoch, and to resume it from if it exists.

    Returns
    -------
    dict
        Counts of connections, those of each parameter and of each gate too, the layers that are empty, errors in
        percent of the epoch that validation chose (None without training), seconds (`seconds` is the processor's, of
        everything; estimated for a resumed run), how often the first layer reads each pixel, and the history. A loss
        that becomes infinite ends the run; "diverged" says so.
    """
    started, clock = time.process_time(), time.perf_counter()
    with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):  # the result tells of it
        done = run(experiment, checkpoint=checkpoint, resume=checkpoint is not None)
    history = done.trained.history
    whole = max(1.0, done.trained.seconds / (time.perf_counter() - clock))  # of a resumed run, more than this part
    return {
        "kept": done.kept,
        "effective": _effective(done),
        "emptied_layers": " ".join(pruning.emptied_layers(done.masks)),
        "collapse_sparsity": done.collapse_sparsity,
        "best_epoch": done.trained.best_epoch,
        "validation_error_percent": done.validation_error,
        "test_error_percent": done.test_error,
        IF_TEST_CHOSE: min((row["test_error_percent"] for row in history if "test_error_percent" in row), default=None),
        "diverged": str(done.divergence or ""),
        "seconds_to_prune": round(done.seconds_to_prune, 3),
        "seconds_to_train": round(done.trained.seconds, 3),
        "seconds": round(whole * (time.process_time() - started), 3),
        "kept_per_layer": pruning.kept_per_layer(done.masks),
        "kept_by_gate": {n: pruning.kept_per_layer(parts) for n, parts in by_gate(done.net, done.masks).items()},
        "first_layer": pruning.input_connections(done.net, done.masks).sum(axis=0).tolist(),
        "history": history,
    }


def _effective(done: Run) -> int | None:
    """The number of connections on a path; None if paths are not known, as through a recurrent layer."""
    try:
        return _count(pruning.effective_masks(done.net, done.masks))
    except UnknownLayerError:
        return None


def _count(masks: Mapping[str, Array]) -> int:
    return sum(int(np.count_nonzero(c)) for c in masks.values())

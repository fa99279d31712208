"""What is run and what it is compared with: budgets, the ways to prune and train, and the paper's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from minisnip.lab.experiment import Experiment
from minisnip.lab.report import Case, Row, plural, select
from minisnip.nn.models import TITLES

MLP, CONVNET, RELU = "lenet-300-100", "lenet-5-caffe", "lenet-5-caffe-relu"
RECURRENT = ("lstm-s", "lstm-b", "gru-s", "gru-b")
CIFAR = ("alexnet-s", "alexnet-b", "vgg-c", "vgg-d", "vgg-like", "wrn-16-8", "wrn-16-10", "wrn-22-8")
RESIDUAL = "wrn-10-1"  # ours
ON_MNIST = (*RECURRENT, RESIDUAL)
# The first seed of the runs that choose a learning rate, and of those that choose the rest. No table reports an error
# of these runs on the test split. With 1000 and 1001, LeNet-5-Caffe at 98 % diverges at the paper's rate of 0.1.
RATES_SEED, SEARCH_SEED = 1000, 1002


# Budgets


@dataclass(frozen=True)
class Budget:
    """Seeds and iterations for each network; with 0 iterations, a network is scored and not trained.

    Attributes
    ----------
    name : str
    seeds, iterations : dict of int by network
    training_images : int or None
        The number of training images for all that is trained on true labels; None for all 54,000.
    memorized : int or None
        The same for figure 4.
    fewer : dict of int by result
        Seeds for results that need no more.
    shorter : dict of (dict of int by network) by result
        The part of the iterations, such as 2 for a half, in results that compare settings with each other.
    """

    name: str
    seeds: Mapping[str, int]
    iterations: Mapping[str, int]
    training_images: int | None = None
    memorized: int | None = None
    fewer: Mapping[str, int] = field(default_factory=dict)
    shorter: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def of(self, result: str) -> Budget:
        """The budget for one result."""
        parts = self.shorter.get(result, {})
        iterations = {model: n // parts.get(model, 1) for model, n in self.iterations.items()}
        budget = self.with_seeds(self.fewer[result]) if result in self.fewer else self
        return replace(budget, iterations=iterations, shorter={})

    def with_seeds(self, seeds: int) -> Budget:
        """The same budget with this number of seeds for every network and for each result."""
        if seeds < 1:
            raise ValueError(f"seeds {seeds}: at least 1 is needed")
        return replace(self, seeds=dict.fromkeys(self.seeds, seeds), fewer={})


def _by_network(
    mlp: int, convnet: int, *, recurrent: int, residual: int, cifar: int, relu: int | None = None
) -> dict[str, int]:
    table2 = dict.fromkeys(RECURRENT, recurrent) | {RESIDUAL: residual} | dict.fromkeys(CIFAR, cifar)
    return {MLP: mlp, CONVNET: convnet, RELU: convnet if relu is None else relu, **table2}


CHOOSING = {"ingredients": 3, "lengths": 3, "rates": 3}
PARTS = {MLP: 2, CONVNET: 6}  # of the iterations, in results that compare settings
BUDGETS = {
    budget.name: budget
    for budget in (
        Budget(
            "smoke",
            _by_network(1, 1, recurrent=1, residual=1, cifar=1),
            _by_network(100, 40, recurrent=4, residual=4, cifar=0),
            training_images=4_000,
            memorized=500,
        ),
        Budget(
            "short",
            _by_network(5, 3, recurrent=3, residual=3, cifar=1),
            _by_network(16_200, 5_400, recurrent=5_400, residual=1_350, cifar=0),
            memorized=10_000,
            fewer={"ingredients": 1, "lengths": 2, "rates": 2, "table3": 2, "figure4": 1, "yardstick": 2},
        ),
        Budget(
            "long",
            _by_network(10, 5, recurrent=3, residual=3, cifar=1, relu=3),
            _by_network(64_800, 28_800, recurrent=5_400, residual=1_350, cifar=0),
            memorized=10_000,
            fewer={**CHOOSING, "figure1": 3, "figure3": 5, "figure4": 3, "table3": 5, "yardstick": 5},
            shorter=dict.fromkeys(("ingredients", "rates", "figure3", "figure4", "table3"), PARTS),
        ),
        Budget(
            "paper",
            _by_network(20, 20, recurrent=3, residual=3, cifar=3),
            _by_network(100_000, 100_000, recurrent=100_000, residual=100_000, cifar=120_000),
            fewer=CHOOSING,
        ),
    )
}


# Recipes: options of an experiment

Setting: TypeAlias = tuple[str, str, dict[str, Any]]  # the name of a case, its network, its options
# What a recipe changes of Algorithm 1: options of an experiment, or `longer`, a factor on the budget's iterations
Changes: TypeAlias = dict[str, Any]

PROTOCOL: dict[str, Any] = {"schedule": "step", "compact": True, "test_split": "every-epoch"}
RATE = 0.1
LOWER_RATE, TRAINS_AT_RATE = 0.02, 0.98  # LeNet-5-Caffe diverges at 0.1; pruned that much, it trains with most draws
FRESH_DRAW: Changes = {"init": "lecun", "trained_init": "lecun"}  # one draw is scored, another is trained

RESIDUAL_TRAINING: Changes = {"schedule": "step"}
# Chosen on the validation split, LSTM-s at 95 %, seed 1000, 1,620 steps: 3.4 %; Glorot's draw 4.6 %,
# He's 7.8 %, SGD at 0.1 5.8 %. With Adam at 1e-3, 2,160 steps made 10.8 %.
RECURRENT_TRAINING: Changes = {"optimizer": "adam", "learning_rate": 5e-3, "schedule": "cosine", "init": "normal"}
RECURRENT_RECIPE = "Adam, learning rate 5e-3 on a cosine, initial weights normal with std 0.1"

INGREDIENTS: dict[str, Changes] = {
    "twice the iterations": {"longer": 2},
    "warm-up": {"schedule": "warmup"},
    "cosine schedule": {"schedule": "cosine"},
    "cosine after a warm-up": {"schedule": "warmup_cosine"},
    "half the learning rate": {"learning_rate": RATE / 2},
    "a tenth of the weight decay": {"weight_decay": 5e-5},
    "average of the weights": {"average": 0.999},
    "shifts by 1 pixel": {"augment": "shift"},
    "shifts by 2 pixels": {"augment": "shift:2"},
    "FORCE": {"criterion": "force", "scoring_images": 1_000},
    "scored in rounds": {"criterion": "iterative-snip", "scoring_images": 1_000},
    "scored on 10,000 images": {"scoring_images": 10_000},
    "LeCun's initialization": {"init": "lecun"},
}
# "ours, best": chosen on the validation split, with the seeds from SEARCH_SEED on. The table has the seeds from 0 on.
BEST: dict[str, tuple[str, ...]] = {
    MLP: (
        "twice the iterations",
        "cosine schedule",
        "half the learning rate",
        "average of the weights",
        "shifts by 1 pixel",
        "FORCE",
    ),
    CONVNET: (
        "cosine after a warm-up",
        "half the learning rate",
        "average of the weights",
        "shifts by 1 pixel",
        "FORCE",
    ),
}


def diverges(model: str, sparsity: float) -> bool:
    """Whether the network needs the lower learning rate."""
    return model == CONVNET and sparsity < TRAINS_AT_RATE


def algorithm_1(model: str, sparsity: float, budget: Budget, changes: Changes | None = None) -> Changes:
    """The options of Algorithm 1 as printed, but for the changes; the budget says the length.

    The learning rate is the lower one where 0.1 diverges. A budget with few training images scores in rounds with few.
    """
    rate = LOWER_RATE if diverges(model, sparsity) else RATE
    options = {"sparsity": sparsity, "learning_rate": rate, "longer": 1, **PROTOCOL, **(changes or {})}
    if budget.training_images and "criterion" in options:
        options["scoring_images"] = 100
    options["iterations"] = int(options.pop("longer") * budget.iterations[model])
    return options


def best_changes(model: str) -> Changes:
    """What "ours, best" changes of Algorithm 1."""
    return {key: value for name in BEST[model] for key, value in INGREDIENTS[name].items()}


def best(model: str, sparsity: float, budget: Budget) -> Changes:
    """The options of "ours, best"; the test split is read once. The lower learning rate stays."""
    changes = best_changes(model) | {"test_split": "once"}
    if diverges(model, sparsity):
        changes.pop("learning_rate", None)
    return algorithm_1(model, sparsity, budget, changes)


PAPER, AUTHORS, TOGETHER = "Algorithm 1", "authors' code", "best"  # cases
COLUMNS: dict[str, Callable[[str, float, Budget], Changes]] = {  # of table 1
    PAPER: algorithm_1,
    AUTHORS: partial(algorithm_1, changes=FRESH_DRAW),
    TOGETHER: best,
}


def over_seeds(budget: Budget, dataset: str, settings: Iterable[Setting], first: int = 0) -> list[Case]:
    """The runs of all settings, for as many seeds as the budget has; `first` is the lowest."""
    cases: list[Case] = []
    for case, model, options in settings:
        shared = {"model": model, "dataset": dataset, "training_images": budget.training_images}
        seeds = range(first, first + budget.seeds[model])
        cases += [(case, Experiment(seed=seed, **{**shared, **options})) for seed in seeds]
    return cases


def protocol(*models: str) -> str:
    """How the paper's recipes train these networks, in a sentence."""
    lower = f" ({LOWER_RATE} for LeNet-5-Caffe dense or below {100 * TRAINS_AT_RATE:g} %, which diverges at {RATE})"
    note = lower if CONVNET in models else ""
    return (
        f"SGD with momentum 0.9 and weight decay 5e-4 on batches of 100, learning rate {RATE}{note}, times 0.1 at each "
        "quarter of the run."
    )


def rates(rows: Sequence[Row]) -> str:
    """The learning rates of these runs, for a title."""
    return f"learning rate {' or '.join(f'{rate:g}' for rate in sorted({row['learning_rate'] for row in rows}))}"


def where(rows: Sequence[Row]) -> str:
    """Data set, iterations and seeds, for the title of a figure or the caption of a table."""
    seeds, steps = len({row["seed"] for row in rows}), sorted({row["iterations"] for row in rows})
    return f"{rows[0]['label']}, {' or '.join(f'{n:,}' for n in steps)} iterations, {plural(seeds, 'seed')}"


def length(row: Row) -> str:
    """How long a run trains, in words."""
    return f"{row['epochs']} epochs" if row.get("iterations") is None else f"{row['iterations']:,} iterations"


def where_by_network(rows: Sequence[Row]) -> str:
    """As `where`, for each network that has rows."""
    groups = {model: select(rows, model=model) for model in (MLP, CONVNET)}
    return "; ".join(f"{TITLES[model]} on {where(group)}" for model, group in groups.items() if group)


# The paper's numbers (arXiv 1810.02340): sparsity and test error in percent

DENSE = {MLP: 1.7, CONVNET: 0.9}  # table 1
SNIP = {MLP: {95.0: 1.6, 98.0: 2.4}, CONVNET: {98.0: 0.8, 99.0: 1.1}}
OTHERS = {
    "LWC (magnitude, iterative)": {MLP: (91.7, 1.6), CONVNET: (91.7, 0.8)},
    "DNS (magnitude, iterative)": {MLP: (98.2, 2.0), CONVNET: (99.1, 0.9)},
    "LC": {MLP: (99.0, 3.2), CONVNET: (99.0, 1.1)},
    "SWS (Bayesian)": {MLP: (95.6, 1.9), CONVNET: (99.5, 1.0)},
    "SVD (Bayesian)": {MLP: (98.5, 1.9), CONVNET: (99.6, 0.8)},
    "OBD (Hessian)": {MLP: (92.0, 2.0), CONVNET: (92.0, 2.7)},
    "L-OBS (Hessian)": {MLP: (98.5, 2.0), CONVNET: (99.0, 2.1)},
}
INITIALIZATIONS = {  # table 3, at 90 %: mean ± std
    "normal": {MLP: "1.90 ± 0.09", CONVNET: "0.89 ± 0.04"},
    "truncated_normal": {MLP: "1.96 ± 0.11", CONVNET: "0.87 ± 0.05"},
    "glorot": {MLP: "1.91 ± 0.10", CONVNET: "0.88 ± 0.07"},
    "he": {MLP: "1.88 ± 0.10", CONVNET: "0.85 ± 0.05"},
}


class Printed(NamedTuple):
    """A row of table 2: sparsity, parameters and kept ones in thousands or millions, test error dense and pruned."""

    sparsity: float
    m: str
    kept: str
    errors: tuple[str, str]


TABLE_2 = {
    "alexnet-s": Printed(0.9, "5.1m", "507k", ("14.12", "14.99")),
    "alexnet-b": Printed(0.9, "8.5m", "849k", ("13.92", "14.50")),
    "vgg-c": Printed(0.95, "10.5m", "526k", ("6.82", "7.27")),
    "vgg-d": Printed(0.95, "15.2m", "762k", ("6.76", "7.09")),
    "vgg-like": Printed(0.97, "14.9m", "449k", ("8.26", "8.00")),
    "wrn-16-8": Printed(0.95, "≈11.0m", "548k", ("6.21", "6.63")),
    "wrn-16-10": Printed(0.95, "17.1m", "856k", ("5.91", "6.43")),
    "wrn-22-8": Printed(0.95, "17.2m", "858k", ("6.14", "5.85")),
    "lstm-s": Printed(0.95, "137k", "6.8k", ("1.88", "1.57")),
    "lstm-b": Printed(0.95, "536k", "26.8k", ("1.15", "1.35")),
    "gru-s": Printed(0.95, "104k", "5.2k", ("1.87", "2.41")),
    "gru-b": Printed(0.95, "404k", "20.2k", ("1.71", "1.52")),
}
SCORING_IMAGES = {1: 1.94, 10: 1.72, 100: 1.64, 1_000: 1.56, 10_000: 1.40}  # figure 3, LeNet-300-100 at 90 %

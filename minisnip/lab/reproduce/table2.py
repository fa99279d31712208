"""Table 2 of the paper: twelve networks of other architectures, pruned by the same function.

The recurrent networks read MNIST row by row, and are trained. The others take CIFAR-10's images. Only the largest
budget trains them; the others build, count and score them, on random images if CIFAR-10 is not on this machine. A
residual network of our own, small enough for MNIST, is trained too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minisnip import data
from minisnip.lab.report import Case, Row, as_markdown, diverged, errors, percent, score, select
from minisnip.lab.reproduce import recipes
from minisnip.lab.reproduce.recipes import CIFAR, RECURRENT, RESIDUAL, Budget, over_seeds
from minisnip.mistakes import warn
from minisnip.nn.models import MODELS, TITLES
from minisnip.pruning.masks import names_by_layer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPARSITIES = {model: (printed.sparsity,) for model, printed in recipes.TABLE_2.items()} | {RESIDUAL: (0.9, 0.95)}
FEW = 4  # images to score, for a budget with few training images
MARGIN = 0.2  # points of test error that a recurrent network may be above the paper's
SHARED = "case run model label numerics seed sparsity scoring_images iterations validation_error_percent".split()
SHARED += "test_error_percent diverged emptied_layers seconds".split()


class Count(NamedTuple):
    """Kept connections, and how many there are."""

    kept: int
    total: int

    @property
    def percent(self) -> float:
        return 100 * self.kept / self.total


# What is run


def plan(budget: Budget, dataset: str) -> list[Case]:
    """Each network at the paper's sparsity; those that are trained, dense too."""
    images = "cifar-10" if _cifar_is_here() else "noise"
    settings = []
    for model, sparsities in SPARSITIES.items():
        own = dataset if model in recipes.ON_MNIST else images
        options = {"dataset": own, **_options(model, own, budget)}
        dense = (0.0,) if options["iterations"] else ()
        settings += [(percent(s), model, {"sparsity": s, **options}) for s in (*sparsities, *dense)]
    return over_seeds(budget, dataset, settings)


def _options(model: str, dataset: str, budget: Budget) -> dict[str, Any]:
    """The paper's protocol for the network's data set. Nothing is trained on random images."""
    images = 100 if model in recipes.ON_MNIST else 128
    options = {"scoring_images": FEW if budget.training_images else images}
    if dataset == "noise" or not budget.iterations[model]:
        return {**options, "iterations": 0, "test_split": "never"}
    own = recipes.RECURRENT_TRAINING if model in RECURRENT else recipes.RESIDUAL_TRAINING
    augment = None if model in recipes.ON_MNIST else "shift:4,flip"
    return {**options, **own, "iterations": budget.iterations[model], "batch_size": images, "augment": augment}


def _cifar_is_here() -> bool:
    """Whether the files of CIFAR-10 are on this machine, and not damaged."""
    try:
        data.load("cifar-10", download=False)
    except data.DataUnavailableError:
        return False
    except data.DataError as error:
        warn(f"table 2 scores random images: {error}")
        return False
    return True


# The table


def table(rows: Sequence[Row]) -> str:
    """The paper's rows beside ours, then the goals, then where the connections are, then how it was made."""
    lines = [_line(rows, model, sparsity) for model, found in SPARSITIES.items() for sparsity in found]
    layers = [f"- {TITLES[model]}: {_layers_in_words(row)}" for model, row in _first_rows(rows).items()]
    gates = [_gates_line(model, *part) for model, row in _first_rows(rows).items() for part in by_gate(row).items()]
    return "\n\n".join(
        [
            "m is the number of parameters that can be pruned, κ the number of those that are kept, err the test error "
            "in percent. Columns without *ours* have the paper's numbers.",
            as_markdown(lines),
            f"Goals: the recurrent networks are to be at most {MARGIN} points above the paper's test error on MNIST.",
            as_markdown([*_goals(rows)]),
            "Kept of each layer, in percent, seed 0:",
            "\n".join(layers),
            "Kept of each gate, in percent, seed 0:",
            as_markdown(gates),
            _protocol(rows) + diverged(rows),
        ]
    )


def _line(rows: Sequence[Row], model: str, sparsity: float) -> Row:
    """A network at one sparsity; a dash where the paper has no number, or where nothing was trained."""
    pruned, dense = select(rows, model=model, sparsity=sparsity), select(rows, model=model, sparsity=0.0)
    printed, total = recipes.TABLE_2.get(model), _sum(by_layer(pruned[0]).values())
    m, kept, before, after = (printed.m, printed.kept, *printed.errors) if printed else ("–", "–", "–", "–")
    return {
        "network": TITLES[model],
        "sparsity": percent(sparsity),
        "m": m,
        "m, ours": f"{total.total:,}",
        "κ": kept,
        "κ, ours": f"{total.kept:,}",
        "dense err": before,
        "pruned err": after,
        "dense err, ours": _error(dense),
        "pruned err, ours": _error(pruned),
        "images": pruned[0]["label"],
    }


def _goals(rows: Sequence[Row]) -> Iterator[Row]:
    """A line for each recurrent network, dense and pruned."""
    for model in RECURRENT:
        for sparsity, printed in zip((0.0, *SPARSITIES[model]), recipes.TABLE_2[model].errors, strict=True):
            found, goal = select(rows, model=model, sparsity=sparsity), float(printed) + MARGIN
            yield {
                "network": TITLES[model],
                "sparsity": percent(sparsity),
                "err": printed,
                "goal": f"≤ {goal:.2f}",
                "err, ours": score(found),
                "outcome": _outcome(found, goal),
            }


def _outcome(rows: Sequence[Row], goal: float) -> str:
    """Whether the mean over the seeds reached the goal, as far as two decimals tell; a dash for another data set."""
    if rows[0]["dataset"] != "mnist":
        return "–"
    over = round(float(np.mean(errors(rows) or [np.inf])) - goal, 2)
    return "reached" if over <= 0 else "missed" + (f" by {over:.2f}" if over < np.inf else "")


def _error(rows: Sequence[Row]) -> str:
    """The test error; a dash if nothing was trained."""
    return score(rows) if rows and rows[0]["iterations"] else "–"


def _first_rows(rows: Sequence[Row]) -> dict[str, Row]:
    """A pruned run of the first seed for each network, at the highest sparsity."""
    return {model: select(rows, model=model, sparsity=max(found))[0] for model, found in SPARSITIES.items()}


def by_layer(row: Row) -> dict[str, Count]:
    """The kept connections of each layer: its weight, and its bias if that can be pruned."""
    counts = {name: Count(part["kept"], part["total"]) for name, part in row["kept_per_layer"].items()}
    return {layer: _sum(counts[name] for name in names) for layer, names in names_by_layer(counts).items()}


def by_gate(row: Row) -> dict[str, dict[str, Count]]:
    """The kept connections of each gate, for each parameter of the recurrent layers."""
    return {
        name: {gate: Count(part["kept"], part["total"]) for gate, part in gates.items()}
        for name, gates in row["kept_by_gate"].items()
    }


def _sum(counts: Iterable[Count]) -> Count:
    kept, total = zip(*counts, strict=True)
    return Count(sum(kept), sum(total))


def _layers_in_words(row: Row) -> str:
    parts = ", ".join(f"{name} {_share(count)}" for name, count in by_layer(row).items())
    return f"{parts} (scored on {row['scoring_images']} images: {row['label']})"


def _gates_line(model: str, name: str, gates: Mapping[str, Count]) -> Row:
    return {
        "network": TITLES[model],
        "parameter": name,
        "gates": ", ".join(f"{gate} {_share(count)}" for gate, count in gates.items()),
    }


def _share(count: Count) -> str:
    """Percent; "0" for nothing only."""
    exact = np.format_float_positional(count.percent, precision=1, fractional=False, trim="-")
    return f"{count.percent:.1f}" if count.percent >= 0.1 else exact


def _protocol(rows: Sequence[Row]) -> str:
    recurrent, residual, images = (select(rows, model=model) for model in (RECURRENT[0], RESIDUAL, CIFAR[0]))
    scored = " were scored and not trained; `--budget paper` trains them if CIFAR-10 is on the machine."
    trained = (
        f": {recipes.where(images)}, as {TITLES[RESIDUAL]} but on batches of {images[0]['batch_size']}; the training "
        "images are moved by up to 4 pixels and mirrored, at random."
    )
    return (
        f"The recurrent networks: {recipes.where(recurrent)}, {recipes.RECURRENT_RECIPE}, batches of 100; our recipe, "
        f"chosen on the validation split.\n\n{TITLES[RESIDUAL]} is ours. It shows that pruned networks with batch "
        f"normalization and shortcuts can be trained: {recipes.where(residual)}, by the paper's recipe: "
        f"{recipes.protocol()}\n\nThe networks for CIFAR-10{trained if images[0]['iterations'] else scored}\n\n"
        "The weights that were scored are trained. The validation split chose the epoch. A dash is where the paper has "
        "no number, or where we trained nothing."
    )


# The CSV and the figures


def lines(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A line per parameter of each run; of a recurrent layer, a line per gate of each."""
    return [{**{key: row[key] for key in SHARED}, **part} for row in rows for part in _parts(row)]


def _parts(row: Row) -> Iterator[Row]:
    gates = by_gate(row)
    for name, part in row["kept_per_layer"].items():
        for gate, count in gates.get(name, {"": Count(part["kept"], part["total"])}).items():
            yield {"parameter": name, "gate": gate, "kept": count.kept, "total": count.total}


def draw(rows: Sequence[Row]) -> dict[str, Figure]:
    """Kept per layer, for all networks; kept by gate, for the recurrent ones."""
    from minisnip.lab import plots  # here, so that the command does not wait for matplotlib

    found = _first_rows(rows).values()
    first = {f"{TITLES[row['model']]}, {percent(row['sparsity'])}\n{row['label']}": row for row in found}
    layers = {name: {n: count.percent for n, count in by_layer(row).items()} for name, row in first.items()}
    normalizations = {name: _normalizations(row["model"]) for name, row in first.items()}
    gates = {
        name: {n: {g: count.percent for g, count in part.items()} for n, part in by_gate(row).items()}
        for name, row in first.items()
        if row["kept_by_gate"]
    }
    title = "The share of each layer that SNIP keeps, from input to output"
    return {
        "table2.png": plots.kept_of_networks(layers, normalizations, title),
        "table2-gates.png": plots.kept_by_gate(gates, "The share of each gate that SNIP keeps"),
    }


def _normalizations(model: str) -> set[str]:
    """The layers whose weight has one axis."""
    shapes = MODELS[model]().shapes()
    return {name.removesuffix(".weight") for name, s in shapes.items() if name.endswith(".weight") and len(s) == 1}

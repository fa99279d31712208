"""Table 2 of the paper: twelve networks of other architectures, pruned by the same function.

The recurrent networks read MNIST row by row, and are trained. The others take CIFAR-10's images. Only the largest
budget trains them; the others build, count and score them, on random images if CIFAR-10 is not on this machine. A
residual network of our own, small enough for MNIST, is trained too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minisnip import data
from minisnip.lab.report import Case, Row, as_markdown, diverged, percent, score, select
from minisnip.lab.reproduce import recipes
from minisnip.lab.reproduce.recipes import RECURRENT, RESIDUAL, Budget, over_seeds
from minisnip.mistakes import warn
from minisnip.nn.models import MODELS, TITLES
from minisnip.pruning.masks import names_by_layer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPARSITIES = {model: (printed.sparsity,) for model, printed in recipes.TABLE_2.items()} | {RESIDUAL: (0.9, 0.95)}
FEW = 4  # images to score, for a budget with few training images
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
    """The paper's rows beside ours, then where the connections are, then how it was made."""
    lines = [_line(rows, model, sparsity) for model, found in SPARSITIES.items() for sparsity in found]
    layers = [f"- {TITLES[model]}: {_layers_in_words(row)}" for model, row in _first_rows(rows).items()]
    gates = [_gates_line(model, *part) for model, row in _first_rows(rows).items() for part in by_gate(row).items()]
    return "\n\n".join(
        [
            "m is the number of parameters that can be pruned, κ the number of those that are kept, err the test error "
            "in percent. Columns without *ours* have the paper's numbers.",
            as_markdown(lines),
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
    m, kept, before, after = (printed.m, printed.kept, *printed.errors) if printed else "––––"
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


def _sum(counts: Any) -> Count:
    kept, total = zip(*counts, strict=True)
    return Count(sum(kept), sum(total))


def _layers_in_words(row: Row) -> str:
    parts = ", ".join(f"{name} {count.percent:.1f}" for name, count in by_layer(row).items())
    return f"{parts} (scored on {row['scoring_images']} images: {row['label']})"


def _gates_line(model: str, name: str, gates: Mapping[str, Count]) -> Row:
    return {
        "network": TITLES[model],
        "parameter": name,
        "gates": ", ".join(f"{gate} {count.percent:.1f}" for gate, count in gates.items()),
    }


def _protocol(rows: Sequence[Row]) -> str:
    recurrent, residual = (select(rows, model=model) for model in (RECURRENT[0], RESIDUAL))
    return (
        f"Recurrent networks: {recipes.where(recurrent)}, {recipes.RECURRENT_RECIPE}. {TITLES[RESIDUAL]} is ours. It "
        f"shows that pruned networks with batch normalization and shortcuts can be trained: {recipes.where(residual)}. "
        f"The rest of the protocol is the paper's: {recipes.protocol()} The weights that were scored are trained. "
        "The validation split chose the epoch. A dash in place of our error marks a network that was scored but not "
        "trained; `--budget paper` trains it if CIFAR-10 is on the machine."
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

    first = _first_rows(rows)
    names = {model: f"{TITLES[model]}, {percent(row['sparsity'])}\n{row['label']}" for model, row in first.items()}
    layers = {names[m]: {n: count.percent for n, count in by_layer(row).items()} for m, row in first.items()}
    scales = {names[m]: _normalizations(m) for m in first}
    gates = {
        names[m]: {n: {g: c.percent for g, c in part.items()} for n, part in by_gate(row).items()}
        for m, row in first.items()
        if row["kept_by_gate"]
    }
    return {
        "table2.png": plots.kept_of_networks(
            layers, scales, "The share of each layer that SNIP keeps, from input to output"
        ),
        "table2-gates.png": plots.kept_by_gate(gates, "The share of each gate that SNIP keeps"),
    }


def _normalizations(model: str) -> set[str]:
    """The layers whose weight has one axis."""
    shapes = MODELS[model]().shapes()
    return {name.removesuffix(".weight") for name, s in shapes.items() if name.endswith(".weight") and len(s) == 1}

"""Figures 1 to 4 of the paper: what is run for each, the text with its table, and the figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minisnip import data
from minisnip.autodiff.engine import Array
from minisnip.data import Dataset
from minisnip.data.dataset import TITLES as DATASETS
from minisnip.lab.experiment import Experiment, load
from minisnip.lab.report import Case, Row, as_markdown, by_case, cell, diverged, errors, percent, score, select
from minisnip.lab.reproduce import recipes
from minisnip.lab.reproduce.recipes import CONVNET, MLP, Budget, algorithm_1, over_seeds, protocol, rates, where
from minisnip.mistakes import warn
from minisnip.nn.models import TITLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Figures: TypeAlias = "dict[str, Figure]"  # by the name of the file

# Figure 1: test error against sparsity for both networks, with a band over seeds

POINTS = [(MLP, s) for s in (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)]
POINTS += [(CONVNET, s) for s in (0.0, 0.5, 0.9, 0.95, 0.98, 0.99)]


def plan_figure1(budget: Budget, dataset: str) -> list[Case]:
    """Algorithm 1 at each sparsity; three of them are table 1's very runs."""
    return over_seeds(budget, dataset, [(percent(s), m, algorithm_1(m, s, budget)) for m, s in POINTS])


def text_figure1(rows: Sequence[Row]) -> str:
    """The captions of the panels, the errors, and the protocol."""
    lines = [
        {"network": TITLES[m], "sparsity": percent(s), "test error, %": score(select(rows, model=m, sparsity=s))}
        for m, s in POINTS
    ]
    caption = "; ".join(_panel(rows, model).replace("\n", " on ") for model in (MLP, CONVNET))
    return f"{caption}\n\n{as_markdown(lines)}\n\n{protocol(MLP, CONVNET)}{diverged(rows)}"


def draw_figure1(rows: Sequence[Row]) -> Figures:
    """A panel for each network."""
    from minisnip.lab import plots  # here, so that the command does not wait for matplotlib

    curves = {_panel(rows, model): _curve(model, select(rows, model=model)) for model in (MLP, CONVNET)}
    return {"figure1.png": plots.sparsity_curves(curves)}


def _panel(rows: Sequence[Row], model: str) -> str:
    own = select(rows, model=model)
    return f"{TITLES[model]}, {rates(own)}\n{where(own)}"


def _curve(model: str, rows: Sequence[Row]) -> dict[str, Any]:
    """What the figure needs, in percent: the band is mean ± standard deviation."""
    found = {s: e for m, s in POINTS if m == model and (e := errors(select(rows, sparsity=s)))}
    return {
        "sparsity": [100 * s for s in found],
        "mean": [float(np.mean(e)) for e in found.values()],
        "std": [float(np.std(e, ddof=1)) if len(e) > 1 else 0.0 for e in found.values()],
        "paper": {0.0: recipes.DENSE[model], **recipes.SNIP[model]},
    }


# Figure 2: which pixels the first layer still reads when SNIP scores with one class only; and with random labels

SHARES = tuple(round(0.1 * i, 1) for i in range(1, 10))
CLASSES = range(10)
UNITS = 300  # of the first layer
LABELS = {"true labels": "none", "random labels": "random-labels"}  # the control that makes them


def plan_figure2(budget: Budget, dataset: str) -> list[Case]:
    """Nothing is trained. Beside MNIST, Fashion-MNIST if its files are on this machine."""
    datasets = [dataset, "fashion-mnist"] if dataset == "mnist" and _here("fashion-mnist") else [dataset]
    options: dict[str, Any] = {"iterations": 0, "test_split": "never"}
    return [
        (
            f"{DATASETS[name]}, {labels}",
            Experiment(MLP, name, control=control, sparsity=sparsity, scoring_class=digit, **options),
        )
        for name in datasets
        for labels, control in LABELS.items()
        for digit in CLASSES
        for sparsity in SHARES
    ]


def _here(name: str) -> bool:
    """Whether the files of a data set are on this machine, and not damaged."""
    try:
        data.load(name, download=False)
    except data.DataUnavailableError:
        return False
    except data.DataError as error:
        warn(f"figure 2 leaves out {DATASETS[name]}: {error}")
        return False
    return True


def lines_figure2(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A line per picture: what is kept, and how much it looks like the mean image of its class."""
    datasets = {name: load(name) for name in dict.fromkeys(row["dataset"] for row in rows)}
    means = {(name, digit): _mean(found, digit) for name, found in datasets.items() for digit in CLASSES}
    keys = ("case", "run", "model", "label", "numerics", "seed", "scoring_class", "control", "sparsity", "seconds")
    return [
        {
            **{key: row[key] for key in keys},
            "first_layer_kept": sum(map(sum, row["first_layer"])),
            "pixels_read": int(np.count_nonzero(row["first_layer"])),
            "correlation_with_class_mean": _correlation(row, means[row["dataset"], row["scoring_class"]]),
        }
        for row in rows
    ]


def _mean(dataset: Dataset, digit: int) -> Array:
    """The mean image of a class."""
    mean: Array = dataset.train.images[dataset.train.labels == digit].mean(axis=0)[0]
    return mean


def _correlation(row: Row, mean: Array) -> float:
    return round(float(np.corrcoef(np.ravel(row["first_layer"]), mean.ravel())[0, 1]), 4)


def text_figure2(rows: Sequence[Row]) -> str:
    """How much the pictures look like the mean image of their class, with true labels and with random ones."""
    lines = [
        {"scored on": case, **{f"{100 * s:g} %": f"{_mean_correlation(group, s):.2f}" for s in SHARES}}
        for case, group in by_case(lines_figure2(rows)).items()
    ]
    return (
        "Correlation of the picture with the mean image of its class, mean of ten classes, by sparsity:\n\n"
        f"{as_markdown(lines)}\n\n"
        "Random labels know nothing of the classes: what they show as well comes from the images alone."
    )


def _mean_correlation(lines: Sequence[Row], sparsity: float) -> float:
    return float(np.mean([line["correlation_with_class_mean"] for line in select(lines, sparsity=sparsity)]))


def draw_figure2(rows: Sequence[Row]) -> Figures:
    """A figure for each data set, true labels above random ones."""
    from minisnip.lab import plots

    groups, figures = by_case(rows), {}
    for name in dict.fromkeys(row["dataset"] for row in rows):
        blocks = {labels: _grid(groups[f"{DATASETS[name]}, {labels}"]) for labels in LABELS}
        title = (
            f"{DATASETS[name]}: share of the 300 units of the first layer that read each pixel,\n"
            "scored with 100 images of one class, before any training"
        )
        names = load(name).class_names
        figures[f"figure2-{name}.png"] = plots.class_pictures(blocks, [percent(s) for s in SHARES], names, title)
    return figures


def _grid(rows: Sequence[Row]) -> Array:
    """(sparsities, classes, 28, 28)."""
    found = {(row["sparsity"], row["scoring_class"]): np.array(row["first_layer"]) / UNITS for row in rows}
    return np.stack([[found[s, digit] for digit in CLASSES] for s in SHARES])


# Figure 3: how many images the scoring batch needs: the error, and the pixels that are still read


def plan_figure3(budget: Budget, dataset: str) -> list[Case]:
    """LeNet-300-100 at 90 %; 100 images are figure 1's very runs."""
    shared = algorithm_1(MLP, 0.9, budget)
    settings = [(f"{n:,}", MLP, {**shared, "scoring_images": n}) for n in recipes.SCORING_IMAGES]
    return over_seeds(budget, dataset, settings)


def text_figure3(rows: Sequence[Row]) -> str:
    """The error of each scoring batch; the pixels are those of the first seed."""
    lines = [
        {
            "images to score": f"{images:,}",
            "paper (MNIST): test error, %": f"{printed:.2f}",
            "ours: test error, %": score(group := select(rows, scoring_images=images)),
            "pixels still read (seed 0)": np.count_nonzero(group[0]["first_layer"]),
        }
        for images, printed in recipes.SCORING_IMAGES.items()
    ]
    return f"{_title_figure3(rows)}\n\n{as_markdown(lines)}\n\n{protocol(MLP)}{diverged(rows)}"


def draw_figure3(rows: Sequence[Row]) -> Figures:
    """The errors above, the pictures of the first seed below."""
    from minisnip.lab import plots

    groups = {images: select(rows, scoring_images=images) for images in recipes.SCORING_IMAGES}
    pictures = {images: np.array(group[0]["first_layer"]) for images, group in groups.items()}
    ours = {images: e for images, group in groups.items() if (e := errors(group))}
    return {"figure3.png": plots.scoring_batches(ours, recipes.SCORING_IMAGES, pictures, _title_figure3(rows))}


def _title_figure3(rows: Sequence[Row]) -> str:
    return f"{TITLES[MLP]} at {percent(0.9)}, {where(rows)}"


# Figure 4: can a network learn labels that mean nothing? Dense and 99 %, on true and on shuffled labels

CURVES = ("iterations", "train_loss", "train_error_percent")
ENDS = {"training loss, nats": "train_loss", "training error, %": "train_error_percent"}
ENDS |= {"test error, %": "test_error_percent"}


def plan_figure4(budget: Budget, dataset: str) -> list[Case]:
    """Four cases. The scores are always from true labels; the dense network has none."""
    images = {"training_images": budget.memorized}
    settings = [
        (f"{percent(s)}, {of} labels", CONVNET, {**algorithm_1(CONVNET, s, budget), **images, "training_labels": of})
        for s in (0.0, 0.99)
        for of in ("true", "shuffled")
    ]
    return over_seeds(budget, dataset, settings)


def lines_figure4(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A line per epoch of each run."""
    shared = ("case", "run", "model", "label", "numerics", "seed", "sparsity", "training_labels", "training_images")
    epoch = ("epoch", "iterations", "learning_rate", "train_loss", "train_error_percent", "validation_error_percent")
    return [
        {key: row[key] for key in (*shared, "seconds")} | {key: now[key] for key in (*epoch, "test_error_percent")}
        for row in rows
        for now in row["history"]
    ]


def text_figure4(rows: Sequence[Row]) -> str:
    """How each case ends."""
    lines = [
        {
            "network, labels trained on": case,
            **{column: cell([h[-1][key] for h in _histories(group)], len(group)) for column, key in ENDS.items()},
        }
        for case, group in by_case(rows).items()
    ]
    table = f"In the last epoch:\n\n{as_markdown(lines)}"
    return f"{_title_figure4(rows)}\n\n{table}\n\n{protocol(CONVNET)}{diverged(rows)}"


def draw_figure4(rows: Sequence[Row]) -> Figures:
    """The mean curve of each case."""
    from minisnip.lab import plots

    curves = {case: _mean_curve(_histories(group)) for case, group in by_case(rows).items()}
    return {"figure4.png": plots.memorization(curves, _title_figure4(rows))}


def _histories(rows: Sequence[Row]) -> list[list[Row]]:
    """The histories of the runs that did not diverge."""
    return [row["history"] for row in rows if not row["diverged"]]


def _mean_curve(histories: Sequence[Sequence[Row]]) -> dict[str, list[float]]:
    """The mean over seeds at each epoch."""
    if not histories:
        return {key: [] for key in CURVES}
    return {key: np.mean([[now[key] for now in history] for history in histories], axis=0).tolist() for key in CURVES}


def _title_figure4(rows: Sequence[Row]) -> str:
    images = rows[0]["training_images"]
    trained = f"the first {images:,} training images" if images else "all training images"
    return f"{TITLES[CONVNET]}, {where(rows)}, {rates(rows)}, {trained}"

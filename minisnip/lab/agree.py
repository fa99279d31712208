"""The definition beside the criterion: ΔL_j for every connection, and g_j, on one batch before training."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from minisnip import pruning
from minisnip.autodiff.engine import Array, Arrays
from minisnip.data import Dataset
from minisnip.data.dataset import TITLES as DATASETS
from minisnip.files import save_arrays
from minisnip.lab.experiment import Experiment
from minisnip.lab.report import Row, as_markdown, file_label, save
from minisnip.lab.runs import versions
from minisnip.nn import MODELS, Sequential
from minisnip.nn.models import TITLES
from minisnip.pruning.masks import flatten

SPARSITY = 0.95  # where the histogram draws the threshold
SHOWN = (0.9, 0.95, 0.98, 0.99)  # in the table
OVERLAPS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
JOINT = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
LARGEST, SAMPLE, SHRINK = 8, 40, 5  # connections: shown, sampled per parameter for the curvature, for the shrinking δ


Batch: TypeAlias = tuple[Sequential, dict[str, Array], Array, Array]  # network, parameters, images, labels


@dataclass(frozen=True)
class Agreement:
    """Both scores of every connection, and how they differ; `report` is the content of agreement.json."""

    report: dict[str, Any]
    g: dict[str, Array]
    deltas: dict[str, Array]
    differences: dict[str, pruning.DifferenceErrors]


def compare_scores(experiment: Experiment, dataset: Dataset) -> Agreement:
    """Compute both for every connection of an untrained network, in float64, and compare them.

    The experiment says which model, which seed, and how many images; nothing is pruned or trained.
    """
    net, seconds = MODELS[experiment.model](), dict[str, float]()
    init_rng, batch_rng, sample_rng = np.random.default_rng(experiment.seed).spawn(3)
    params = net.init(init_rng, dtype=np.float64)
    images, y = pruning.scoring_batch(dataset.train.images, dataset.train.labels, experiment.scoring_images, batch_rng)
    batch = net, params, images.astype(np.float64), y
    with timed(seconds, "gradient"):
        g = pruning.mask_gradient(*batch)
    with timed(seconds, "deletions"):
        deltas = pruning.delta_loss(*batch)
    with timed(seconds, "second_order"):
        second = _second_order(batch, g, deltas, sample_rng)
    with timed(seconds, "shrinking_delta"):
        last = _largest({name: g[name] for name in list(g)[-2:]}, SHRINK)
        differences = {t: pruning.difference_errors(*batch, last, dtype=t) for t in ("float64", "float32")}
    with timed(seconds, "joint_deletion"):
        joint = pruning.joint_deletion(*batch, JOINT)
    sets = pruning.agreement(g, deltas, OVERLAPS)["all"]
    report = {
        "dataset": file_label(dataset.name),
        "config": {name: getattr(experiment, name) for name in ("model", "dataset", "seed", "scoring_images")},
        "agreement": pruning.agreement(g, deltas, SHOWN),
        "overlap": [
            {"sparsity": s, **{k: sets[f"{k}_{100 * s:g}"] for k in ("jaccard", "precision")}} for s in OVERLAPS
        ],
        **second,
        "shrinking_delta": {name: _digest(e) for name, e in differences.items()},
        "joint_deletion": joint,
        "seconds": seconds,
        "versions": versions(),
    }
    return Agreement(report, g, deltas, differences)


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Note under `phase` how long the block takes, in seconds."""
    started = time.perf_counter()
    yield
    seconds[phase] = round(time.perf_counter() - started, 3)


def _digest(e: pruning.DifferenceErrors) -> dict[str, dict[str, float]]:
    """The fitted order of each error, its smallest value, and the δ that gives it."""
    curves = {"one_sided": e.one_sided, "central": e.central, "complex_step": e.complex_step}
    orders = dict(zip(curves, (*e.orders, math.nan), strict=True))
    return {
        name: {"order": orders[name], "floor": float(errors.min()), "at_delta": float(e.deltas[np.argmin(errors)])}
        for name, errors in curves.items()
    }


def _largest(scores: Arrays, count: int) -> list[pruning.Connection]:
    """The connections of largest |score|."""
    sizes = ((abs(s), name, j) for name, a in scores.items() for j, s in np.ndenumerate(a))
    return [(name, j) for _, name, j in nlargest(count, sizes)]


def _second_order(batch: Batch, g: Arrays, deltas: Arrays, rng: np.random.Generator) -> dict[str, Any]:
    """The Taylor terms of the largest disagreements, and how much of a sample's disagreement ½ w² H_jj explains."""
    largest = _largest({name: deltas[name] - g[name] for name in g}, LARGEST)
    sample = _sample(g, rng)
    curvature = pruning.mask_curvature(*batch, [*largest, *sample])
    rows = []
    for (name, j), c in zip(largest, curvature, strict=False):
        terms = {"w": batch[1][name][j], "g": g[name][j], "half_curvature": c / 2, "delta_loss": deltas[name][j]}
        terms["remainder"] = terms["delta_loss"] - (terms["g"] - terms["half_curvature"])
        rows.append({"name": name, "index": list(j), **{key: float(term) for key, term in terms.items()}})
    shares = _explained(g, deltas, sample, curvature[len(largest) :])
    return {"largest_disagreements": rows, "second_order": {"sample": SAMPLE, "explained_share": shares}}


def _explained(g: Arrays, deltas: Arrays, sample: list[pruning.Connection], curvature: Array) -> dict[str, float]:
    """The share of Σ (ΔL - g)² that - ½ w² H explains: by parameter, from its sample; "all" is weighted by the sums."""
    apart = np.array([deltas[name][j] - g[name][j] for name, j in sample])
    left, names = apart + curvature / 2, np.array([name for name, _ in sample])
    shares, total = {}, {}
    for name in dict.fromkeys(names):
        total[name] = float(np.sum((deltas[name] - g[name]) ** 2))
        shares[name] = float(1 - np.sum(left[names == name] ** 2) / max(np.sum(apart[names == name] ** 2), 1e-300))
    return {**shares, "all": sum(shares[n] * total[n] for n in shares) / sum(total.values())}


def _sample(g: Arrays, rng: np.random.Generator) -> list[pruning.Connection]:
    """SAMPLE random connections of each parameter that has any derivative."""
    return [
        (name, j)
        for name, g_j in g.items()
        if np.any(g_j)
        for j in zip(*np.unravel_index(rng.permutation(g_j.size)[:SAMPLE], g_j.shape), strict=True)
    ]


def write(folder: Path, experiment: Experiment, dataset: Dataset, result: Agreement, svg: bool = False) -> None:
    """Write the arrays, the figures, and agreement.json."""
    from minisnip.lab import plots  # here, so that the command does not wait for matplotlib

    arrays = {f"g/{name}": a for name, a in result.g.items()} | {f"delta_loss/{n}": a for n, a in result.deltas.items()}
    for dtype, e in result.differences.items():
        arrays |= {f"differences/{dtype}/{k}": v for k, v in vars(e).items() if isinstance(v, np.ndarray)}
    save_arrays(folder / "agreement.npz", arrays, file_label(dataset.name))
    title = f"{TITLES[experiment.model]}, {dataset.label}, batch of {experiment.scoring_images}"
    thresholds = {"g": _threshold(result.g), "ΔL": _threshold(result.deltas)}
    kappa, last = f"{title}: κ at {100 * SPARSITY:g} %", f"{title}: median of {SHRINK} connections of the last layer"
    report = json.loads(json.dumps(result.report), parse_constant=lambda _: None)  # null, as JSON has no NaN
    files = {
        "scatter.png": plots.deletion_scatter(result.g, result.deltas, title),
        "histogram.png": plots.score_histogram(result.g, result.deltas, thresholds, kappa),
        "overlap.png": plots.overlap_curves(result.report["overlap"], title),
        "differences.png": plots.difference_curves(result.differences, last),
        "joint_deletion.png": plots.joint_curves(result.report["joint_deletion"], title),
    }
    save(folder, {**files, "agreement.json": json.dumps(report, indent=2) + "\n"}, svg)


def _threshold(scores: Arrays) -> float:
    """The smallest |score| that is kept."""
    sizes = np.sort(np.abs(flatten(scores)))
    return float(sizes[-pruning.count_kept(sizes.size, SPARSITY)])


def summary(report: Row) -> str:
    """What the command prints, in markdown."""
    config, seconds = report["config"], report["seconds"]
    where = f"{TITLES[config['model']]} on {DATASETS[config['dataset']]}"
    second, shrunk, joint = report["second_order"], report["shrinking_delta"]["float64"], report["joint_deletion"][-2]
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in second["explained_share"].items())
    floors = ", ".join(f"{name} {c['floor']:.0e} at δ = {c['at_delta']:.0e}" for name, c in shrunk.items())
    return "\n".join(
        [
            f"{where}, batch of {config['scoring_images']}, seed {config['seed']}",
            "",
            as_markdown([_layer_row(name, row) for name, row in report["agreement"].items()]),
            "",
            "J: Jaccard index, P: precision of the sets that |g| and |ΔL| keep; nan: nothing is kept there.",
            "",
            "Largest disagreements (nats), ΔL = g − ½ w² H + remainder:",
            "",
            as_markdown([_connection_row(row) for row in report["largest_disagreements"]]),
            "",
            f"Second order: − ½ w² H explains this share of (ΔL − g)²: {shares} ({second['sample']} random connections "
            "of each parameter).",
            "  The rest comes from the kinks of ReLU and max-pooling; below 0 %, all of it does.",
            f"Shrinking δ (last layer, float64): orders {shrunk['one_sided']['order']:.2f} and "
            f"{shrunk['central']['order']:.2f}; floors: {floors}.",
            f"All at once, {100 * joint['sparsity']:g} % removed: the loss changes by {joint['true']:.3f}, the sum of "
            f"the g_j says {joint['linear']:.3f}. The derivative speaks of one connection, not of many.",
            "Seconds: " + ", ".join(f"{phase.replace('_', ' ')} {s:.1f}" for phase, s in seconds.items()) + ".",
        ]
    )


def _layer_row(name: str, row: Row) -> Row:
    percents = [f"{100 * s:g}" for s in SHOWN]
    return {
        "layer": name,
        "connections": f"{row['connections']:,}",
        "Pearson": f"{row['pearson']:.4f}",
        "Spearman": f"{row['spearman']:.4f}",
        "signs": f"{100 * row['equal_signs']:.1f} %",
        **{f"J / P {s} %": f"{row[f'jaccard_{s}']:.2f} / {row[f'precision_{s}']:.2f}" for s in percents},
    }


def _connection_row(row: Row) -> Row:
    columns = {"g": "g", "½ w² H": "half_curvature", "ΔL": "delta_loss", "remainder": "remainder"}
    terms = {title: f"{row[key]:.2e}" for title, key in columns.items()}
    return {"connection": f"{row['name']}{row['index']}", "w": f"{row['w']:.4f}", **terms}

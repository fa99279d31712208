"""The definition beside the criterion: ΔL_j for every connection, and g_j, on one batch before training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from minisnip import pruning
from minisnip.autodiff.tensor import Array
from minisnip.data import Dataset
from minisnip.experiments.run_folder import LABELS, TITLES, file_label, versions
from minisnip.experiments.timing import timed
from minisnip.files import save_arrays, save_text, write_atomically
from minisnip.nn import MODELS, Sequential

SPARSITY = 0.95  # of the threshold in the histogram
OVERLAPS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
JOINT = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
LARGEST, SAMPLE, SHRINK = 8, 60, 5  # how many connections: shown, for the curvature, for the shrinking δ


@dataclass(frozen=True)
class AgreeConfig:
    """All that determines the comparison."""

    model: str = "lenet-300-100"
    batch: int = 100
    seed: int = 0
    dataset: str = "mnist"

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"unknown model {self.model!r}: choose one of {', '.join(MODELS)}")
        if self.batch < 1 or self.seed < 0:
            raise ValueError(f"batch {self.batch} must be at least 1 and seed {self.seed} not negative")


@dataclass(frozen=True)
class Agreement:
    """What came out; `report` is the content of agreement.json."""

    report: dict[str, Any]
    g: dict[str, Array]
    deltas: dict[str, Array]
    differences: dict[str, pruning.DifferenceErrors]


def agree(config: AgreeConfig, dataset: Dataset) -> Agreement:
    """Compute both for every connection of an untrained network, in float64, and compare them."""
    net, seconds = MODELS[config.model](), dict[str, float]()
    init_rng, batch_rng, sample_rng = np.random.default_rng(config.seed).spawn(3)
    params = net.init(init_rng, dtype=np.float64)
    rows = batch_rng.permutation(len(dataset.train.labels))[: config.batch]
    x, y = dataset.train.images[rows].astype(np.float64), dataset.train.labels[rows]
    with timed(seconds, "gradient"):
        g = pruning.mask_gradient(net, params, x, y)
    with timed(seconds, "deletions"):
        deltas = pruning.delta_loss(net, params, x, y)
    with timed(seconds, "second_order"):
        second = _second_order(net, params, x, y, g, deltas, sample_rng)
    with timed(seconds, "shrinking_delta"):
        last = _largest({name: g[name] for name in list(g)[-2:]}, SHRINK)
        dtypes: dict[str, Any] = {"float64": np.float64, "float32": np.float32}
        differences = {n: pruning.difference_errors(net, params, x, y, last, dtype=d) for n, d in dtypes.items()}
    with timed(seconds, "joint_deletion"):
        joint = pruning.joint_deletion(net, params, x, y, JOINT)
    everything = pruning.agreement(g, deltas, OVERLAPS)
    report = {
        "dataset": file_label(dataset),
        "config": asdict(config),
        "agreement": {name: {k: v for k, v in row.items() if _shown(k)} for name, row in everything.items()},
        "overlap": [
            {"sparsity": s, **{k: everything["all"][f"{k}_{100 * s:g}"] for k in ("jaccard", "precision")}}
            for s in OVERLAPS
        ],
        **second,
        "fitted_orders": {name: {"one_sided": e.orders[0], "central": e.orders[1]} for name, e in differences.items()},
        "joint_deletion": joint,
        "seconds": seconds,
        "versions": versions(),
    }
    return Agreement(report, g, deltas, differences)


def _shown(key: str) -> bool:
    _, _, sparsity = key.partition("_")
    return key == "equal_signs" or sparsity in ("", "90", "95", "98", "99")


def _largest(scores: Mapping[str, Array], count: int) -> list[pruning.Connection]:
    """The connections of largest |score|."""
    flat = [(float(np.abs(s).ravel()[k]), name, int(k)) for name, s in scores.items() for k in _top(s, count)]
    return [
        (name, tuple(int(i) for i in np.unravel_index(k, scores[name].shape)))
        for _, name, k in sorted(flat, reverse=True)[:count]
    ]


def _top(s: Array, count: int) -> Array:
    return np.argsort(-np.abs(s).ravel())[:count]


def _second_order(
    net: Sequential,
    params: Mapping[str, Array],
    x: Array,
    y: Array,
    g: Mapping[str, Array],
    deltas: Mapping[str, Array],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The Taylor terms of the largest disagreements, and how much of a sample's disagreement ½ w² H_jj explains."""
    largest = _largest({name: deltas[name] - g[name] for name in g}, LARGEST)
    sample = _sample(g, rng)
    curvature = pruning.mask_curvature(net, params, x, y, [*largest, *sample])
    rows = []
    for (name, j), c in zip(largest, curvature, strict=False):
        terms = {"w": params[name][j], "g": g[name][j], "half_curvature": c / 2, "delta_loss": deltas[name][j]}
        remainder = terms["delta_loss"] - (terms["g"] - terms["half_curvature"])
        rows.append(
            {"name": name, "index": list(j), **{k: float(v) for k, v in terms.items()}, "remainder": float(remainder)}
        )
    apart = np.array([deltas[name][j] - g[name][j] for name, j in sample])
    left = apart + curvature[len(largest) :] / 2
    shares = {}
    for group in ["all", *dict.fromkeys(name for name, _ in sample)]:
        chosen = [group in ("all", name) for name, _ in sample]
        shares[group] = float(1 - np.sum(left[chosen] ** 2) / np.sum(apart[chosen] ** 2))
    return {"largest_disagreements": rows, "second_order": {"sample": len(sample), "explained_share": shares}}


def _sample(g: Mapping[str, Array], rng: np.random.Generator) -> list[pruning.Connection]:
    """Random connections with a derivative, as many from each parameter that has any."""
    alive = {name: np.argwhere(g_j) for name, g_j in g.items() if np.any(g_j)}
    each = SAMPLE // len(alive)
    return [(name, tuple(int(i) for i in j)) for name, places in alive.items() for j in rng.permutation(places)[:each]]


def write(folder: Path, config: AgreeConfig, dataset: Dataset, result: Agreement) -> None:
    """The arrays, the figures, and agreement.json."""
    from minisnip import plots

    note = file_label(dataset)
    arrays = {f"g/{name}": a for name, a in result.g.items()} | {f"delta_loss/{n}": a for n, a in result.deltas.items()}
    save_arrays(folder / "agreement.npz", arrays, note)
    title = f"{TITLES[config.model]}, {dataset.label}, batch of {config.batch}"
    thresholds = {"g": _threshold(result.g), "ΔL": _threshold(result.deltas)}
    figures = {
        "scatter": plots.deletion_scatter(result.g, result.deltas, title),
        "histogram": plots.score_histogram(result.g, result.deltas, thresholds, f"{title}: κ at {100 * SPARSITY:g} %"),
        "overlap": plots.overlap_curves(result.report["overlap"], title),
        "differences": plots.difference_curves(result.differences, f"{title}: connections of the last layer"),
        "joint_deletion": plots.joint_curves(result.report["joint_deletion"], title),
    }
    for name, figure in figures.items():
        write_atomically(folder / f"{name}.png", partial(figure.savefig, dpi=150))
    save_text(folder / "agreement.json", json.dumps(result.report, indent=2) + "\n")


def _threshold(scores: Mapping[str, Array]) -> float:
    flat = np.abs(np.concatenate([np.ravel(s) for s in scores.values()]))
    kappa = pruning.count_kept(flat.size, SPARSITY)
    return float(np.partition(flat, flat.size - kappa)[flat.size - kappa])


def summary(report: Mapping[str, Any]) -> str:
    """What the command prints."""
    config, seconds = report["config"], report["seconds"]
    where = f"{TITLES[config['model']]} on {LABELS.get(report['dataset'], report['dataset'])}"
    lines = [f"{where}, batch of {config['batch']}, seed {config['seed']}", ""]
    lines += [*_table(report["agreement"]), "", "Largest disagreements (nats), ΔL = g − ½ w² H + remainder:"]
    lines.append(f"  {'connection':<24}{'w':>9}{'g':>12}{'½ w² H':>12}{'ΔL':>12}{'remainder':>12}")
    for row in report["largest_disagreements"]:
        numbers = "".join(f"{row[k]:12.2e}" for k in ("g", "half_curvature", "delta_loss", "remainder"))
        lines.append(f"  {row['name'] + str(row['index']):<24}{row['w']:9.4f}{numbers}")
    second, orders, joint = report["second_order"], report["fitted_orders"]["float64"], report["joint_deletion"][-2]
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in second["explained_share"].items())
    lines += [
        "",
        f"Second order, {second['sample']} random connections: of (ΔL − g)², − ½ w² H explains {shares}.",
        "  (Below 0 % it makes things worse: the kinks of ReLU and max-pooling outweigh the curvature.)",
        f"Shrinking δ (last layer): one-sided order {orders['one_sided']:.2f}, central order {orders['central']:.2f}.",
        f"All at once, {100 * joint['sparsity']:g} % removed: the loss changes by {joint['true']:.3f}, the sum of the "
        f"g_j says {joint['linear']:.3f}. The derivative speaks of one connection, not of many.",
        f"Seconds: g {seconds['gradient']:.2f}, ΔL of every connection {seconds['deletions']:.1f}.",
    ]
    return "\n".join(lines)


def _table(agreement: Mapping[str, Mapping[str, float]]) -> list[str]:
    heads = "".join(f"{f'J / P {s} %':>14}" for s in (90, 95, 98, 99))
    lines = [f"{'parameter':<13}{'connections':>12}{'Pearson':>9}{'Spearman':>10}{'signs':>9}{heads}"]
    for name, row in agreement.items():
        overlaps = "".join(f"{row[f'jaccard_{s}']:>8.2f} /{row[f'precision_{s}']:>4.2f}" for s in (90, 95, 98, 99))
        lines.append(
            f"{name:<13}{row['connections']:>12,}{row['pearson']:>9.4f}{row['spearman']:>10.4f}"
            f"{100 * row['equal_signs']:>7.1f} %{overlaps}"
        )
    return [
        *lines,
        "J Jaccard index, P precision of the sets that |g| and |ΔL| keep; nan: a parameter without a derivative.",
    ]

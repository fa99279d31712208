"""The definition beside the criterion: ΔL_j for every connection, and g_j, on one batch before training."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from minisnip import pruning
from minisnip.autodiff.engine import Array
from minisnip.data import Dataset
from minisnip.files import save_arrays, save_text, write_atomically
from minisnip.lab.run_folder import LABELS, TITLES, file_label, versions
from minisnip.lab.timing import timed
from minisnip.nn import MODELS, Sequential

SPARSITY = 0.95  # of the threshold in the histogram
OVERLAPS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
JOINT = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
LARGEST, SAMPLE, SHRINK = 8, 40, 5  # connections: shown, of each parameter for the curvature, for the shrinking δ


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
    if config.batch > len(dataset.train.labels):
        raise ValueError(
            f"batch {config.batch}, but there are {len(dataset.train.labels):,} training images: take fewer"
        )
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
        "shrinking_delta": {name: _digest(e) for name, e in differences.items()},
        "joint_deletion": joint,
        "seconds": seconds,
        "versions": versions(),
    }
    return Agreement(report, g, deltas, differences)


def _digest(e: pruning.DifferenceErrors) -> dict[str, dict[str, float]]:
    """The fitted orders, and the floor of each error with the δ where it is."""
    curves = {"one_sided": e.one_sided, "central": e.central, "complex_step": e.complex_step}
    orders = dict(zip(curves, (*e.orders, math.nan), strict=True))
    return {
        name: {"order": orders[name], "floor": float(errors.min()), "at_delta": float(e.deltas[np.argmin(errors)])}
        for name, errors in curves.items()
    }


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
    shares = _explained(g, deltas, sample, curvature[len(largest) :])
    return {"largest_disagreements": rows, "second_order": {"sample": SAMPLE, "explained_share": shares}}


def _explained(
    g: Mapping[str, Array], deltas: Mapping[str, Array], sample: list[pruning.Connection], curvature: Array
) -> dict[str, float]:
    """Of Σ (ΔL - g)², the share that - ½ w² H explains: by parameter, from its sample; "all" weighted by their sums."""
    apart = np.array([deltas[name][j] - g[name][j] for name, j in sample])
    left, names = apart + curvature / 2, np.array([name for name, _ in sample])
    shares, total = {}, {}
    for name in dict.fromkeys(names):
        total[name] = float(np.sum((deltas[name] - g[name]) ** 2))
        shares[name] = float(1 - np.sum(left[names == name] ** 2) / max(np.sum(apart[names == name] ** 2), 1e-300))
    return {**shares, "all": sum(shares[n] * total[n] for n in shares) / sum(total.values())}


def _sample(g: Mapping[str, Array], rng: np.random.Generator) -> list[pruning.Connection]:
    """As many random connections of each parameter that has any derivative."""
    return [
        (name, tuple(int(i) for i in np.unravel_index(k, g_j.shape)))
        for name, g_j in g.items()
        if np.any(g_j)
        for k in rng.permutation(g_j.size)[:SAMPLE]
    ]


def write(folder: Path, config: AgreeConfig, dataset: Dataset, result: Agreement) -> None:
    """The arrays, the figures, and agreement.json."""
    from minisnip.lab import plots

    note = file_label(dataset)
    arrays = {f"g/{name}": a for name, a in result.g.items()} | {f"delta_loss/{n}": a for n, a in result.deltas.items()}
    for dtype, e in result.differences.items():
        arrays |= {f"differences/{dtype}/{k}": v for k, v in vars(e).items() if isinstance(v, np.ndarray)}
    save_arrays(folder / "agreement.npz", arrays, note)
    title = f"{TITLES[config.model]}, {dataset.label}, batch of {config.batch}"
    thresholds = {"g": _threshold(result.g), "ΔL": _threshold(result.deltas)}
    figures = {
        "scatter": plots.deletion_scatter(result.g, result.deltas, title),
        "histogram": plots.score_histogram(result.g, result.deltas, thresholds, f"{title}: κ at {100 * SPARSITY:g} %"),
        "overlap": plots.overlap_curves(result.report["overlap"], title),
        "differences": plots.difference_curves(
            result.differences, f"{title}: median of {SHRINK} connections of the last layer"
        ),
        "joint_deletion": plots.joint_curves(result.report["joint_deletion"], title),
    }
    for name, figure in figures.items():
        write_atomically(folder / f"{name}.png", partial(figure.savefig, dpi=150))
    save_text(folder / "agreement.json", json.dumps(_without_nan(result.report), indent=2, allow_nan=False) + "\n")


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null where a number does not exist."""
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
    second, shrunk, joint = report["second_order"], report["shrinking_delta"]["float64"], report["joint_deletion"][-2]
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in second["explained_share"].items())
    floors = ", ".join(f"{name} {c['floor']:.0e} at δ = {c['at_delta']:.0e}" for name, c in shrunk.items())
    lines += [
        "",
        f"Second order: of (ΔL − g)², − ½ w² H explains {shares} ({second['sample']} random connections of each).",
        "  The rest, all where it is below 0 %, comes of the kinks of ReLU and max-pooling.",
        f"Shrinking δ (last layer, float64): orders {shrunk['one_sided']['order']:.2f} and "
        f"{shrunk['central']['order']:.2f}; floors: {floors}.",
        f"All at once, {100 * joint['sparsity']:g} % removed: the loss changes by {joint['true']:.3f}, the sum of the "
        f"g_j says {joint['linear']:.3f}. The derivative speaks of one connection, not of many.",
        "Seconds: " + ", ".join(f"{phase.replace('_', ' ')} {s:.1f}" for phase, s in seconds.items()) + ".",
    ]
    return "\n".join(lines)


def _table(agreement: Mapping[str, Mapping[str, float]]) -> list[str]:
    heads = "".join(f"{f'J / P {s} %':>14}" for s in (90, 95, 98, 99))
    lines = [f"{'layer':<13}{'connections':>12}{'Pearson':>9}{'Spearman':>10}{'signs':>9}{heads}"]
    for name, row in agreement.items():
        overlaps = "".join(f"{row[f'jaccard_{s}']:>8.2f} /{row[f'precision_{s}']:>4.2f}" for s in (90, 95, 98, 99))
        lines.append(
            f"{name:<13}{row['connections']:>12,}{row['pearson']:>9.4f}{row['spearman']:>10.4f}"
            f"{100 * row['equal_signs']:>7.1f} %{overlaps}"
        )
    return [
        *lines,
        "J Jaccard index, P precision of the sets that |g| and |ΔL| keep; nan: nothing is kept there.",
    ]

"""What `minisnip agree` computes and writes, number by number, for a network of 134 connections."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip import pruning
from minisnip.files import load_arrays
from minisnip.lab import agree, plots
from minisnip.lab.experiment import Experiment
from minisnip.pruning import DifferenceErrors, LayerCollapseWarning
from tests.networks import small_mlp, toy_dataset

EXPERIMENT = Experiment(dataset="glyphs", scoring_images=8, seed=2)
DELTAS = np.array([1.0, 0.1, 0.01, 0.001])
ERRORS = DifferenceErrors(DELTAS, DELTAS, np.array([1.0, 0.01, 2e-4, 0.5]), 1e-17 / DELTAS, (1.0, 2.01))


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """The result, the connections whose curvature and whose differences were asked for, and the dtypes."""
    asked: dict[str, Any] = {"differences": []}
    exact = pruning.mask_curvature

    def curvature(net: Any, params: Any, x: Any, y: Any, connections: Any) -> Any:
        asked["curvatures"] = connections
        return exact(net, params, x, y, connections)

    def differences(net: Any, params: Any, x: Any, y: Any, connections: Any, dtype: str) -> DifferenceErrors:
        asked["differences"].append((connections, dtype))
        return ERRORS

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", LayerCollapseWarning)
        patch.setattr(agree, "MODELS", {"lenet-300-100": small_mlp})
        patch.setattr(pruning, "mask_curvature", curvature)
        patch.setattr(pruning, "difference_errors", differences)
        asked["result"] = agree.compare_scores(EXPERIMENT, toy_dataset())
    return asked


def largest(scores: dict[str, Any], count: int) -> list[tuple[str, tuple[int, ...]]]:
    every = [(name, j) for name, a in scores.items() for j in np.ndindex(a.shape)]
    return sorted(every, key=lambda place: -abs(scores[place[0]][place[1]]))[:count]


def test_the_eight_largest_disagreements_are_told_with_their_terms(seen: dict[str, Any]) -> None:
    result = seen["result"]
    apart = {name: result.deltas[name] - g for name, g in result.g.items()}
    rows = result.report["largest_disagreements"]
    assert [(row["name"], tuple(row["index"])) for row in rows] == largest(apart, 8) == seen["curvatures"][:8]
    assert {tuple(row) for row in rows} == {("name", "index", "w", "g", "half_curvature", "delta_loss", "remainder")}
    exact = pruning.mask_curvature(small_mlp(), *_params_and_batch(), seen["curvatures"][:8])
    np.testing.assert_allclose([row["half_curvature"] for row in rows], exact / 2, rtol=1e-9)


def _params_and_batch() -> tuple[Any, Any, Any]:
    """Drawn again as the seed says: the first stream is of the weights, the second of the batch."""
    first, second, _ = np.random.default_rng(2).spawn(3)
    train, params = toy_dataset().train, small_mlp().init(first, dtype=np.float64)
    return params, *pruning.scoring_batch(train.images.astype(np.float64), train.labels, 8, second)


def test_the_scores_are_those_of_the_drawn_weights_and_batch(seen: dict[str, Any]) -> None:
    batch = (small_mlp(), *_params_and_batch())
    for ours, name in ((seen["result"].g, "mask_gradient"), (seen["result"].deltas, "delta_loss")):
        for key, exact in getattr(pruning, name)(*batch).items():
            assert ours[key].dtype == np.float64
            np.testing.assert_allclose(ours[key], exact, rtol=1e-12)


def test_forty_connections_of_each_parameter_with_a_derivative_are_sampled_or_all_there_are(
    seen: dict[str, Any],
) -> None:
    sample = seen["curvatures"][8:]
    names = [name for name, _ in sample]
    assert {name: names.count(name) for name in names} == {"fc1.weight": 40, "fc2.weight": 35, "fc3.weight": 20}
    assert len(set(sample)) == len(sample)
    assert sample[:40] != sorted(sample[:40])  # at random
    assert seen["result"].report["second_order"]["sample"] == 40


def test_the_shrinking_delta_is_of_the_five_largest_derivatives_of_the_last_layer(seen: dict[str, Any]) -> None:
    g = seen["result"].g
    last = largest({"fc3.weight": g["fc3.weight"]}, 5)
    assert seen["differences"] == [(last, "float64"), (last, "float32")]
    others = largest({name: a for name, a in g.items() if name[:3] != "fc3"}, 1)
    assert abs(g[others[0][0]][others[0][1]]) > abs(g["fc3.weight"][last[-1][1]])  # so it is another choice


def test_the_report_holds_the_order_the_floor_and_its_delta_of_each_quotient(seen: dict[str, Any]) -> None:
    found = deepcopy(seen["result"].report["shrinking_delta"])
    assert found["float64"].keys() == found["float32"].keys() == {"one_sided", "central", "complex_step"}
    assert found["float64"]["one_sided"] == {"order": 1.0, "floor": 0.001, "at_delta": 0.001}
    assert found["float64"]["central"] == {"order": 2.01, "floor": 2e-4, "at_delta": 0.01}
    assert np.isnan(found["float64"]["complex_step"].pop("order"))
    assert found["float64"]["complex_step"] == {"floor": 1e-17, "at_delta": 1.0}


def test_the_report_has_its_parts_in_order_and_its_sparsities(seen: dict[str, Any]) -> None:
    report = seen["result"].report
    assert " ".join(report) == (
        "dataset config agreement overlap largest_disagreements second_order shrinking_delta joint_deletion "
        "seconds versions"
    )
    assert report["config"] == {"model": "lenet-300-100", "dataset": "glyphs", "seed": 2, "scoring_images": 8}
    shares = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998]
    assert [row["sparsity"] for row in report["overlap"]] == shares
    assert [row["sparsity"] for row in report["joint_deletion"]] == sorted([*shares, 0.7])
    assert list(report["seconds"]) == ["gradient", "deletions", "second_order", "shrinking_delta", "joint_deletion"]
    assert all(0 <= s < 60 and s == round(s, 3) for s in report["seconds"].values())
    overlaps, told = {row["sparsity"]: row for row in report["overlap"]}, report["agreement"]["all"]
    for key in ("jaccard", "precision"):
        assert [overlaps[s][key] for s in (0.9, 0.95, 0.98)] == [told[f"{key}_{s}"] for s in (90, 95, 98)]


SUMMARY = """\
LeNet-300-100 on glyphs (not MNIST), batch of 8, seed 2

| layer | connections | Pearson | Spearman | signs | J / P 90 % | J / P 95 % | J / P 98 % | J / P 99 % |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| fc1 | 70 | 0.9255 | 0.8522 | 88.9 % | 0.50 / 0.67 | 1.00 / 1.00 | nan / nan | nan / nan |
| fc2 | 40 | 0.9283 | 0.9914 | 100.0 % | 0.71 / 0.83 | 0.50 / 0.67 | 0.50 / 0.50 | nan / nan |
| fc3 | 24 | 0.9863 | 0.9485 | 95.0 % | 1.00 / 1.00 | 1.00 / 1.00 | 0.50 / 1.00 | 1.00 / 1.00 |
| all | 134 | 0.9495 | 0.9261 | 93.2 % | 0.73 / 0.85 | 0.75 / 0.86 | 0.50 / 0.67 | 1.00 / 1.00 |

J: Jaccard index, P: precision of the sets that |g| and |ΔL| keep; nan: nothing is kept there.

Largest disagreements (nats), ΔL = g − ½ w² H + remainder:

| connection | w | g | ½ w² H | ΔL | remainder |
| --- | --- | --- | --- | --- | --- |
| fc2.weight[4, 5] | 0.7588 | 2.99e-01 | 4.32e-02 | 5.72e-02 | -1.99e-01 |
| fc2.weight[2, 0] | 0.7955 | 3.77e-01 | 1.09e-01 | 2.75e-01 | 5.97e-03 |
| fc3.weight[2, 0] | -0.9164 | 4.93e-01 | 4.25e-02 | 4.18e-01 | -3.26e-02 |
| fc1.weight[5, 8] | 0.5391 | 5.71e-02 | 4.71e-03 | -1.24e-02 | -6.48e-02 |
| fc3.weight[2, 3] | 0.9884 | -2.76e-01 | 7.86e-02 | -3.44e-01 | 1.03e-02 |
| fc3.weight[0, 2] | 0.8197 | 3.08e-01 | 5.79e-02 | 2.41e-01 | -9.31e-03 |
| fc1.weight[0, 7] | -0.2722 | 1.28e-01 | 1.47e-02 | 6.92e-02 | -4.45e-02 |
| fc2.weight[0, 4] | 0.6119 | 1.81e-01 | 3.08e-02 | 1.25e-01 | -2.48e-02 |

Second order: − ½ w² H explains this share of (ΔL − g)²: fc1.weight 15 %, fc2.weight 44 %, fc3.weight 92 %, \
all 45 % (40 random connections of each parameter).
  The rest comes from the kinks of ReLU and max-pooling; below 0 %, all of it does.
Shrinking δ (last layer, float64): orders 1.00 and 2.01; floors: one_sided 1e-03 at δ = 1e-03, central 2e-04 \
at δ = 1e-02, complex_step 1e-17 at δ = 1e+00.
All at once, 99.5 % removed: the loss changes by 0.646, the sum of the g_j says 2.055. The derivative speaks \
of one connection, not of many.
Seconds: gradient 0.0, second order 12.3."""


def test_the_summary_says_all_of_it(seen: dict[str, Any]) -> None:
    seconds = {"gradient": 0.04, "second_order": 12.345}
    assert agree.summary({**seen["result"].report, "seconds": seconds}) == SUMMARY


def test_the_figures_get_the_scores_their_thresholds_and_their_titles(
    seen: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, Any] = {}

    def noted(name: str) -> Callable[..., str]:
        def note(*arguments: Any) -> str:
            drawn[name] = arguments
            return name

        return note

    for name in ("deletion_scatter", "score_histogram", "overlap_curves", "difference_curves", "joint_curves"):
        monkeypatch.setattr(plots, name, noted(name))
    result = seen["result"]
    agree.write(tmp_path, EXPERIMENT, toy_dataset(), result)
    title, report = "LeNet-300-100, toy, batch of 8", result.report
    sizes = {
        key: np.sort(np.abs(np.concatenate([a.ravel() for a in scores.values()])))
        for key, scores in (("g", result.g), ("ΔL", result.deltas))
    }
    kept = {key: a[-7] for key, a in sizes.items()}  # 5 % of 134
    assert drawn == {
        "deletion_scatter": (result.g, result.deltas, title),
        "score_histogram": (result.g, result.deltas, kept, f"{title}: κ at 95 %"),
        "overlap_curves": (report["overlap"], title),
        "difference_curves": (result.differences, f"{title}: median of 5 connections of the last layer"),
        "joint_curves": (report["joint_deletion"], title),
    }
    files = ["differences", "histogram", "joint_deletion", "overlap", "scatter"]
    names = ["difference_curves", "score_histogram", "joint_curves", "overlap_curves", "deletion_scatter"]
    assert [(tmp_path / f"{file}.png").read_text() for file in files] == names
    assert sorted(f.name for f in tmp_path.iterdir()) == sorted(
        [*(f"{file}.png" for file in files), "agreement.json", "agreement.npz"]
    )


def test_the_files_hold_the_report_and_every_array(seen: dict[str, Any], tmp_path: Path) -> None:
    result = seen["result"]
    agree.write(tmp_path, EXPERIMENT, toy_dataset(), result)
    text = (tmp_path / "agreement.json").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2) + "\n"
    told = json.loads(text)
    assert told["shrinking_delta"]["float64"]["complex_step"] == {"order": None, "floor": 1e-17, "at_delta": 1.0}
    assert told["largest_disagreements"] == result.report["largest_disagreements"]
    arrays = load_arrays(tmp_path / "agreement.npz")
    parts = {f"{kind}/{name}" for kind in ("g", "delta_loss") for name in small_mlp().shapes()}
    curves = ("deltas", "one_sided", "central", "complex_step")
    assert set(arrays) == parts | {f"differences/{dtype}/{c}" for dtype in ("float64", "float32") for c in curves}
    np.testing.assert_array_equal(arrays["delta_loss/fc1.weight"], result.deltas["fc1.weight"])
    np.testing.assert_array_equal(arrays["g/fc1.weight"], result.g["fc1.weight"])
    np.testing.assert_array_equal(arrays["differences/float32/central"], ERRORS.central)

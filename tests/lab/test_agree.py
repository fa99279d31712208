"""`minisnip agree` writes what it computed, and says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip import pruning
from minisnip.autodiff.engine import Array
from minisnip.data import load
from minisnip.files import load_arrays
from minisnip.lab import agree
from minisnip.lab.cli import main
from minisnip.lab.experiment import Experiment
from minisnip.nn import lenet_300_100
from minisnip.pruning import Connection

FILES = {"agreement.json", "agreement.npz", "scatter.png", "histogram.png", "overlap.png", "differences.png"}


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("agree")
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lambda *words, **_: lines.append(" ".join(map(str, words))))
        assert main(["agree", "--dataset", "glyphs", "--batch", "20", "--out", str(folder)]) == 0
    return folder, "\n".join(lines)


def test_it_writes_the_report_the_arrays_and_five_figures(agreed: tuple[Path, str]) -> None:
    assert {file.name for file in agreed[0].iterdir()} == FILES | {"joint_deletion.png"}


def test_what_it_prints_fits_80_columns_and_names_the_files(agreed: tuple[Path, str]) -> None:
    folder, printed = agreed
    assert max(map(len, printed.replace(str(folder), "runs/agree").splitlines())) <= 80
    assert [name for name in FILES if name not in printed] == []
    assert "All at once, 99.5 % removed: the loss changes by" in printed


def test_both_scores_of_every_connection_are_kept(agreed: tuple[Path, str]) -> None:
    arrays = load_arrays(agreed[0] / "agreement.npz")
    for name, shape in lenet_300_100().shapes().items():
        assert arrays[f"g/{name}"].shape == arrays[f"delta_loss/{name}"].shape == shape


def test_the_derivative_of_a_real_network_agrees_with_the_deletion(agreed: tuple[Path, str]) -> None:
    report = json.loads((agreed[0] / "agreement.json").read_text())
    row = report["agreement"]["all"]
    assert row["connections"] == 266_610
    assert row["pearson"] > 0.9
    assert row["equal_signs"] > 0.9
    assert row["precision_95"] > 0.8
    assert report["second_order"]["explained_share"]["fc3.weight"] > 0.5
    shrunk = report["shrinking_delta"]["float64"]
    assert shrunk["one_sided"]["order"] == pytest.approx(1, abs=0.05)
    assert shrunk["central"]["order"] == pytest.approx(2, abs=0.05)
    assert shrunk["complex_step"]["floor"] < 1e-14 < shrunk["central"]["floor"] < shrunk["one_sided"]["floor"]


def test_the_taylor_terms_of_the_largest_disagreements_add_up(agreed: tuple[Path, str]) -> None:
    report = json.loads((agreed[0] / "agreement.json").read_text())
    arrays = load_arrays(agreed[0] / "agreement.npz")
    for row in report["largest_disagreements"]:
        j = tuple(row["index"])
        assert row["delta_loss"] == arrays[f"delta_loss/{row['name']}"][j]
        assert row["g"] == arrays[f"g/{row['name']}"][j]
        assert row["delta_loss"] == pytest.approx(row["g"] - row["half_curvature"] + row["remainder"])
    apart = max(np.abs(arrays[f"delta_loss/{n}"] - arrays[f"g/{n}"]).max() for n in lenet_300_100().shapes())
    first = report["largest_disagreements"][0]
    assert abs(first["delta_loss"] - first["g"]) == pytest.approx(apart)


def test_it_prints_both_sides_and_that_the_derivative_speaks_of_one_connection(agreed: tuple[Path, str]) -> None:
    text = agreed[1]
    for words in (
        "Pearson",
        "Spearman",
        "signs",
        "J / P 95 %",
        "fc1 ",
        "266,610",
        "remainder",
        "orders 1.00 and 2.00",
        "Seconds: gradient",
    ):
        assert words in text
    assert "The derivative speaks of one connection, not of many." in text


def test_the_report_is_json_without_nan_and_the_curves_are_kept_as_numbers(agreed: tuple[Path, str]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((agreed[0] / "agreement.json").read_text(), parse_constant=refuse)
    arrays = load_arrays(agreed[0] / "agreement.npz")
    for dtype in ("float64", "float32"):
        assert {arrays[f"differences/{dtype}/{k}"].shape for k in ("deltas", "one_sided", "complex_step")} == {(25,)}


def test_the_threshold_is_the_smallest_score_that_is_kept() -> None:
    scores = {"a": -np.arange(100.0).reshape(4, 25), "b": np.arange(100.0, 200.0)}
    assert agree._threshold(scores) == 190  # 95 % of 200 go, ten are kept: 190 to 199


def test_the_explained_share_of_all_is_weighted_by_what_there_is_to_explain() -> None:
    g = {"large": np.zeros(2), "small": np.zeros(2)}
    deltas = {"large": np.full(2, 10.0), "small": np.full(2, 1.0)}
    sample: list[Connection] = [("large", (0,)), ("small", (1,))]
    shares = agree._explained(g, deltas, sample, np.array([0.0, -2.0]))  # nothing of the large, all of the small
    assert shares["large"] == 0
    assert shares["small"] == 1
    assert shares["all"] == pytest.approx(2 / 202)


def test_the_batch_is_drawn_at_random_from_the_training_split(monkeypatch: pytest.MonkeyPatch) -> None:
    class Seen(Exception):  # noqa: N818
        pass

    def spy(net: Any, params: Any, x: Array, y: Array) -> None:
        raise Seen(x)

    dataset = load("glyphs")
    monkeypatch.setattr(pruning, "mask_gradient", spy)
    with pytest.raises(Seen) as caught:
        agree.compare_scores(Experiment(scoring_images=20, dataset="glyphs"), dataset)
    rows = {image.astype(np.float64).tobytes(): i for i, image in enumerate(dataset.train.images)}
    assert sorted(rows[image.tobytes()] for image in caught.value.args[0]) != list(range(20))


def test_a_batch_larger_than_the_training_split_is_a_wrong_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["agree", "--dataset", "glyphs", "--batch", "1000000", "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert "scoring_images 1000000, but there are 10,800 training images" in capsys.readouterr().err


def test_what_is_not_mnist_says_so(agreed: tuple[Path, str]) -> None:
    folder, text = agreed
    assert "glyphs (not MNIST)" in text
    assert json.loads((folder / "agreement.json").read_text())["dataset"] == "glyphs (not MNIST)"
    assert b"glyphs (not MNIST)" in (folder / "agreement.npz").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "vgg"], "unknown model 'vgg'"),
        (["--batch", "0"], "scoring_images 0 must be above 0"),
        (["--out", "/dev/null/folder"], "cannot write to the folder"),
    ],
)
def test_a_wrong_option_gets_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["agree", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1

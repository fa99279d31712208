"""The folder of one run: every byte of its texts, and the sizes of its figures."""

from __future__ import annotations

import csv
import hashlib
import json
import struct
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from minisnip.files import load_arrays
from minisnip.lab import report
from minisnip.lab.experiment import Experiment, Run, run
from minisnip.lab.runs import origin
from tests.lab.test_numerics import images

EXPERIMENT = Experiment(dataset="glyphs", epochs=2, batch_size=50, scoring_images=50, sparsity=0.9, seed=3)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Run]]:
    folder = tmp_path_factory.mktemp("run")
    (folder / "pruned.checkpoint.npz").touch()
    twins = {"pruned": EXPERIMENT, "dense": replace(EXPERIMENT, sparsity=0.0)}
    runs = {name: run(twin, images()) for name, twin in twins.items()}
    report.write_folder(folder, runs)
    return folder, runs


def test_the_result_is_json_of_these_keys_with_a_checksum(written: tuple[Path, dict[str, Run]]) -> None:
    folder, runs = written
    text = (folder / "result.json").read_text(encoding="utf-8")
    result = json.loads(text)
    assert text == json.dumps(result, indent=2) + "\n"
    assert " ".join(result) == (
        "dataset model criterion sparsity seed m kappa kept kept_per_layer compact validation_error_percent "
        "test_error_percent best_epoch dense seconds numerics config versions commit sha256"
    )
    checksum = result.pop("sha256")
    assert checksum == hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
    told = {key: result[key] for key in ("dataset", "model", "criterion", "sparsity", "seed", "m", "kappa", "kept")}
    assert told == {
        "dataset": "glyphs (not MNIST)",
        "model": "lenet-300-100",
        "criterion": "snip",
        "sparsity": 0.9,
        "seed": 3,
        "m": 266_610,
        "kappa": 26_661,
        "kept": 26_661,
    }
    assert result["compact"] is None
    pruned, dense = (errors_of(runs[name]) for name in ("pruned", "dense"))
    assert {key: result[key] for key in pruned} == pruned
    assert result["dense"] == dense
    assert result["config"] == asdict(EXPERIMENT)
    assert {key: result[key] for key in origin(EXPERIMENT)} == json.loads(json.dumps(origin(EXPERIMENT)))
    assert list(result["seconds"]) == ["prune", "train_pruned", "train_dense"]
    assert result["seconds"]["train_dense"] == round(runs["dense"].trained.seconds, 3)
    assert result["seconds"]["prune"] == round(runs["pruned"].seconds_to_prune, 3)


def errors_of(one: Run) -> dict[str, Any]:
    return {
        "validation_error_percent": one.validation_error,
        "test_error_percent": one.test_error,
        "best_epoch": one.trained.best_epoch,
    }


def test_without_a_twin_there_is_no_dense_result_and_no_file_of_it(
    tmp_path: Path, written: tuple[Path, dict[str, Run]]
) -> None:
    result = report.write_folder(tmp_path, {"pruned": written[1]["pruned"]}, svg=True)
    assert result["dense"] is None
    assert list(result["seconds"]) == ["prune", "train_pruned"]
    drawn = ("kept_per_layer", "kept_pixels", "training_curves")
    figures = [f"{name}.{kind}" for name in drawn for kind in ("png", "svg")]
    texts = ["history.csv", "masks.npz", "params.npz", "result.json"]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(figures + texts)
    names = ", ".join(sorted(figures + texts))
    assert report.files_in(tmp_path) == report.for_terminal(f"Files in {tmp_path}/: {names}")
    read: Any = report.open_folder(tmp_path, EXPERIMENT, False, resume=True)
    assert read == json.loads(json.dumps(result))


def test_the_folder_holds_both_twins_and_no_checkpoint(written: tuple[Path, dict[str, Run]]) -> None:
    folder, runs = written
    names = "dense_history.csv dense_params.npz history.csv kept_per_layer.png kept_pixels.png masks.npz params.npz"
    assert " ".join(sorted(f.name for f in folder.iterdir())) == f"{names} result.json training_curves.png"
    for prefix, name in (("", "pruned"), ("dense_", "dense")):
        rows = list(csv.DictReader((folder / f"{prefix}history.csv").read_text().splitlines()))
        expected = [{**row, "dataset": "glyphs (not MNIST)"} for row in runs[name].trained.history]
        assert rows == [{key: str(value) for key, value in row.items()} for row in expected]
        params = load_arrays(folder / f"{prefix}params.npz")
        assert all((params[key] == w).all() for key, w in runs[name].trained.params.items())
    masks = load_arrays(folder / "masks.npz")
    assert sum(int(c.sum()) for c in masks.values()) == 26_661


def size(png: Path) -> tuple[int, int]:
    content = png.read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def test_a_figure_has_130_pixels_to_the_inch_and_its_svg_is_one(tmp_path: Path) -> None:
    paths = report.save(tmp_path, {"a.png": Figure(figsize=(2, 1)), "b.txt": "text\n", "c.png": Figure((1, 3))}, True)
    assert sorted(path.name for path in paths) == ["a.png", "a.svg", "b.txt", "c.png", "c.svg"]
    assert (size(tmp_path / "a.png"), size(tmp_path / "c.png")) == ((260, 130), (130, 390))
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "b.txt").read_bytes() == b"text\n"
    assert [path.name for path in report.save(tmp_path / "png", {"a.png": Figure((1, 1))})] == ["a.png"]
    assert [path.name for path in (tmp_path / "png").iterdir()] == ["a.png"]


RESULT: dict[str, Any] = {
    "kept": 13_331,
    "m": 266_610,
    "compact": None,
    "validation_error_percent": 1.006,
    "test_error_percent": 12.5,
    "dense": {"validation_error_percent": 0.5, "test_error_percent": 1.25},
    "seconds": {"prune": 0.5, "train_pruned": 61.04, "train_dense": 9.26},
    "config": {"model": "lenet-300-100", "dataset": "glyphs", "seed": 3, "criterion": "snip", "sparsity": 0.95},
}
HEAD = "LeNet-300-100 on glyphs (not MNIST), seed 3"
TABLE = """\
                     connections  validation error  test error  training
snip at 95 %   13,331 of 266,610            1.01 %     12.50 %    61.0 s
dense         266,610 of 266,610            0.50 %      1.25 %     9.3 s"""


def test_the_summary_has_a_row_for_the_run_and_one_for_its_twin() -> None:
    assert report.summary(RESULT) == f"{HEAD}\n\n{TABLE}"
    alone = report.summary({**RESULT, "dense": None})
    assert alone == f"{HEAD}\n\n" + "\n".join(line[:13] + line[14:] for line in TABLE.splitlines()[:2])


def test_the_summary_names_what_changed_the_training() -> None:
    changed = {**RESULT, "compact": "784-300 -> 20", "config": {**RESULT["config"], "augment": "flip", "average": 0.9}}
    head, *_ = report.summary(changed).partition("\n\n")
    lines = ["trained as 784-300 -> 20", "trained with augment flip", "trained with average 0.9"]
    assert head.splitlines() == [HEAD, *lines]


def test_only_files_of_a_run_are_named_in_order(tmp_path: Path) -> None:
    for name in ("result.json", "notes.txt", "agreement.npz", "error.svg"):
        (tmp_path / name).touch()
    (tmp_path / "params.npz").mkdir()
    text = report.files_in(tmp_path)
    assert text.replace("\n", " ") == f"Files in {tmp_path}/: agreement.npz, error.svg, result.json"

"""The command: every file tells what was run, where it comes from, and at which commit."""

from __future__ import annotations

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from minisnip import data
from minisnip.lab import cli, plots, report, reproduce
from minisnip.lab.cli import main
from minisnip.lab.experiment import Experiment
from minisnip.lab.reproduce import BUDGETS, RESULTS, figures
from minisnip.lab.runs import run_all
from tests.lab.fakes import fake, fake_in

FIGURES = {name: [name] for name in ("figure1", "figure3", "figure4", "lengths")} | {"figure2": ["figure2-glyphs"]}
FIGURES["table2"] = ["table2", "table2-gates"]
LABELS = {"table2": {"glyphs (not MNIST)", "random images (not CIFAR-10)"}}
FIRST_SEEDS = {"rates": 1000, "ingredients": 1002, "lengths": 1002}  # of the runs that choose; the others begin at 0


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "resumable", fake_in)


def folders(folder: Path) -> tuple[Path, Path]:
    return folder, folder / "runs"


def computed_in(folder: Path) -> tuple[tuple[Path, Path], str, Any]:
    """The last arguments of `reproduce`: its folders, the command, and the processes."""
    return folders(folder), "the command", partial(run_all, folder / "runs", work=fake, jobs=2)


def files_in(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.glob("**/*") if file.is_file() and file.suffix != ".png"}


@pytest.mark.parametrize("name", RESULTS)
def test_each_command_writes_its_files_which_tell_where_they_come_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproduce, "commit", lambda: "c" * 40)
    arguments = ["reproduce", name, "--dataset", "glyphs", "--seeds", "2", "--jobs", "2", "--out", str(tmp_path)]
    assert main(arguments) == 0
    drawn = [f"{figure}.png" for figure in FIGURES.get(name, [])]
    files = {f"{name}.csv", f"{name}.md", f"{name}.json", *drawn}
    assert {file.name for file in tmp_path.iterdir()} == files | {"runs"}
    out = capsys.readouterr().out
    assert report.for_terminal((tmp_path / f"{name}.md").read_text().strip()) in out
    assert max(map(len, out.replace(str(tmp_path), "runs/folder").splitlines())) <= 80
    with (tmp_path / f"{name}.csv").open() as file:
        assert {line["label"] for line in csv.DictReader(file)} == LABELS.get(name, {"glyphs (not MNIST)"})
    assert "glyphs (not MNIST)" in (tmp_path / f"{name}.md").read_text()
    origin = json.loads((tmp_path / f"{name}.json").read_text())
    assert origin["command"] == f"minisnip reproduce {name} --budget short --seeds 2 --dataset glyphs"
    assert {*origin["datasets"]} == LABELS.get(name, {"glyphs (not MNIST)"})
    assert set(origin["files"]) == files - {f"{name}.json"}
    first = FIRST_SEEDS.get(name, 0)
    expected = [0] if name == "figure2" else [first, first + 1]
    assert all(seeds == expected for seeds in origin["seeds"].values())
    assert (tmp_path / f"{name}.md").read_text().endswith(f"by `{origin['command']}`.\n")
    assert origin["seconds"] == 0.5 * origin["runs"] > 0
    assert origin["commit"] == "c" * 40
    written = {json.loads(file.read_text())["commit"] for file in (tmp_path / "runs").iterdir()}
    assert set(origin["commits"]) == written


def test_the_report_names_the_commits_of_its_runs_and_not_its_own(tmp_path: Path) -> None:
    arguments = ["reproduce", "table3", "--dataset", "glyphs", "--seeds", "1", "--out", str(tmp_path)]
    main(arguments)
    first, second, *others = sorted((tmp_path / "runs").iterdir())
    for file, commit in ((first, "a" * 40), *((file, "b" * 40) for file in others)):
        file.write_text(json.dumps({**json.loads(file.read_text()), "commit": commit}))
    older = json.loads(second.read_text())
    second.write_text(json.dumps({key: older[key] for key in ("numerics", "config", "result", "versions")}))
    main(arguments)
    assert json.loads((tmp_path / "table3.json").read_text())["commits"] == ["a" * 40, "b" * 40, "unknown"]


def test_a_result_has_the_seeds_that_its_budget_says_of_it(tmp_path: Path) -> None:
    def asked_for(configs: list[Experiment], title: str) -> Any:
        raise RuntimeError(f"seeds {sorted({config.seed for config in configs})}")

    with pytest.raises(RuntimeError, match=r"seeds \[0, 1, 2, 3, 4\]"):
        reproduce.compute_and_write("table3", BUDGETS["long"], "glyphs", folders(tmp_path), "the command", asked_for)


def test_a_damaged_result_is_computed_again(tmp_path: Path) -> None:
    arguments = ["reproduce", "table3", "--dataset", "glyphs", "--seeds", "1", "--out", str(tmp_path)]
    main(arguments)
    file, *_ = (tmp_path / "runs").iterdir()
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({**whole, "result": {}}))
    with pytest.warns(UserWarning, match=f"{file.name} is damaged or of another configuration: it is computed again"):
        reproduce.compute_and_write("table3", BUDGETS["short"].with_seeds(1), "glyphs", *computed_in(tmp_path))
    assert json.loads(file.read_text())["result"] == whole["result"]


def test_budgets_and_seeds_have_folders_of_their_own_and_share_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["--seeds", "2"], ["--seeds", "1"], ["--budget", "smoke", "--seeds", "1"]):
        assert main(["reproduce", "table1", "--dataset", "glyphs", *arguments]) == 0
    found = files_in(tmp_path / "runs" / "reproduce-glyphs")
    runs = {name for name in found if name.startswith("runs/")}
    folders = ("short-2-seeds", "short-1-seeds", "smoke-1-seeds")
    assert found - runs == {f"{folder}/table1.{kind}" for folder in folders for kind in ("csv", "md", "json")}
    assert len(runs) == 3 * (3 * 6 + 1)


@pytest.mark.parametrize("asked", [[], ["--dataset", "glyphs"]])
def test_the_command_is_recorded_with_the_data_set_that_took_the_place_of_mnist(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def glyphs_only(name: str, load: Any = data.load, **options: Any) -> data.Dataset:
        if name != "glyphs":
            raise data.DataUnavailableError(f"{name} is not here")
        dataset: data.Dataset = load(name)
        return dataset

    monkeypatch.setattr(data, "load", glyphs_only)
    assert main(["reproduce", "table3", "--seeds", "1", *asked, "--out", str(tmp_path)]) == 0
    command = json.loads((tmp_path / "table3.json").read_text())["command"]
    assert command == "minisnip reproduce table3 --budget short --seeds 1 --dataset glyphs"


def test_figure_2_names_both_data_sets_and_leaves_out_one_that_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged: list[str] = []
    glyphs = data.load("glyphs")

    def load(name: str, **options: Any) -> data.Dataset:
        if name in damaged:
            raise data.DataError("train-images-idx3-ubyte.gz is damaged")
        return glyphs

    monkeypatch.setattr(data, "load", load)
    monkeypatch.setattr(figures, "load", load)
    monkeypatch.setattr(plots, "class_pictures", lambda *_: Figure())
    arguments = ("figure2", BUDGETS["short"], "mnist", *computed_in(tmp_path))
    _, files = reproduce.compute_and_write(*arguments)
    assert {file.name for file in files} >= {"figure2-mnist.png", "figure2-fashion-mnist.png"}
    assert json.loads((tmp_path / "figure2.json").read_text())["datasets"] == ["MNIST", "Fashion-MNIST"]
    damaged.append("fashion-mnist")
    with pytest.warns(UserWarning, match="figure 2 leaves out Fashion-MNIST: train-images"):
        _, files = reproduce.compute_and_write(*arguments)
    assert {file.name for file in files} == {"figure2.csv", "figure2.md", "figure2.json", "figure2-mnist.png"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["table4"], "unknown result 'table4': choose one of table1, ingredients, lengths, rates, figure1"),
        (["table1", "--budget", "best"], "unknown budget 'best': choose one of smoke, short, long, paper"),
        (["table1", "--seeds", "0"], "seeds 0: at least 1"),
        (["table1", "--jobs", "0"], "argument --jobs: 0 processes: give 1 or more, or -1 for one on each core"),
        (["table1", "--jobs", "-2"], "argument --jobs: -2 processes: give 1 or more"),
    ],
)
def test_wrong_options_get_a_sentence(option: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["reproduce", *option, "--dataset", "glyphs"])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_or_is_of_another_version_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        main(["reproduce", "table1", "--dataset", "glyphs", "--out", str(tmp_path / "file" / "below")])
    assert "cannot write to the folder" in capsys.readouterr().err
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "0.json").write_text('{"format": 0, "versions": {"minisnip": "0.0.1"}}')
    with pytest.raises(SystemExit):
        main(["reproduce", "table1", "--dataset", "glyphs", "--out", str(tmp_path)])
    assert "was written by minisnip 0.0.1" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "runs").iterdir()] == ["0.json"]

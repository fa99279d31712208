"""What commands do around the work: refuse a folder first, add the second half of a search, clear what kills left."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path
from typing import Any

import pytest

from minisnip import data
from minisnip.lab import agree, cli, runs
from minisnip.lab.cli import main
from tests.lab.fakes import fake


@pytest.mark.parametrize("command", [["compare"], ["reproduce", "table3"], ["agree"]])
def test_the_usual_folder_is_refused_before_the_work_too(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("a file where the folder should be")
    for module, work in ((cli, "run_all"), (agree, "compare_scores")):
        monkeypatch.setattr(module, work, lambda *_, **__: pytest.fail("work was begun"))
    with pytest.raises(SystemExit):
        main([*command, "--dataset", "glyphs"])
    assert "cannot write to the folder runs/" in capsys.readouterr().err


def test_half_written_files_are_deleted_after_a_day(tmp_path: Path) -> None:
    hours = {".young.json.1.tmp": 22, ".old.json.2.tmp": 26}
    for name, age in hours.items():
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (time.time() - 3600 * age,) * 2)
    runs.run_all(tmp_path, [], fake, 1, None)
    assert [file.name for file in tmp_path.iterdir()] == [".young.json.1.tmp"]


def test_a_comparison_without_mnist_is_one_of_glyphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, load: Any = data.load, **options: Any) -> data.Dataset:
        if name == "mnist":
            raise data.DataUnavailableError("mnist is not here")
        dataset: data.Dataset = load(name)
        return dataset

    monkeypatch.setattr(data, "load", offline)
    monkeypatch.setattr(cli, "record", fake)
    arguments = ["compare", "--criteria", "snip", "--sparsities", "0.9", "--seeds", "1", "--jobs", "1"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    with (tmp_path / "results.csv").open(encoding="utf-8") as file:
        assert [(row["dataset"], row["label"]) for row in csv.DictReader(file)] == [("glyphs", "glyphs (not MNIST)")]


def test_a_folder_whose_name_is_no_text_does_not_cost_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "record", fake)
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    options = ["--dataset", "glyphs", "--criteria", "snip", "--sparsities", "0.9", "--seeds", "1", "--jobs", "1"]
    assert main(["compare", *options, "--out", folder]) == 0
    assert "\\udcff" in Path(folder, "tables.md").read_text(encoding="utf-8")

"""A reproduction: the protocol is the paper's, and every file tells what was run."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip import training
from minisnip.cli import main
from minisnip.experiments import reproduce, tables
from minisnip.experiments.reproduce import ALL, BUDGETS, RESULTS, RunConfig, search, table1
from minisnip.experiments.reproduce.budgets import CONVNET, MLP, Budget, Case, over_seeds
from minisnip.experiments.reproduce.report import rows_of
from minisnip.training.recipe import Recipe


def test_the_papers_budget_is_its_protocol() -> None:
    cases = table1.plan(BUDGETS["paper"], "mnist")
    papers = [config for case, config in cases if case != table1.RECIPE]
    assert {config.seed for config in papers} == set(range(20))
    assert {(config.iterations, config.batch_size, config.weight_decay) for config in papers} == {(100_000, 100, 5e-4)}
    recipe = Recipe(1, 100, training.SGD(), 0.1, papers[0].schedule, papers[0].iterations)
    rates = [recipe.rate(i, 540) for i in (0, 24_999, 25_000, 49_999, 50_000, 75_000, 99_999)]
    np.testing.assert_allclose(rates, [1e-1, 1e-1, 1e-2, 1e-2, 1e-3, 1e-4, 1e-4])


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_the_drops_lie_inside_every_run(budget: Budget) -> None:
    steps = {c.iterations for name in ALL for _, c in RESULTS[name].plan(budget, "glyphs") if c.schedule == "step"}
    for iterations in steps - {0}:
        recipe = Recipe(1, 100, training.SGD(), 1.0, "step", iterations)
        assert recipe.rate(iterations - 1, 540) == pytest.approx(1e-3)


def test_short_has_the_seeds_that_were_asked_for_and_results_share_runs() -> None:
    plans = {name: {c for _, c in RESULTS[name].plan(BUDGETS["short"], "mnist")} for name in ALL}
    assert {c.seed for c in plans["table1"] if c.model == MLP} == set(range(10))
    assert {c.seed for c in plans["table1"] if c.model == CONVNET} == set(range(3))
    assert plans["table1"] & plans["figure1"]
    assert plans["figure1"] & plans["figure3"]


def test_table_3_trains_glorot_whatever_is_scored() -> None:
    configs = [c for _, c in RESULTS["table3"].plan(BUDGETS["short"], "mnist")]
    assert {c.init for c in configs} == {"normal", "truncated_normal", "glorot", "he"}
    assert {(c.trained_init, c.optimiser, c.learning_rate, c.weight_decay, c.sparsity) for c in configs} == {
        ("glorot", "adam", 1e-3, 0.0, 0.9)
    }


def fake(config: RunConfig) -> dict[str, Any]:
    """A result without the work."""
    error = 100 * config.sparsity / 20 + config.seed / 10
    tested = None if config.report == "validation" else error
    row = {"learning_rate": 0.1, "train_loss": 0.5, "train_error_percent": 9.0, "validation_error_percent": error}
    epochs = [{"epoch": e, "iterations": 9 * e, **row, "test_error_percent": error} for e in (1, 2)]
    pixels = np.random.default_rng(config.scoring_class or 0).integers(0, 300, (28, 28))
    return {
        "dataset": "glyphs (not MNIST)" if config.dataset == "glyphs" else config.dataset,
        "kept": 5,
        "emptied_layers": "",
        "best_epoch": 1,
        "validation_error_percent": error,
        "test_error_percent": tested,
        table1.IF_TEST_CHOSE: None if tested is None else tested - 0.05,
        "diverged": "",
        "seconds": 0.5,
        "first_layer": pixels.tolist(),
        "history": epochs,
    }


FIGURES = {"figure1": ["figure1"], "figure2": ["figure2-glyphs"], "figure3": ["figure3"], "figure4": ["figure4"]}


@pytest.mark.parametrize("name", ALL)
def test_each_command_writes_its_files_which_tell_where_they_come_from(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reproduce, "run", fake)
    arguments = ["reproduce", name, "--dataset", "glyphs", "--seeds", "2", "--jobs", "1", "--out", str(tmp_path)]
    assert main(arguments) == 0
    figures = [f"{figure}.png" for figure in FIGURES.get(name, [])]
    files = {f"{name}.csv", f"{name}.md", f"{name}.json", *figures}
    assert {file.name for file in tmp_path.iterdir()} == files | {"runs"}
    assert (tmp_path / f"{name}.md").read_text().strip() in capsys.readouterr().out
    with (tmp_path / f"{name}.csv").open() as file:
        assert {line["dataset"] for line in csv.DictReader(file)} == {"glyphs (not MNIST)"}
    assert "glyphs (not MNIST)" in (tmp_path / f"{name}.md").read_text()
    origin = json.loads((tmp_path / f"{name}.json").read_text())
    assert origin["command"] == f"minisnip reproduce {name} --budget short --seeds 2 --dataset glyphs"
    assert origin["dataset"] == "glyphs (not MNIST)"
    assert set(origin["files"]) == files - {f"{name}.json"}
    assert all(seeds == ([0] if name == "figure2" else [0, 1]) for seeds in origin["seeds"].values())
    assert origin["seconds"] == 0.5 * origin["runs"] > 0
    assert origin["commit"]


def rows(cases: list[Case]) -> list[dict[str, Any]]:
    return rows_of(cases, [fake(config) for _, config in cases])


def test_table_1_stands_beside_the_papers_numbers_and_is_the_same_from_the_csv(tmp_path: Path) -> None:
    report = RESULTS["table1"].report(rows(table1.plan(BUDGETS["short"].with_seeds(3), "glyphs")))
    lines = report.text.splitlines()
    assert "| LeNet-300-100 | dense | – | 1.7 | 0.10 ± 0.10 | 0.10 ± 0.10 |" in lines
    assert "| LeNet-300-100 | SNIP | 98 | 2.4 | 5.00 ± 0.10 | 5.00 ± 0.10 |" in lines
    assert "| LeNet-5-Caffe | SNIP, our recipe | 99 | – | 5.05 ± 0.10 | – |" in lines
    assert "| LeNet-5-Caffe | L-OBS (Hessian) | 99.0 | 2.1 | – | – |" in lines
    assert "LeNet-300-100 98 % 4.95 ± 0.10, 4.95 ± 0.10" in report.text  # had the test split chosen
    assert "glyphs (not MNIST)" in lines[0]
    file = tmp_path / "table1.csv"
    file.write_text(tables.as_csv(report.lines))
    assert table1.table(tables.read_csv(file)) == report.text


def test_budget_best_is_our_recipe_alone() -> None:
    assert {case for case, _ in table1.plan(BUDGETS["best"], "mnist")} == {table1.RECIPE}


def test_a_diverged_run_is_named_below_the_table() -> None:
    found = rows(table1.plan(BUDGETS["short"].with_seeds(1), "glyphs"))
    found[0] |= {"diverged": "the training loss became inf", "test_error_percent": None, table1.IF_TEST_CHOSE: None}
    text = RESULTS["table1"].report(found).text
    assert "The loss became infinite in 1 runs, which end there: Algorithm 1 (seed 0)." in text
    assert "| LeNet-300-100 | dense | – | 1.7 | – | 0.00 |" in text


def test_the_search_never_reports_the_test_split_and_has_seeds_of_its_own() -> None:
    searched = [config for _, config in search.plan(BUDGETS["short"], "mnist")]
    reported = [config for _, config in table1.plan(BUDGETS["paper"], "mnist")]
    assert {config.report for config in searched} == {"validation"}
    assert not {config.seed for config in searched} & {config.seed for config in reported}


def test_the_search_puts_together_what_helped() -> None:
    budget = BUDGETS["short"].with_seeds(1)
    found = rows(search.plan(budget, "glyphs"))
    for row in found:
        gains = {"scoring: 10,000 images": 0.5, "scoring: FORCE": 0.2, "init: He": 0.1, "rate: half": -0.1}
        row["validation_error_percent"] = 5.0 - gains.get(row["case"], -0.2 if row["case"] != search.PAPER else 0.0)
    assert search.winners([r for r in found if r["sparsity"] == 0.95]) == {"scoring_images": 10_000, "init": "he"}
    together = [config for _, config in search.together(budget, "glyphs", found)]
    assert len(together) == len(search.POINTS)
    assert {(c.scoring_images, c.init, c.learning_rate) for c in together if c.model == MLP} == {(10_000, "he", 0.1)}
    text = RESULTS["search"].report(found).text
    assert text.index("scoring: 10,000 images | 4.50 | -0.50") < text.index("the paper's | 5.00 | +0.00")


def test_cases_share_nothing_but_what_the_options_leave() -> None:
    (_, config), *_ = over_seeds("a case", BUDGETS["short"], "mnist", CONVNET, sparsity=0.5)
    assert config == RunConfig(model=CONVNET, sparsity=0.5, learning_rate=0.02, iterations=5_400)
    assert json.loads(json.dumps(asdict(config)))["sparsity"] == 0.5


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["table2"], "unknown result 'table2': choose one of table1, table3, figure1"),
        (["table1", "--budget", "long"], "unknown budget 'long': choose one of smoke, short, paper"),
        (["table1", "--seeds", "0"], "seeds 0: at least 1"),
        (["figure1", "--budget", "best"], "budget best is that of our recipe, a row of table1"),
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

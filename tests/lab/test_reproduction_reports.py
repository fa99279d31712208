"""What tables print is what the runs gave; runs that diverged are named and never averaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minisnip.lab.report import as_csv, read_csv
from minisnip.lab.reproduce import BUDGETS, RESULTS
from minisnip.lab.reproduce.recipes import BEST, CONVNET, MLP, where
from tests.lab.fakes import diverge, rows

LONG = BUDGETS["long"].with_seeds(3)


def found_for(name: str) -> list[dict[str, Any]]:
    return rows(RESULTS[name].plan(LONG, "glyphs"))


def test_table_1_is_printed_beside_the_papers_numbers_and_is_the_same_from_the_csv(tmp_path: Path) -> None:
    found = found_for("table1")
    text = RESULTS["table1"].text(found)
    lines = text.splitlines()
    assert "| LeNet-300-100 | dense | – | 1.7 | 0.10 ± 0.10 | 0.10 ± 0.10 | 0.10 ± 0.10 |" in lines
    assert "| LeNet-300-100 | SNIP | 98 | 2.4 | 5.00 ± 0.10 | 5.00 ± 0.10 | 5.00 ± 0.10 |" in lines
    assert "| LeNet-5-Caffe | L-OBS (Hessian) | 99.0 | 2.1 | – | – | – |" in lines
    assert "| LeNet-5-Caffe + ReLU | SNIP | 98 | – | 5.00 ± 0.10 | – | – |" in lines
    assert "| LeNet-300-100 | 98 % | 4.95 ± 0.10 | 4.95 ± 0.10 |" in lines  # had the test split chosen
    assert lines[0].count("glyphs (not MNIST)") == 2
    assert "paper (MNIST)" in lines[2]
    file = tmp_path / "table1.csv"
    file.write_text(as_csv(RESULTS["table1"].lines(found)))
    assert RESULTS["table1"].text(read_csv(file)) == text


def test_table_1_says_what_our_recipe_has_and_at_which_rate_the_dense_network_trains() -> None:
    text = RESULTS["table1"].text(found_for("table1"))
    assert f"- LeNet-300-100: glyphs (not MNIST), 64,800 iterations, 3 seeds; {', '.join(BEST[MLP])}\n" in text
    assert f"- LeNet-5-Caffe: glyphs (not MNIST), 28,800 iterations, 3 seeds; {', '.join(BEST[CONVNET])}\n" in text
    assert "learning rate 0.1 (0.02 for LeNet-5-Caffe dense or below 98 %, which diverges at 0.1)" in text
    assert "makes 0.99, 0.85 and 0.91 % on three seeds" in text


def test_table_3_has_each_initialization_beside_the_papers_and_is_the_same_from_the_csv(tmp_path: Path) -> None:
    found = found_for("table3")
    ours = {"normal": 1.0, "truncated_normal": 2.0, "glorot": 3.0, "he": 4.0}
    for row in found:
        row["test_error_percent"] = ours[row["init"]] + (row["model"] == CONVNET) / 2
    text = RESULTS["table3"].text(found)
    assert text.splitlines()[4:8] == [
        "| normal, std 0.1 (RN) | 1.90 ± 0.09 | 1.00 ± 0.00 | 0.89 ± 0.04 | 1.50 ± 0.00 |",
        "| truncated normal, std 0.1 (TN) | 1.96 ± 0.11 | 2.00 ± 0.00 | 0.87 ± 0.05 | 2.50 ± 0.00 |",
        "| Glorot (VS-X) | 1.91 ± 0.10 | 3.00 ± 0.00 | 0.88 ± 0.07 | 3.50 ± 0.00 |",
        "| He (VS-H) | 1.88 ± 0.10 | 4.00 ± 0.00 | 0.85 ± 0.05 | 4.50 ± 0.00 |",
    ]
    file = tmp_path / "table3.csv"
    file.write_text(as_csv(RESULTS["table3"].lines(found)))
    assert RESULTS["table3"].text(read_csv(file)) == text


def test_seeds_are_counted_and_not_runs() -> None:
    assert where(found_for("table3")) == "glyphs (not MNIST), 14,400 or 32,400 iterations, 3 seeds"


@pytest.mark.parametrize("error", [None, 90.0])
def test_a_run_that_diverged_early_or_late_is_named_below_the_table_and_not_averaged(error: float | None) -> None:
    found = found_for("table1")
    dense = [row for row in found if (row["model"], row["sparsity"], row["case"]) == (MLP, 0.0, "Algorithm 1")]
    diverge(dense[1], error)
    text = RESULTS["table1"].text(found)
    assert text.endswith("in 1 run: LeNet-300-100, dense, Algorithm 1, seed 1.")
    assert "| LeNet-300-100 | dense | – | 1.7 | 0.10 ± 0.14 (2 of 3) | 0.10 ± 0.10 | 0.10 ± 0.10 |" in text
    for row in dense[::2]:
        diverge(row, error)
    assert "| LeNet-300-100 | dense | – | 1.7 | diverged | 0.10 ± 0.10 | 0.10 ± 0.10 |" in RESULTS["table1"].text(found)


@pytest.mark.parametrize("name", ["table3", "figure1", "figure3", "figure4"])
def test_no_table_averages_what_diverged(name: str) -> None:
    found = found_for(name)
    before = RESULTS[name].text(found)
    diverge(found[0], 90.0)
    text = RESULTS[name].text(found)
    assert text.count("(2 of 3)") == (3 if name == "figure4" else 1)
    assert "90.0" not in text
    assert "in 1 run: LeNet-" in text
    assert "Not averaged" not in before


def test_every_table_of_the_glyphs_says_whose_numbers_are_beside_ours() -> None:
    texts = {name: RESULTS[name].text(found_for(name)) for name in RESULTS}
    assert {name for name, text in texts.items() if "paper (MNIST)" in text} == {"table1", "table3", "figure3"}
    assert all("glyphs (not MNIST)" in text for text in texts.values())
    assert MLP not in "".join(texts.values())

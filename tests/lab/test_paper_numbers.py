"""The paper's numbers beside ours are those that it prints (arXiv 1810.02340, tables 1 and 3, figure 3)."""

from __future__ import annotations

from minisnip.lab.reproduce import BUDGETS, RESULTS, recipes
from minisnip.lab.reproduce.recipes import CONVNET, MLP
from tests.lab.fakes import rows

TABLE_1 = """
LWC (magnitude, iterative) | 91.7 | 1.6 | 91.7 | 0.8
DNS (magnitude, iterative) | 98.2 | 2.0 | 99.1 | 0.9
LC | 99.0 | 3.2 | 99.0 | 1.1
SWS (Bayesian) | 95.6 | 1.9 | 99.5 | 1.0
SVD (Bayesian) | 98.5 | 1.9 | 99.6 | 0.8
OBD (Hessian) | 92.0 | 2.0 | 92.0 | 2.7
L-OBS (Hessian) | 98.5 | 2.0 | 99.0 | 2.1
SNIP | 95 | 1.6 | 98 | 0.8
SNIP | 98 | 2.4 | 99 | 1.1
"""


def test_table_1_has_the_errors_and_sparsities_of_the_paper() -> None:
    text = RESULTS["table1"].text(rows(RESULTS["table1"].plan(BUDGETS["short"], "glyphs")))
    assert "| LeNet-300-100 | dense | – | 1.7 |" in text
    assert "| LeNet-5-Caffe | dense | – | 0.9 |" in text
    for line in TABLE_1.strip().splitlines():
        method, *numbers = line.split(" | ")
        for network, (sparsity, error) in zip(
            ("LeNet-300-100", "LeNet-5-Caffe"), (numbers[:2], numbers[2:]), strict=True
        ):
            assert f"| {network} | {method} | {sparsity} | {error} |" in text


def test_table_3_and_figure_3_too() -> None:
    assert recipes.INITIALIZATIONS == {
        "normal": {MLP: "1.90 ± 0.09", CONVNET: "0.89 ± 0.04"},
        "truncated_normal": {MLP: "1.96 ± 0.11", CONVNET: "0.87 ± 0.05"},
        "glorot": {MLP: "1.91 ± 0.10", CONVNET: "0.88 ± 0.07"},
        "he": {MLP: "1.88 ± 0.10", CONVNET: "0.85 ± 0.05"},
    }
    assert recipes.SCORING_IMAGES == {1: 1.94, 10: 1.72, 100: 1.64, 1_000: 1.56, 10_000: 1.40}

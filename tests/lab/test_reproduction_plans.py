"""What is run for each table and figure is what the paper says, and its numbers are those that it prints."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from minisnip import training
from minisnip.lab.experiment import Experiment
from minisnip.lab.reproduce import ALL, BUDGETS, RESULTS, Budget, recipes, search, tables
from minisnip.lab.reproduce.recipes import CONVNET, MLP, PROTOCOL, over_seeds
from minisnip.training.loop import Recipe


def test_the_papers_budget_is_its_protocol_but_for_one_learning_rate() -> None:
    cases = tables.plan_table1(BUDGETS["paper"], "mnist")
    papers = [config for case, config in cases if case != tables.RECIPE]
    assert {config.seed for config in papers} == set(range(20))
    assert {
        (c.iterations, c.batch_size, c.weight_decay, c.schedule, c.optimizer, c.scoring_images) for c in papers
    } == {(100_000, 100, 5e-4, "step", "sgd", 100)}
    assert {(config.model, config.learning_rate) for config in papers} == {(MLP, 0.1), (CONVNET, 0.02)}
    recipe = Recipe(1, 100, training.SGD(), 0.1, papers[0].schedule, papers[0].iterations)
    rates = [recipe.rate(i, 540) for i in (0, 24_999, 25_000, 49_999, 50_000, 75_000, 99_999)]
    np.testing.assert_allclose(rates, [1e-1, 1e-1, 1e-2, 1e-2, 1e-3, 1e-4, 1e-4])


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_the_drops_lie_inside_every_run(budget: Budget) -> None:
    steps = {c.iterations or 0 for name in ALL for _, c in RESULTS[name].plan(budget, "glyphs") if c.schedule == "step"}
    for iterations in steps - {0}:
        recipe = Recipe(1, 100, training.SGD(), 1.0, "step", iterations)
        assert recipe.rate(iterations - 1, 540) == pytest.approx(1e-3)


def test_short_has_the_seeds_that_were_asked_for_and_results_share_runs() -> None:
    plans = {name: {c for _, c in RESULTS[name].plan(BUDGETS["short"], "mnist")} for name in ALL}
    assert {c.seed for c in plans["table1"] if c.model == MLP} == set(range(10))
    assert {c.seed for c in plans["table1"] if c.model == CONVNET} == set(range(3))
    assert plans["table1"] & plans["figure1"]
    assert plans["figure1"] & plans["figure3"]


def test_what_short_would_compute_for_longer_than_it_is_worth_has_fewer_seeds_unless_they_are_asked_for() -> None:
    short = BUDGETS["short"]
    assert [short.of(name).seeds[MLP] for name in ALL] == [10, 3, 10, 10, 10, 1]
    assert [short.of(name).seeds[CONVNET] for name in ALL] == [3, 3, 3, 3, 3, 1]
    assert [short.with_seeds(7).of(name).seeds[MLP] for name in ALL] == [7] * 6
    assert BUDGETS["paper"].of("figure4").seeds[CONVNET] == 20


def test_cases_share_nothing_but_what_the_options_leave() -> None:
    (_, config), *_ = over_seeds(BUDGETS["short"], "mnist", [("a case", CONVNET, {"sparsity": 0.5})])
    assert config == Experiment(model=CONVNET, sparsity=0.5, learning_rate=0.02, iterations=5_400, **PROTOCOL)
    assert json.loads(json.dumps(asdict(config)))["sparsity"] == 0.5


def test_smoke_scores_our_recipe_with_few_images_to_take_a_minute() -> None:
    scored = {
        (name, c.scoring_images) for name in ("smoke", "short") for _, c in tables.plan_table1(BUDGETS[name], "mnist")
    }
    assert scored == {("smoke", 100), ("short", 100), ("short", 1_000)}


def test_budget_best_is_our_recipe_alone() -> None:
    assert {case for case, _ in tables.plan_table1(BUDGETS["best"], "mnist")} == {tables.RECIPE}


def test_table_3_scores_what_the_case_says_and_trains_glorot() -> None:
    plan = tables.plan_table3(BUDGETS["short"], "mnist")
    assert {(case, c.init) for case, c in plan} == {(n, n) for n in ("normal", "truncated_normal", "glorot", "he")}
    assert {
        (c.trained_init, c.optimizer, c.learning_rate, c.weight_decay, c.schedule, c.sparsity) for _, c in plan
    } == {("glorot", "adam", 1e-3, 0.0, "constant", 0.9)}


def test_figure_1_has_the_dense_networks_and_sparsities_up_to_99_percent() -> None:
    plan = RESULTS["figure1"].plan(BUDGETS["short"], "mnist")
    for model in (MLP, CONVNET):
        found = {config.sparsity for _, config in plan if config.model == model}
        assert {0.0, 0.5, 0.9, 0.95, 0.98, 0.99} <= found
    assert {(case, config.sparsity) for case, config in plan} >= {("dense", 0.0), ("98 %", 0.98)}


def test_figure_2_scores_100_images_of_each_class_with_true_labels_and_with_random_ones() -> None:
    plan = RESULTS["figure2"].plan(BUDGETS["short"], "glyphs")
    assert len(plan) == len({config for _, config in plan}) == 2 * 10 * 9
    assert {(case, config.control) for case, config in plan} == {
        ("glyphs (not MNIST), true labels", "none"),
        ("glyphs (not MNIST), random labels", "random-labels"),
    }
    assert {config.scoring_class for _, config in plan} == set(range(10))
    assert {config.sparsity for _, config in plan} == {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}
    assert {(c.model, c.scoring_images, c.iterations, c.test_split) for _, c in plan} == {(MLP, 100, 0, "never")}


def test_figure_3_scores_1_to_10000_images_at_90_percent() -> None:
    plan = RESULTS["figure3"].plan(BUDGETS["short"], "mnist")
    assert {(case, config.scoring_images) for case, config in plan} == {
        ("1", 1),
        ("10", 10),
        ("100", 100),
        ("1,000", 1_000),
        ("10,000", 10_000),
    }
    assert {(config.model, config.sparsity) for _, config in plan} == {(MLP, 0.9)}


def test_figure_4_trains_dense_and_99_percent_on_true_and_shuffled_labels_but_scores_true_ones() -> None:
    plan = RESULTS["figure4"].plan(BUDGETS["short"], "mnist")
    assert {(case, config.sparsity, config.training_labels) for case, config in plan} == {
        ("dense, true labels", 0.0, "true"),
        ("dense, shuffled labels", 0.0, "shuffled"),
        ("99 %, true labels", 0.99, "true"),
        ("99 %, shuffled labels", 0.99, "shuffled"),
    }
    assert {(config.model, config.control) for _, config in plan} == {(CONVNET, "none")}


def test_the_search_reports_validation_alone_and_has_seeds_of_its_own() -> None:
    searched = [config for _, config in search.plan(BUDGETS["short"], "mnist")]
    reported = [config for _, config in tables.plan_table1(BUDGETS["paper"], "mnist")]
    assert {config.test_split for config in searched} == {"never"}
    assert {config.seed for config in searched if config.model == MLP} == {1000, 1001, 1002}
    assert {config.seed for config in searched if config.model == CONVNET} == {1000}
    assert not {config.seed for config in searched} & {config.seed for config in reported}


def test_the_papers_numbers_are_those_of_a_second_transcription() -> None:
    """From arXiv 1810.02340 again: per method the sparsity and error of LeNet-300-100, then of LeNet-5-Caffe."""
    assert [*recipes.DENSE.items()] == [(MLP, 1.7), (CONVNET, 0.9)]
    assert recipes.SNIP == {MLP: {95.0: 1.6, 98.0: 2.4}, CONVNET: {98.0: 0.8, 99.0: 1.1}}
    assert {name.split()[0]: (*found[MLP], *found[CONVNET]) for name, found in recipes.OTHERS.items()} == {
        "LWC": (91.7, 1.6, 91.7, 0.8),
        "DNS": (98.2, 2.0, 99.1, 0.9),
        "LC": (99.0, 3.2, 99.0, 1.1),
        "SWS": (95.6, 1.9, 99.5, 1.0),
        "SVD": (98.5, 1.9, 99.6, 0.8),
        "OBD": (92.0, 2.0, 92.0, 2.7),
        "L-OBS": (98.5, 2.0, 99.0, 2.1),
    }
    assert {init: (found[MLP], found[CONVNET]) for init, found in recipes.INITIALIZATIONS.items()} == {
        "normal": ("1.90 ± 0.09", "0.89 ± 0.04"),
        "truncated_normal": ("1.96 ± 0.11", "0.87 ± 0.05"),
        "glorot": ("1.91 ± 0.10", "0.88 ± 0.07"),
        "he": ("1.88 ± 0.10", "0.85 ± 0.05"),
    }
    images, found = zip(*recipes.SCORING_IMAGES.items(), strict=True)
    assert (images, found) == ((1, 10, 100, 1_000, 10_000), (1.94, 1.72, 1.64, 1.56, 1.40))

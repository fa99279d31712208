"""What is run for each table and figure is what the paper says, and its numbers are those that it prints."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from minisnip import training
from minisnip.lab.experiment import Experiment
from minisnip.lab.reproduce import BUDGETS, RESULTS, Budget, choices, recipes, tables, yardstick
from minisnip.lab.reproduce.recipes import CONVNET, MLP, PROTOCOL, RELU, algorithm_1, over_seeds
from minisnip.training.loop import Recipe

LONG = BUDGETS["long"]


def test_the_papers_budget_is_its_protocol() -> None:
    papers = [c for case, c in tables.plan_table1(BUDGETS["paper"], "mnist") if case != "best"]
    assert {config.seed for config in papers} == set(range(20))
    assert {
        (c.iterations, c.batch_size, c.weight_decay, c.schedule, c.optimizer, c.scoring_images) for c in papers
    } == {(100_000, 100, 5e-4, "step", "sgd", 100)}
    recipe = Recipe(1, 100, training.SGD(), 0.1, papers[0].schedule, papers[0].iterations)
    rates = [recipe.rate(i, 540) for i in (0, 24_999, 25_000, 49_999, 50_000, 75_000, 99_999)]
    np.testing.assert_allclose(rates, [1e-1, 1e-1, 1e-2, 1e-2, 1e-3, 1e-4, 1e-4])


def test_every_snipped_network_of_table_1_has_the_papers_rate_and_the_dense_lenet_5_caffe_one_at_which_it_trains() -> (
    None
):
    plan = tables.plan_table1(LONG, "mnist")
    assert {c.learning_rate for _, c in plan if c.sparsity or c.model == MLP} == {0.1}
    assert {c.learning_rate for _, c in plan if not c.sparsity and c.model == CONVNET} == {0.02}
    dense, pruned = Experiment("lenet-5-caffe", sparsity=0.0), Experiment("lenet-5-caffe", sparsity=0.98)
    assert (dense.learning_rate, pruned.learning_rate) == (0.02, 0.02)  # of `minisnip train`, as before


def test_figure_1_has_the_lower_rate_where_lenet_5_caffe_diverges() -> None:
    plan = [config for _, config in RESULTS["figure1"].plan(LONG, "mnist")]
    assert {c.learning_rate for c in plan if c.model == MLP} == {0.1}
    rates = {c.sparsity: c.learning_rate for c in plan if c.model == CONVNET}
    assert rates == {0.0: 0.02, 0.5: 0.02, 0.9: 0.02, 0.95: 0.02, 0.98: 0.1, 0.99: 0.1}


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_the_drops_lie_inside_every_run(budget: Budget) -> None:
    plans = [config for result in RESULTS.values() for _, config in result.plan(budget, "glyphs")]
    for iterations in {c.iterations or 0 for c in plans if c.schedule == "step"} - {0}:
        recipe = Recipe(1, 100, training.SGD(), 1.0, "step", iterations)
        assert recipe.rate(iterations - 1, 540) == pytest.approx(1e-3)


def test_what_is_shipped_has_the_seeds_that_its_claims_need() -> None:
    seeds: dict[tuple[str, str], set[int]] = {}
    for name, result in RESULTS.items():
        for _, config in result.plan(LONG.of(name), "mnist"):
            seeds.setdefault((name, config.model), set()).add(config.seed)
    assert seeds["table1", MLP] == set(range(10))
    assert seeds["table1", CONVNET] == set(range(5))
    assert seeds["table1", RELU] == set(range(3))
    assert seeds["table3", MLP] == seeds["table3", CONVNET] == set(range(5))
    assert len(seeds["figure4", CONVNET]) == 3
    assert seeds["ingredients", MLP] == seeds["ingredients", CONVNET] == seeds["lengths", MLP] == {1002, 1003, 1004}


def test_results_that_compare_settings_are_shorter() -> None:
    found = {name: LONG.of(name).iterations[CONVNET] for name in ("table1", "figure1", "ingredients")}
    assert found == {"table1": 14_400, "figure1": 14_400, "ingredients": 4_800}
    shorter = LONG.with_seeds(1).of("ingredients").iterations
    assert [shorter[model] for model in (MLP, CONVNET, RELU)] == [32_400, 4_800, 4_800]
    assert BUDGETS["paper"].of("table3").iterations[CONVNET] == 100_000


def test_results_share_runs_and_seeds_that_are_asked_for_are_those_of_every_result() -> None:
    plans = {name: {c for _, c in result.plan(LONG, "mnist")} for name, result in RESULTS.items()}
    assert plans["table1"] & plans["figure1"]
    assert plans["figure1"] & plans["figure3"]
    assert plans["ingredients"] & plans["lengths"]
    assert {LONG.with_seeds(7).of(name).seeds[CONVNET] for name in RESULTS} == {7}


def test_cases_share_nothing_but_what_the_options_leave() -> None:
    (_, config), *_ = over_seeds(LONG, "mnist", [("a case", CONVNET, algorithm_1(CONVNET, 0.98, LONG))])
    assert config == Experiment(model=CONVNET, sparsity=0.98, learning_rate=0.1, iterations=14_400, **PROTOCOL)
    assert json.loads(json.dumps(asdict(config)))["sparsity"] == 0.98


def test_table_1_has_three_columns_dense_and_pruned_and_the_same_network_with_relu() -> None:
    plan = tables.plan_table1(LONG, "mnist")
    points = {(MLP, 0.0), (MLP, 0.95), (MLP, 0.98), (CONVNET, 0.0), (CONVNET, 0.98), (CONVNET, 0.99)}
    found: dict[str, set[tuple[str, float]]] = {}
    for case, config in plan:
        found.setdefault(case, set()).add((config.model, config.sparsity))
    assert found == {"Algorithm 1": points | {(RELU, 0.98)}, "authors' code": points, "best": points}
    authors = [config for case, config in plan if case == "authors' code"]
    assert {(c.init, c.trained_init) for c in authors} == {("lecun", "lecun")}


def test_our_best_recipe_reads_the_test_split_once_and_is_the_same_for_dense_networks() -> None:
    best = [config for case, config in tables.plan_table1(LONG, "mnist") if case == "best"]
    assert {config.test_split for config in best} == {"once"}
    for model in (MLP, CONVNET):
        same = {(c.schedule, c.augment, c.average, c.criterion, c.iterations) for c in best if c.model == model}
        assert len(same) == 1
    chosen = {
        config.seed for name in ("ingredients", "lengths", "rates") for _, config in RESULTS[name].plan(LONG, "mnist")
    }
    assert not chosen & {config.seed for config in best}
    assert min(chosen) == 1000


def test_smoke_scores_in_rounds_with_few_images_to_take_a_minute() -> None:
    plans = {name: RESULTS["ingredients"].plan(BUDGETS[name], "mnist") for name in ("smoke", "long")}
    scored = {(name, c.scoring_images) for name, plan in plans.items() for _, c in plan if c.criterion == "force"}
    assert scored == {("smoke", 100), ("long", 1_000)}


def test_the_choosing_runs_never_read_the_test_split() -> None:
    for name in ("ingredients", "lengths", "rates"):
        assert {config.test_split for _, config in RESULTS[name].plan(LONG, "mnist")} == {"never"}


def test_each_ingredient_is_added_alone_and_those_of_our_recipe_together() -> None:
    plan = choices.plan_ingredients(LONG.with_seeds(1), "mnist")
    for model in (MLP, CONVNET):
        cases = {case: config for case, config in plan if config.model == model}
        assert list(cases) == ["Algorithm 1", *recipes.INGREDIENTS, "best"]
        alone, whole = cases["cosine schedule"], asdict(cases["Algorithm 1"])
        assert asdict(alone) == {**whole, "schedule": "cosine"}
        changed = {key for name in recipes.BEST[model] for key in recipes.INGREDIENTS[name]}
        differences = {key for key, value in asdict(cases["best"]).items() if whole[key] != value}
        assert differences == {"iterations" if key == "longer" else key for key in changed}


def test_lengths_are_those_of_algorithm_1_around_the_budgets() -> None:
    plan = choices.plan_lengths(LONG.of("lengths"), "mnist")
    assert {c.iterations for _, c in plan if c.model == CONVNET} == {1_800, 3_600, 7_200, 14_400, 28_800}
    assert {(c.model, c.sparsity) for _, c in plan} == {(MLP, 0.95), (MLP, 0.98), (CONVNET, 0.98)}


def test_the_yardstick_is_what_the_command_trains_by_default() -> None:
    plan = yardstick.plan(LONG.of("yardstick"), "mnist")
    default = Experiment(compact=True)
    assert default in {config for case, config in plan if case == "SNIP"}
    assert {config.sparsity for case, config in plan if case == "random masks"} == {0.9, 0.95, 0.98}
    assert {(config.epochs, config.iterations, config.test_split) for _, config in plan} == {(30, None, "once")}


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

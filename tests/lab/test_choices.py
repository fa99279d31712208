"""The length and the ingredients are chosen as their tables say: on the validation error, over all seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from minisnip.lab.reproduce import BUDGETS, RESULTS, choices
from minisnip.lab.reproduce.recipes import BEST, CONVNET, INGREDIENTS, MLP
from tests.lab.fakes import diverge, rows

BUDGET = BUDGETS["long"].of("lengths")


def lengths(errors: dict[int, float]) -> list[dict[str, Any]]:
    """LeNet-300-100 at 95 %; the standard deviation over seeds is 0.1."""
    found = [
        row for row in rows(choices.plan_lengths(BUDGET, "glyphs")) if (row["model"], row["sparsity"]) == (MLP, 0.95)
    ]
    for row in found:
        row["validation_error_percent"] = errors[row["iterations"]] + (row["seed"] - 1003) / 10
    return found


CURVE = {4_050: 4.0, 8_100: 3.0, 16_200: 2.5, 32_400: 2.41, 64_800: 2.4}


def test_a_length_is_enough_if_twice_as_many_gain_less_than_the_spread_of_the_seeds() -> None:
    assert choices.enough(lengths(CURVE)) == 16_200  # 0.09 are gained by 32,400
    assert choices.enough(lengths({**CURVE, 32_400: 2.39})) == 32_400
    assert choices.enough(lengths({**CURVE, 32_400: 2.3, 64_800: 2.1})) is None


def test_a_length_at_which_a_seed_diverges_is_not_enough() -> None:
    found = lengths(CURVE)
    diverge(next(row for row in found if row["iterations"] == 32_400))
    assert choices.enough(found) is None  # 16,200 cannot be compared with it, and it cannot be chosen


def test_the_table_of_lengths_says_which_one_the_rule_chooses_and_why() -> None:
    text = RESULTS["lengths"].text(lengths(CURVE))
    assert "| LeNet-300-100, 95 % | 16,200 | 2.50 ± 0.10 |" in text
    assert "- LeNet-300-100, 95 %: 16,200 (twice as many gain 0.09, the seeds' spread is 0.10)" in text
    none = RESULTS["lengths"].text(lengths({**CURVE, 32_400: 2.3, 64_800: 2.1}))
    assert "- LeNet-300-100, 95 %: none of these is enough" in none


def test_the_figure_of_lengths_draws_the_means_on_a_logarithmic_axis() -> None:
    (figure,) = RESULTS["lengths"].draw(lengths(CURVE)).values()
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    iterations, means = (np.array(values) for values in axes.lines[0].get_data())
    np.testing.assert_allclose(iterations, [*CURVE])
    np.testing.assert_allclose(means, [*CURVE.values()])


def ingredients(gains: dict[str, float]) -> list[dict[str, Any]]:
    """Algorithm 1 has 5 %, our best recipe 3 %; another case has 5.2 %, or less by what it gains."""
    found = rows(choices.plan_ingredients(BUDGET, "glyphs"))
    for row in found:
        base = {"Algorithm 1": 5.0, "best": 3.0}.get(row["case"], 5.2)
        row["validation_error_percent"] = base - gains.get(row["case"], 0.0)
    return found


def test_each_ingredient_has_its_worth_alone_and_all_of_our_recipe_have_theirs_together() -> None:
    text = RESULTS["ingredients"].text(ingredients({"cosine schedule": 0.5}))
    assert "| none: Algorithm 1 | 5.00 ± 0.00 | 5.00 ± 0.00 |" in text
    assert "| cosine schedule | 4.70 ± 0.00 (-0.30) | 4.70 ± 0.00 (-0.30) |" in text
    assert "| scored in rounds | 5.20 ± 0.00 (+0.20) |" in text
    assert "| together: *best* | 3.00 ± 0.00 (-2.00) | 3.00 ± 0.00 (-2.00) |" in text
    assert f"- *best*, LeNet-300-100: {', '.join(BEST[MLP])}" in text


def test_what_helps_must_help_on_every_seed() -> None:
    found = ingredients({"cosine schedule": 0.5, "FORCE": 0.9})
    text = RESULTS["ingredients"].text(found)
    assert "LeNet-300-100, 98 %: alone, lower on every seed than Algorithm 1 are FORCE, cosine schedule. Not" in text
    one = next(row for row in found if row["case"] == "FORCE" and row["model"] == MLP)
    one["validation_error_percent"] = 5.1
    assert "LeNet-300-100, 98 %: alone, lower on every seed than Algorithm 1 are cosine schedule." in RESULTS[
        "ingredients"
    ].text(found)
    diverge(next(row for row in found if row["case"] == "cosine schedule" and row["model"] == CONVNET))
    assert "LeNet-5-Caffe, 99 %: alone, lower on every seed than Algorithm 1 are FORCE." in RESULTS["ingredients"].text(
        found
    )


def test_the_table_of_rates_has_a_line_for_each_and_names_what_diverged() -> None:
    plan = choices.plan_rates(BUDGETS["long"].of("rates"), "glyphs")
    assert {(c.model, c.sparsity, c.test_split) for _, c in plan} == {(CONVNET, s, "never") for s in (0.0, 0.98, 0.99)}
    found = rows(plan)
    for row in found:
        row["validation_error_percent"] = 1.0 + row["learning_rate"] + row["sparsity"]
        if row["case"] == "0.1" and (row["sparsity"] == 0.0 or row["seed"] == 1000):
            diverge(row)
    text = RESULTS["rates"].text(found)
    assert "| 0.02 | 1.02 ± 0.00 | 2.00 ± 0.00 | 2.01 ± 0.00 |" in text
    assert "| 0.1 | diverged | 2.08 ± 0.00 (2 of 3) | 2.09 ± 0.00 (2 of 3) |" in text
    assert "| 0.1 after a warm-up | 1.10 ± 0.00 | 2.08 ± 0.00 |" in text
    assert "Not averaged, as the loss became infinite, in 5 runs" in text


def test_our_recipe_is_made_of_ingredients() -> None:
    assert {name for names in BEST.values() for name in names} <= set(INGREDIENTS)

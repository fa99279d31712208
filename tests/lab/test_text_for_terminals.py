"""Tables and sentences use the 80 columns of a terminal, and every option says what it does."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from minisnip.lab import report
from minisnip.lab.cli import main


def test_a_table_of_exactly_80_columns_is_not_continued_below() -> None:
    fits, too_wide = ([{"a" * 38: "x", "b" * width: "y"}] for width in (40, 41))
    assert [len(line) for line in report.as_terminal(fits).splitlines()] == [80, 80]
    assert len(report.as_terminal([{"c": "z", **too_wide[0]}]).splitlines()) == 2 * 2 + 1
    three = [[{"a" * 20: "x", "b" * 20: "y", "c" * width: "z"}] for width in (36, 37)]
    assert [len(report.as_terminal(rows).splitlines()) for rows in three] == [2, 2 * 2 + 1]


def test_a_word_with_a_hyphen_is_kept_whole() -> None:
    text = report.for_terminal("word " * 14 + "iterative-magnitude-pruning")
    assert text.splitlines()[1] == "iterative-magnitude-pruning"


def test_numbers_other_than_1_take_the_plural() -> None:
    assert [report.plural(n, "seed") for n in (0, 1, 2)] == ["0 seeds", "1 seed", "2 seeds"]


@pytest.mark.parametrize("command", ["train", "compare", "agree", "reproduce", "data"])
def test_every_option_says_what_it_does(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[argparse.Action] = []

    def noted(self: Any, *names: Any, add: Any = argparse.ArgumentParser.add_argument, **options: Any) -> Any:
        added.append(add(self, *names, **options))
        return added[-1]

    monkeypatch.setattr(argparse.ArgumentParser, "add_argument", noted)
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert len(added) > 3
    assert [action.option_strings for action in added if not action.help] == []


def test_lines_are_wrapped_at_80_columns_and_a_longer_word_is_not_cut() -> None:
    fits, folder = f"{'a' * 39} {'b' * 40}", f"/{'folder/' * 15}"
    assert report.for_terminal(fits) == fits
    assert report.for_terminal(f"{fits}c") == f"{'a' * 39}\n{'b' * 40}c"
    assert report.for_terminal(f"Files in {folder}: a, b") == f"Files in\n{folder}:\na, b"
    assert report.for_terminal("one\ntwo\n\n\nthree") == "one\ntwo\n\n\nthree"


def test_a_table_in_markdown_becomes_one_in_columns() -> None:
    table = [{"": "a", "n": 1}, {"": "long name", "n": 200}]
    assert report.as_markdown(table) == "|  | n |\n| --- | --- |\n| a | 1 |\n| long name | 200 |"
    assert report.for_terminal(report.as_markdown(table)) == "             n\na            1\nlong name  200"
    assert report.as_terminal([{"a": "x", "bb": "y", "ccc": "z"}], left=2) == "a  bb  ccc\nx  y     z"
    assert report.as_terminal([{"a": "x", "bb": "y", "ccc": "z"}]) == "a  bb  ccc\nx   y    z"


def test_a_sparsity_of_0_is_the_dense_network() -> None:
    assert [report.percent(s) for s in (0.0, 0.5, 0.995)] == ["dense", "50 %", "99.5 %"]


def test_runs_that_diverged_are_named() -> None:
    row = {"model": "lenet-300-100", "sparsity": 0.5, "case": "snip, 50 %", "seed": 1, "diverged": ""}
    assert report.diverged([row]) == ""
    bad = report.diverged([row, {**row, "diverged": "inf"}])
    assert bad == "\n\nNot averaged, as the loss became infinite, in 1 run: LeNet-300-100, 50 %, snip, seed 1."

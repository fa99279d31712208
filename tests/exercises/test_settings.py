"""A lesson without MNIST says so."""

from __future__ import annotations

from typing import Any

import pytest

from minisnip import data
from minisnip.exercises import mnist_or_glyphs


def test_a_lesson_says_which_digits_it_uses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(name: str, load: Any = data.load) -> data.Dataset:
        if name == "mnist":
            raise data.DataUnavailableError("not here")
        dataset: data.Dataset = load(name)
        return dataset

    monkeypatch.setattr(data, "load", offline)
    assert mnist_or_glyphs().name == "glyphs"
    assert capsys.readouterr().out.splitlines() == [
        "MNIST IS NEITHER ON THIS MACHINE NOR REACHABLE: this lesson uses digits drawn from fonts.",
        "Its numbers and figures differ from those in the text.",
        "glyphs (not MNIST): 10,800 images to train on, 2,000 to test",
    ]

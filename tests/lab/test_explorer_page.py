"""The explorer in a real browser: every control changes what it should, and the console stays empty.

MINISNIP_SCREENSHOTS names a folder to keep the screenshots in.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from minisnip.data import Dataset, load
from minisnip.lab.explore import Knobs, view
from minisnip.lab.explorer import Explorer, open_server
from tests.lab.browser import FOUND, Browser

pytestmark = pytest.mark.skipif(FOUND is None, reason="no Chromium is installed: apt install chromium")

PICTURE = "document.querySelectorAll('canvas')[{}].toDataURL()"
SHOWN = "document.body.dataset.shown"


@cache
def glyphs() -> Dataset:
    return load("glyphs")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with open_server(Explorer(glyphs()), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Browser]:
    """The page at its defaults. Afterwards: no error in the console, and nothing was asked of another machine."""
    visit(browser, address)
    yield browser
    assert browser.errors == []
    assert [url for url in browser.asked if not url.startswith((address, "data:"))] == []


def visit(browser: Browser, address: str) -> None:
    browser.open("about:blank")
    browser.open(address)
    browser.wait("document.readyState === 'complete' && document.body.dataset.shown !== undefined")


def turn(page: Browser, control: str, value: Any) -> None:
    """Set a control, as a person does, and wait for the answer."""
    kind = "checked" if isinstance(value, bool) else "value"
    page.run(
        f"(() => {{ const control = document.getElementById('{control}'); control.{kind} = {json.dumps(value)};"
        "control.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    page.wait("!asking && !document.querySelector('#panels.stale')")


def kept(page: Browser) -> list[str]:
    found: list[str] = page.run("[...document.querySelectorAll('.big')].map((e) => e.textContent)")
    return found


def bar_starts(page: Browser) -> list[float]:
    found: list[float] = page.run("[...document.querySelectorAll('.track')].map((e) => e.getBoundingClientRect().left)")
    return found


def keep(page: Browser, name: str) -> None:
    if folder := os.environ.get("MINISNIP_SCREENSHOTS"):
        page.screenshot(Path(folder) / f"{name}.png")


def test_it_says_what_the_data_are_and_starts_at_95_percent(page: Browser) -> None:
    assert page.run("document.getElementById('dataset').textContent") == "glyphs (not MNIST)"
    assert page.run("document.getElementById('dataset').classList.contains('drawn')")
    assert "glyphs (not MNIST)" in page.run("document.title")
    assert kept(page) == ["13,331 of 266,610 kept"]
    keep(page, "start")


def test_the_picture_and_the_bars_are_those_of_the_computation(page: Browser) -> None:
    found = view(Knobs(), glyphs())
    read = int((found.pixels > 0).sum())
    assert f"{read} of 784 pixels are read" in page.run("document.querySelector('.facts').textContent")
    rows = page.run("[...document.querySelectorAll('tr')].slice(1).map((r) => r.cells[2].textContent)")
    assert rows == [f"{row['kept']:,}" for row in found.layers.values()]
    white = "[...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 28, 28).data]"
    dark = page.run(f"{white}.filter((v, i) => i % 4 === 0 && v < 255).length")
    assert dark == read


def test_the_slider_goes_from_0_to_999_per_mille_and_layers_empty(page: Browser) -> None:
    starts = bar_starts(page)
    for position, text in ((0, "266,610 of"), (1000, "26,661 of"), (3000, "267 of")):
        turn(page, "slider", position)
        assert kept(page)[0].startswith(text)
        assert bar_starts(page) == starts  # nothing jumps in a drag
    assert page.run("document.getElementById('percent').value") == "99.9"
    turn(page, "criterion", "magnitude")
    assert page.run("[...document.querySelectorAll('.gone')].map((r) => r.cells[0].textContent)") == ["fc1.weight"]
    assert "Empty: fc1." in page.run("document.querySelector('.facts').textContent")
    keep(page, "empty")


def test_the_slider_follows_the_keyboard_and_the_number_the_slider(page: Browser) -> None:
    page.run("document.getElementById('slider').focus()")
    page.press("ArrowRight", 39, 5)
    page.wait("document.getElementById('percent').value !== '95'")
    page.wait(f"!asking && {SHOWN}.includes('sparsity=')")
    turn(page, "percent", 50)
    assert page.run("document.getElementById('slider').value") == "301"
    assert kept(page) == ["133,305 of 266,610 kept"]


@pytest.mark.parametrize(
    ("control", "value", "knobs"),
    [
        ("criterion", "grasp", Knobs(criterion="grasp")),
        ("model", "lenet-5-caffe", Knobs(model="lenet-5-caffe")),
        ("label", "1", Knobs(label="1")),
        ("images", "20", Knobs(images=20)),
        ("batch", "7", Knobs(batch=7)),
        ("random_labels", True, Knobs(random_labels=True)),
        ("seed", "3", Knobs(seed=3)),
    ],
)
def test_a_control_changes_the_picture_to_what_the_knob_gives(
    control: str, value: Any, knobs: Knobs, page: Browser
) -> None:
    before = page.run(PICTURE.format(0))
    turn(page, control, value)
    assert page.run(PICTURE.format(0)) != before
    rows = page.run("[...document.querySelectorAll('tr')].slice(1).map((r) => r.cells[2].textContent)")
    assert rows == [f"{row['kept']:,}" for row in view(knobs, glyphs()).layers.values()]


def test_two_criteria_are_side_by_side_with_overlap_and_chance(page: Browser) -> None:
    turn(page, "beside", "magnitude")
    heads = page.run("[...document.querySelectorAll('h2')].map((e) => e.textContent)")
    assert heads == ["Criterion: snip", "Criterion: magnitude"]
    tops = page.run("[...document.querySelectorAll('canvas')].map((e) => e.getBoundingClientRect().top)")
    assert tops[0] == tops[1]
    text = page.run("document.getElementById('overlap').textContent")
    assert "Overlap: both keep" in text
    assert "By chance 2.56 %" in text
    keep(page, "beside")
    turn(page, "beside", "")
    assert page.run("document.getElementById('overlap').hidden")


def test_a_link_opens_its_setting_and_the_page_keeps_its_address(page: Browser, address: str) -> None:
    turn(page, "label", "3")
    turn(page, "percent", 98)
    link = page.run("document.getElementById('link').href")
    assert link == page.run("location.href") == f"{address}?dataset=glyphs&sparsity=0.98&label=3"
    picture = page.run(PICTURE.format(0))
    visit(page, link)
    assert page.run(PICTURE.format(0)) == picture
    values = "['label', 'percent'].map((id) => document.getElementById(id).value)"
    assert page.run(values) == ["3", "98"]
    assert "views(Knobs(sparsity=0.98, label='3'), load('glyphs'))" in page.run(
        "document.getElementById('python').textContent"
    )


def test_a_bad_link_and_a_bad_number_have_a_sentence_and_the_controls_still_work(page: Browser, address: str) -> None:
    page.open("about:blank")
    page.open(f"{address}?sparsity=2")
    said = page.wait("document.getElementById('error')?.textContent")
    assert "sparsity 2.0" in said
    assert said.endswith("Change a control to go on.")
    keep(page, "error")
    turn(page, "percent", 90)
    assert kept(page) == ["26,661 of 266,610 kept"]
    page.run("document.getElementById('images').value = 0")
    page.run("document.getElementById('knobs').dispatchEvent(new Event('input'))")
    page.wait("!asking && document.getElementById('error').textContent.includes('scoring_images 0')")
    turn(page, "images", 100)
    assert page.run("document.getElementById('error').hidden")


def test_nothing_is_cut_off_in_a_window_of_1366_by_768(page: Browser) -> None:
    turn(page, "beside", "grasp")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.run("document.documentElement.scrollHeight <= innerHeight")


def test_a_click_on_the_check_box_is_a_change(page: Browser) -> None:
    page.click("#random_labels")
    page.wait(f"{SHOWN}.includes('random_labels=True')")

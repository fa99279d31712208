"""Each control of the explorer is a plain function: what it gives is checked here without a browser."""

from __future__ import annotations

import json
import threading
import warnings
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from minisnip.data import Dataset, Split, load
from minisnip.lab import explore
from minisnip.lab.cli import main
from minisnip.lab.experiment import Experiment, run
from minisnip.lab.explore import Knobs, cut, from_query, score, to_python, to_query, view, views
from minisnip.lab.explorer import Explorer, open_server
from minisnip.pruning import CRITERIA, collapse_sparsity, emptied_layers, keep_top, mask_gradient, overlap

TITLE = "glyphs (not MNIST)"


@cache
def glyphs() -> Dataset:
    return load("glyphs")


@cache
def scored(**knobs: Any) -> explore.Scores:
    return score(Knobs(**knobs), glyphs())


def kept(knobs: Knobs) -> int:
    return sum(int(c.sum()) for c in view(knobs, glyphs()).masks.values())


def test_the_mask_is_the_one_that_training_with_the_same_seed_uses() -> None:
    for knobs, settings in (
        (Knobs(sparsity=0.9, seed=3, batch=3), {"sparsity": 0.9, "seed": 3}),
        (Knobs(criterion="random"), {"criterion": "random"}),
        (Knobs(label="4", images=50), {"scoring_class": 4, "scoring_images": 50}),
        (Knobs(random_labels=True), {"control": "random-labels"}),
        (Knobs(model="lenet-5-caffe"), {"model": "lenet-5-caffe"}),
    ):
        experiment = Experiment(dataset="glyphs", iterations=0, test_split="never", **settings)
        trained, found = run(experiment, glyphs()).masks, view(knobs, glyphs()).masks
        assert {*trained} == {*found}
        assert all(np.array_equal(trained[name], c) for name, c in found.items()), knobs


@pytest.mark.parametrize(("sparsity", "left"), [(0.0, 266_610), (0.5, 133_305), (0.98, 5_332), (0.999, 267)])
def test_sparsity_keeps_exactly_kappa(sparsity: float, left: int) -> None:
    found = cut(scored(), sparsity)
    assert sum(row["kept"] for row in found.layers.values()) == left
    assert sum(int(c.sum()) for c in found.masks.values()) == left


def test_layers_empty_in_the_order_that_the_last_sparsities_say() -> None:
    found = scored(criterion="magnitude")
    size = sum(s.size for s in found.scores.values())
    assert [*found.last] == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert min(found.last.values()) == collapse_sparsity(found.scores)
    for name, sparsity in found.last.items():
        assert name.removesuffix(".weight") not in cut(found, sparsity).empty
        assert name.removesuffix(".weight") in cut(found, sparsity + 0.6 / size).empty


def test_of_equal_scores_the_first_stays_longest() -> None:
    scores = {"a.weight": np.array([1.0, 2.0]), "a.bias": np.array([5.0]), "b.weight": np.array([2.0, 2.0])}
    last = explore.last_sparsities(scores)
    assert last == {"a.weight": pytest.approx(1 - 2 / 5), "b.weight": pytest.approx(1 - 3 / 5)}
    with warnings.catch_warnings(action="ignore"):
        assert emptied_layers(keep_top(scores, last["b.weight"] + 1 / 5)) == ["b"]


@pytest.mark.parametrize("criterion", [name for name in CRITERIA if name not in ("delta-loss", "obd")])
def test_every_criterion_is_a_choice(criterion: str) -> None:
    assert kept(Knobs(criterion=criterion)) == 13_331


@pytest.mark.parametrize("model", ["lenet-5-caffe", "lstm-s", "gru-s"])
def test_every_network_that_takes_the_images_is_a_choice(model: str) -> None:
    assert model in Explorer(glyphs()).choices()["model"]
    found = view(Knobs(model=model), glyphs())
    assert found.pixels.shape == (28, 28)
    assert found.pixels.any()


def test_networks_for_other_images_are_no_choice_but_are_with_their_data() -> None:
    assert "vgg-like" not in Explorer(glyphs()).choices()["model"]
    choices = Explorer(load("noise")).choices()
    assert "vgg-like" in choices["model"]
    assert choices["defaults"]["model"] in choices["model"]
    assert "airplane" in choices["label"]


def test_the_class_decides_which_images_score() -> None:
    ones, zeros = view(Knobs(label="1"), glyphs()), view(Knobs(label="0"), glyphs())
    assert not np.array_equal(ones.pixels, zeros.pixels)
    images, labels = explore.of_class("1", glyphs())
    assert {*labels} == {1}
    assert len(images) == len(labels)
    middle = [found.pixels[:, 12:16].sum() / found.pixels.sum() for found in (ones, zeros)]
    assert middle[0] > middle[1]  # a 1 is a stroke in the middle, a 0 has a hole there


def test_the_batch_and_its_labels_change_the_scores_and_the_seeds_reproduce_them() -> None:
    start = scored().scores["fc1.weight"]
    for changed in ({"batch": 1}, {"seed": 1}, {"images": 10}, {"random_labels": True}):
        assert not np.array_equal(scored(**changed).scores["fc1.weight"], start), changed
    assert np.array_equal(score(Knobs(), glyphs()).scores["fc1.weight"], start)


def test_the_prediction_is_the_sum_of_the_derivatives_of_what_is_removed() -> None:
    found = scored()
    net, g = found.net, found.gradient
    for sparsity in (0.0, 0.7, 0.99):
        seen = cut(found, sparsity)
        assert seen.predicted == pytest.approx(-sum(g[name][c == 0].sum() for name, c in seen.masks.items()), abs=1e-6)
    rngs = np.random.default_rng(0).spawn(5)
    params = net.init(rngs[0])
    rows = rngs[1].permutation(len(glyphs().train.labels))[:100]
    x, y = glyphs().train.images[rows], glyphs().train.labels[rows]
    np.testing.assert_array_equal(g["fc2.weight"], mask_gradient(net, params, x, y)["fc2.weight"])


def test_pixels_are_the_columns_of_the_first_layer() -> None:
    found = cut(scored(), 0.98)
    np.testing.assert_array_equal(found.pixels.ravel(), found.masks["fc1.weight"].sum(axis=0))


def test_two_criteria_are_side_by_side_with_overlap_and_chance() -> None:
    knobs = Knobs(beside="magnitude")
    found = views(knobs, glyphs())
    assert [*found] == ["snip", "magnitude"]
    state = Explorer(glyphs()).state(knobs)
    assert [panel["criterion"] for panel in state["panels"]] == ["snip", "magnitude"]
    expected = overlap(found["snip"].masks, found["magnitude"].masks)
    assert state["overlap"] == {
        "jaccard": expected.jaccard,
        "chance": expected.chance,
        "chance_within_layers": expected.chance_within_layers,
    }
    assert [*views(replace(knobs, beside="snip"), glyphs())] == ["snip"]


def test_where_nothing_is_kept_the_page_still_gets_json() -> None:
    answer = Explorer(glyphs()).answer("sparsity=0.9999999&beside=random")
    assert answer["overlap"]["jaccard"] is None
    assert answer["panels"][0]["empty"] == ("fc1", "fc2", "fc3")
    assert "NaN" not in json.dumps(answer)


def test_a_picture_that_a_convolution_makes_flat_says_why() -> None:
    explorer = Explorer(glyphs())
    notes = [explorer.state(Knobs(model=model))["panels"][0]["notes"] for model in ("lenet-5-caffe", "lenet-300-100")]
    assert notes == [["A convolution reads every pixel with the same weights, and the border in fewer windows."], []]


def test_a_link_gives_its_setting_back() -> None:
    for knobs in (
        Knobs(),
        Knobs("lenet-5-caffe", "grasp", "random", 0.999, "7", 64, True, 5, 6),
    ):
        assert from_query(to_query(knobs, "glyphs"), "glyphs") == knobs
    assert to_query(Knobs(sparsity=0.98), "mnist") == "dataset=mnist&sparsity=0.98"


@pytest.mark.parametrize(
    "knobs",
    [
        Knobs(sparsity=0.98, beside="random", label="3"),
        Knobs("lenet-5-caffe", "magnitude", "snip", 0.999, "9", 7, True, 3, 5),
        Knobs(sparsity=0.0, criterion="random", batch=2**40),
    ],
)
def test_the_line_of_python_gives_the_same_masks(knobs: Knobs) -> None:
    line = to_python(knobs, "glyphs")
    assert "\n" not in line
    before, _, last = line.rpartition("; ")
    names: dict[str, Any] = {}
    exec(before, names)
    found = eval(last, names)
    for name, seen in views(knobs, glyphs()).items():
        assert all(np.array_equal(found[name].masks[n], c) for n, c in seen.masks.items())


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sparsity=2", "sparsity 2.0"),
        ("sparsity=nan", "sparsity nan"),
        ("sparsity=much", "sparsity 'much' in the link: expected a number such as 0.95"),
        ("sparsity=", "sparsity '' in the link: expected a number"),
        ("criterion=snap", "unknown criterion 'snap': choose one of snip"),
        ("beside=luck", "unknown criterion 'luck'"),
        ("model=lenet", "model 'lenet'"),
        ("model=vgg-like", "model vgg-like takes images of shape (3, 32, 32)"),
        ("label=11", "unknown class '11': choose one of all, 0, 1"),
        ("images=0", "scoring_images 0"),
        ("images=99999", "scoring_images 99999, but there are 10,800 training images"),
        ("label=1&images=9999", "a scoring batch of 9999, but there are"),
        ("images=1&model=wrn-10-1", "must be 2 or more"),
        ("seed=-1", "seed -1"),
        ("batch=-1", "seed -1"),
        ("batch=1.5", "batch '1.5' in the link: expected a whole number"),
        ("random_labels=maybe", "random_labels 'maybe' in the link: expected True or False"),
        ("sparsty=0.9", "unknown knob 'sparsty'"),
        ("dataset=mnist", "the link is to mnist, this is glyphs: start `minisnip explore --dataset mnist`"),
        ("model=lstm-s&criterion=synflow", "synflow is not defined for layer"),
    ],
)
def test_a_bad_link_has_a_sentence(query: str, words: str) -> None:
    answer = Explorer(glyphs()).answer(query)
    assert [*answer] == ["error"]
    assert words in answer["error"]


def test_a_drag_of_the_sparsity_scores_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer, calls = Explorer(glyphs()), list[Knobs]()

    def counted(knobs: Knobs, dataset: Dataset) -> explore.Scores:
        calls.append(knobs)
        return score(knobs, dataset)

    monkeypatch.setattr("minisnip.lab.explorer.score", counted)
    for sparsity in ("0", "0.5", "0.999"):
        assert "error" not in explorer.answer(f"sparsity={sparsity}&beside=random")
    assert len(calls) == 2


def test_the_page_names_the_data_and_loads_nothing_from_elsewhere() -> None:
    page = Explorer(glyphs()).page()
    assert TITLE in page
    assert '"published": false' in page
    assert "http" not in page.replace("${location.origin}", "")
    assert "null /* choices */" not in page


def test_a_class_name_cannot_end_the_script() -> None:
    data = glyphs()
    names = ("</script>", *data.class_names[1:])
    odd = Dataset("own", names, data.mean, data.std, data.train, data.validation, Split(*vars(data.test).values()))
    assert Explorer(odd).page().count("</script>") == 1


def test_a_port_in_use_or_out_of_range_has_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minisnip.data.load", lambda *_, **__: glyphs())
    with open_server(Explorer(glyphs()), 0) as server:
        for port, words in ((server.server_port, "is in use"), (70_000, "cannot be used")):
            with pytest.raises(SystemExit, match="2"):
                main(["explore", "--dataset", "glyphs", "--port", str(port)])
            error = capsys.readouterr().err
            assert f"port {port} {words}" in error
            assert "choose another with --port" in error
            assert error.count("\n") == 1


def test_the_command_serves_until_ctrl_c(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(server: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("minisnip.data.load", lambda *_, **__: glyphs())
    monkeypatch.setattr("minisnip.lab.explorer.Server.serve_forever", stop)
    assert main(["explore", "--dataset", "glyphs", "--port", "0"]) == 0
    assert f"{TITLE}: open http://localhost:" in capsys.readouterr().out


def test_an_unknown_address_is_not_found() -> None:
    with open_server(Explorer(glyphs()), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{server.server_port}/etc/passwd")
        server.shutdown()

"""A mistake that a person makes gets one sentence: what was given, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import numpy as np
import pytest

import minisnip
from minisnip import Tensor, check_grads, grad, ops
from minisnip.autodiff.engine import Array
from minisnip.data import load
from minisnip.mistakes import Registry, UnknownNameError, kind_of
from minisnip.nn import MODELS, BatchNorm, Flatten, Linear, Sequential, cross_entropy, lenet_300_100
from minisnip.pruning import (
    CRITERIA,
    METHODS,
    apply_masks,
    compact,
    connection_sensitivity,
    cut,
    delta_loss,
    keep_top,
    keep_top_per_layer,
    mask_gradient,
    ones,
)
from minisnip.training import (
    Adam,
    evaluate,
    from_scratch,
    l1_penalty,
    lottery_ticket,
    magnitude_after_training,
    train,
)
from tests.networks import random_batch, random_params, small_mlp, toy_dataset

NET: Any = small_mlp()  # Any: mypy would find these mistakes, too
W: Any = random_params(NET, np.random.default_rng(0))
X, Y = random_batch(NET, np.random.default_rng(1))
DATA: Any = toy_dataset()
MASKS = keep_top({name: np.abs(w) for name, w in W.items()}, 0.5)
SCORING: Mapping[str, Callable[..., Any]] = {
    "mask_gradient": mask_gradient,
    "connection_sensitivity": connection_sensitivity,
    "delta_loss": delta_loss,
    **CRITERIA,
    **{f"method {name}": partial(f, sparsity=0.5) for name, f in METHODS.items()},
}


def says(error: type[Exception], call: Callable[[], Any], *phrases: str) -> None:
    with pytest.raises(error) as raised:
        call()
    sentence = str(raised.value)
    assert [phrase for phrase in phrases if phrase not in sentence] == [], sentence
    assert "\n" not in sentence


def test_scores_without_names() -> None:
    for keep in (keep_top, keep_top_per_layer):
        array: Any = np.ones(3)
        says(TypeError, partial(keep, array, 0.5), "scores as a dict", "got a ndarray", "its name")


def test_scores_and_sparsity_swapped() -> None:
    share: Any = 0.5
    scores: Any = {"a": np.ones(3)}
    says(TypeError, lambda: keep_top(share, scores), "keep_top(scores, sparsity)", "a float", "the order")


@pytest.mark.parametrize("sparsity", [95, "95%", "0.95", np.ones(2), None, -0.1, 1, np.nan])
def test_a_sparsity_that_is_no_share(sparsity: Any) -> None:
    says(ValueError, lambda: keep_top({"a": np.ones(3)}, sparsity), f"sparsity {sparsity} is not in", "0.95 for 95 %")


def test_masks_without_names() -> None:
    masks: Any = [MASKS["fc1.weight"]]
    says(TypeError, lambda: train(NET, W, DATA, masks=masks), "masks as a dict", "got a list", "its name")
    says(TypeError, lambda: train(NET, W, DATA, masks=masks[0]), "masks as a dict", "got a ndarray")
    says(TypeError, lambda: apply_masks(masks, W), "apply_masks(masks, params)", "masks as a dict", "got a list")


def test_training_refuses_masks_that_miss_a_weight_and_takes_masks_without_biases() -> None:
    some = {name: c for name, c in MASKS.items() if name != "fc2.weight"}
    phrases = ("none for fc2.weight", "would stay dense", "{**ones(net.init(0)), **masks}")
    says(ValueError, lambda: train(NET, W, DATA, some, epochs=1), *phrases)
    train(NET, W, DATA, {**ones(W), **some}, epochs=1)
    train(NET, W, DATA, ones(W, biases=False), epochs=1)
    one_bias = {**ones(W, biases=False), "fc1.bias": MASKS["fc1.bias"]}
    says(ValueError, lambda: train(NET, W, DATA, one_bias), "none for fc2.bias", "only the biases may all be left out")
    nothing: dict[str, Any] = {}
    dense, empty = (train(NET, W, DATA, masks, 1, title=None).params for masks in (None, nothing))
    assert all(np.array_equal(dense[name], empty[name]) for name in dense)


def test_the_remedy_for_masks_that_miss_a_weight_works_with_the_running_statistics_of_a_trained_network() -> None:
    net = Sequential((1, 3, 3), flatten=Flatten(), fc1=Linear(9, 5), bn=BatchNorm(5), fc2=Linear(5, 4))
    trained = train(net, net.init(0), DATA, epochs=1, title=None).params
    some = {"fc1.weight": np.ones((5, 9)), "fc1.bias": np.zeros(5)}
    says(ValueError, lambda: train(net, trained, DATA, some), "none for bn.weight, bn.bias", "{**ones(net.init(0)),")
    again = train(net, trained, DATA, {**ones(net.init(0)), **some}, epochs=1, title=None)
    assert not again.params["fc1.bias"].any()


@pytest.mark.parametrize(
    ("name", "article"),
    [(name, "an") for name in "LSTM RNN MLP int array Optimizer Unknown object".split()]
    + [(name, "a") for name in "GRU Linear bool uint8 UserDict Union NoneType".split()],
)
def test_a_kind_has_the_article_that_one_says(name: str, article: str) -> None:
    assert kind_of(type(name, (), {})()) == f"{article} {name}"


def test_applying_masks_leaves_parameters_without_a_mask_as_they_are() -> None:
    """c ⊙ w of some parameters is what the derivative by one layer's mask needs."""
    masked = apply_masks({"fc1.weight": 0 * W["fc1.weight"]}, W)
    assert not masked["fc1.weight"].any()
    assert masked["fc2.weight"] is W["fc2.weight"]


def test_a_data_set_in_place_of_a_split_and_the_other_way_round() -> None:
    says(TypeError, lambda: evaluate(NET, W, DATA), "expects one split", "got a Dataset", "dataset.test")
    says(TypeError, lambda: train(NET, W, DATA.train), "expects a whole Dataset", "got a Split", "train and validation")


@pytest.mark.parametrize("name", SCORING)
def test_parameters_and_network_swapped(name: str) -> None:
    says(TypeError, lambda: SCORING[name](W, NET, X, Y), "params as a dict", "got a Sequential", "the order")


def test_parameters_and_network_swapped_elsewhere() -> None:
    says(TypeError, lambda: train(W, NET, DATA), "train(net, params, dataset, masks)", "got a Sequential", "the order")
    says(TypeError, lambda: evaluate(W, NET, DATA.test), "evaluate(net, params, split)", "got a Sequential")
    says(TypeError, lambda: compact(W, NET, MASKS), "compact(net, params, masks)", "got a Sequential")
    says(TypeError, lambda: NET(X, W), "net(params, x)", "got a ndarray", "the order")


@pytest.mark.parametrize("name", SCORING)
def test_images_and_labels_swapped(name: str) -> None:
    phrases = ("x has shape (6,)", "y (6, 1, 3, 3)", "the images first")
    says(ValueError, lambda: SCORING[name](NET, W, Y, X), *phrases)


@pytest.mark.parametrize("name", SCORING)
@pytest.mark.parametrize(
    "labels", [np.eye(4)[Y], np.eye(4, dtype=int)[Y], Y.astype(float)], ids=["hot", "int", "float"]
)
def test_labels_that_are_no_integers(name: str, labels: Array) -> None:
    phrases = (f"labels of shape {labels.shape}", "an integer for each image", ".argmax(1)", ".astype(int)")
    says(ValueError, lambda: SCORING[name](NET, W, X, labels), *phrases)


@pytest.mark.parametrize("labels", [np.eye(4)[Y], Y.astype(float)], ids=["one-hot", "float"])
def test_labels_that_are_no_integers_in_the_loss(labels: Array) -> None:
    says(ValueError, lambda: cross_entropy(NET(W, X), labels), ".argmax(1)", ".astype(int)")
    says(ValueError, lambda: cross_entropy(Y, NET(W, X)), f"labels of shape {(len(Y), 4)}")


@pytest.mark.parametrize(
    ("registry", "name", "nearest"),
    [(METHODS, "forze", "force"), (CRITERIA, "SNIP", "snip"), (MODELS, "lenet300", "lenet-300-100")],
)
def test_an_unknown_name_gets_the_nearest_one(registry: Registry[Any], name: str, nearest: str) -> None:
    says(
        UnknownNameError, lambda: registry[name], f"{name!r}: choose one of", f"; did you mean {nearest!r}?", *registry
    )
    assert registry.get(name) is None
    assert name not in registry


def test_a_name_that_resembles_none_gets_the_list() -> None:
    says(KeyError, lambda: METHODS["luck"], "unknown method 'luck': choose one of snip, delta-loss, ")


def test_a_misspelled_data_set_or_package_gets_the_nearest_one() -> None:
    says(ValueError, lambda: load("mnst"), "no data set 'mnst'", "; did you mean 'mnist'?")
    says(AttributeError, lambda: cast(Any, minisnip).prunning, "no 'prunning'", "; did you mean 'pruning'?")


def test_a_loss_that_was_not_wrapped() -> None:
    w = {name: Tensor(a) for name, a in W.items()}
    losses: dict[str, Any] = {"float": 0.3, "float64": cross_entropy(NET(W, X), Y)}
    for kind, loss in losses.items():
        says(TypeError, partial(grad, loss, w), f"the output is a {kind}", "wrap it (x = Tensor(array))")


def test_a_number_in_place_of_a_function() -> None:
    call: Any = check_grads
    says(TypeError, lambda: call(0.3, [np.ones(2)]), "f is a float", "expected a function", "pass f, not f(x)")
    says(TypeError, lambda: call([np.ones(2)], ops.tanh), "f is a list")


@pytest.mark.parametrize("ticket", [lottery_ticket, magnitude_after_training, l1_penalty, from_scratch])
def test_parameters_and_network_swapped_in_what_trains_first(ticket: Any) -> None:
    says(TypeError, lambda: ticket(W, NET, DATA, 0.5), "train(net, params, dataset, masks)", "got a Sequential")


def test_a_network_that_was_not_made() -> None:
    model: Any = lenet_300_100
    says(TypeError, lambda: train(model, W, DATA), "expects a network, got a function: call it: lenet_300_100()")


@pytest.mark.parametrize("optimizer", ["sgd", Adam, None])
def test_an_optimizer_that_is_a_name_or_a_class(optimizer: Any) -> None:
    says(TypeError, lambda: train(NET, W, DATA, optimizer=optimizer), "optimizer ", ": pass SGD() or Adam()")


@pytest.mark.parametrize("setting", ["epochs", "batch_size", "iterations"])
@pytest.mark.parametrize("number", [1.5, "2"])
def test_a_count_that_is_no_whole_number(setting: str, number: Any) -> None:
    options: Any = {setting: number}
    says(TypeError, lambda: train(NET, W, DATA, **options), f"{setting} {number!r} is a", "expected a whole number")


def test_a_list_in_place_of_an_array() -> None:
    scores: Any = {"a": [1.0, 2.0]}
    says(TypeError, lambda: keep_top(scores, 0.5), "expects an array for a, got a list", "np.array")


@pytest.mark.parametrize("make", [compact, cut])
def test_masks_and_parameters_swapped(make: Any) -> None:
    says(ValueError, lambda: make(NET, MASKS, W), "other numbers than 0 and 1", "compact(net, params, masks)")


def test_a_split_in_place_of_its_images() -> None:
    train_split, method = DATA.train, cast(Any, METHODS["snip"])
    phrases = ("got a Split", "pass split.images, split.labels")
    says(TypeError, lambda: connection_sensitivity(NET, W, train_split, Y), *phrases)
    says(TypeError, lambda: method(NET, W, train_split, 0.9), *phrases)
    says(TypeError, lambda: method(NET, W, DATA, 0.9), "got a Dataset", phrases[1])


def test_one_image_without_a_batch() -> None:
    says(ValueError, lambda: connection_sensitivity(NET, W, X[0], Y[0]), "for one image pass x[:1], y[:1]")
    says(ValueError, lambda: NET(W, X[0]), "(N, 1, 3, 3)", "one image: x[:1]")


def test_a_scheme_in_place_of_the_seed() -> None:
    says(TypeError, lambda: NET.init("he"), "rng 'he' is a str", "net.init(seed, scheme='he')")


def test_labels_with_a_remedy_of_their_own() -> None:
    says(ValueError, lambda: cross_entropy(NET(W, X), Y[:, None]), "shape (6, 1)", "labels.ravel()")
    says(ValueError, lambda: cross_entropy(NET(W, X), Y.astype(str)), "np.unique(labels, return_inverse=True)[1]")
    says(ValueError, lambda: cross_entropy(Y, NET(W, X)), "logits go first")

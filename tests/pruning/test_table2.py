"""The same three lines score, prune and train a convolutional, a residual and a recurrent network."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.data import Dataset, Split
from minisnip.nn import (
    LENETS,
    LSTM,
    MODELS,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    EachStep,
    Flatten,
    GlobalAvgPool,
    Linear,
    ReLU,
    Residual,
    Select,
    Sequential,
    cross_entropy,
    running_statistics,
)
from minisnip.nn.known import UnknownLayerError
from minisnip.nn.threads import sharding
from minisnip.pruning import (
    CRITERIA,
    METHODS,
    EstimateWarning,
    LayerCollapseWarning,
    alive_units,
    apply_masks,
    compact,
    connection_sensitivity,
    count_kept,
    criteria,
    cut,
    delta_loss,
    delta_loss_by_deletion,
    delta_loss_of,
    effective_masks,
    fisher_diagonal,
    hutchinson_diagonal,
    input_connections,
    keep_top,
    mask_curvature,
    mask_gradient,
    units_gone,
)
from minisnip.training import checkpoint, evaluate, loop, magnitude_after_training, train
from minisnip.training.loop import loss_gradient
from tests.table2 import SMALL, batch, moved_params, snip

UNDEFINED = {  # criteria that say by name where they are not defined
    "delta-loss": {
        name: f"layer {layer}: ΔL is computed through .* only; delta_loss_of gives it for chosen connections"
        for name, layer in {
            "alexnet": "conv1_bn is a BatchNorm",
            "vgg": "conv1_1_bn is a BatchNorm",
            "wrn": "block1_1 is a Residual",
            "lstm": "rnn is an LSTM",
            "gru": "rnn is a GRU",
        }.items()
    },
    "synflow": dict.fromkeys(("lstm", "gru"), "synflow is not defined for layer rnn"),
}
NIGHTLY = os.environ.get("MINISNIP_TABLE2") == "1"


def small(name: str, seed: int = 0) -> tuple[Sequential, dict[str, Array], Array, Array]:
    net, rng = SMALL[name](), np.random.default_rng(seed)
    return net, moved_params(net, rng), *batch(net, rng)


def assert_same_kept(net: Sequential, params: dict[str, Array], x: Array, y: Array, sparsity: float) -> None:
    """The sets kept by our scores and by PyTorch's differ in ties only: scores within round-off of the threshold."""
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
    ours = mask_gradient(net, params, x, y)
    theirs = snip(torch, net, params, x, y)
    with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):
        kept = [keep_top({n: np.abs(s[n]) for n in ours}, sparsity) for s in (ours, theirs)]
    scores = np.concatenate([theirs[n].ravel() for n in ours])
    a, b = (np.concatenate([c[n].ravel() for n in ours]) for c in kept)
    assert a.sum() == b.sum() == count_kept(net.size, sparsity)
    threshold = np.sort(scores)[-int(a.sum())]
    np.testing.assert_allclose(scores[a != b], threshold, rtol=1e-8)
    assert np.count_nonzero(a != b) <= 1e-4 * a.sum()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("sparsity", [0.5, 0.95])
def test_the_kept_set_is_that_of_pytorch(name: str, sparsity: float) -> None:
    assert_same_kept(*small(name), sparsity)


@pytest.mark.skipif(not NIGHTLY, reason="takes minutes and gigabytes: MINISNIP_TABLE2=1, as in .ci/nightly")
@pytest.mark.parametrize("model", [model for model in MODELS if model not in LENETS])
def test_the_kept_set_of_the_papers_network_is_that_of_pytorch(model: str) -> None:
    net, rng = MODELS[model](), np.random.default_rng(0)
    assert_same_kept(net, net.init(rng, dtype=np.float64), *batch(net, rng), 0.95)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_scores_what_can_be_pruned_or_says_that_it_is_not_defined(
    criterion: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, params, x, y = small(name)
    monkeypatch.setattr(criteria, "hutchinson_diagonal", partial(hutchinson_diagonal, probes=2))
    if sentence := UNDEFINED.get(criterion, {}).get(name):
        with pytest.raises(UnknownLayerError, match=sentence):
            CRITERIA[criterion](net, params, x, y, rng=0)
        return
    with warnings.catch_warnings(action="ignore", category=EstimateWarning):
        scores = CRITERIA[criterion](net, params, x[:2], y[:2], rng=0)
    assert {n: s.shape for n, s in scores.items()} == {n: net.shapes()[n] for n in net.prunable}
    assert all(np.isfinite(s).all() for s in scores.values())


@pytest.mark.parametrize("name", ["vgg", "wrn"])
def test_running_statistics_change_no_score(name: str) -> None:
    net, params, x, y = small(name)
    state = {n: np.full(shape, 3.0) for n, shape in net.state_shapes().items()}
    for criterion in ("snip", "magnitude", "grasp", "synflow", "random"):
        without, with_state = (CRITERIA[criterion](net, p, x, y, rng=0) for p in (params, params | state))
        assert [*without] == [*with_state] == [n for n in params if n in net.prunable]
        for n in without:
            np.testing.assert_array_equal(without[n], with_state[n])


@pytest.mark.parametrize("name", ["vgg", "wrn"])
def test_synflow_through_batch_norm_has_the_same_total_in_every_convolution_of_a_chain(name: str) -> None:
    net, params, x, y = small(name)
    scores = CRITERIA["synflow"](net, {n: w * 0 if n.endswith("bias") else w for n, w in params.items()}, x, y)
    if name == "vgg":
        totals = [s.sum() for n, s in scores.items() if n.endswith("weight")]
        np.testing.assert_allclose(totals, totals[0], rtol=1e-10)
    else:  # of a residual, the part through the body is the same in both of its convolutions
        first, second = (scores[f"block2_1.body.conv{i}.weight"].sum() for i in (1, 2))
        assert first == pytest.approx(second, rel=1e-10)


@pytest.mark.parametrize("method", ["iterative-snip", "force"])
@pytest.mark.parametrize("name", ["vgg", "wrn", "lstm"])
def test_schedules_of_rounds_keep_exactly_kappa(name: str, method: str) -> None:
    net, params, x, y = small(name)
    rounds = METHODS[method].func  # type: ignore[attr-defined]
    with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):
        masks = rounds(CRITERIA["snip"], net, params, x, y, 0.9, rounds=3)
    assert sum(int(c.sum()) for c in masks.values()) == count_kept(net.size, 0.9)


# ---- Images that are mixed are never cut -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg", "wrn", "lstm"])
def test_loss_and_gradient_of_a_batch_are_the_uncut_ones(name: str) -> None:
    net, rng = SMALL[name](), np.random.default_rng(0)
    params, (x, y) = moved_params(net, rng), batch(net, rng, 120)  # more than a shard, and more than 100
    with sharding(net, 2) as shards:
        loss, _, gradients = loss_gradient(net, params, x, y, shards)
    assert loss == pytest.approx(float(cross_entropy(net(params, x), y)), rel=1e-12)
    g = mask_gradient(net, params, x, y)
    for n in net.prunable:
        np.testing.assert_allclose(g[n], params[n] * gradients[n], rtol=1e-8, atol=1e-14)
    whole = mask_gradient(net, params, x, y, batch_size=120)
    for n in net.prunable:
        np.testing.assert_allclose(g[n], whole[n], rtol=1e-8, atol=1e-14)


def test_a_recurrent_network_is_cut_by_images_and_one_with_batch_norm_is_not() -> None:
    net = Sequential((4, 3), each=EachStep(BatchNorm(3, prunable=False)), rnn=LSTM(3, 5), fc=Linear(5, 2))
    assert net.unpruned == ["each.weight", "each.bias"]
    with sharding(net, 2) as shards:
        assert len(shards(lambda part: part, 120)) == 1
    x = np.random.default_rng(0).standard_normal((6, 4, 3))
    assert [*running_statistics(net, net.init(0), [x])] == ["each.running_mean", "each.running_var"]
    for name, parts in (("lstm", 3), ("gru", 3), ("vgg", 1), ("wrn", 1), ("alexnet", 1)):
        with sharding(SMALL[name](), 2) as shards:
            assert len(shards(lambda part: part, 120)) == parts


def test_evaluation_without_running_statistics_takes_whole_batches() -> None:
    net, rng = Sequential((3,), fc=Linear(3, 4), bn=BatchNorm(4), fc2=Linear(4, 2)), np.random.default_rng(0)
    params, split = moved_params(net, rng), Split(rng.standard_normal((1100, 3), np.float32), rng.integers(0, 2, 1100))
    loss, _ = evaluate(net, params, split, batch_size=1100, threads=2)
    assert loss == pytest.approx(float(cross_entropy(net(params, split.images), split.labels)), rel=1e-12)


# ---- Paths, compaction, deletion -------------------------------------------------------------------------------------


def random_masks(net: Sequential, params: dict[str, Array], sparsity: float, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):
        return keep_top({n: rng.random(params[n].shape) for n in net.prunable}, sparsity)


def residual_net() -> Sequential:
    """Stem, a block with a projection, a block with the identity, without batch normalization."""
    first = Sequential((3, 4, 4), conv1=Conv2d(3, 5, 3, 2, padding=1), relu=ReLU(), conv2=Conv2d(5, 4, 3, padding=1))
    second = Sequential((4, 2, 2), relu=ReLU(), conv1=Conv2d(4, 6, 1), relu2=ReLU(), conv2=Conv2d(6, 4, 1, bias=False))
    return Sequential(
        (1, 4, 4),
        stem=Conv2d(1, 3, 3, padding=1),
        block1=Residual(first, Conv2d(3, 4, 1, 2)),
        block2=Residual(second),
        flatten=Flatten(),
        fc=Linear(16, 3),
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_connection_of_a_residual_network_is_effective_if_the_linear_network_depends_on_it(seed: int) -> None:
    net, rng = residual_net(), np.random.default_rng(seed)
    params = {n: rng.uniform(0.5, 1.5, s) * (not n.endswith("bias")) for n, s in net.shapes().items()}
    kernels = {n: rng.random((*w.shape[:2], *[1] * (w.ndim - 2))) < 0.35 for n, w in params.items()}  # kept whole
    masks = {n: kernels[n] * np.ones(w.shape) for n, w in params.items()}
    x, y = rng.uniform(0.5, 1.5, (4, *net.input_shape)), np.array([0, 1, 2, 0])  # all positive: every ReLU is on
    found = effective_masks(net, masks)
    g = mask_gradient(net, apply_masks(masks, params), x, y)
    by_kernel = {n: np.abs(a).reshape(*a.shape[:2], -1).sum(axis=2) for n, a in g.items() if a.ndim > 1}
    for n, size in by_kernel.items():
        effective = found[n].reshape(*found[n].shape[:2], -1).any(axis=2)
        np.testing.assert_array_equal(effective, size > 1e-12, err_msg=n)


def test_a_shortcut_keeps_a_channel_alive_that_its_body_has_lost() -> None:
    net = residual_net()
    masks = {n: np.ones(s) for n, s in net.shapes().items()}
    masks["block1.body.conv2.weight"][1] = 0
    assert alive_units(net, masks)["block1.shortcut"].all()
    assert effective_masks(net, masks)["block1.shortcut.weight"].all()
    assert units_gone(net, masks)["block1.body.conv2"]["unfed"] == 1
    masks["block1.shortcut.weight"][1] = 0
    assert not effective_masks(net, masks)["block2.body.conv1.weight"][:, 1].any()
    assert effective_masks(net, masks)["block2.body.conv2.weight"].all()  # channel 1 is fed by the second body


def test_a_pruned_gamma_ends_the_paths_through_its_channel() -> None:
    net = Sequential((2, 3, 3), conv=Conv2d(2, 3, 3), bn=BatchNorm(3), relu=ReLU(), flatten=Flatten(), fc=Linear(3, 2))
    masks = {"bn.weight": np.array([1.0, 0.0, 1.0])}
    effective = effective_masks(net, {**{n: np.ones(s) for n, s in net.shapes().items()}, **masks})
    assert effective["conv.weight"].any(axis=(1, 2, 3)).tolist() == [True, False, True]
    assert effective["fc.weight"].any(axis=0).tolist() == [True, False, True]
    assert alive_units(net, masks)["bn"].tolist() == [True, False, True]


@pytest.mark.parametrize("sparsity", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("name", ["vgg", "alexnet", "wrn", "residual"])
def test_compact_networks_have_the_logits_of_the_masked_ones(name: str, sparsity: float) -> None:
    net, rng = (residual_net() if name == "residual" else SMALL[name]()), np.random.default_rng(1)
    params = moved_params(net, rng)
    x = rng.standard_normal((8, *net.input_shape))
    masks = random_masks(net, params, sparsity, seed=2)
    state = {n: rng.uniform(0.5, 1.5, s) for n, s in net.state_shapes().items() if s}
    for p in (params, params | state):
        expected = net(apply_masks(masks, p), x)
        for make in (cut, compact):
            found = make(net, p, masks)
            np.testing.assert_allclose(found.net(found.params, x), expected, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(net(found.expand(found.params), x), expected, rtol=1e-9, atol=1e-12)
            assert found.net.size <= net.size
    if sparsity == 0.97:
        assert compact(net, params, masks).net.size < 0.8 * net.size


def flat_residuals() -> Sequential:
    """Its first layer is a residual; then a body with a selection."""
    first = Sequential((6,), fc1=Linear(6, 4), relu=ReLU(), fc2=Linear(4, 6))
    second = Sequential((6,), bn=BatchNorm(6), relu=ReLU(), select=Select(6, (0, 1, 5)), fc=Linear(3, 5))
    shortcut = Linear(6, 5)
    return Sequential(
        (6,), block1=Residual(first, Linear(6, 6)), bn=BatchNorm(6), block2=Residual(second, shortcut), fc=Linear(5, 3)
    )


def pooled_shortcuts() -> Sequential:
    """Normalization comes first; shortcuts without parameters; a part that flattens, with a residual in it."""
    inner = Residual(Sequential((16,), fc=Linear(16, 16)))
    return Sequential(
        (2, 4, 4),
        bn=BatchNorm(2),
        conv=Conv2d(2, 4, 1),
        relu=ReLU(),
        block1=Residual(Sequential((4, 4, 4), conv=Conv2d(4, 4, 3, 2, padding=1)), AvgPool2d(2)),
        block2=Residual(Sequential((4, 2, 2), conv=Conv2d(4, 4, 1)), ReLU()),
        block3=Residual(
            Sequential((4, 2, 2), flatten=Flatten(), inner=inner, fc=Linear(16, 5)),
            Sequential((4, 2, 2), pool=GlobalAvgPool(), fc=Linear(4, 5)),
        ),
        fc=Linear(5, 3),
    )


@pytest.mark.parametrize("sparsity", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("make", [flat_residuals, pooled_shortcuts])
def test_residuals_may_be_anywhere_and_of_anything(make: Callable[[], Sequential], sparsity: float) -> None:
    net, rng = make(), np.random.default_rng(0)
    for seed in range(5):
        params, x = moved_params(net, rng), rng.standard_normal((6, *net.input_shape))
        masks = random_masks(net, params, sparsity, seed)
        assert sum(int(c.sum()) for c in effective_masks(net, masks).values()) <= count_kept(net.size, sparsity)
        for made in (cut(net, params, masks), compact(net, params, masks)):
            np.testing.assert_allclose(made.net(made.params, x), net(apply_masks(masks, params), x), atol=1e-12)


def test_a_channel_that_nothing_feeds_is_not_zero_after_a_running_mean() -> None:
    net = Sequential((2, 3, 3), conv=Conv2d(2, 3, 3, bias=False), bn=BatchNorm(3), flatten=Flatten(), fc=Linear(3, 2))
    params = moved_params(net, np.random.default_rng(0))
    params |= {"bn.running_mean": np.array([-3.0, 0.1, 0.2]), "bn.running_var": np.ones(3)}
    masks = {"conv.weight": np.ones((3, 2, 3, 3)), "bn.bias": np.array([0.0, 1, 1])}
    masks["conv.weight"][0] = 0
    x = np.ones((4, 2, 3, 3))
    for made in (cut(net, params, masks), compact(net, params, masks)):
        np.testing.assert_allclose(made.net(made.params, x), net(apply_masks(masks, params), x), atol=1e-12)


def test_the_first_layer_may_be_a_normalization_or_a_residual_and_says_how_often_it_reads_each_number() -> None:
    masks = {"bn.weight": np.array([1.0, 0.0])}
    assert input_connections(pooled_shortcuts(), masks).any(axis=(1, 2)).tolist() == [True, False]
    assert units_gone(pooled_shortcuts(), masks)["input"]["unread"] == 16
    net = Sequential((2,), block=Residual(Sequential((2,), fc1=Linear(2, 3), relu=ReLU(), fc2=Linear(3, 2))))
    masks = {"block.body.fc1.weight": np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])}
    assert input_connections(net, masks).tolist() == [1 + 2 * 2, 1]  # the shortcut, and two paths to each of two units
    with pytest.raises(TypeError, match="layer rnn of type LSTM is no sum of inputs: count the ones"):
        input_connections(Sequential((4, 3), rnn=LSTM(3, 5)), {})


@pytest.mark.parametrize("function", [cut, compact])
def test_a_residual_in_a_residual_may_have_the_name_of_an_outer_layer(function: Callable[..., Any]) -> None:
    inner = Residual(Sequential((6,), fc=Linear(6, 6)))
    outer = Residual(Sequential((4,), fc=Linear(4, 6), first=inner, last=Linear(6, 4)))
    net, rng = Sequential((3,), first=Linear(3, 4), block=outer, last=Linear(4, 2)), np.random.default_rng(0)
    params, x = moved_params(net, rng), rng.standard_normal((5, 3))
    masks = random_masks(net, params, 0.6, 0)
    made = function(net, params, masks)
    np.testing.assert_allclose(made.net(made.params, x), net(apply_masks(masks, params), x), atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_chosen_deletions_are_those_of_the_definition(name: str) -> None:
    net, params, x, y = small(name)
    rng = np.random.default_rng(0)
    chosen = [(n, tuple(int(rng.integers(size)) for size in params[n].shape)) for n in net.prunable]
    whole = cross_entropy(net(params, x), y)
    for (n, j), found in zip(chosen, delta_loss_of(net, params, x, y, chosen), strict=True):
        masked = {**params, n: params[n].copy()}
        masked[n][j] = 0
        assert found == pytest.approx(float(whole - cross_entropy(net(masked, x), y)), abs=1e-12)


def test_deletions_of_every_connection_work_for_any_network_and_exact_shortcuts_say_where_they_do_not() -> None:
    net = Sequential(
        (2, 3, 3), conv=Conv2d(2, 2, 3), bn=BatchNorm(2, prunable=False), flatten=Flatten(), fc=Linear(2, 3)
    )
    rng = np.random.default_rng(0)
    params, x, y = moved_params(net, rng), rng.standard_normal((5, 2, 3, 3)), np.array([0, 1, 2, 0, 1])
    found = delta_loss_by_deletion(net, params, x, y)
    assert [*found] == net.prunable
    assert found["fc.weight"][1, 1] == pytest.approx(delta_loss_of(net, params, x, y, [("fc.weight", (1, 1))])[0])
    with pytest.raises(
        TypeError, match=r"layer bn is a BatchNorm: ΔL is computed through .* only; delta_loss_of gives"
    ):
        delta_loss(net, params, x, y)
    for index in ((1, 2), (-1, 0), (1,), [1, 0], 1):
        with pytest.raises(
            ValueError, match=re.escape(f"there is no connection ('fc.weight', {index}): expected a par")
        ):
            delta_loss_of(net, params, x, y, [("fc.weight", index)])  # type: ignore[list-item]
    for delta in (0.0, math.inf):
        with pytest.raises(ValueError, match=f"delta {delta} must be finite and not be 0"):
            delta_loss_of(net, params, x, y, [("fc.weight", (1, 1))], delta)


def test_a_convolution_without_bias_is_deleted_exactly() -> None:
    net = Sequential(
        (2, 4, 4),
        conv=Conv2d(2, 3, 3, padding="same", bias=False),
        relu=ReLU(),
        conv2=Conv2d(3, 2, 2, bias=False),
        flatten=Flatten(),
        fc=Linear(18, 3),
    )
    rng = np.random.default_rng(0)
    params, x, y = moved_params(net, rng), rng.standard_normal((5, 2, 4, 4)), np.array([0, 1, 2, 0, 1])
    exact, plain = delta_loss(net, params, x, y), delta_loss_by_deletion(net, params, x, y)
    assert [*exact] == [*plain] == ["conv.weight", "conv2.weight", "fc.weight", "fc.bias"]
    for name in params:
        np.testing.assert_allclose(exact[name], plain[name], atol=1e-12)


@pytest.mark.parametrize("name", ["alexnet", "vgg", "wrn"])
def test_a_diagonal_image_by_image_is_refused_where_images_are_mixed(name: str) -> None:
    net, params, x, y = small(name)
    with pytest.raises(UnknownLayerError, match=r"layer \w+ of type \w+ mixes images; use hutchinson_diagonal"):
        fisher_diagonal(net, params, x, y)


def test_average_pools_are_known_to_exact_deletions_curvature_and_compaction() -> None:
    net = Sequential(
        (2, 6, 6),
        conv1=Conv2d(2, 3, 3, 2, padding="same"),
        relu1=ReLU(),
        pool1=AvgPool2d(2, 1),
        conv2=Conv2d(3, 4, 2),
        relu2=ReLU(),
        pool2=GlobalAvgPool(),
        fc=Linear(4, 3),
    )
    rng = np.random.default_rng(0)
    params, x, y = moved_params(net, rng), rng.standard_normal((5, 2, 6, 6)), np.array([0, 1, 2, 0, 1])
    exact, plain = delta_loss(net, params, x, y), delta_loss_by_deletion(net, params, x, y)
    diagonal, some = fisher_diagonal(net, params, x, y), [("conv1.weight", (1, 1, 2, 0)), ("conv2.bias", (3,))]
    for name in params:
        np.testing.assert_allclose(exact[name], plain[name], atol=1e-12)
    for (name, j), curvature in zip(some, mask_curvature(net, params, x, y, some), strict=True):
        assert curvature == pytest.approx(params[name][j] ** 2 * diagonal[name][j], rel=1e-9)
    masks = random_masks(net, params, 0.8, seed=3)
    found = compact(net, params, masks)
    np.testing.assert_allclose(found.net(found.params, x), net(apply_masks(masks, params), x), atol=1e-12)


def test_paths_through_a_recurrent_layer_are_refused_by_name_with_a_remedy() -> None:
    net = Sequential((4, 3), rnn=LSTM(3, 5), fc=Linear(5, 2))
    for function in (effective_masks, alive_units):
        with pytest.raises(TypeError, match=r"layer rnn is an LSTM: paths are known .*; kept_per_layer counts"):
            function(net, {})
    with pytest.raises(TypeError, match="layer rnn is an LSTM"):
        compact(net, net.init(0), {})
    net = Sequential((3,), fc=Linear(3, 3), block=Residual(Sequential((3,), relu=ReLU())), fc2=Linear(3, 2))
    with pytest.raises(TypeError, match=r"layer block is a Residual without parameters: paths are known"):
        effective_masks(net, {})


# ---- Training --------------------------------------------------------------------------------------------------------


def dataset(net: Sequential, count: int = 60, seed: int = 0) -> Dataset:
    """Random images in float32; the class is the brighter half."""
    rng = np.random.default_rng(seed)

    def split(n: int) -> Split:
        images = rng.standard_normal((n, *net.input_shape)).astype(np.float32)
        middle = net.input_shape[-1] // 2
        return Split(images, (images[..., :middle].mean((1, 2, 3)) > images[..., middle:].mean((1, 2, 3))).astype(int))

    return Dataset("halves", tuple("ab"), 0.0, 1.0, split(count), split(20), split(20))


OPTIONS: dict[str, Any] = {"epochs": 2, "batch_size": 20, "learning_rate": 0.01, "rng": 0}


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("name", ["vgg", "wrn"])
def test_training_measures_running_statistics_and_its_result_can_be_scored_and_trained_again(
    name: str, average: float
) -> None:
    net = SMALL[name]()
    data, params = dataset(net), net.init(0)
    x, y = data.train.images[:20], data.train.labels[:20]
    masks = keep_top(connection_sensitivity(net, params, x, y), 0.5)
    result = train(net, params, data, masks, average=average, **OPTIONS)
    state = {n: s for n, s in net.state_shapes().items() if s}
    assert {n: a.shape for n, a in result.params.items()} == net.shapes() | state
    assert all((result.params[n][c == 0] == 0).all() for n, c in masks.items())
    images = data.train.images  # three batches, each spread over the split; by the weights that are kept
    measured = running_statistics(net, result.params, [images[i::3] for i in range(3)])
    for n, a in measured.items():
        np.testing.assert_allclose(result.params[n], a, rtol=1e-6)
    best = result.history[result.best_epoch - 1]
    assert evaluate(net, result.params, data.validation) == pytest.approx(
        (best["validation_loss"], best["validation_error_percent"]), rel=1e-5
    )
    one = [net(result.params, x[i : i + 1]) for i in range(5)]  # with running statistics an image is alone
    np.testing.assert_allclose(np.concatenate(one), net(result.params, x[:5]), rtol=1e-4, atol=1e-5)
    again = keep_top(connection_sensitivity(net, result.params, x, y), 0.5)
    assert {n: a.shape for n, a in again.items()} == {n: net.shapes()[n] for n in net.prunable}
    second = train(net, result.params, data, again, **OPTIONS)
    assert np.isfinite(second.history[-1]["validation_loss"])


def test_an_interrupted_training_with_batch_norm_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = SMALL["wrn"]()
    data, params, file = dataset(net), net.init(0), tmp_path / "checkpoint.npz"
    whole = train(net, params, data, **OPTIONS)
    save = checkpoint.save_checkpoint

    def interrupted(*arguments: Any) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_checkpoint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(net, params, data, checkpoint=file, **OPTIONS)
    monkeypatch.undo()
    resumed = train(net, params, data, checkpoint=file, resume=True, **OPTIONS)
    assert resumed.history == whole.history
    for n in whole.params:
        assert resumed.params[n].tobytes() == whole.params[n].tobytes()


def test_a_compact_network_with_batch_norm_trains_as_the_masked_one() -> None:
    for name in ("vgg", "wrn"):
        net = SMALL[name]()
        data, params = dataset(net), net.init(0, dtype=np.float64)
        data = replace(data, train=Split(data.train.images.astype(np.float64), data.train.labels))
        masks = random_masks(net, params, 0.9, seed=0)
        with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):
            plain, small_one = (train(net, params, data, masks, compact=c, **OPTIONS) for c in (False, True))
        assert small_one.compact is not None
        for row, other in zip(plain.history, small_one.history, strict=True):
            assert row["train_loss"] == pytest.approx(other["train_loss"], rel=1e-9)
            assert row["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-9)


def test_pruning_after_training_counts_prunable_parameters_only() -> None:
    net = SMALL["alexnet"]()
    with warnings.catch_warnings(action="ignore", category=LayerCollapseWarning):
        ticket = magnitude_after_training(net, net.init(0), dataset(net), 0.9, **OPTIONS)
    assert [*ticket.masks] == net.prunable
    assert sum(int(c.sum()) for c in ticket.masks.values()) == count_kept(net.size, 0.9)


def test_recurrent_networks_train_pruned() -> None:
    for name in ("lstm", "gru"):
        net = SMALL[name]()
        data, params = dataset(net, 400), net.init(0)
        masks = keep_top(connection_sensitivity(net, params, data.train.images[:100], data.train.labels[:100]), 0.5)
        options = {**OPTIONS, "batch_size": 50, "learning_rate": 0.05, "epochs": 3}
        losses = [row["train_loss"] for row in train(net, params, data, masks, **options).history]
        assert losses[-1] < losses[0]

"""What ends a notebook cell, or is printed, is short and teaches."""

from __future__ import annotations

import inspect
import pickle
import pydoc
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from minisnip import check_grads, ops, primitive
from minisnip.autodiff import compositions
from minisnip.autodiff import ops as table
from minisnip.autodiff.engine import Primitive
from minisnip.data import Dataset, Split, load
from minisnip.nn import MODELS, SCHEMES, lenet_5_caffe, lenet_300_100
from minisnip.pruning import CRITERIA, METHODS, ones
from minisnip.training import SCHEDULES, Ticket, TrainResult
from tests.networks import toy_dataset

sin: Primitive = primitive(np.sin, lambda g, out, x: g * cos(x))
cos: Primitive = primitive(np.cos, lambda g, out, x: -g * sin(x))
OPS = [name for name in ops.__all__ if isinstance(getattr(ops, name), Primitive)]


def help_of(thing: Any) -> str:
    return pydoc.plain(pydoc.render_doc(thing))


def test_a_data_set_is_one_line() -> None:
    data = load("glyphs")
    assert str(data) == repr(data) == (
        "Dataset(glyphs (not MNIST): train 10,800, validation 1,200, test 2,000 images of 10 classes)"
    )  # fmt: skip
    assert repr(data.test) == "Split(2,000 images of shape (1, 28, 28); .images, .labels)"


def test_a_result_tells_which_epoch_it_has() -> None:
    history = [{"epoch": i, "validation_error_percent": e} for i, e in enumerate([9.5, 2.25, 3.0], start=1)]
    result = TrainResult({"w": np.ones(10**6)}, history, best_epoch=2, seconds=12.34, finished=True)
    assert repr(result) == "TrainResult(epoch 2 of 3, validation error 2.25 %, 12.3 s; .params, .history)"
    assert "epoch 0 of 0" in repr(TrainResult({}, [], 0, 0.0, finished=False))


def test_a_ticket_tells_how_much_it_keeps() -> None:
    params = lenet_300_100().init(0)
    assert repr(Ticket(ones(params), params)) == "Ticket(266,610 of 266,610 connections; .masks, .params)"
    assert repr(Ticket({}, {})) == "Ticket(0 of 0 connections; .masks, .params)"


def test_a_network_is_a_table_of_80_columns() -> None:
    for net in (lenet_300_100(), lenet_5_caffe()):
        assert repr(net) == str(net)
        assert max(map(len, repr(net).splitlines())) <= 80
    assert "Conv2d(1, 20, kernel=5, stride=1, padding=0)" in repr(lenet_5_caffe())


def test_comparisons_do_not_print_their_directions() -> None:
    (first, *_) = check_grads(ops.tanh, np.ones((9, 9)))
    assert "\n" not in repr(first)
    assert "grad gives" in repr(first)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (ops.tanh, "<op tanh(x): VJP g * (1.0 - out * out)>"),
        (ops.divide, "<op divide(a, b): VJP g / b; -g * out / b>"),
        (ops.reshape, "<op reshape(x, shape): VJP reshape(g, x.shape)>"),
        (ops.logsumexp, "<op logsumexp(x, axis=None, keepdims=False): VJP _logsumexp_vjp>"),
        (sin, "<op sin(x): VJP g * cos(x)>"),
        (primitive(np.floor), "<op floor(*args, **metadata): VJP unknown>"),
    ],
)
def test_an_op_tells_its_name_and_formula(op: Primitive, expected: str) -> None:
    assert repr(op) == expected


@pytest.mark.parametrize("name", OPS)
def test_help_shows_forward_vjp_and_shapes_of_each_op(name: str) -> None:
    op, text = getattr(ops, name), help_of(getattr(ops, name))
    assert f"{name}{inspect.signature(op)}" in text
    assert f"{name} = " in text or f"{name}: Op = " in text  # the statement of the op table
    for vjp in op.vjps:
        assert vjp is None or inspect.getsource(inspect.unwrap(vjp)).strip() in str(op.__doc__)
    assert "Shapes: g has the shape of the output" in text
    assert op.remedy in text


@pytest.mark.parametrize("name", sorted(set(ops.__all__) - set(OPS) - {"elementwise"}))
def test_help_shows_the_shapes_of_what_is_made_of_ops(name: str) -> None:
    assert "Shapes: " in help_of(getattr(ops, name))


def test_help_shows_a_forward_function_of_our_own() -> None:
    assert "return np.maximum(x, 0)" in help_of(ops.relu)


def test_help_of_an_op_without_source_still_tells_what_an_op_is() -> None:
    namespace: dict[str, Any] = {"np": np, "primitive": primitive}
    exec("double = primitive(lambda x: 2 * x, lambda g, out, x: 2 * g)", namespace)
    assert "VJP unknown" in repr(namespace["double"])
    assert "with a VJP for each argument" in help_of(namespace["double"])


def test_the_class_of_ops_keeps_its_own_documentation() -> None:
    assert (Primitive.__doc__ or "").startswith("A differentiable op")
    assert list(inspect.signature(Primitive).parameters) == ["forward", "vjps", "name", "remedy"]


@pytest.mark.parametrize("module", [table, compositions])
def test_all_lists_every_public_op(module: ModuleType) -> None:
    helpers = {"plus_bias", "selected", "reduced_axes"}  # of conv and compositions, too
    made_here = {name for name, x in vars(module).items() if getattr(x, "__module__", "") == module.__name__}
    primitives = {name for name, x in vars(module).items() if isinstance(x, Primitive)}
    imported = set(table.__all__) if module is compositions else set()
    public = {name for name in (made_here | primitives) - helpers - imported if name[0] != "_" and name != "Axis"}
    assert set(module.__all__) == public
    assert set(module.__all__) <= set(ops.__all__)


@pytest.mark.parametrize("registry", [METHODS, CRITERIA, MODELS, SCHEMES, SCHEDULES], ids=lambda r: r.kind)
def test_a_registry_has_a_line_for_each_entry(registry: dict[str, Callable[..., Any]]) -> None:
    lines = repr(registry).splitlines()
    assert [line.split()[0] for line in lines] == list(registry)
    assert max(map(len, lines)) <= 80
    assert all(len(line.split()) > 3 and line.endswith(".") for line in lines)


def test_a_method_is_described_by_its_criterion_or_by_its_schedule() -> None:
    lines = {line.split()[0]: line for line in repr(METHODS).splitlines()}
    assert "|w_j ∂L/∂w_j|" in lines["snip"]
    assert "∂R/∂c_j" in lines["synflow"]
    assert "in each of many rounds" in lines["iterative-snip"]
    assert "every round" in lines["force"]


def test_a_method_tells_its_criterion_and_its_schedule() -> None:
    assert repr(METHODS["snip"]) == "<one_shot(snip, net, params, x, y, sparsity)>"
    assert repr(METHODS["force"]) == "<force(snip, net, params, x, y, sparsity, rounds=100)>"
    assert repr(METHODS["iterative-snip"]) == "<iterative(snip, net, params, x, y, sparsity, rounds=100)>"
    assert repr(METHODS["synflow"]) == "<iterative(synflow, net, params, x, y, sparsity, rounds=100)>"
    assert "removed connections may return" in help_of(METHODS["force"])
    assert repr(pickle.loads(pickle.dumps(METHODS["synflow"]))) == repr(METHODS["synflow"])


def test_small_data_sets_of_ones_own_print_too() -> None:
    data = toy_dataset()
    assert repr(data) == "Dataset(toy: train 240, validation 60, test 60 images of 4 classes)"
    assert isinstance(data, Dataset)
    assert isinstance(data.train, Split)

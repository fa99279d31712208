"""Every network goes to PyTorch and back, and to ONNX: dense, masked and compacted, with equal outputs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.files import UnreadableFileError
from minisnip.nn import (
    LSTM,
    MODELS,
    RNN,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    EachStep,
    Flatten,
    Linear,
    Residual,
    Rows,
    Select,
    Sequential,
    Sigmoid,
    Tanh,
    lenet_5_caffe,
    running_statistics,
)
from minisnip.nn.known import UnknownLayerError
from minisnip.pruning import CRITERIA, apply_masks, compact, cut, keep_top
from tests.table2 import SMALL

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[export]'")
export: Any = pytest.importorskip("minisnip.export", reason="pip install '.[export]'")


def many_layers() -> Sequential:
    body = Sequential((3, 6, 6), conv=Conv2d(3, 4, 3, padding=1, bias=False), tanh=Tanh())
    return Sequential(
        (2, 13, 13),
        conv=Conv2d(2, 3, 4, stride=2, padding="same"),
        pool=AvgPool2d(2, 1),
        block=Residual(body, Sequential((3, 6, 6), conv=Conv2d(3, 4, 1), sigmoid=Sigmoid())),
        flatten=Flatten(),
        select=Select(144, kept=(143, 0, 5, 6)),
        fc=Linear(4, 10),
    )


def all_states(layer: Any) -> Sequential:
    return Sequential(
        (1, 5, 4),
        rows=Rows(),
        fc=EachStep(Linear(4, 3)),
        rnn=layer(3, 6, all_states=True),
        flatten=Flatten(),
        out=Linear(30, 10),
    )


NETS: dict[str, Callable[[], Sequential]] = {
    **SMALL,
    **{name: MODELS[name] for name in ("lenet-300-100", "lenet-5-caffe", "lenet-5-caffe-relu", "wrn-10-1")},
    "many layers": many_layers,
    "rnn": lambda: all_states(RNN),
    "all states": lambda: all_states(LSTM),
    "recurrent layers in a block": lambda: Sequential(
        (5, 4),
        block=Residual(
            Sequential((5, 4), rnn=LSTM(4, 4, all_states=True), rest=Sequential((5, 4), fc=EachStep(Linear(4, 4))))
        ),
        rnn=RNN(4, 10),
    ),
    "normalized": lambda: Sequential((4,), fc=Linear(4, 6), bn=BatchNorm(6), out=Linear(6, 10)),
}


REAL = [name for name in MODELS if name not in NETS]  # table 2's, which are above in small


def made(name: str) -> tuple[Sequential, dict[str, Array], Array]:
    """Network, moved parameters with running statistics, and images; float32."""
    net, rng = (NETS.get(name) or MODELS[name])(), np.random.default_rng(0)
    images = rng.standard_normal((20, *net.input_shape)).astype(np.float32)
    params = {n: w + rng.normal(0, 0.05, w.shape).astype(np.float32) for n, w in net.init(0).items()}
    return net, params | running_statistics(net, params, [images]), images[:7]


def masks_of(net: Sequential, params: dict[str, Array], images: Array) -> dict[str, Array]:
    y = np.arange(len(images)) % 10
    return keep_top(CRITERIA["magnitude"](net, params, images, y), 0.6)


def by_torch(module: Any, images: Array) -> Array:
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(images)))


def by_onnx(net: Sequential, params: Any, images: Array, folder: Path) -> Array:
    runtime: Any = pytest.importorskip("onnxruntime", reason="pip install '.[export]'")
    export.to_onnx(net, params, folder / "net.onnx")
    session = runtime.InferenceSession(folder / "net.onnx", providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"images": images})[0])


# Their normalizations enlarge the round-off of float32 beyond 1e-6, here as in PyTorch.
ENLARGING = ("alexnet", "vgg", "wrn-16", "wrn-22")


def close(name: str, found: Array, net: Sequential, params: dict[str, Array], images: Array) -> None:
    """To 1e-6 of the largest logit; where round-off is enlarged, to three times its size in our own logits."""
    expected = net(params, images)
    bound = 1e-6 * np.max(np.abs(expected))
    if name.startswith(ENLARGING):
        bound = 3 * np.max(np.abs(expected - net(doubled(params), images.astype(np.float64))))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def doubled(params: dict[str, Array]) -> dict[str, Array]:
    return {n: w.astype(np.float64) for n, w in params.items()}


def equal_in_float64(net: Sequential, params: dict[str, Array], images: Array) -> None:
    double, x = doubled(params), images.astype(np.float64)
    expected = net(double, x)
    found = by_torch(export.to_torch(net, double), x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.max(np.abs(expected)))


@pytest.mark.parametrize("name", NETS)
def test_in_float64_pytorch_differs_by_round_off_alone(name: str) -> None:
    equal_in_float64(*made(name))


@pytest.mark.parametrize("name", NETS)
def test_pytorch_and_onnx_compute_what_the_network_does_dense_and_masked(name: str, tmp_path: Path) -> None:
    net, params, images = made(name)
    close(name, by_torch(export.to_torch(net, params), images), net, params, images)
    close(name, by_onnx(net, params, images, tmp_path), net, params, images)
    masks = masks_of(net, params, images)
    masked = apply_masks(masks, params)
    close(name, by_torch(export.to_torch(net, params, masks), images), net, masked, images)
    close(name, by_onnx(net, masked, images[:1], tmp_path), net, masked, images[:1])


@pytest.mark.parametrize("name", [name for name, make in NETS.items() if not make().saturates])
@pytest.mark.parametrize("smaller", [cut, compact])
def test_a_compacted_network_is_exported_too(name: str, smaller: Any, tmp_path: Path) -> None:
    net, params, images = made(name)
    masks = masks_of(net, params, images)
    for c in masks.values():
        c[::2] = 0  # every other unit
    small = smaller(net, params, masks)
    assert small.net.size < net.size or smaller is cut  # which keeps what a running mean moves
    back, masks = export.from_torch(small.net, export.to_torch(small.net, small.params, small.masks))
    for found, given in ((back, small.params), (masks, small.masks)):
        assert {*found} == {*given}
        assert all(np.array_equal(found[n], a) for n, a in given.items())
    found = by_torch(export.to_torch(small.net, small.params), images)
    for logits in (found, by_onnx(small.net, small.params, images, tmp_path)):
        close(name, logits, small.net, small.params, images)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("empty", ["no", "first", "every"])
def test_masks_that_keep_everything_or_empty_a_layer_are_exported(name: str, empty: str, tmp_path: Path) -> None:
    net, params, images = made(name)
    emptied = {"no": [], "first": net.prunable[:1], "every": net.prunable}[empty]
    masks = {n: np.full_like(params[n], n not in emptied) for n in net.prunable}
    masked, module = apply_masks(masks, params), export.to_torch(net, params, masks)
    close(name, by_torch(module, images), net, masked, images)
    close(name, by_onnx(net, masked, images, tmp_path), net, masked, images)
    found, found_masks = export.from_torch(net, module)
    assert all(np.array_equal(found_masks[n], c) for n, c in masks.items())
    assert all(np.array_equal(found[n], masked[n]) for n in masks)


@pytest.mark.parametrize("name", NETS)
def test_weights_masks_and_statistics_come_back_as_they_went(name: str) -> None:
    net, params, images = made(name)
    masks = masks_of(net, params, images)
    found, found_masks = export.from_torch(net, export.to_torch(net, params, masks))
    assert {*found_masks} == {*masks}
    for n, c in masks.items():
        np.testing.assert_array_equal(found_masks[n], c)
    statistics = {n for n in params if n in net.state_shapes()}
    assert {*found} == {*net.shapes()} | statistics
    for n, w in apply_masks(masks, params).items():
        np.testing.assert_array_equal(found[n], w)
    assert export.from_torch(net, export.to_torch(net, params))[1] == {}


@pytest.mark.skipif(os.environ.get("MINISNIP_TABLE2") != "1", reason="takes gigabytes: MINISNIP_TABLE2=1, as nightly")
@pytest.mark.parametrize("name", REAL)
def test_table_2_at_its_real_widths_goes_there_and_back(name: str, tmp_path: Path) -> None:
    net, params, images = made(name)
    images = images[:2]
    equal_in_float64(net, params, images)
    masks = masks_of(net, params, images)
    masked, module = apply_masks(masks, params), export.to_torch(net, params, masks)
    for arrays, found in ((params, export.to_torch(net, params)), (masked, module)):
        close(name, by_torch(found, images), net, arrays, images)
        close(name, by_onnx(net, arrays, images, tmp_path), net, arrays, images)
    found, found_masks = export.from_torch(net, module)
    assert all(np.array_equal(found[n], w) for n, w in masked.items())
    assert all(np.array_equal(found_masks[n], c) for n, c in masks.items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_module_has_the_dtype_of_the_parameters(dtype: Any) -> None:
    net = lenet_5_caffe()
    module = export.to_torch(net, net.init(0, dtype=dtype))
    assert {str(p.dtype) for p in module.parameters()} == {f"torch.{np.dtype(dtype).name}"}
    assert {w.dtype for w in export.from_torch(net, module)[0].values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", NETS)
def test_what_is_pruned_stays_zero_while_pytorch_trains(name: str) -> None:
    net, params, images = made(name)
    masks = masks_of(net, params, images)
    module = export.to_torch(net, params, masks).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    y = torch.arange(len(images)) % 10
    for _ in range(50):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(torch.from_numpy(images)), y).backward()
        optimizer.step()
    found, found_masks = export.from_torch(net, module)
    for n, c in masks.items():
        np.testing.assert_array_equal(found_masks[n], c)
        assert not found[n][c == 0].any()
        assert np.any(found[n] != params[n]) or not c.any()
    close(name, by_torch(module.eval(), images), net, found, images)


def test_without_running_statistics_batch_normalization_takes_those_of_the_batch() -> None:
    net, params, images = made("vgg")
    fresh = net.without_state(params)
    module = export.to_torch(net, fresh)
    assert module.training
    found, _ = export.from_torch(net, module)
    assert {*found} == {*fresh}  # no batch has changed the statistics
    close("vgg", by_torch(module, images), net, fresh, images)


@pytest.mark.parametrize("ending", ["pt", "safetensors", "npz"])
@pytest.mark.parametrize("masked", [False, True])
def test_a_file_of_weights_is_read_back(ending: str, masked: bool, tmp_path: Path) -> None:
    net, params, images = made("lstm")
    masks = masks_of(net, params, images) if masked else {}
    module, path = export.to_torch(net, params, masks), tmp_path / f"weights.{ending}"
    export.save_state(module, path)
    found, found_masks = export.from_torch(net, path)
    assert {*found_masks} == {*masks}
    np.testing.assert_array_equal(found["rnn.bias"], apply_masks(masks, params)["rnn.bias"])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


class Attack:
    """What pickle would run."""

    def __reduce__(self) -> Any:
        return (print, ("this must never be run",))


def test_a_file_is_data_and_nothing_in_it_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net, path = lenet_5_caffe(), tmp_path / "weights.pt"
    torch.save({"fc1.weight": Attack()}, path)
    with pytest.raises(UnreadableFileError, match=r"weights\.pt holds no weights"):
        export.from_torch(net, path)
    assert "never" not in capsys.readouterr().out


def test_an_npz_with_pickled_objects_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, fc=np.array([Attack()], object), allow_pickle=True)
    with pytest.raises(
        UnreadableFileError, match=r"weights\.npz cannot be read as \.npz \(it has an array of dtype object"
    ):
        export.from_torch(lenet_5_caffe(), path)
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_file_that_is_cut_has_a_sentence(ending: str, share: float, tmp_path: Path) -> None:
    net, path = lenet_5_caffe(), tmp_path / f"weights.{ending}"
    export.save_state(export.to_torch(net, net.init(0)), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UnreadableFileError, match=rf"weights\.{ending} holds no weights"):
        export.from_torch(net, path)


@pytest.mark.parametrize("ending", ["pt", "safetensors", "npz"])
@pytest.mark.parametrize("content", [b"", b"not a file of weights", b"PK\x05\x06" + bytes(18), b"\xff" * 100])
def test_a_damaged_or_missing_file_has_a_sentence(ending: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{ending}"
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        export.load_state(path)
    path.write_bytes(content)
    with pytest.raises((UnreadableFileError, ValueError)):
        export.from_torch(lenet_5_caffe(), path)


class Unknown:
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {}

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def __call__(self, params: Any, x: Any) -> Any:
        return x


@pytest.mark.parametrize("layer", [Unknown(), EachStep(Conv2d(1, 1, 1))])
def test_what_cannot_be_exported_is_refused_by_name(layer: Any, tmp_path: Path) -> None:
    shape = (4,) if isinstance(layer, Unknown) else (3, 1, 2, 2)
    net = Sequential(shape, odd=layer)
    for call in (export.to_torch, partial(export.to_onnx, path=tmp_path / "a.onnx")):
        with pytest.raises(UnknownLayerError, match=r"odd is an Unknown|EachStep of Conv2d"):
            call(net, net.init(0))
    assert not [*tmp_path.iterdir()]


def test_onnx_needs_running_statistics(tmp_path: Path) -> None:
    net, params, _ = made("vgg")
    with pytest.raises(ValueError, match=r"conv1_1_bn\.running_mean is missing, and ONNX needs running statistics"):
        export.to_onnx(net, net.without_state(params), tmp_path / "a.onnx")


def test_wrong_names_and_shapes_have_a_sentence() -> None:
    net = lenet_5_caffe()
    params = net.init(0)
    with pytest.raises(ValueError, match=r"parameter fc1\.weight has shape \(3, 2\), expected \(500, 800\)"):
        export.to_torch(net, params | {"fc1.weight": np.zeros((3, 2))})
    with pytest.raises(ValueError, match=r"parameter fc1\.bias is missing"):
        export.to_torch(net, {n: w for n, w in params.items() if n != "fc1.bias"})
    with pytest.raises(ValueError, match=r"mask fc9\.weight has shape \(2,\), expected one of conv1\.weight"):
        export.to_torch(net, params, {"fc9.weight": np.ones(2)})
    with pytest.raises(ValueError, match=r"parameter fc1\.bias has shape \(3,\), expected \(500,\)"):
        export.to_onnx(net, params | {"fc1.bias": np.zeros(3)}, "never.onnx")
    with pytest.raises(TypeError, match=r"fc1\.bias is a list, expected a tensor or an array"):
        export.from_torch(net, params | {"fc1.bias": [1.0]})


WEIGHT, BIAS, ONE = np.ones((6, 4)), np.ones(6), np.ones(1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"fc.bias": None}, r"^fc\.bias is missing: expected fc\.bias, or fc\.bias_orig with fc\.bias_mask$"),
        ({"fc9.weight": WEIGHT}, r"^fc9\.weight is no parameter of the network, which has fc\.weight"),
        ({"fc.weight": WEIGHT.T}, r"^fc\.weight has shape \(4, 6\), the network's is \(6, 4\)"),
        ({"fc.weight": None, "fc.weight_orig": WEIGHT}, r"^fc\.weight_mask is missing"),
        ({"fc.weight": None, "fc.weight_mask": WEIGHT}, r"^fc\.weight_orig is missing"),
        ({"fc.weight_mask": WEIGHT}, r"^fc\.weight_mask is no parameter"),
        ({"fc.weight": None, "fc.weight_orig": WEIGHT, "fc.weight_mask": BIAS}, r"^fc\.weight_mask has shape \(6,\)"),
        ({"rnn.cell.bias_hh_l0": None}, r"^rnn\.cell\.bias_hh_l0 is missing"),
        ({"rnn.cell.bias_hh_l0": ONE}, r"^rnn\.cell\.bias_hh_l0 has shape \(1,\), the network's is \(10,\)"),
        ({"bn.running_var": None}, r"^of bn\.running_mean and bn\.running_var there is only one"),
        ({"bn.running_var": ONE}, r"^parameter bn\.running_var has shape \(1,\)"),
    ],
)
def test_an_entry_of_a_state_dict_that_does_not_fit_has_a_sentence(changed: dict[str, Any], words: str) -> None:
    fc = Sequential((5, 4), fc=EachStep(Linear(4, 6)), rnn=RNN(6, 10), bn=BatchNorm(10))
    state = {n: np.asarray(a) for n, a in export.to_torch(fc, fc.init(0)).state_dict().items()}
    export.from_torch(fc, state)
    with pytest.raises(ValueError, match=words):
        export.from_torch(fc, {n: a for n, a in (state | changed).items() if a is not None})


def test_of_two_biases_with_different_masks_one_is_enough() -> None:
    net = Sequential((5, 4), rnn=RNN(4, 3))
    module = export.to_torch(net, net.init(0))
    for name, mask in (("bias_ih_l0", [1, 0, 0]), ("bias_hh_l0", [0, 1, 0])):
        torch.nn.init.ones_(getattr(module.rnn.cell, name))
        torch.nn.utils.prune.custom_from_mask(module.rnn.cell, name, torch.tensor(mask))
    params, masks = export.from_torch(net, module)
    assert params["rnn.bias"].tolist() == masks["rnn.bias"].tolist() == [1, 1, 0]


def test_bfloat16_which_numpy_lacks_becomes_float32() -> None:
    net = Sequential((4,), fc=Linear(4, 2))
    params, _ = export.from_torch(net, export.to_torch(net, net.init(0)).to(torch.bfloat16))
    assert {w.dtype for w in params.values()} == {np.dtype(np.float32)}


# ---- What nobody means to give ---------------------------------------------------------------------------------------


def small_net() -> tuple[Sequential, dict[str, Array], Array]:
    net = Sequential((4,), fc=Linear(4, 3), tanh=Tanh(), logits=Linear(3, 2))
    return net, net.init(0), np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


@pytest.mark.parametrize("dtypes", [["f8"], ["f8", "f4"], [">f4"], ["f2"], ["i4"], ["g"]])
def test_onnx_is_float32_whatever_the_parameters_are(dtypes: list[str], tmp_path: Path) -> None:
    net, params, x = small_net()
    rounded = {n: (4 * w).round().astype(np.float32) for n, w in params.items()}
    given = {n: w.astype(dtypes[i % len(dtypes)]) for i, (n, w) in enumerate(rounded.items())}
    close("small", by_onnx(net, given, x, tmp_path), net, rounded, x)
    by_name = export.from_torch(net, export.to_torch(net, given))[0]
    assert {w.dtype for w in by_name.values()} == {np.dtype("f8" if {"f8", "g"} & {*dtypes} else "f4")}
    assert all(np.array_equal(by_name[n], w) for n, w in rounded.items())


def test_a_convolution_in_float64_is_computed_too(tmp_path: Path) -> None:
    net, params, images = made("lenet-5-caffe")
    close("lenet-5-caffe", by_onnx(net, doubled(params), images, tmp_path), net, params, images)


def test_inputs_are_selected_by_rows_of_the_transpose_which_a_runtime_copies_whole(tmp_path: Path) -> None:
    onnx: Any = pytest.importorskip("onnx", reason="pip install '.[export]'")
    net = Sequential((4,), select=Select(4, kept=(3, 1)), fc=Linear(2, 2))
    export.to_onnx(net, net.init(0), tmp_path / "a.onnx")
    gather = next(node for node in onnx.load(tmp_path / "a.onnx").graph.node if node.op_type == "Gather")
    assert [a.i for a in gather.attribute if a.name == "axis"] == [0]


@pytest.mark.parametrize("name", ["images", "logits"])
def test_a_layer_may_be_called_as_the_input_or_the_output_of_the_file(name: str, tmp_path: Path) -> None:
    net = Sequential((4,), **{name: Linear(4, 2)})
    x = np.ones((1, 4), np.float32)
    close(name, by_onnx(net, net.init(0), x, tmp_path), net, net.init(0), x)


def test_a_layer_that_pytorch_cannot_name_has_a_sentence() -> None:
    net = Sequential((4,), train=Linear(4, 2))
    with pytest.raises(ValueError, match="PyTorch takes no layer named train: choose another name"):
        export.to_torch(net, net.init(0))


def test_arguments_of_another_kind_or_order_have_a_sentence(tmp_path: Path) -> None:
    net, params, _ = small_net()
    to_onnx, path = partial(export.to_onnx, path=tmp_path / "a.onnx"), tmp_path / "a.pt"
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: export.to_torch(params, net), r"to_torch\(net, params, masks\) expects a network, got a dict"),
        (lambda: export.to_torch(small_net, params), "expects a network, got a function"),
        (lambda: export.to_torch(net, None), "expects params as a dict of arrays by parameter name, got a NoneType"),
        (lambda: export.to_torch(net, params, [1]), "expects masks as a dict of arrays"),
        (lambda: to_onnx(params, net), r"to_onnx\(net, params, path\) expects a network, got a dict"),
        (lambda: export.from_torch(export.to_torch(net, params), net), "expects a network, got a Sequential"),
        (lambda: export.from_torch(net, None), "expects a module, a state dict or a path, got a NoneType"),
        (lambda: export.from_torch(net, [1]), "expects a module, a state dict or a path, got a list"),
        (lambda: export.save_state(params, path), "expects a module of PyTorch, got a dict"),
    ]
    for call, words in calls:
        with pytest.raises(TypeError, match=words):
            call()
    assert not [*tmp_path.iterdir()]


def test_a_mask_is_0_or_1_there_and_back() -> None:
    net, params, _ = small_net()
    half = {"fc.bias": np.full(3, 0.5)}
    with pytest.raises(ValueError, match="other numbers than 0 and 1"):
        export.to_torch(net, params, half)
    state = {n: w for n, w in params.items() if n != "fc.bias"}
    with pytest.raises(ValueError, match="other numbers than 0 and 1"):
        export.from_torch(net, state | {"fc.bias_orig": params["fc.bias"], "fc.bias_mask": half["fc.bias"]})


@pytest.mark.parametrize(
    "odd",
    [
        lambda w: w.to_sparse(),
        lambda w: w.to("meta"),
        lambda w: w.to(torch.float8_e4m3fn),
        lambda w: w.to(torch.complex64),
        lambda w: w.to(torch.complex64).conj(),
        lambda w: np.full(w.shape, "a"),
        lambda w: w.tolist(),
    ],
)
def test_an_entry_that_is_no_array_of_numbers_has_a_sentence(odd: Any) -> None:
    net, params, _ = small_net()
    weight = torch.from_numpy(params["fc.weight"])
    with pytest.raises(TypeError, match=r"^fc\.weight (is a|cannot become an array)"):
        export.from_torch(net, params | {"fc.weight": odd(weight)})


@pytest.mark.parametrize(
    "content",
    [
        lambda module: module,
        lambda module: {"epoch": 3, "state_dict": module.state_dict()},
        lambda module: [*module.state_dict().values()],
        lambda module: module.state_dict()["fc.weight"],
    ],
)
def test_a_file_of_more_than_weights_says_what_to_write_and_never_how_to_run_it(content: Any, tmp_path: Path) -> None:
    net, params, _ = small_net()
    torch.save(content(export.to_torch(net, params)), tmp_path / "a.pt")
    with pytest.raises(UnreadableFileError, match=r"write module\.state_dict\(\) alone") as error:
        export.from_torch(net, tmp_path / "a.pt")
    assert "weights_only" not in str(error.value)
    assert "trust" not in str(error.value)


def test_a_small_file_cannot_claim_much_memory(tmp_path: Path) -> None:
    net, params, _ = small_net()
    huge = torch.zeros(1).expand(10**6, 10**6)
    for name in ("fc.weight", "unknown"):
        torch.save({n: torch.from_numpy(w) for n, w in params.items()} | {name: huge}, tmp_path / "a.pt")
        with pytest.raises(ValueError, match=rf"^{name}"):
            export.from_torch(net, tmp_path / "a.pt")


def test_running_statistics_that_somebody_set_are_kept_though_no_batch_was_counted() -> None:
    net, params, _ = made("normalized")
    fresh = net.without_state(params)
    state = export.to_torch(net, fresh).state_dict()
    assert "bn.running_mean" not in export.from_torch(net, state)[0]
    state["bn.running_mean"] += 1
    assert export.from_torch(net, state)[0]["bn.running_mean"].tolist() == [1] * 6


def test_what_comes_back_is_a_copy() -> None:
    net, params, _ = made("normalized")
    module = export.to_torch(net, params)
    found, _ = export.from_torch(net, module)
    for array in found.values():
        array += 1
    assert all(np.array_equal(w, params[n]) for n, w in export.from_torch(net, module)[0].items())


@pytest.mark.parametrize(("ending", "start"), [("PT", b"data.pkl"), ("SafeTensors", b'{"'), ("NPZ", b".npy")])
def test_the_ending_may_be_in_capitals_and_bfloat16_becomes_float32(ending: str, start: bytes, tmp_path: Path) -> None:
    net, params, _ = small_net()
    module = export.to_torch(net, params).to(torch.bfloat16)
    path = tmp_path / "new folder" / f"a.{ending}"  # made
    for _ in range(2):  # and the file is replaced
        export.save_state(module, path)
    assert start in path.read_bytes()[:100]
    assert np.allclose(export.from_torch(net, path)[0]["fc.weight"], params["fc.weight"], atol=0.01)


def test_an_onnx_file_makes_its_folder_and_replaces_what_is_there(tmp_path: Path) -> None:
    net, params, x = small_net()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "net.onnx").write_bytes(b"old")
    for folder in ("new", "deep/er"):
        close("small", by_onnx(net, params, x, tmp_path / folder), net, params, x)
        assert [file.name for file in (tmp_path / folder).iterdir()] == ["net.onnx"]

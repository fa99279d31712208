"""The twelve networks of Table 2 have the paper's numbers of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minisnip.nn import (
    LENETS,
    MODELS,
    BatchNorm,
    Linear,
    Residual,
    Sequential,
    alexnet,
    recurrent_network,
    vgg,
    wide_resnet,
)
from minisnip.nn.models import TITLES
from minisnip.pruning import count_kept
from tests.table2 import SMALL, batch, moved_params

TABLE_2 = [  # m as derived in the paper's protocol, sparsity, κ as printed there
    ("alexnet-s", 5_070_218, 0.90, "507k"),
    ("alexnet-b", 8_490_378, 0.90, "849k"),
    ("vgg-c", 10_526_538, 0.95, "526k"),
    ("vgg-d", 15_245_130, 0.95, "762k"),
    ("vgg-like", 14_982_474, 0.97, "449k"),
    ("wrn-16-8", 10_961_370, 0.95, "548k"),
    ("wrn-16-10", 17_116_634, 0.95, "856k"),
    ("wrn-22-8", 17_158_106, 0.95, "858k"),
    ("lstm-s", 136_586, 0.95, "6.8k"),
    ("lstm-b", 535_306, 0.95, "26.8k"),
    ("gru-s", 103_690, 0.95, "5.2k"),
    ("gru-b", 403_978, 0.95, "20.2k"),
]


@pytest.mark.parametrize(("model", "m", "sparsity", "printed"), TABLE_2, ids=[row[0] for row in TABLE_2])
def test_the_numbers_of_parameters_and_of_kept_ones_are_the_papers(
    model: str, m: int, sparsity: float, printed: str
) -> None:
    net = MODELS[model]()
    assert net.size == m == sum(np.prod(net.shapes()[name]) for name in net.prunable)
    kept, digits = count_kept(net.size, sparsity) / 1000, len(printed.partition(".")[2].removesuffix("k"))
    assert f"{kept:.{digits}f}k" == printed


def test_table_2_is_whole_and_every_network_has_a_title() -> None:
    assert [*MODELS] == [*LENETS, *(row[0] for row in TABLE_2), "wrn-10-1"] == [*TITLES]


@pytest.mark.parametrize("model", MODELS)
def test_networks_take_the_images_of_their_data_set_and_give_ten_logits(model: str) -> None:
    net = MODELS[model]()
    small = model.startswith(("lenet", "lstm", "gru", "wrn-10"))
    assert net.input_shape == ((1, 28, 28) if small else (3, 32, 32))
    assert net.out_shape(net.input_shape) == (10,)


def test_in_alexnet_and_vgg_no_normalization_is_pruned_and_in_wrn_every_parameter_is() -> None:
    for net in (alexnet(8), vgg("d", 2), vgg("like", 2)):
        assert net.unpruned == [name for name in net.shapes() if "_bn." in name] != []
    assert wide_resnet(10, 1, 2).unpruned == recurrent_network(units=3).unpruned == []
    assert not any(name.endswith("conv1.bias") for name in wide_resnet(10, 1, 2).shapes())


@pytest.mark.parametrize("name", SMALL)
def test_an_initial_network_is_finite_and_keeps_the_dtype(name: str) -> None:
    net = SMALL[name]()
    x, _ = batch(net, np.random.default_rng(0))
    params = net.init(0)
    assert {w.dtype for w in params.values()} == {np.dtype(np.float32)}
    out = net(params, x.astype(np.float32))
    assert np.isfinite(out).all()
    assert (out.dtype, out.shape) == (np.float32, (8, 10))
    assert all((params[n] == 1).all() for n in params if n.endswith("weight") and params[n].ndim == 1)
    assert all((params[n] == net.offsets().get(n, 0)).all() for n in params if n.endswith("bias"))


def test_parameters_that_are_not_counted_are_printed_in_parentheses() -> None:
    line = next(line for line in str(alexnet(8)).splitlines() if line.startswith("conv1_bn"))
    assert line.endswith("(192)")
    assert str(alexnet(8)).splitlines()[-1].endswith(f"{alexnet(8).size:,}")
    body = Sequential((3,), fc=Linear(3, 3), bn=BatchNorm(3, prunable=False))
    assert str(Sequential((3,), block=Residual(body))).splitlines()[2].endswith("12 (6)")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: vgg("e"), "unknown VGG 'e': choose one of c, d, like"),
        (lambda: wide_resnet(15), "depth 15 must be 4 more than a multiple of 6"),
        (lambda: wide_resnet(4), "depth 4 must be 4 more than a multiple of 6"),
    ],
)
def test_a_network_that_there_is_not_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize("name", SMALL)
def test_images_of_another_shape_are_refused_with_the_expected_one(name: str) -> None:
    net = SMALL[name]()
    channels, height, width = net.input_shape
    for shape in ((2, channels + 1, height, width), (2, channels, height - 1, width), (2, height, width)):
        with pytest.raises(ValueError, match=rf"\(N, {channels}, {height}, {width}\), got"):
            net(net.init(0), np.zeros(shape))


@pytest.mark.parametrize("name", SMALL)
def test_parameters_go_to_pytorch_and_back(name: str) -> None:
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
    net: Sequential = SMALL[name]()
    params = moved_params(net, np.random.default_rng(0))

    class Module(torch.nn.Module):  # type: ignore[misc]
        """A module with parameters of these dotted names."""

        def __init__(self, arrays: dict[str, Any]) -> None:
            super().__init__()
            for short in dict.fromkeys(n.partition(".")[0] for n in arrays):
                inner = {n.partition(".")[2]: a for n, a in arrays.items() if n.partition(".")[0] == short}
                if "" in inner:
                    self.register_parameter(short, torch.nn.Parameter(torch.zeros(inner[""].shape)))
                else:
                    self.add_module(short, Module(inner))

    module = Module(params).double()
    module.load_state_dict({n: torch.tensor(w) for n, w in params.items()})
    back = {n: a.numpy() for n, a in module.state_dict().items()}
    assert [*back] == [*params]
    x, _ = batch(net, np.random.default_rng(1))
    np.testing.assert_array_equal(net(back, x), net(params, x))

"""PyTorch's autograd gives the same scores of the same weights, to nine digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minisnip.autodiff.engine import Array
from minisnip.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, lenet_5_caffe, lenet_300_100
from minisnip.pruning import CRITERIA
from tests.networks import random_batch, random_params, small_convnet, small_mlp

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
F = torch.nn.functional

NETS: dict[str, Callable[[], Sequential]] = {
    "mlp": small_mlp,
    "convnet": small_convnet,
    "lenet-300-100": lenet_300_100,
    "lenet-5-caffe": lenet_5_caffe,
}


def forward(net: Sequential, w: dict[str, Any], x: Any) -> Any:
    for name, layer in net.layers.items():
        if isinstance(layer, Linear):
            x = F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])
        elif isinstance(layer, Conv2d):
            x = F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], layer.stride, layer.padding)
        elif isinstance(layer, MaxPool2d):
            x = F.max_pool2d(x, layer.kernel, layer.stride)
        else:
            x = F.relu(x) if isinstance(layer, ReLU) else x.flatten(1)
            assert isinstance(layer, ReLU | Flatten)
    return x


def gradients(scalar: Any, w: dict[str, Any], **options: bool) -> dict[str, Any]:
    return dict(zip(w, torch.autograd.grad(scalar, list(w.values()), **options), strict=True))


def snip(net: Sequential, w: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    """By the mask, as in the paper: c is the variable."""
    c = {name: torch.ones_like(a, requires_grad=True) for name, a in w.items()}
    g = gradients(F.cross_entropy(forward(net, {name: c[name] * w[name] for name in w}, x), y), c)
    total = sum(a.abs().sum() for a in g.values())
    return {name: a.abs() / total for name, a in g.items()}


def gradient(net: Sequential, w: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    return {name: g.abs() for name, g in gradients(F.cross_entropy(forward(net, w, x), y), w).items()}


def grasp(net: Sequential, w: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    """The official code's -w ⊙ Hg, of which the largest are removed; turned, so that the highest are kept."""
    g = gradients(F.cross_entropy(forward(net, w, x) / 200, y), w, create_graph=True)
    products = gradients(sum((a.detach() * a).sum() for a in g.values()), w)
    return {name: -(-a * products[name]) for name, a in w.items()}


def synflow(net: Sequential, w: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    absolute = {name: a.detach().abs().requires_grad_() for name, a in w.items()}
    flow = forward(net, absolute, torch.ones(1, *net.input_shape, dtype=torch.float64)).sum()
    return {name: (g * absolute[name]).abs() for name, g in gradients(flow, absolute).items()}


def obd(net: Sequential, w: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
    """One Hessian-vector product for each weight."""
    g = gradients(F.cross_entropy(forward(net, w, x), y), w, create_graph=True)
    scores = {}
    for name, a in w.items():
        rows = [torch.autograd.grad(e, a, retain_graph=True)[0].flatten()[j] for j, e in enumerate(g[name].flatten())]
        scores[name] = a**2 * torch.stack(rows).reshape(a.shape) / 2
    return scores


THEIRS = {"snip": snip, "gradient": gradient, "grasp": grasp, "synflow": synflow}
CASES = [(criterion, net) for criterion in THEIRS for net in NETS] + [("obd", "mlp"), ("obd", "convnet")]


@pytest.mark.parametrize(("criterion", "name"), CASES)
def test_the_scores_are_those_of_pytorch(criterion: str, name: str) -> None:
    net, rng = NETS[name](), np.random.default_rng(0)
    params = {key: 0.2 * w for key, w in random_params(net, rng).items()}
    x, y = random_batch(net, rng)
    ours = CRITERIA[criterion](net, params, x, y, rng=rng)
    w = {key: torch.tensor(a, requires_grad=True) for key, a in params.items()}
    theirs = {**THEIRS, "obd": obd}[criterion](net, w, torch.tensor(x), torch.tensor(y))
    for key, s in ours.items():
        expected: Array = theirs[key].detach().numpy()
        assert s.dtype == np.float64
        np.testing.assert_allclose(s, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())
        assert expected.any()

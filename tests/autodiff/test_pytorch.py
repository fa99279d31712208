"""PyTorch gives the same gradients and Hessian-vector products, to ten digits, of LeNet-5-Caffe too."""

from typing import Any

import numpy as np
import pytest

from minisnip import Tensor, check_gradient, grad, hvp, ops
from minisnip.autodiff import avg_pool2d, conv2d, max_pool2d
from minisnip.autodiff.engine import Array
from minisnip.nn import cross_entropy, lenet_5_caffe

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
F = torch.nn.functional


def assert_same(ours: Array, theirs: Any) -> None:
    """To 1e-10 of the largest number."""
    expected = theirs.detach().numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10 * max(1e-3, np.abs(expected).max(initial=0.0)))


def torch_grad_and_hvp(scalar: Any, leaves: list[Any], vectors: list[Array]) -> tuple[Any, Any]:
    gradients = torch.autograd.grad(scalar, leaves, create_graph=True)
    slope = sum((g * torch.tensor(v)).sum() for g, v in zip(gradients, vectors, strict=True))
    return gradients, torch.autograd.grad(slope, leaves)


def torch_lenet(params: dict[str, Any], x: Any) -> Any:
    x = F.max_pool2d(F.conv2d(x, params["conv1.weight"], params["conv1.bias"]), 2)
    x = F.max_pool2d(F.conv2d(x, params["conv2.weight"], params["conv2.bias"]), 2)
    x = F.relu(F.linear(x.flatten(1), params["fc1.weight"], params["fc1.bias"]))
    return F.linear(x, params["fc2.weight"], params["fc2.bias"])


def test_gradients_and_hessian_vector_products_of_lenet_5() -> None:
    rng = np.random.default_rng(0)
    net = lenet_5_caffe()
    params = net.init(rng, dtype=np.float64)
    params = {name: value + 0.01 * rng.standard_normal(value.shape) for name, value in params.items()}  # biases too
    vectors = {name: rng.standard_normal(value.shape) for name, value in params.items()}
    images, labels = rng.standard_normal((4, 1, 28, 28)), rng.integers(10, size=4)

    variables = {name: Tensor(value) for name, value in params.items()}
    loss = cross_entropy(net(variables, images), labels)
    gradients, products = grad(loss, variables), hvp(loss, variables, vectors)

    torch_params = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    torch_loss = F.cross_entropy(torch_lenet(torch_params, torch.tensor(images)), torch.tensor(labels))
    leaves = list(torch_params.values())
    torch_gradients, torch_products = torch_grad_and_hvp(torch_loss, leaves, list(vectors.values()))

    assert float(loss) == pytest.approx(torch_loss.item(), rel=1e-12)
    assert list(gradients) == list(products) == list(params)
    for name, g, p in zip(params, torch_gradients, torch_products, strict=True):
        assert_same(gradients[name], g)
        assert_same(products[name], p)


CASES = [
    (conv2d, F.conv2d, (4, 3, 3, 3), {}),
    (conv2d, F.conv2d, (4, 3, 3, 2), {"stride": 2}),
    (conv2d, F.conv2d, (4, 3, 5, 5), {"padding": 2}),
    (conv2d, F.conv2d, (4, 3, 2, 2), {"stride": 3, "padding": 1}),
    (max_pool2d, F.max_pool2d, None, {"kernel": 2}),
    (max_pool2d, F.max_pool2d, None, {"kernel": 3, "stride": 2}),
    (max_pool2d, F.max_pool2d, None, {"kernel": 2, "stride": 3}),
    (avg_pool2d, F.avg_pool2d, None, {"kernel": 2}),
    (avg_pool2d, F.avg_pool2d, None, {"kernel": 3, "stride": 1}),
]


@pytest.mark.parametrize(("ours", "theirs", "weight", "metadata"), CASES)
@pytest.mark.parametrize("spread", [np.asarray, np.round], ids=["distinct", "tied"])  # both take the first of equals
def test_convolution_and_pooling(ours: Any, theirs: Any, weight: Any, metadata: dict[str, int], spread: Any) -> None:
    rng = np.random.default_rng(0)
    arrays = [spread(rng.standard_normal(shape)) for shape in [(2, 3, 8, 7), weight] if shape]
    vectors = [rng.standard_normal(x.shape) for x in arrays]

    inputs = [Tensor(x) for x in arrays]
    out = ours(*inputs, **metadata)
    cotangent = rng.standard_normal(out.shape)
    scalar = ops.sum(out * out * cotangent)
    gradients, products = grad(scalar, inputs), hvp(scalar, inputs, vectors)

    leaves = [torch.tensor(x, requires_grad=True) for x in arrays]
    torch_out = theirs(*leaves, **{key.replace("kernel", "kernel_size"): value for key, value in metadata.items()})
    torch_scalar = (torch_out * torch_out * torch.tensor(cotangent)).sum()
    torch_gradients, torch_products = torch_grad_and_hvp(torch_scalar, leaves, vectors)

    assert_same(out.value, torch_out)
    for i in range(len(arrays)):
        assert_same(gradients[i], torch_gradients[i])
        assert_same(products[i], torch_products[i])


INF, NAN = np.inf, np.nan
EXTREMES = [np.array([-1.0, 0.0, 2.0, INF]), np.array([NAN, 1.0, -INF]), np.array([-0.0, 0.0, 1.0])]
BOUND = 0.5
UNARY: dict[str, tuple[Any, Any]] = {
    "relu": (ops.relu, torch.relu),
    "abs": (ops.abs, torch.abs),
    "sign": (ops.sign, torch.sign),
    "maximum": (lambda x: ops.maximum(x, BOUND), lambda x: torch.maximum(x, torch.tensor(BOUND).double())),
    "minimum": (lambda x: ops.minimum(BOUND, x), lambda x: torch.minimum(torch.tensor(BOUND).double(), x)),
    "clip": (lambda x: ops.clip(x, 0.0, 1.0), lambda x: torch.clamp(x, 0.0, 1.0)),
    "max": (lambda x: ops.max(x, 0), lambda x: torch.max(x, 0).values),
    "min": (lambda x: ops.min(x, 0), lambda x: torch.min(x, 0).values),
    "std": (lambda x: ops.std(0.0 * ops.where(np.isfinite(x.value), x, 0)), lambda x: torch.std(0 * x.nan_to_num())),
}


OTHER_AT_NAN = {"abs", "sign", "clip"}  # ours pass NaN or g on, as NumPy does for values; PyTorch has 0


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("x", EXTREMES, ids=["infinity", "nan", "zeros"])
@pytest.mark.parametrize("cotangent", [1.0, INF])
def test_extreme_numbers_have_pytorchs_values_and_gradients(name: str, x: Array, cotangent: float) -> None:
    ours, theirs = UNARY[name]
    if name in OTHER_AT_NAN:
        x = x[~np.isnan(x)]
    variable, leaf = Tensor(x), torch.tensor(x, requires_grad=True)

    with np.errstate(all="ignore"):
        out = ours(variable)
        gradient = grad((out * np.full(out.shape, cotangent)).sum(), variable)
    torch_out = theirs(leaf)
    (torch_gradient,) = torch.autograd.grad(torch_out, leaf, torch.full_like(torch_out, cotangent))

    np.testing.assert_array_equal(out.value, torch_out.detach().numpy())
    np.testing.assert_array_equal(gradient, torch_gradient.numpy())


@pytest.mark.parametrize("stride", [1, 2])
def test_nan_and_an_infinite_cotangent_in_windows_are_as_in_pytorch(stride: int) -> None:
    x = np.random.default_rng(0).standard_normal((1, 1, 4, 4))
    x[0, 0, 0, 1] = NAN
    variable, leaf = Tensor(x), torch.tensor(x, requires_grad=True)

    with np.errstate(invalid="ignore"):
        out = max_pool2d(variable, 2, stride)
        gradient = grad((out * np.full(out.shape, INF)).sum(), variable)
    torch_out = F.max_pool2d(leaf, 2, stride)
    (torch_gradient,) = torch.autograd.grad(torch_out, leaf, torch.full_like(torch_out, INF))

    np.testing.assert_array_equal(out.value, torch_out.detach().numpy())
    np.testing.assert_array_equal(gradient, torch_gradient.numpy())


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (2, 0, 3)])
def test_logsumexp_of_nothing_is_pytorchs(shape: Any) -> None:
    np.testing.assert_array_equal(ops.logsumexp(np.zeros(shape), 1), torch.logsumexp(torch.zeros(shape), 1).numpy())


def test_a_gradient_that_pytorch_computes_is_checked() -> None:
    """The example of the how-to page, in both precisions, and with a backward pass that is wrong."""
    weight = torch.arange(12.0).reshape(3, 4) / 10

    def loss(x: Array) -> float:
        return float(torch.tanh(weight.double() @ torch.tensor(x)).square().sum())

    def gradient(x: Array, wrong: float = 1.0) -> Array:
        variable = torch.tensor(x, requires_grad=True)
        out = torch.tanh(weight.to(variable.dtype) @ variable).square().sum()
        (found,) = torch.autograd.grad(wrong * out, variable)
        return np.asarray(found)

    x = np.array([0.1, -0.2, 0.3, 0.4])
    for dtype in (np.float64, np.float32):
        check_gradient(loss, gradient, x, dtype=dtype)
        with pytest.raises(AssertionError, match="factor"):
            check_gradient(loss, lambda x: gradient(x, wrong=2.0), x, dtype=dtype)

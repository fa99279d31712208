"""Automatic differentiation in NumPy; knows nothing of networks."""

from minisnip.autodiff import conv
from minisnip.autodiff.check import check_gradient, check_grads
from minisnip.autodiff.comparison import Comparison
from minisnip.autodiff.conv import avg_pool2d, conv2d, max_pool2d
from minisnip.autodiff.engine import Tensor, grad, hvp, primitive
from minisnip.autodiff.functions import jacobian, value_and_grad

__all__ = [
    "Comparison",
    "Tensor",
    "avg_pool2d",
    "check_gradient",
    "check_grads",
    "conv",
    "conv2d",
    "grad",
    "hvp",
    "jacobian",
    "max_pool2d",
    "primitive",
    "value_and_grad",
]

"""SNIP, single-shot network pruning before training, from scratch in NumPy and made to be read."""

from minisnip.autodiff import Tensor, check_grads, grad, hvp, ops, primitive

__all__ = ["Tensor", "check_grads", "grad", "hvp", "ops", "primitive"]

"""SNIP, single-shot network pruning before training, from scratch in NumPy and made to be read.

Nine files tell the whole story, from the derivative of a product to a pruned network that trains. Read them in this
order; together they take an evening:

1. autodiff/engine.py       a variable remembers how it was computed; `grad` walks that record backward.
2. autodiff/ops.py          every op beside its derivative, in one table.
3. nn/layers.py             layers are functions of (parameters, input), and a network is their sequence.
4. nn/losses.py             cross-entropy, and its derivative: softmax minus one-hot.
5. pruning/masks.py         a mask c keeps or removes each connection; keep_top keeps exactly κ of them.
6. pruning/sensitivity.py   SNIP: the derivative of the loss with respect to the mask, from one mini-batch.
7. pruning/deletion.py      the definition that SNIP approximates, in nine lines (delta_loss_by_deletion); the rest
                            computes the same numbers fast, and may be skipped at first.
8. training/optimizers.py   one step down the gradient, with momentum or with Adam.
9. training/loop.py         train the pruned network, and keep the epoch with the lowest validation error.

More ops (autodiff/compositions.py), convolution (autodiff/conv.py), initial weights (nn/init.py), threads
(autodiff/threads.py, nn/threads.py), checkpoints (training/checkpoint.py), data (data/dataset.py) and, for
`train(compact=True)`, compaction (pruning/compaction.py) are details that these files call by name. `minisnip.lab`
compares, reproduces and plots; the core never imports it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minisnip import ops
    from minisnip.autodiff import (
        Tensor,
        check_gradient,
        check_grads,
        grad,
        hvp,
        jacobian,
        primitive,
        value_and_grad,
    )

__version__ = "0.2.0"
__all__ = [
    "Tensor",
    "__version__",
    "check_gradient",
    "check_grads",
    "grad",
    "hvp",
    "jacobian",
    "ops",
    "primitive",
    "value_and_grad",
]

_PACKAGES = ("autodiff", "data", "exercises", "files", "lab", "nn", "ops", "pruning", "testing", "training")


def __getattr__(name: str) -> Any:
    """A name is imported when it is first used (PEP 562): `import minisnip; minisnip.pruning`.

    So the command can answer Ctrl-C while NumPy is imported.
    """
    if name in _PACKAGES:
        return import_module(f"minisnip.{name}")
    if name in __all__:
        return getattr(import_module("minisnip.autodiff"), name)
    from minisnip.mistakes import nearest

    raise AttributeError(f"minisnip has no {name!r}: it has {', '.join(__dir__())}{nearest(name, __dir__())}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_PACKAGES})

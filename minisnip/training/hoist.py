"""Do once what does not change: the layers in front of the first weight have the same answer at every step.

A compact network begins with the choice of the pixels that are still read. Chosen once for all images, they need not be
gathered from a batch at every step, and the batch itself becomes smaller.
"""

from __future__ import annotations

from itertools import takewhile

import numpy as np

from minisnip.autodiff.tensor import Array
from minisnip.nn import Sequential


def hoist(net: Sequential, *images: Array) -> tuple[Sequential, list[Array]]:
    """The network from its first layer with parameters on, and the images as they arrive there."""
    head = dict(takewhile(lambda item: not item[1].shapes(), net.layers.items()))
    body = {name: layer for name, layer in net.layers.items() if name not in head}
    if not head or not body:
        return net, list(images)
    front = Sequential(net.input_shape, **head)
    shape = front.out_shapes[next(reversed(head))]
    return Sequential(shape, **body), [np.ascontiguousarray(front({}, x)) for x in images]

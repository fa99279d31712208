"""Do once what does not change: flattening the images and choosing pixels, in front of the first weight.

A compact network begins with the choice of the pixels that are still read. Chosen once for all images, they need not be
gathered from a batch at every step, and the batch itself becomes smaller.
"""

from __future__ import annotations

from itertools import takewhile

import numpy as np

from minisnip.autodiff.engine import Array
from minisnip.nn import Flatten, Select, Sequential


def hoist(net: Sequential, *images: Array) -> tuple[Sequential, list[Array]]:
    """The network without the Flatten and Select that it begins with, and the images as they leave those."""
    head = dict(takewhile(lambda item: isinstance(item[1], Flatten | Select), net.layers.items()))
    body = {name: layer for name, layer in net.layers.items() if name not in head}
    if not head or not body or type(net) is not Sequential:  # another class may do more than its layers in turn
        return net, list(images)
    front = Sequential(net.input_shape, **head)
    shape = front.out_shapes[next(reversed(head))]
    return Sequential(shape, **body), [np.ascontiguousarray(front({}, x)) for x in images]

"""Small networks with masks that leave every kind of dead structure: Hypothesis strategies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from minisnip.autodiff.engine import Array
from minisnip.nn import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential
from minisnip.nn.layers import Shape
from minisnip.pruning import apply_masks
from tests.networks import random_batch, random_params

CLASSES = 4
widths = st.integers(1, 5)
sometimes = st.booleans()


@dataclass(frozen=True)
class Pruned:
    """A network, parameters with biases that are not zero, masks, and a batch; in float64."""

    net: Sequential
    params: dict[str, Array]
    masks: dict[str, Array]
    x: Array
    y: Array

    @property
    def masked(self) -> dict[str, Array]:
        return apply_masks(self.masks, self.params)

    @property
    def logits(self) -> Array:
        logits: Array = self.net(self.masked, self.x)
        return logits


def last_shape(images: Shape, layers: dict[str, Layer]) -> Shape:
    return Sequential(images, **layers).out_shapes[next(reversed(layers))]


@st.composite
def mlps(draw: st.DrawFn) -> Sequential:
    layers: dict[str, Layer] = {"flatten": Flatten()}
    inputs = 6
    for i, units in enumerate([*draw(st.lists(widths, max_size=3)), CLASSES], start=1):
        layers[f"fc{i}"] = Linear(inputs, units)
        if units is not CLASSES and draw(sometimes):
            layers[f"relu{i}"] = ReLU()
        inputs = units
    return Sequential((1, 2, 3), **layers)


@st.composite
def convnets(draw: st.DrawFn, paddings: tuple[int, ...] = (0, 1, 2)) -> Sequential:
    """9×9 images, one or two convolutions, with and without ReLU and pooling, one or two Linear layers."""
    images = (draw(st.integers(1, 2)), 9, 9)
    layers: dict[str, Layer] = {}
    shape: Shape = images
    for i in range(1, draw(st.sampled_from([2, 1])) + 1):
        kernel, stride, padding = (
            draw(st.sampled_from([2, 1])),
            draw(st.integers(1, 2)),
            draw(st.sampled_from(paddings)),
        )
        layers[f"conv{i}"] = Conv2d(shape[0], draw(widths), kernel, stride, padding)
        if draw(sometimes):
            layers[f"relu{i}"] = ReLU()
        if min(last_shape(images, layers)[1:]) > 1 and draw(sometimes):
            layers[f"pool{i}"] = MaxPool2d(2, draw(st.sampled_from([None, 1])))
        shape = last_shape(images, layers)
    layers["flatten"], inputs = Flatten(), int(np.prod(shape))
    if draw(sometimes):
        layers["fc1"] = Linear(inputs, inputs := draw(widths))
        if draw(sometimes):
            layers["relu_fc1"] = ReLU()
    layers["fc2"] = Linear(inputs, CLASSES)
    return Sequential(images, **layers)


@st.composite
def masks_of(draw: st.DrawFn, net: Sequential) -> dict[str, Array]:
    """Each layer at its own density, whole units and inputs pruned, and biases kept, pruned, mixed or unmasked."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = {}
    for name, shape in net.shapes().items():
        if name.endswith("bias"):
            if (density := draw(st.sampled_from([1, 0.5, 0, None]))) is not None:
                masks[name] = (rng.random(shape) < density).astype(np.float64)
            continue
        c = rng.random(shape) < draw(st.sampled_from([0.5, 0.2, 0.9, 1, 0]))
        c[rng.random(shape[0]) < draw(st.sampled_from([0.3, 0]))] = 0
        c[:, rng.random(shape[1]) < draw(st.sampled_from([0.3, 0]))] = 0
        masks[name] = c.astype(np.float64)
    return masks


@st.composite
def pruned(draw: st.DrawFn, nets: st.SearchStrategy[Sequential] | None = None) -> Pruned:
    net = draw(nets if nets is not None else mlps() | convnets())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Pruned(net, random_params(net, rng), draw(masks_of(net)), *random_batch(net, rng))

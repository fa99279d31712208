"""Which layers are known to the functions that must know what each layer does to a unit, and the refusal of others.

Training, SNIP and all criteria made of derivatives work with any layer. Exact deletions, paths and smaller networks
need more: a layer of KNOWN_LAYERS is linear in its weights, or passes each unit on alone, linearly between kinks.
"""

from __future__ import annotations

from collections.abc import Iterator

from minisnip.mistakes import kind_of
from minisnip.nn.layers import Block, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Select, Sequential
from minisnip.nn.normalization import BatchNorm
from minisnip.nn.residual import AvgPool2d, GlobalAvgPool, Residual

KNOWN_LAYERS = (Linear, Conv2d, MaxPool2d, ReLU, Flatten, Select, AvgPool2d, GlobalAvgPool)
PATHS = (*KNOWN_LAYERS, BatchNorm, Residual)  # the layers through which it is known which unit reads which


class UnknownLayerError(TypeError):
    """A function must know what each layer does, and does not know this one."""


def known_blocks(
    net: Sequential, purpose: str, remedy: str = "", known: tuple[type, ...] = KNOWN_LAYERS
) -> list[Block]:
    """The blocks of a network whose layers are all known.

    Parameters
    ----------
    net : Sequential
    purpose : str
        What needs known layers, for the error: "paths are known".
    remedy : str
        What to do instead; ends the error.
    known : tuple of types
        The layers in a Residual must be known too.

    Raises
    ------
    UnknownLayerError
        If the network is not a plain Sequential, or a layer is not known; names it.
    """
    remedy = remedy and f"; {remedy}"
    if type(net) is not Sequential:
        raise UnknownLayerError(f"the network is {kind_of(net)}: {purpose} through a plain Sequential only{remedy}")
    if unknown := [(name, layer) for name, layer in _inner_layers(net) if _is_bare(layer) or type(layer) not in known]:
        name, layer = min(unknown, key=lambda found: not _saturates(found[1]))  # an LSTM rather than what it reads
        ours = ", ".join(kind.__name__ for kind in known)
        which = ours if type(layer).__module__.startswith("minisnip.nn") else "layers of minisnip.nn"
        kind = kind_of(layer) + " without parameters" * _is_bare(layer)
        raise UnknownLayerError(f"layer {name} is {kind}: {purpose} through {which} only{remedy}")
    return net.blocks()


def saturating(net: Sequential) -> str:
    """The first layer that saturates, as in "layer rnn of type LSTM"; empty if there is none."""
    return _first(net, "saturates")


def mixing(net: Sequential) -> str:
    """The first layer that mixes images, as `saturating`."""
    return _first(net, "mixes_images")


def _first(net: Sequential, trait: str) -> str:
    found = ((name, layer) for name, layer in net.layers.items() if getattr(layer, trait, False))
    return next((f"layer {name} of type {type(layer).__name__}" for name, layer in found), "")


def _saturates(layer: Layer) -> bool:
    return bool(getattr(layer, "saturates", False))


def _is_bare(layer: Layer) -> bool:
    """Whether it is a Residual without parameters, which belongs to no block."""
    return isinstance(layer, Residual) and not layer.shapes()


def _inner_layers(net: Sequential, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer with its name, and those in a Residual."""
    for name, layer in net.layers.items():
        yield prefix + name, layer
        for start, part in (layer.networks if isinstance(layer, Residual) else {}).items():
            yield from _inner_layers(part, f"{prefix}{name}.{start}")

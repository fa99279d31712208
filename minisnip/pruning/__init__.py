"""Pruning before training: masks, SNIP's connection sensitivity, and other criteria."""

from minisnip.pruning.criteria import CRITERIA, Criterion
from minisnip.pruning.masks import LayerCollapseWarning, apply_masks, count_kept, keep_top, ones
from minisnip.pruning.report import emptied_layers, input_connections, kept_per_layer, picture, report
from minisnip.pruning.sensitivity import connection_sensitivity, mask_gradient

__all__ = [
    "CRITERIA",
    "Criterion",
    "LayerCollapseWarning",
    "apply_masks",
    "connection_sensitivity",
    "count_kept",
    "emptied_layers",
    "input_connections",
    "keep_top",
    "kept_per_layer",
    "mask_gradient",
    "ones",
    "picture",
    "report",
]

"""Pruning before training: masks, SNIP's connection sensitivity, and other criteria."""

from minisnip.pruning.agreement import agreement
from minisnip.pruning.alive import alive_units, effective_masks
from minisnip.pruning.compact import Compact, compact, cut
from minisnip.pruning.criteria import CRITERIA, Criterion
from minisnip.pruning.delta_loss import delta_loss, delta_loss_by_deletion
from minisnip.pruning.masks import LayerCollapseWarning, apply_masks, count_kept, keep_top, ones
from minisnip.pruning.report import emptied_layers, input_connections, kept_per_layer, picture, report
from minisnip.pruning.sensitivity import connection_sensitivity, mask_gradient
from minisnip.pruning.taylor import Connection, DifferenceErrors, difference_errors, joint_deletion, mask_curvature

__all__ = [
    "CRITERIA",
    "Compact",
    "Connection",
    "Criterion",
    "DifferenceErrors",
    "LayerCollapseWarning",
    "agreement",
    "alive_units",
    "apply_masks",
    "compact",
    "connection_sensitivity",
    "count_kept",
    "cut",
    "delta_loss",
    "delta_loss_by_deletion",
    "difference_errors",
    "effective_masks",
    "emptied_layers",
    "input_connections",
    "joint_deletion",
    "keep_top",
    "kept_per_layer",
    "mask_curvature",
    "mask_gradient",
    "ones",
    "picture",
    "report",
]

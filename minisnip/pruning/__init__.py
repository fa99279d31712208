"""Pruning before training: masks, SNIP's connection sensitivity, other criteria, schedules and controls."""

from minisnip.pruning.agreement import agreement
from minisnip.pruning.alive import alive_units, effective_masks
from minisnip.pruning.collapse import collapse_sparsity
from minisnip.pruning.compact import Compact, compact, cut
from minisnip.pruning.controls import (
    Overlap,
    invert,
    noise_images,
    overlap,
    random_labels,
    random_masks,
    scoring_batch,
    shuffle_masks,
)
from minisnip.pruning.criteria import CRITERIA, Criterion
from minisnip.pruning.curvature import fisher_diagonal, hutchinson_diagonal
from minisnip.pruning.delta_loss import delta_loss, delta_loss_by_deletion
from minisnip.pruning.derivatives import hessian_product, weight_gradient
from minisnip.pruning.layerwise import keep_top_per_layer
from minisnip.pruning.masks import LayerCollapseWarning, apply_masks, count_kept, keep_top, ones, warn_of_collapse
from minisnip.pruning.methods import METHODS, Method
from minisnip.pruning.report import emptied_layers, input_connections, kept_per_layer, picture, report, units_gone
from minisnip.pruning.schedules import force, iterative, one_shot
from minisnip.pruning.sensitivity import NoScoreError, connection_sensitivity, mask_gradient
from minisnip.pruning.straight_through import straight_through
from minisnip.pruning.taylor import Connection, DifferenceErrors, difference_errors, joint_deletion, mask_curvature

__all__ = [
    "CRITERIA",
    "METHODS",
    "Compact",
    "Connection",
    "Criterion",
    "DifferenceErrors",
    "LayerCollapseWarning",
    "Method",
    "NoScoreError",
    "Overlap",
    "agreement",
    "alive_units",
    "apply_masks",
    "collapse_sparsity",
    "compact",
    "connection_sensitivity",
    "count_kept",
    "cut",
    "delta_loss",
    "delta_loss_by_deletion",
    "difference_errors",
    "effective_masks",
    "emptied_layers",
    "fisher_diagonal",
    "force",
    "hessian_product",
    "hutchinson_diagonal",
    "input_connections",
    "invert",
    "iterative",
    "joint_deletion",
    "keep_top",
    "keep_top_per_layer",
    "kept_per_layer",
    "mask_curvature",
    "mask_gradient",
    "noise_images",
    "one_shot",
    "ones",
    "overlap",
    "picture",
    "random_labels",
    "random_masks",
    "report",
    "scoring_batch",
    "shuffle_masks",
    "straight_through",
    "units_gone",
    "warn_of_collapse",
    "weight_gradient",
]

"""Every figure: takes arrays, returns a matplotlib Figure."""

from minisnip.lab.plots.agreement import (
    deletion_scatter,
    difference_curves,
    joint_curves,
    overlap_curves,
    score_histogram,
)
from minisnip.lab.plots.boundaries import decision_boundaries, loss_curves
from minisnip.lab.plots.collapse import collapse_and_cost
from minisnip.lab.plots.comparison import error_curves
from minisnip.lab.plots.controls import control_errors, overlap_by_batch
from minisnip.lab.plots.graph import computation_graph
from minisnip.lab.plots.reproduction import class_pictures, memorization, scoring_batches, sparsity_curves
from minisnip.lab.plots.scores import scores_and_threshold
from minisnip.lab.plots.steps import step_errors
from minisnip.lab.plots.training import kept_per_layer, kept_pixels, training_curves
from minisnip.lab.plots.weights import weight_pictures

__all__ = [
    "class_pictures",
    "collapse_and_cost",
    "computation_graph",
    "control_errors",
    "decision_boundaries",
    "deletion_scatter",
    "difference_curves",
    "error_curves",
    "joint_curves",
    "kept_per_layer",
    "kept_pixels",
    "loss_curves",
    "memorization",
    "overlap_by_batch",
    "overlap_curves",
    "score_histogram",
    "scores_and_threshold",
    "scoring_batches",
    "sparsity_curves",
    "step_errors",
    "training_curves",
    "weight_pictures",
]

"""Every figure: takes arrays, returns a matplotlib Figure."""

from minisnip.plots.agreement import deletion_scatter, difference_curves, joint_curves, overlap_curves, score_histogram
from minisnip.plots.comparison import error_curves
from minisnip.plots.controls import control_errors, overlap_by_batch
from minisnip.plots.graph import computation_graph
from minisnip.plots.reproduction import class_pictures, memorisation, scoring_batches, sparsity_curves
from minisnip.plots.training import kept_per_layer, kept_pixels, training_curves

__all__ = [
    "class_pictures",
    "computation_graph",
    "control_errors",
    "deletion_scatter",
    "difference_curves",
    "error_curves",
    "joint_curves",
    "kept_per_layer",
    "kept_pixels",
    "memorisation",
    "overlap_by_batch",
    "overlap_curves",
    "score_histogram",
    "scoring_batches",
    "sparsity_curves",
    "training_curves",
]

"""Every figure: takes arrays, returns a matplotlib Figure."""

from minisnip.lab.plots.networks import (
    class_pictures,
    computation_graph,
    decision_boundaries,
    kept_per_layer,
    kept_pixels,
    weight_pictures,
)
from minisnip.lab.plots.results import (
    collapse_and_cost,
    control_errors,
    error_curves,
    length_curves,
    loss_curves,
    memorization,
    overlap_by_batch,
    scoring_batches,
    sparsity_curves,
    training_curves,
)
from minisnip.lab.plots.scores import (
    deletion_scatter,
    difference_curves,
    joint_curves,
    overlap_curves,
    score_histogram,
    scores_and_threshold,
    step_errors,
)

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
    "length_curves",
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

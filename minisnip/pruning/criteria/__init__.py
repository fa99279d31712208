"""Criteria: what a connection is worth. One function each, `criterion(net, params, x, y, *, rng) -> scores`.

The higher the score, the sooner a connection is kept. Each changes one word of `keep_top(criterion(...), sparsity)`.
"""

from minisnip.pruning.criteria.baselines import magnitude, random
from minisnip.pruning.criteria.criterion import Criterion
from minisnip.pruning.criteria.grasp import grasp
from minisnip.pruning.criteria.loss import delta_loss, gradient, least_sensitive, snip
from minisnip.pruning.criteria.obd import obd
from minisnip.pruning.criteria.synflow import synflow

CRITERIA: dict[str, Criterion] = {
    "snip": snip,
    "delta-loss": delta_loss,
    "random": random,
    "magnitude": magnitude,
    "gradient": gradient,
    "obd": obd,
    "grasp": grasp,
    "synflow": synflow,
    "least-sensitive": least_sensitive,
}

__all__ = [
    "CRITERIA",
    "Criterion",
    "delta_loss",
    "gradient",
    "grasp",
    "least_sensitive",
    "magnitude",
    "obd",
    "random",
    "snip",
    "synflow",
]

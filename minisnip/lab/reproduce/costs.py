"""What a reproduction will cost: its runs, with the core hours that they will take, before the first is started."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from minisnip.files import UnreadableFileError, load_json, reading
from minisnip.lab.experiment import Experiment, load, record
from minisnip.lab.report import Case, Row, as_markdown, plural
from minisnip.lab.runs import read
from minisnip.nn.models import TITLES

KIND = ("model", "sparsity", "compact", "optimizer", "augment", "training_images")  # what decides the time of a step
FEW, MORE = 5, 205  # steps of the two runs that are timed
SLOW, ENOUGH = 1.0, 15  # seconds of the first of them, from which on the second has no more steps than this
Seconds = dict[tuple[Any, ...], tuple[float, float]]  # by kind: of a step, its part of an evaluation included; of a run


def table(plans: Mapping[str, Sequence[Case]], runs: Path) -> str:
    """The runs of each result and network, with the core hours that are left; a run that two share is counted once.

    The time of a step is that of finished runs in the folder, the median over runs of the same kind. Where there are
    none, two short runs are timed.
    """
    known, counted, lines, hours = finished(runs), set[Experiment](), list[Row](), 0.0
    for name, cases in plans.items():
        for model in dict.fromkeys(experiment.model for _, experiment in cases):
            new = {e for _, e in cases if e.model == model} - counted
            counted |= new
            left = [e for e in new if read(runs, e) is None]
            seconds = sum(predicted(e, known) for e in left)
            hours += seconds / 3600
            lines.append(
                {"result": name, "network": TITLES[model], **_cells(new, left, known), "hours": f"{seconds / 3600:.2f}"}
            )
    total = f"In all {plural(len(counted), 'run')}; {hours:.1f} core hours are left to compute. Nothing was started."
    return f"{as_markdown(lines)}\n\n{total}"


def _cells(new: Collection[Experiment], left: Collection[Experiment], known: Seconds) -> Row:
    """Iterations, runs, those that are not finished, and the milliseconds of a step."""
    milliseconds = [1000 * known[kind(vars(e))][0] for e in left if steps(e)]
    return {
        "iterations": _range([steps(e) for e in new], ",d"),
        "runs": len(new),
        "left": len(left),
        "ms a step": _range(milliseconds, ".1f"),
    }


def _range(numbers: Sequence[float], form: str) -> str:
    """From the least to the greatest number."""
    return "–".join(dict.fromkeys(f"{n:{form}}" for n in (min(numbers), max(numbers)))) if numbers else "–"


def steps(experiment: Experiment) -> int:
    """The training steps of a run."""
    return experiment.epochs * _per_epoch(experiment) if experiment.iterations is None else experiment.iterations


def _per_epoch(experiment: Experiment) -> int:
    images = len(load(experiment.dataset).train.labels)
    return min(images, experiment.training_images or images) // experiment.batch_size


def kind(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """What runs with the same time of a step have in common; runs that only prune are of another kind."""
    return (*(config.get(name) for name in KIND), config.get("iterations") == 0)


def finished(runs: Path) -> Seconds:
    """The seconds of a step of each kind, from the runs of more than a few steps in a folder."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for file in sorted(runs.glob("*.json")):
        with suppress(UnreadableFileError), reading(file, "holds no run"):
            content = load_json(file)
            config, result = content["config"], content["result"]
            if (config["iterations"] or 0) > 10 * MORE and not result["diverged"] and result["seconds"]:
                found.setdefault(kind(config), []).append(result["seconds"] / config["iterations"])
    return {key: (median(seconds), 0.0) for key, seconds in found.items()}


def predicted(experiment: Experiment, known: Seconds) -> float:
    """The seconds that a run will take on one core; `known` is completed with what is timed."""
    key = kind(vars(experiment))
    if key not in known:
        known[key] = _timed(experiment)
    step, run = known[key]
    return steps(experiment) * step or run


def _timed(experiment: Experiment) -> tuple[float, float]:
    """From two short runs of SNIP: the difference is steps; the rest, mostly the evaluation, comes once per epoch."""
    per_epoch = _per_epoch(experiment)  # first, as it loads the data: that belongs to no step
    usual = replace(experiment, criterion="snip", average=0.0)
    if not steps(experiment):
        return 0.0, float(record(usual)["seconds"])
    few = record(replace(usual, iterations=FEW))["seconds"]
    count = ENOUGH if few > SLOW else MORE
    step = max(0.0, record(replace(usual, iterations=count))["seconds"] - few) / (count - FEW)
    rest = max(0.0, few - FEW * step)
    return step + rest / per_epoch, rest

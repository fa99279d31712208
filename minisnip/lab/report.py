"""What is written for people: tables in three forms, figures, and the folder of one run.

A table is a list of rows, each a dict from column to cell. `as_csv` writes the numbers, to be read again by `read_csv`;
`as_markdown` and `as_terminal` write text, which nothing reads.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from filelock import FileLock, Timeout

from minisnip import pruning
from minisnip.data.dataset import TITLES as DATASETS
from minisnip.files import delete_abandoned, load_json, reading, save_arrays, save_text, write_atomically
from minisnip.lab.experiment import NUMERICS, Experiment, Run
from minisnip.lab.runs import digest, is_of, origin
from minisnip.nn.models import TITLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row: TypeAlias = Mapping[str, Any]
Case: TypeAlias = tuple[str, Experiment]  # the name of what is compared, and one of its runs

LONG = ("first_layer", "history", "kept_per_layer", "kept_by_gate")  # results that are no cells of a table
WRITTEN = "result masks params dense_params history dense_history training_curves kept_per_layer kept_pixels".split()
WRITTEN += "results tables error agreement scatter histogram overlap differences joint_deletion".split()  # file stems
DPI = 130
WIDTH = 80  # columns of a terminal
LOCK = ".minisnip.lock"


class InUseError(RuntimeError):
    """Another command writes to the folder."""


# Tables and files


def as_csv(rows: Sequence[Row]) -> str:
    """One line per row; the first row tells the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_csv(path: Path) -> list[dict[str, Any]]:
    """The rows of `as_csv`: numbers as numbers, an empty cell as None.

    Raises
    ------
    UnreadableFileError
        If the file is missing or damaged.
    """
    with reading(path, "cannot be read as CSV"):
        head, *lines = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), strict=True)
        return [{key: _value(cell) for key, cell in zip(head, line, strict=True)} for line in lines]


def _value(cell: str) -> Any:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            pass
    return {"": None, "True": True, "False": False}.get(cell, cell)


def as_markdown(rows: Sequence[Row]) -> str:
    """A table for a README."""
    lines = [[*rows[0]], ["---"] * len(rows[0]), *(map(str, row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_terminal(rows: Sequence[Row], left: int = 1) -> str:
    """A table in columns of equal width; the first `left` are aligned to the left, the others to the right.

    What is wider than the terminal is continued below, with the first column repeated.
    """
    parts: list[list[list[str]]] = [[]]
    for i, column in enumerate(zip(rows[0], *(map(str, row.values()) for row in rows), strict=True)):
        width = max(map(len, column))
        cells = [cell.ljust(width) if i < left else cell.rjust(width) for cell in column]
        if len(parts[-1]) > 1 and sum(len(other[0]) + 2 for other in parts[-1]) + width > WIDTH:
            parts.append([parts[0][0]])
        parts[-1].append(cells)
    tables = (("  ".join(line).rstrip() for line in zip(*part, strict=True)) for part in parts)
    return "\n\n".join(map("\n".join, tables))


def for_terminal(markdown: str) -> str:
    """Markdown for people at a terminal: tables `as_terminal`, other lines wrapped."""
    return "\n\n".join(map(_block_for_terminal, markdown.split("\n\n")))


def _block_for_terminal(block: str) -> str:
    if not block.startswith("|"):
        return "\n".join(
            fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in block.split("\n")
        )
    head, _, *lines = (line.strip()[2:-2].split(" | ") for line in block.strip().split("\n"))
    return as_terminal([dict(zip(head, line, strict=True)) for line in lines])


def save(folder: Path, files: Mapping[str, str | Figure], svg: bool = False) -> list[Path]:
    """Write texts and figures (as SVG too, if asked) by their file names, each whole or not at all; their paths."""
    paths = [folder / name for name in files]
    for path, content in zip([*paths], files.values(), strict=True):
        if isinstance(content, str):
            save_text(path, content)
            continue
        for figure in [path, path.with_suffix(".svg")] if svg else [path]:
            write_atomically(figure, partial(content.savefig, dpi=DPI, format=figure.suffix[1:]))
        paths += [path.with_suffix(".svg")] if svg else []
    return paths


def files_in(folder: Path) -> str:
    """The names of the files that a run has written, as a sentence for the terminal; others in the folder are not."""
    names = sorted(path.name for path in folder.iterdir() if path.stem in WRITTEN and path.is_file())
    return for_terminal(f"Files in {folder}/: {', '.join(names)}")


# Rows of many runs, and their cells


def rows_of(cases: Iterable[Case], results: Iterable[Row]) -> list[dict[str, Any]]:
    """One row per run: its case, the name of its result file, its experiment, its result.

    "dataset" is the name that the experiment has; "label" is what a reader is told, such as "glyphs (not MNIST)".
    """
    rows = []
    for (case, experiment), result in zip(cases, results, strict=True):
        origin = {"label": DATASETS[experiment.dataset], "numerics": NUMERICS}
        rows.append({"case": case, "run": digest(experiment), **asdict(experiment), **result, **origin})
    return rows


def cells_of(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The rows without what is no cell of a table."""
    return [{key: value for key, value in row.items() if key not in LONG} for row in rows]


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows that have these values."""
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def by_case(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of all seeds, for each case."""
    return {case: select(rows, case=case) for case in dict.fromkeys(row["case"] for row in rows)}


def errors(rows: Iterable[Row], which: str = "test_error_percent") -> list[float]:
    """The errors of all seeds whose loss stayed finite; a run that diverged, even in its last epoch, is left out."""
    return [row[which] for row in rows if not row["diverged"]]


def score(rows: Sequence[Row], which: str = "test_error_percent") -> str:
    """The errors as a cell."""
    return cell(errors(rows, which), len(rows))


def cell(numbers: Sequence[float], seeds: int) -> str:
    """Mean ± standard deviation, and how many of the seeds that is, if not all."""
    if seeds and not numbers:
        return "diverged"
    return mean_and_std(numbers) + (f" ({len(numbers)} of {seeds})" if len(numbers) < seeds else "")


def mean_and_std(numbers: Sequence[float]) -> str:
    """Mean ± standard deviation (n - 1) with two decimals; a single number as it is; a dash for none."""
    if len(numbers) < 2:
        return f"{numbers[0]:.2f}" if numbers else "–"
    return f"{np.mean(numbers):.2f} ± {np.std(numbers, ddof=1):.2f}"


def plural(number: int, noun: str) -> str:
    """1 seed, 2 seeds."""
    return f"{number} {noun}{'s' if number != 1 else ''}"


def percent(sparsity: float) -> str:
    """The sparsity in a table."""
    return f"{100 * sparsity:g} %" if sparsity else "dense"


def diverged(rows: Iterable[Row]) -> str:
    """A sentence on the runs whose loss became infinite; nothing if there are none."""
    bad = "; ".join(map(_name, found := [row for row in rows if row["diverged"]]))
    return f"\n\nNot averaged, as the loss became infinite, in {plural(len(found), 'run')}: {bad}." if found else ""


def _name(row: Row) -> str:
    """Network, sparsity, case and seed; what the case repeats is written once."""
    parts = [TITLES[row["model"]], percent(row["sparsity"]), *row["case"].split(", "), f"seed {row['seed']}"]
    return ", ".join(dict.fromkeys(parts))


def numerics(rows: Iterable[Row]) -> str:
    """The label of the arithmetic that computed the rows: results with different labels are not to be mixed."""
    return f"numerics {', '.join(sorted({str(row['numerics']) for row in rows}))}"


# The folder of one run


def make_folder(folder: Path) -> None:
    """Make the folder, and check that it can be written to; ValueError if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot write to the folder {folder} ({error.strerror}): choose another with --out"
        ) from error


@contextmanager
def locked(folder: Path, command: str) -> Iterator[None]:
    """Make the folder, and let no other command write to it meanwhile.

    The system releases the lock when the process ends, even if it is killed; what a killed one left is deleted.

    Raises
    ------
    InUseError
        If another command has the lock; says which, and since when.
    ValueError
        If the folder cannot be written to, or its file system has no locks.
    """
    make_folder(folder)
    file, holder = folder / LOCK, f"process {os.getpid()} ({command}) since {datetime.now():%Y-%m-%d %H:%M:%S}"
    lock = FileLock(file, blocking=False, on_acquired=partial(_overwrite, text=holder))
    try:
        lock.acquire()
    except Timeout as error:
        raise InUseError(
            f"the folder {folder} is in use by {_holder(file)}: wait until that ends, or choose another with --out"
        ) from error
    except OSError as error:
        raise ValueError(
            f"the folder {folder} cannot be locked ({error.strerror}): choose one on a disk of this machine with --out"
        ) from error
    try:
        delete_abandoned(folder)
        yield
    finally:
        file.unlink(missing_ok=True)  # before the release: afterwards it may be another command's
        lock.release()


def _overwrite(descriptor: int, text: str) -> None:
    os.truncate(descriptor, 0)
    os.write(descriptor, text.encode(errors="replace"))


def _holder(file: Path) -> str:
    with suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace") or "another command"
    return "another command"


def default_folder(experiment: Experiment, compare_dense: bool) -> Path:
    """One folder per experiment, so that no run overwrites another."""
    names = (experiment.dataset, experiment.model, experiment.criterion, f"{experiment.sparsity:g}")
    return Path("runs") / "-".join([*names, digest(experiment)[:6], *(["and-dense"] if compare_dense else [])])


def open_folder(folder: Path, experiment: Experiment, compare_dense: bool, resume: bool) -> dict[str, Any] | None:
    """Make the folder, and check that no other run in it would be lost.

    Returns
    -------
    dict or None
        The result, if this very run is finished and to be resumed, and no later run was begun in the folder. A later
        run that was killed is resumed instead. Without `resume` the result is computed once more. A finished result
        stays until the new one replaces it.

    Raises
    ------
    ValueError
        If it cannot be written to, or holds another run, an unfinished one that is not to be resumed, or nothing to
        resume.
    """
    if resume and not any(folder.glob("[!.]*")):
        raise ValueError(
            f"there is nothing to resume in {folder}: leave out --resume, or give the run's --out and options"
        )
    make_folder(folder)
    result, unfinished = read_result(folder / "result.json"), any(folder.glob("*.checkpoint.npz"))
    if result is not None:
        if not is_of(result, experiment) or bool(result.get("dense")) != compare_dense:
            raise ValueError(f"the folder {folder} holds the result of another run: choose another with --out")
        return result if resume and not unfinished else None
    if not resume and unfinished:
        raise ValueError(f"the folder {folder} holds an unfinished run: add --resume to continue it, or delete it")
    if not resume and any((folder / name).exists() for name in ("params.npz", "masks.npz")):
        raise ValueError(
            f"the folder {folder} holds parameters or masks but no result: add --resume if they are of this very run, "
            "or choose another folder with --out"
        )
    return None


def read_result(file: Path) -> dict[str, Any] | None:
    """The content of `result.json` without its checksum; None if there is no such file."""
    if not file.exists():
        return None
    result = load_json(file)
    with reading(file, "is not the result of a run"):
        if result.pop("sha256", None) != _sha256(result):
            raise ValueError("its checksum is missing or another")
        summary(result)  # it has all that is printed
    return result


def _sha256(content: Row) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_folder(folder: Path, runs: Mapping[str, Run], svg: bool = False) -> dict[str, Any]:
    """Write arrays, histories and figures, then `result.json`, which marks the run as finished; delete checkpoints.

    Parameters
    ----------
    folder : Path
    runs : dict
        The run as "pruned"; its twin without pruning, if there is one, as "dense".
    svg : bool
        Whether to write figures as SVG, too.

    Returns
    -------
    dict
        The content of `result.json`.
    """
    note = file_label(runs["pruned"].experiment.dataset)
    save_arrays(folder / "masks.npz", runs["pruned"].masks, note)
    for name, run in runs.items():
        prefix = "" if name == "pruned" else f"{name}_"
        save_arrays(folder / f"{prefix}params.npz", run.trained.params, note)
        save(folder, {f"{prefix}history.csv": as_csv([{**row, "dataset": note} for row in run.trained.history])})
    save(folder, _figures(runs), svg)
    result = _result(runs)
    save(folder, {"result.json": json.dumps({**result, "sha256": _sha256(result)}, indent=2) + "\n"})
    for checkpoint in folder.glob("*.checkpoint.npz"):
        checkpoint.unlink()
    return result


def file_label(dataset: str) -> str:
    """The data set in files: its name, or what tells that it stands in for another: "glyphs (not MNIST)"."""
    return DATASETS[dataset] if dataset in ("glyphs", "noise") else dataset


def _result(runs: Mapping[str, Run]) -> dict[str, Any]:
    run, dense = runs["pruned"], runs.get("dense")
    experiment, m = run.experiment, run.net.size
    return {
        "dataset": file_label(experiment.dataset),
        **{name: getattr(experiment, name) for name in ("model", "criterion", "sparsity", "seed")},
        "m": m,
        "kappa": pruning.count_kept(m, experiment.sparsity),
        "kept": run.kept,
        "kept_per_layer": pruning.kept_per_layer(run.masks),
        "compact": str(run.trained.compact) if run.trained.compact else None,
        **_errors(run),
        "dense": _errors(dense) if dense else None,
        "seconds": {
            "prune": round(run.seconds_to_prune, 3),
            **{f"train_{name}": round(one.trained.seconds, 3) for name, one in runs.items()},
        },
        **origin(experiment),
    }


def _errors(run: Run) -> dict[str, float | None]:
    return {
        "validation_error_percent": run.validation_error,
        "test_error_percent": run.test_error,
        "best_epoch": run.trained.best_epoch,
    }


def _figures(runs: Mapping[str, Run]) -> dict[str, Figure]:
    from minisnip.lab import plots  # here, so that the command does not wait for matplotlib

    run = runs["pruned"]
    experiment = run.experiment
    title = f"{TITLES[experiment.model]}, {experiment.criterion} at {experiment.percent}, {run.dataset.label}"
    return {
        "training_curves.png": plots.training_curves({name: one.trained.history for name, one in runs.items()}, title),
        "kept_per_layer.png": plots.kept_per_layer(pruning.kept_per_layer(run.masks), title),
        "kept_pixels.png": plots.kept_pixels(pruning.input_connections(run.net, run.masks).sum(axis=0), title),
    }


def summary(result: Row) -> str:
    """The small table that ends a run."""
    config = result["config"]
    lines = [f"{TITLES[config['model']]} on {DATASETS[config['dataset']]}, seed {config['seed']}"]
    lines += [f"trained as {result['compact']}"] if result["compact"] else []
    lines += [f"trained with {name} {config[name]}" for name in ("augment", "average") if config.get(name)]
    rows = [_summary_row(f"{config['criterion']} at {100 * config['sparsity']:g} %", result, "pruned")]
    if result["dense"]:
        rows.append(_summary_row("dense", {**result, "kept": result["m"], **result["dense"]}, "dense"))
    return "\n".join([*lines, "", as_terminal(rows)])


def _summary_row(name: str, result: Row, phase: str) -> Row:
    return {
        "": name,
        "connections": f"{result['kept']:,} of {result['m']:,}",
        "validation error": f"{result['validation_error_percent']:.2f} %",
        "test error": f"{result['test_error_percent']:.2f} %",
        "training": f"{result['seconds'][f'train_{phase}']:.1f} s",
    }

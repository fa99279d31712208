"""The command `minisnip`: parses, calls, prints. Its options are made from the fields of `Experiment`."""

from __future__ import annotations

import argparse
import codecs
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, replace
from functools import partial
from inspect import cleandoc
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from minisnip import __version__, data
from minisnip.files import UnreadableFileError
from minisnip.lab import agree, compare, report, reproduce
from minisnip.lab.experiment import CONTROLS, TICKETS, Experiment, Run, check_sizes, record, run
from minisnip.lab.reproduce import yardstick
from minisnip.lab.runs import ClusterError, LostRunError, OtherVersionError, refuse_other_versions, resumable, run_all
from minisnip.mistakes import nearest
from minisnip.nn import MODELS
from minisnip.nn.known import UnknownLayerError, saturating
from minisnip.nn.threads import use_threads
from minisnip.pruning import METHODS, LayerCollapseWarning, input_connections, picture
from minisnip.pruning import report as kept_report
from minisnip.training import DivergenceError, TrainingInterrupted

FAILED, WRONG_OPTION, INTERRUPTED = 1, 2, 130
FAILURES: tuple[type[Exception], ...] = (data.DataError, UnreadableFileError, OtherVersionError, report.InUseError)
FAILURES += (ClusterError, DivergenceError, LostRunError, OSError, UnknownLayerError)

TRAINING = ["model", "init", "scoring_images", "epochs", "batch_size"]
TRAINING += ["optimizer", "learning_rate", "weight_decay", "schedule"]

NOT_MNIST = """
********************************************************************************
  MNIST IS NEITHER HERE NOR REACHABLE: using the built-in GLYPHS instead.
  Every table, file and figure of this run says "glyphs (not MNIST)".
********************************************************************************
{reason}
"""


PLAIN = {"±": "+-", "½": "1/2", "δ": "delta", "⊙": "*", "…": "...", "Σ": "sum", "×": "x", "κ": "kappa", "²": "^2"}
PLAIN |= dict(zip("Δ∂−–—≥≤→“”", 'dd---><>""', strict=True))


def transliterate(error: UnicodeError) -> tuple[str, int]:
    """An error handler for `codecs`: in place of what a terminal cannot show, what is like it; a ? if nothing is."""
    assert isinstance(error, UnicodeEncodeError)
    return "".join(PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end


codecs.register_error("transliterate", transliterate)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 it failed, 2 a wrong option, 130 interrupted."""
    _open_streams()
    try:
        return _run_command(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt as error:
        _say(f"\nminisnip: {str(error) or 'interrupted'}")
        return INTERRUPTED
    except BrokenPipeError:  # minisnip data | head
        return FAILED
    except FAILURES as error:
        _say(f"minisnip: {error}")
        return FAILED
    finally:
        _abandon_broken_streams()


def _run_command(arguments: Sequence[str]) -> int:
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    options.unread = None
    options.typed = " ".join(shlex.join(["minisnip", *arguments]).split())
    with warnings.catch_warnings(), ExitStack() as options.held:
        warnings.simplefilter("always", LayerCollapseWarning)
        warnings.showwarning = _once()
        options.held.enter_context(use_threads(getattr(options, "threads", None)))
        code: int = options.command(options) or 0
        sys.stdout.flush()
    if options.unread:
        raise options.unread
    return code


def _once() -> Callable[..., None]:
    """What shows each warning once: `agree` ranks the same scores in several functions, and each of them warns."""
    shown = set[str]()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in shown:
            _say(f"warning: {message}")
        shown.add(str(message))

    return show


def _say(text: str) -> None:
    """Print to stderr, if anybody is still reading it."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def _print(options: argparse.Namespace, text: str) -> None:
    """Print to stdout. If that fails (| head, a full disk), the work goes on first."""
    try:
        print(text, flush=True)
    except OSError as error:
        options.unread = error


def _open_streams() -> None:
    """Let no output stop the work: what a terminal cannot show is replaced, and a closed stream takes everything."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:  # minisnip train >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
            os.dup2(getattr(sys, name).fileno(), descriptor)
            os.set_inheritable(descriptor, True)  # the processes of --jobs write there, too
        if isinstance(stream := getattr(sys, name), TextIOWrapper):
            stream.reconfigure(errors="transliterate")  # LC_ALL=C: d in place of Δ


def _abandon_broken_streams() -> None:
    """Send what nobody reads to nowhere, or Python complains about it at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# The commands


def train_command(options: argparse.Namespace) -> None:
    """Score, prune, train and evaluate; with no options: LeNet-300-100, 95 %, MNIST, about a minute.

    Score every connection on one batch, keep the most sensitive, train the sparse network, and write result.json,
    masks.npz, params.npz, history.csv and three figures into a folder.
    """
    with wrong_options(options):
        experiment = _experiment(options)
        if options.fresh_init:
            experiment = replace(experiment, trained_init=experiment.init)
        dataset, experiment = _load(experiment, options)
        check_sizes(experiment, dataset)
        folder = options.out or report.default_folder(experiment, options.compare_dense)
        if folder.exists() or not options.resume:
            _lock(options, folder)
        result = report.open_folder(folder, experiment, options.compare_dense, options.resume)
    if result is None:
        what = f"Pruning {experiment.model} to {experiment.percent} by {experiment.criterion} on {dataset.label}"
        _print(options, report.for_terminal(f"{what}, then training ..."))
        twins = {"pruned": experiment} | ({"dense": replace(experiment, sparsity=0.0)} if options.compare_dense else {})
        runs = {name: _run(name, twin, dataset, folder, options.resume) for name, twin in twins.items()}
        result = report.write_folder(folder, runs, options.svg)
        _print(options, _picture(runs["pruned"]))
    parts = (report.summary(result), report.for_terminal(yardstick.beside(result)), report.files_in(folder))
    _print(options, "\n\n".join(filter(None, parts)))


def _run(name: str, experiment: Experiment, dataset: data.Dataset, folder: Path, resume: bool) -> Run:
    """One of the twins; a checkpoint after each epoch is kept in the folder."""
    file = folder / f"{name}.checkpoint.npz"
    try:
        done = run(experiment, dataset, checkpoint=file, resume=resume, title=name)
    except TrainingInterrupted as stopped:
        epochs = f"{len(stopped.result.history)} of {report.plural(experiment.epochs, 'epoch')} ({name})"
        kept = f"are kept in {folder}, and --resume continues from there" if file.exists() else "were finished"
        raise KeyboardInterrupt(f"interrupted; {epochs} {kept}") from stopped
    if done.divergence:
        raise done.divergence
    return done


def _picture(done: Run) -> str:
    counts = input_connections(done.net, done.masks).sum(axis=0)  # of the channels
    title = f"Input pixels that are still read ({done.dataset.label}):"
    key = f"blank: no unit reads the pixel; .: few units do; @: {counts.max()} units, the most"
    return f"\n{title}\n\n{picture(counts)}\n\n{key}\n\n{kept_report(done.masks)}\n"


def compare_command(options: argparse.Namespace) -> None:
    """Prune by several criteria, and by SNIP with one ingredient replaced; train each; table and figure.

    Prune, train and evaluate for each criterion, sparsity and seed, side by side in processes. A finished run is not
    computed again. Write results.csv, tables.md and error.png.
    """
    with wrong_options(options):
        asked = (options.criteria, options.controls, options.sparsities, options.seeds)
        layer = saturating(MODELS[_experiment(options).model]())
        if layer and "synflow" in options.criteria:
            raise ValueError(f"synflow is not defined for {layer}: name the other criteria with --criteria")
        cases = compare.plan(partial(_experiment, options, compact=not layer), *asked)  # whether paths are known
        dataset, first = _load(cases[0][1], options)
        check_sizes(first, dataset)
        out = options.out or Path("runs") / f"compare-{first.dataset}-{first.model}"
        _lock(options, out)
    cases = [(name, replace(experiment, dataset=first.dataset)) for name, experiment in cases]
    results = run_all(out / "runs", [experiment for _, experiment in cases], record, options.jobs, title="comparing")
    text = compare.write(out, report.rows_of(cases, results), dataset, options.typed, options.svg)
    _print(options, f"{report.for_terminal(text)}\n{report.files_in(out)}")


def reproduce_command(options: argparse.Namespace) -> None:
    """Reproduce the paper's MNIST tables and figures from scratch, beside its numbers.

    Compute a table or a figure of the paper, side by side in processes. A reproduction that was killed resumes, each
    run after its last finished epoch. Write CSV, tables, figures, and a JSON that tells where they come from.
    """
    with wrong_options(options):
        budget = reproduce.budget_of(options.result, options.budget, options.seeds)
        dataset, first = _load(Experiment(dataset=options.dataset or "mnist"), options)
        check_sizes(first, dataset)
        shared = Path("runs") / f"reproduce-{first.dataset}"
        own = options.budget + (f"-{options.seeds}-seeds" if options.seeds else "")
        out, runs = (options.out, options.out / "runs") if options.out else (shared / own, shared / "runs")
        if not options.plan:  # which only reads
            _lock(options, out, runs)
        refuse_other_versions(runs)
    names = [*reproduce.RESULTS] if options.result == "all" else [options.result]
    if options.plan:
        _print(options, report.for_terminal(reproduce.costs_of(names, budget, first.dataset, runs)))
        return
    work = partial(resumable, runs.resolve())
    compute = partial(run_all, runs, work=work, jobs=options.jobs, scheduler=options.scheduler)
    for name in names:
        typed = _typed(name, options, first.dataset)
        text, files = reproduce.compute_and_write(name, budget, first.dataset, (out, runs), typed, compute, options.svg)
        written = f"# {name}\n\n{text}\n\n{', '.join(file.name for file in files)}: {out}/\n"
        _print(options, report.for_terminal(written))


def _typed(name: str, options: argparse.Namespace, dataset: str) -> str:
    """The command that computes one result, for the record; it names the data set, unless MNIST was there unasked."""
    named = None if (options.dataset, dataset) == (None, "mnist") else dataset
    asked = {"budget": options.budget, "seeds": options.seeds, "dataset": named}
    return " ".join(["minisnip reproduce", name, *(f"--{k} {v}" for k, v in asked.items() if v is not None)])


def agree_command(options: argparse.Namespace) -> None:
    """Compare what removing each connection does with the derivative that SNIP takes for it.

    Compute the derivative g and the exact change of the loss ΔL for every connection of an untrained network, and write
    how far they agree: agreement.json, the arrays and five figures.
    """
    with wrong_options(options):
        dataset, experiment = _load(_experiment(options), options)
        check_sizes(experiment, dataset)
        names = (f"batch{experiment.scoring_images}", f"seed{experiment.seed}")
        folder = options.out or Path("runs") / "-".join(["agree", experiment.dataset, experiment.model, *names])
        _lock(options, folder)
    result = agree.compare_scores(experiment, dataset)
    agree.write(folder, experiment, dataset, result, options.svg)
    _print(options, f"{report.for_terminal(agree.summary(result.report))}\n\n{report.files_in(folder)}")


def explore_command(options: argparse.Namespace) -> None:
    """Turn SNIP's knobs in the browser: sparsity, criterion, network, scoring batch; see at once what is kept.

    Serve a page on this machine, which needs no network, until Ctrl-C. It has a control for each setting, and shows
    the pixels that are read, what each layer keeps, the predicted change of the loss and the overlap of two criteria.
    """
    from minisnip.lab.explorer import Explorer, open_server  # here, because no other command needs a server

    with wrong_options(options):
        dataset, _ = _load(Experiment(dataset=options.dataset or "mnist"), options)
        server = open_server(Explorer(dataset), options.port)
    _print(options, f"{dataset.label}: open http://localhost:{server.server_port}/ in a browser; Ctrl-C stops")
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


def export_command(options: argparse.Namespace) -> None:
    """Write the network of a finished run as one file for PyTorch or ONNX.

    RUN is the folder of `minisnip train`. torch (the default) and safetensors hold the state dict, with the masks as
    torch.nn.utils.prune names them. onnx holds the smaller network that the masks leave: it computes the same.
    """
    with wrong_options(options):
        try:
            from minisnip.lab.exported import export_run  # here, because it takes PyTorch
        except ImportError as error:
            options.parser.error(str(error))
        path = export_run(options.run, options.format, options.out)
    _print(options, f"wrote {path} ({path.stat().st_size:,} bytes)")


def data_command(options: argparse.Namespace) -> int:
    """Show and verify the data sets on this machine.

    Show where the files of MNIST, Fashion-MNIST and CIFAR-10 are, and verify their checksums.
    """
    rows = data.status()
    table = [{"data set": r.dataset, "file": r.file, "state": r.state, "bytes": f"{r.size:,}"} for r in rows]
    folders = dict.fromkeys(f"{row.dataset}: {row.path.parent}" for row in rows if row.path)
    _print(options, "\n".join([report.as_terminal(table, left=3), "", *folders, f"cache: {data.cache_folder()}"]))
    return 0 if {row.state for row in rows} <= {"verified", "missing"} else FAILED


# From options to a locked folder and an experiment


def _lock(options: argparse.Namespace, *folders: Path) -> None:
    """Lock the folders, which are made, until the command ends."""
    for folder in folders:
        options.held.enter_context(report.locked(folder, options.typed))


@contextmanager
def wrong_options(options: argparse.Namespace) -> Iterator[None]:
    """Inside, a ValueError is a wrong option: one sentence and exit code 2. Data that is damaged or missing is not."""
    try:
        yield
    except data.DataError:
        raise
    except ValueError as error:
        options.parser.error(str(error))


def _experiment(options: argparse.Namespace, **others: Any) -> Experiment:
    """The experiment of the options that were given; others as they are."""
    names = {field.name for field in fields(Experiment)}
    asked = {name: value for name, value in vars(options).items() if name in names and value is not None}
    return Experiment(**asked, **others)


def _load(experiment: Experiment, options: argparse.Namespace) -> tuple[data.Dataset, Experiment]:
    """The data set; if none was asked for and MNIST cannot be had, the glyphs, after a loud warning.

    Before that work, the folder that was asked for is made, unless there is a run in it to resume.
    """
    if options.out is not None and not vars(options).get("resume"):
        report.make_folder(options.out)
    try:
        return data.load(experiment.dataset), experiment
    except data.DataUnavailableError as error:
        if options.dataset is not None:
            raise
        _say(NOT_MNIST.format(reason=error))
    return data.load("glyphs"), replace(experiment, dataset="glyphs")


# The parser


class Parser(argparse.ArgumentParser):
    """A wrong option gets one sentence and exit code 2."""

    def error(self, message: str) -> NoReturn:
        if found := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            message += nearest(found[1], re.findall(r"[\w-]+", found[2]))
        self.exit(WRONG_OPTION, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> Parser:
    parser = Parser(
        prog="minisnip", description="Prune a network before training (SNIP, arXiv 1810.02340), then train."
    )
    parser.add_argument("--version", action="version", version=f"minisnip {__version__}")
    parser.set_defaults(command=lambda _: parser.print_help(), parser=parser)  # where no command is given
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_train(_add(commands, "train", train_command))
    _add_compare(_add(commands, "compare", compare_command))
    _add_reproduce(_add(commands, "reproduce", reproduce_command))
    _add_agree(_add(commands, "agree", agree_command))
    _add_explore(_add(commands, "explore", explore_command))
    _add_export(_add(commands, "export", export_command))
    _add(commands, "data", data_command)
    return parser


def _add(commands: Any, name: str, command: Callable[[argparse.Namespace], Any]) -> Parser:
    """A sub-command; its help is the docstring."""
    help, _, description = cleandoc(command.__doc__ or "").partition("\n\n")
    parser: Parser = commands.add_parser(name, help=help.replace("%", "%%"), description=description)
    parser.set_defaults(command=command, parser=parser)
    return parser


def _add_train(parser: Parser) -> None:
    _add_fields(parser, ["criterion", "sparsity", "seed", "augment", "average", "compact", *TRAINING])
    _add_places(parser)
    _add_threads(parser)
    parser.add_argument("--resume", action="store_true", help="continue the unfinished run in the folder")
    parser.add_argument("--compare-dense", action="store_true", help="also train the unpruned twin")
    fresh = "train another draw of the weights than the scored one, as the authors' code does"
    parser.add_argument("--fresh-init", action="store_true", help=fresh)


def _add_compare(parser: Parser) -> None:
    criteria = f"{', '.join([*METHODS, *TICKETS])} (default: {','.join(compare.CRITERIA)})"
    controls = f"controls of SNIP: {', '.join(name for name in CONTROLS if name != 'none')} (default: none)"
    sparsities = f"shares of connections to remove (default: {','.join(map(str, compare.SPARSITIES))})"
    parser.add_argument("--criteria", metavar="A,B,...", type=_names, default=compare.CRITERIA, help=criteria)
    parser.add_argument("--controls", metavar="A,B,...", type=_names, default=[], help=controls)
    parser.add_argument("--sparsities", metavar="A,B,...", type=_numbers, default=compare.SPARSITIES, help=sparsities)
    seeds = "use the seeds 0 to N - 1 (default: %(default)s)"
    parser.add_argument("--seeds", metavar="N", type=int, default=compare.SEEDS, help=seeds)
    _add_fields(parser, TRAINING, epochs=compare.EPOCHS)
    _add_places(parser)
    _add_jobs(parser)


def _add_reproduce(parser: Parser) -> None:
    results = f"{', '.join(reproduce.RESULTS)}, or all of these"
    parser.add_argument("result", metavar="RESULT", help=results)
    budgets = (
        "smoke (a minute each), short (hours; the default), long (a day on one core), or paper (20 seeds, 100,000 "
        "iterations: weeks)"
    )
    parser.add_argument("--budget", metavar="NAME", default="short", help=budgets)
    parser.add_argument("--seeds", metavar="N", type=int, help="use the seeds 0 to N - 1 (default: the budget's)")
    parser.add_argument("--plan", action="store_true", help="list the runs with the core hours that are left, and stop")
    _add_places(parser)
    _add_jobs(parser)
    cluster = "compute on this Dask cluster; its workers must see the folder of the results too"
    parser.add_argument("--scheduler", metavar="tcp://HOST:PORT", help=cluster)


def _add_agree(parser: Parser) -> None:
    _add_fields(parser, ["model", "seed", "scoring_images"])
    parser.add_argument("--batch", metavar="N", type=int, dest="scoring_images", help="the same as --scoring-images")
    _add_places(parser)
    _add_threads(parser)


def _add_explore(parser: Parser) -> None:
    _add_dataset(parser)
    parser.set_defaults(out=None)
    port = "port of the page; 0 for any free one (default: %(default)s)"
    parser.add_argument("--port", metavar="N", type=int, default=8765, help=port)


def _add_export(parser: Parser) -> None:
    parser.add_argument("run", metavar="RUN", type=Path, help="the folder of a finished run")
    kinds = "torch, safetensors, or onnx (default: %(default)s)"
    parser.add_argument("--format", metavar="NAME", default="torch", help=kinds)
    parser.add_argument("--out", metavar="FILE", type=Path, help="the file (default: model.* in the folder)")


def _add_fields(parser: Parser, names: Sequence[str], **defaults: Any) -> None:
    """An option for each of these fields of `Experiment`."""
    for field in fields(Experiment):
        kind, default = field.metadata["kind"], defaults.get(field.name, field.default)
        flag = f"--{field.name.replace('_', '-')}"
        help = ": ".join(filter(None, (field.metadata["help"], ", ".join(field.metadata["choices"]))))
        if field.name in names and kind is bool:
            parser.add_argument(flag, action="store_true", help=help)
        elif field.name in names:
            help += "" if default is None else " (default: %(default)s)"
            metavar = {int: "N", float: "X"}.get(kind, "NAME")
            parse = _number if kind is float else kind
            parser.add_argument(flag, metavar=metavar, type=parse, default=default, help=help)


def _add_places(parser: Parser) -> None:
    """Where the data come from, and where the results go."""
    _add_dataset(parser)
    parser.add_argument("--out", metavar="DIR", type=_folder, help="folder for the results (default: one under runs/)")
    parser.add_argument("--svg", action="store_true", help="write each figure as SVG too, beside the PNG")


def _add_dataset(parser: Parser) -> None:
    names = f"{', '.join(data.NAMES)} (default: mnist; if it cannot be had, glyphs, with a warning)"
    parser.add_argument("--dataset", metavar="NAME", choices=data.NAMES, help=names)


def _add_threads(parser: Parser) -> None:
    threads = "threads; the result does not depend on them (default: one per core that this process may use)"
    parser.add_argument("--threads", metavar="N", type=_threads, help=threads)


def _add_jobs(parser: Parser) -> None:
    parser.add_argument("--jobs", metavar="N", type=_processes, default=-1, help="processes (default: one per core)")


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)


def _threads(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} threads: give 1 or more")
    return number


def _processes(text: str) -> int:
    if (number := int(text)) < 1 and number != -1:
        raise argparse.ArgumentTypeError(f"{number} processes: give 1 or more, or -1 for one on each core")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 0.95 (95 % is 0.95)") from error


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[float]:
    try:
        return [_number(number) for number in _names(text)]
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0.9,0.95: {error}") from error


if __name__ == "__main__":
    sys.exit(main())

"""The command is legible: 80 columns, any encoding, one sentence for a wrong option, and the names of what it wrote."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minisnip
from minisnip import data
from minisnip.data.storage import FileStatus
from minisnip.exercises import lesson_5
from minisnip.lab import report
from minisnip.lab.cli import NOT_MNIST, main
from minisnip.lab.experiment import Experiment
from tests.data.files import few_digits

COMMAND = [sys.executable, "-m", "minisnip"]
WITHOUT_INSTALLATION = """
import importlib.metadata, runpy, sys

def version(name):
    raise importlib.metadata.PackageNotFoundError(name)

importlib.metadata.version = version
sys.argv = ["minisnip", *sys.argv[1:]]
runpy.run_module("minisnip", run_name="__main__")
"""


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "words"), [(["--version"], "minisnip 0."), ([], "commands:"), (["data"], "mnist")]
)
def test_it_runs_from_a_checkout_that_is_not_installed(tmp_path: Path, arguments: list[str], words: str) -> None:
    shutil.copytree(Path(minisnip.__file__).parent, tmp_path / "minisnip", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = [sys.executable, "-c", WITHOUT_INSTALLATION, *arguments]
    done = subprocess.run(code, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


def test_without_a_command_it_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    for command in ("train", "compare", "reproduce", "agree", "data"):
        assert re.search(rf"^    {command}\s", text, re.MULTILINE)


def test_the_version_of_the_package_is_that_of_the_results() -> None:
    from minisnip.lab.runs import versions

    assert versions()["minisnip"] == minisnip.__version__


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sparsity", "95%"], "'95%' is not a number such as 0.95 (95 % is 0.95)"),
        (["--sparsity", "95"], "sparsity 95.0 is not in [0, 1)"),
        (["--learning-rate", "fast"], "'fast' is not a number"),
        (["--criterion", "snipp"], "from-scratch; did you mean 'snip'?"),
        (["--model", "lenet-300"], "gru-b, wrn-10-1; did you mean 'lenet-300-100'?"),
    ],
)
def test_a_wrong_option_says_what_to_write(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", *arguments])
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert sentence in error
    assert error.count("\n") == 1


def test_a_list_with_percent_signs_says_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compare", "--sparsities", "90%,95%"])
    assert "'90%' is not a number such as 0.95" in capsys.readouterr().err


def test_resuming_where_there_is_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "--dataset", "glyphs", "--resume", "--out", str(tmp_path / "nothing")])
    assert caught.value.code == 2
    assert f"there is nothing to resume in {tmp_path / 'nothing'}: leave out --resume" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


def test_a_run_fits_80_columns_has_a_key_and_names_every_file_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--dataset", "glyphs", "--epochs", "1", "--criterion", "magnitude-after-training"]
    (tmp_path / "notes.txt").write_text("not written by the run")
    assert main([*arguments, "--sparsity", "0.995", "--compare-dense", "--svg", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert widest(text.replace(str(tmp_path), "runs/folder")) <= 80
    assert "blank: no unit reads the pixel" in text
    assert [name for name in names_in(tmp_path) if name not in text] == ["notes.txt"]
    figures = {"training_curves", "kept_per_layer", "kept_pixels"}
    assert names_in(tmp_path) >= {f"{name}.{kind}" for name in figures for kind in ("png", "svg")}
    assert (tmp_path / "kept_pixels.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    assert "\x1b" not in text


def test_a_comparison_fits_80_columns_and_keeps_its_whole_tables_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", "--dataset", "glyphs", "--epochs", "1", "--seeds", "1", "--jobs", "1", "--svg"]
    sparsities = ["--sparsities", "0.5,0.8,0.9,0.95,0.98,0.99"]
    names = ["--criteria", "snip,random", "--controls", "random-labels"]
    assert main([*arguments, *names, *sparsities, "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out.replace(str(tmp_path), "runs/folder")
    assert widest(text) <= 80
    assert "error.svg" in text
    assert "1 epoch, 1 seed\n" in text
    assert "| test error, % | 50 % | 80 % | 90 % | 95 % | 98 % | 99 % |" in (tmp_path / "tables.md").read_text()
    assert all(f" {share} %" in text for share in (50, 80, 90, 95, 98, 99))


def test_a_wide_table_is_continued_below_with_its_first_column() -> None:
    rows = [{"name": name, **{f"column {i}": 1.5 * i for i in range(12)}} for name in ("a", "b")]
    parts = report.as_terminal(rows).split("\n\n")
    assert len(parts) > 1
    assert all(widest(part) <= 80 for part in parts)
    assert [part.splitlines()[1].split()[0] for part in parts] == ["a"] * len(parts)
    assert sum(part.count("column") for part in parts) == 12


def test_markdown_for_a_terminal_is_wrapped_and_its_tables_are_aligned() -> None:
    text = report.for_terminal(
        f"{'word ' * 40}\n\n| | n |\n| --- | --- |\n|  | 1 |\n| b | 20 |".replace("| | n", "|  | n")
    )
    assert widest(text) <= 80
    assert text.endswith("    n\n    1\nb  20")


def test_the_table_of_data_fits_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder = "train-images-idx3-ubyte.gz", Path("/home/somebody/data/mnist")
    monkeypatch.setattr(data, "status", lambda: [FileStatus("mnist", file, folder / file, 9_912_422, "verified")])
    assert main(["data"]) == 0
    table, _, folders = capsys.readouterr().out.partition("\n\n")
    assert widest(table) <= 80
    assert "9,912,422" in table
    assert f"mnist: {folder}" in folders


def test_the_banner_fits_80_columns() -> None:
    assert widest(NOT_MNIST) <= 80


@pytest.mark.parametrize("command", ["train", "compare", "reproduce", "agree", "data"])
def test_help_is_legible_in_a_plain_terminal(command: str) -> None:
    environment = {**os.environ, "LC_ALL": "C", "TERM": "dumb", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([*COMMAND, command, "--help"], env={**environment, "COLUMNS": "80"}, capture_output=True)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("ascii")
    assert widest(text) <= 80
    if command == "agree":
        assert "change of the loss dL" in re.sub(r"\s+", " ", text)  # ΔL


def test_a_plain_terminal_shows_words_that_are_alike_and_registries_do_not_fail() -> None:
    assert "2 ± 1 – ½ Δ ∂ δ ⊙ Σ … ☃".encode("ascii", "transliterate") == b"2 +- 1 - 1/2 d d delta * sum ... ?"
    command = [*COMMAND[:1], "-c", "from minisnip.pruning import METHODS; print(METHODS)"]
    done = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
    assert b"snip" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437"])
def test_what_a_terminal_cannot_show_is_replaced(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(data, "cache_folder", lambda: Path("Δ κ ☃ \udcff"))
    monkeypatch.setattr(data, "status", lambda: [FileStatus("mnist", "☃", None, 0, "missing")])
    assert main(["data"]) == 0
    lesson_5.exactly(lambda *_: None)  # its title has a κ
    shown.flush()
    text = shown.buffer.getvalue().decode(encoding)
    assert "cache: d kappa ? ?" in text
    assert "Exercise 5." in text


class Broken(io.TextIOWrapper):
    """A pipe that nobody reads, or a full disk."""

    def __init__(self, number: int) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))

    def fileno(self) -> int:
        raise io.UnsupportedOperation


@pytest.mark.parametrize(("number", "said"), [(errno.EPIPE, ""), (errno.ENOSPC, "No space left on device")])
def test_the_work_is_done_even_if_nothing_can_be_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, said: str
) -> None:
    monkeypatch.setattr(data, "load", lambda name: few_digits())
    monkeypatch.setattr(sys, "stdout", Broken(number))
    assert main(["train", "--dataset", "glyphs", "--epochs", "1", "--out", str(tmp_path)]) == 1
    assert (tmp_path / "result.json").exists()
    assert said in capsys.readouterr().err


def test_a_warning_that_nobody_reads_does_not_stop_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda name: few_digits())
    monkeypatch.setattr(sys, "stderr", Broken(errno.EPIPE))
    arguments = ["train", "--dataset", "glyphs", "--epochs", "1", "--sparsity", "0.9999"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("data >&-", 0),
        ("data 2>&-", 0),
        ("data >&- 2>&-", 0),
        ("data >/dev/full", 1),
        ("data 2>/dev/full", 0),
        ("data | true", 0),
        ("--help | true", 0),
    ],
)
def test_closed_streams_are_no_error(tmp_path: Path, line: str, code: int) -> None:
    environment = {
        **os.environ,
        "MINISNIP_DATA": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "PYTHONUNBUFFERED": "",
    }
    shell = ["sh", "-c", f"{sys.executable} -m minisnip {line}"]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_closed_streams_are_no_error_of_other_processes(tmp_path: Path) -> None:
    options = "--dataset glyphs --criteria random --sparsities 0.9 --seeds 2 --epochs 1 --jobs 2"
    line = f"{sys.executable} -m minisnip compare {options} --out {tmp_path} 2>&-"
    assert subprocess.run(["sh", "-c", line], capture_output=True).returncode == 0
    assert (tmp_path / "tables.md").exists()


@pytest.mark.parametrize("module", ["numpy", "minisnip.lab.cli", "argparse"])
def test_ctrl_c_during_the_imports_is_one_sentence(tmp_path: Path, module: str) -> None:
    code = f"""
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
from minisnip.__main__ import main
sys.exit(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr.strip() == "minisnip: interrupted"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tran"], "did you mean 'train'? (see minisnip --help)"),
        (["train", "--dataset", "mnst"], "did you mean 'mnist'? (see minisnip train --help)"),
        (["train", "--sparsty", "0.9"], "unrecognized arguments: --sparsty 0.9 (see minisnip train --help)"),
        (["--sparsty"], "unrecognized arguments: --sparsty (see minisnip --help)"),
    ],
)
def test_a_misspelled_option_gets_the_nearest_one_and_the_help_to_read(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err


def test_a_run_ends_with_a_short_repr() -> None:
    from minisnip.lab.experiment import run

    done = run(Experiment(dataset="glyphs", epochs=1))
    assert re.fullmatch(
        r"Run\(snip at 95 %, 13,331 connections, test error \d+\.\d+ %, TrainResult\(epoch 1 of 1, .*\)\)", repr(done)
    )

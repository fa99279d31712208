"""A damaged file is refused in one sentence, and never read as something else where it has a checksum.

3,000 files are damaged in all; MINISNIP_FUZZ=100000 damages more.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from minisnip import data
from minisnip.data.published import read_file
from minisnip.files import UnreadableFileError, load_arrays, save_arrays
from minisnip.lab import report, runs
from minisnip.lab.cli import main
from minisnip.lab.experiment import Experiment
from minisnip.training import CheckpointError, train
from tests.data.files import archive_spec_of, cifar_of, digits, few_digits, idx_bytes, members, spec_of, tar
from tests.lab.jobs import Job
from tests.networks import small_mlp, toy_dataset
from tests.training.test_loop import start

Recorder = Callable[[str, object], None]  # what pytest's record_property is
TRIES = int(os.environ.get("MINISNIP_FUZZ", "3000"))
NET, PARAMS, DATASET = small_mlp(), start(), toy_dataset()
ARRAYS: dict[str, Any] = {
    "g/conv1.weight": np.linspace(0, 1, 12).reshape(3, 4),
    "fc1.bias": np.zeros(5, np.float32),
    "n": np.array(3),
}
LABELS = digits(60)[1]
IDX = idx_bytes(LABELS)
ARCHIVE = gzip.compress(IDX, mtime=0)
TAR = tar(members(1))
BATCHES = gzip.compress(TAR, mtime=0)
ROWS = [{"case": "snip", "sparsity": 0.95, "kept": 13_331 - i, "error": 1.5 + i, "pruned": True} for i in range(4)]
EXPERIMENT = Experiment(dataset="glyphs", epochs=1)
NESTED = 200_000  # brackets


# What is damaged, and how it is read


def read_checkpoint(file: Path) -> Any:
    resumed = train(NET, PARAMS, DATASET, epochs=1, checkpoint=file, resume=True)
    return comparable(resumed.params), resumed.history, resumed.best_epoch


def read_result(file: Path) -> Any:
    return report.open_folder(file.parent, EXPERIMENT, compare_dense=False, resume=True)


def read_idx(file: Path) -> Any:
    return read_file(file, spec_of("labels", IDX)).tobytes()


def comparable(arrays: Any) -> Any:
    return [(name, a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()]


class Kind(NamedTuple):
    """The name of a file, what writes it, and what reads it: to a value, or None if it is to be computed again."""

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], Any]


KINDS = [
    Kind("run.checkpoint.npz", lambda f: train(NET, PARAMS, DATASET, epochs=1, checkpoint=f), read_checkpoint),
    Kind("stored.npz", lambda f: save_arrays(f, ARRAYS, "a note"), lambda f: comparable(load_arrays(f))),
    Kind("packed.npz", lambda f: np.savez_compressed(f, **ARRAYS), lambda f: comparable(load_arrays(f))),
    Kind("result.json", lambda f: f.write_bytes(RESULT), read_result),
    Kind(
        runs.file_of(Path(), Job(1, "log")).name,
        lambda f: runs.save(f.parent, Job(1, "log"), {"error": 1.25, "history": [{"epoch": 1}]}),
        lambda f: runs.read(f.parent, Job(1, "log")),
    ),
    Kind("plain", lambda f: f.write_bytes(IDX), read_idx),
    Kind("packed.gz", lambda f: f.write_bytes(ARCHIVE), read_idx),
    Kind(
        "archive.gz",
        lambda f: f.write_bytes(ARCHIVE),
        lambda f: read_file(f, archive_spec_of("labels", ARCHIVE)).tobytes(),
    ),
    Kind(
        "batches.tar.gz",
        lambda f: f.write_bytes(BATCHES),
        lambda f: read_file(f, cifar_of(BATCHES, 1).files[0]).tobytes(),
    ),
]


def finished_result() -> bytes:
    """A `result.json` as a run writes it."""
    numbers = {"validation_error_percent": 2.5, "test_error_percent": 2.25, "best_epoch": 1}
    counts = {"m": 266_610, "kappa": 13_331, "kept": 13_331, "compact": None, "dense": None}
    return sealed({**counts, **numbers, "seconds": {"prune": 0.1, "train_pruned": 2.0}, **runs.origin(EXPERIMENT)})


def sealed(content: dict[str, Any]) -> bytes:
    text = json.dumps(content, sort_keys=True)
    return json.dumps({**content, "sha256": hashlib.sha256(text.encode()).hexdigest()}, indent=2).encode()


RESULT: bytes = finished_result()


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with a flipped bit, a few other bytes, a part replaced by another, or cut short."""
    content, where = bytearray(whole), int(rng.integers(len(whole)))
    match rng.integers(4):
        case 0:
            content[where] ^= 1 << int(rng.integers(8))
        case 1:
            for position in rng.integers(len(whole), size=rng.integers(2, 6)):
                content[position] = rng.integers(256)
        case 2:
            content[where : where + int(rng.integers(40))] = rng.bytes(int(rng.integers(40)))
        case _:
            del content[where:]
    return bytes(content)


def refusal(read: Callable[[Path], Any], file: Path) -> str | None:
    """The sentence with which a file is refused; None if it is read."""
    try:
        read(file)
    except ValueError as error:
        return str(error)
    return None


def is_a_sentence(text: str, file: Path) -> bool:
    return str(file) in text and "\n" not in text and len(text) < len(str(file)) + 600


# Random damage


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_damaged_file_with_a_checksum_is_refused_in_a_sentence_or_read_as_what_it_was(
    tmp_path: Path, kind: Kind, record_property: Recorder
) -> None:
    record_property("damaged files", TRIES // (len(KINDS) + 1))
    file, rng = tmp_path / kind.name, np.random.default_rng(len(kind.name))
    kind.write(file)
    whole, value = file.read_bytes(), kind.read(file)
    assert value is not None
    for _ in range(TRIES // (len(KINDS) + 1)):
        file.write_bytes(content := damaged(whole, rng))
        sentence = refusal(kind.read, file)
        assert is_a_sentence(sentence, file) if sentence else kind.read(file) in (value, None), content


def test_a_damaged_table_is_refused_in_a_sentence_or_has_the_same_columns(
    tmp_path: Path, record_property: Recorder
) -> None:
    record_property("damaged files", TRIES // (len(KINDS) + 1))
    file, rng, whole = tmp_path / "results.csv", np.random.default_rng(9), report.as_csv(ROWS).encode()
    file.write_bytes(whole)
    assert report.read_csv(file) == ROWS
    for _ in range(TRIES // (len(KINDS) + 1)):
        file.write_bytes(damaged(whole, rng))
        sentence = refusal(report.read_csv, file)
        assert (
            is_a_sentence(sentence, file) if sentence else {len(row) for row in report.read_csv(file)} <= {len(ROWS[0])}
        )


def test_a_damaged_tar_without_a_checksum_is_refused_in_a_sentence_or_has_sound_labels(
    tmp_path: Path, record_property: Recorder
) -> None:
    record_property("damaged files", TRIES // (len(KINDS) + 1))
    rng, refused = np.random.default_rng(10), 0
    for _ in range(TRIES // (len(KINDS) + 1)):
        content = damaged_tar(rng)
        archive = gzip.compress(content, 0)
        (tmp_path / "a.tar.gz").write_bytes(archive)
        spec = cifar_of(archive, 1).files[0]
        sentence = refusal(partial(read_file, spec=spec), tmp_path / "a.tar.gz")
        refused += sentence is not None
        if sentence:
            assert is_a_sentence(sentence, tmp_path / "a.tar.gz"), sentence
        else:
            assert read_file(tmp_path / "a.tar.gz", spec)[..., 0].max() < 10
    assert refused > TRIES // 50


def damaged_tar(rng: np.random.Generator) -> bytes:
    """The tar with damage in a header, whose checksum is made right again, or anywhere."""
    if rng.integers(2):
        return damaged(TAR, rng)
    starts = [at for at in range(0, len(TAR), 512) if TAR[at + 257 : at + 262] == b"ustar"]
    at = int(rng.choice(starts))
    header = bytearray(damaged(TAR[at : at + 512], rng).ljust(512, b"\0")[:512])
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return TAR[:at] + bytes(header) + TAR[at + 512 :]


# Arrays


def rewrite(file: Path, change: Callable[[bytes], bytes]) -> None:
    """Change every array in an archive, so that the checksums of the archive are right."""
    with zipfile.ZipFile(file) as archive:
        contents = {name: change(archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6), (2**62, 4), (10**30,), (-1,), (3,), (0,)])
def test_an_array_that_claims_other_bytes_than_there_are_is_refused_before_memory_is_taken(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    file = tmp_path / "a.npz"
    save_arrays(file, {"a": np.arange(5, dtype=np.float32)})
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    rewrite(file, lambda content: header.getvalue() + content[-20:])
    tracemalloc.start()
    with pytest.raises(
        UnreadableFileError, match=r"a\.npz cannot be read as \.npz \(an array of shape .* there are 20"
    ):
        load_arrays(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("descr", "shape", "content"),
    [
        ("|O", (2,), bytes(16)),  # two pointers to nowhere
        ([("a", "|O")], (2,), bytes(16)),
        ("|V0", (10**12,), b""),  # nothing, a trillion times
        ([("a", "<f8", (0,))], (10**15,), b""),
        ("|S0", (10**12,), b""),
        ("<M8[s]", (1,), bytes(8)),
        ([("a", "<f4")], (1,), bytes(4)),
    ],
)
def test_an_array_of_anything_but_numbers_and_text_is_refused_at_once(
    tmp_path: Path, descr: Any, shape: tuple[int, ...], content: bytes
) -> None:
    file, header = tmp_path / "a.npz", io.BytesIO()
    save_arrays(file, {"a": np.zeros(1)})
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    rewrite(file, lambda _: header.getvalue() + content)
    with pytest.raises(UnreadableFileError, match=r"a\.npz cannot be read .*dtype .*, expected plain numbers or text"):
        load_arrays(file)


def test_a_damaged_header_is_a_sentence_whatever_numpy_makes_of_it(tmp_path: Path) -> None:
    file, rng = tmp_path / "a.npz", np.random.default_rng(1)
    save_arrays(file, {"a": np.arange(5, dtype=np.float32)})
    whole = file.read_bytes()
    for _ in range(TRIES // 20):
        file.write_bytes(whole)
        rewrite(file, lambda content: damaged(content[:-20], rng) + content[-20:])
        sentence = refusal(load_arrays, file)
        assert sentence is None or is_a_sentence(sentence, file), sentence


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (5,), ",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (5,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': 5, }",
        b"{'descr': 'what', 'fortran_order': False, 'shape': (5,), }",
        b"(" * 5_000,
        b"'''",
        b"",
    ],
)
def test_a_header_that_is_no_header_is_refused(tmp_path: Path, header: bytes) -> None:
    save_arrays(tmp_path / "a.npz", {"a": np.arange(5, dtype=np.float32)})
    length = len(header).to_bytes(2, "little")
    rewrite(tmp_path / "a.npz", lambda content: content[:8] + length + header + content[-20:])
    sentence = refusal(load_arrays, tmp_path / "a.npz")
    assert sentence is not None
    assert is_a_sentence(sentence, tmp_path / "a.npz")


def test_an_archive_whose_directory_has_lost_an_array_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    save_arrays(file, {"a" * 14: np.zeros(2), "b" * 14: np.ones(2)})  # an entry of the directory has 46 + 14 + 4 bytes
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\1\2") + 32] ^= 64  # the first has a comment of 64 bytes now: the second
    file.write_bytes(content)
    with zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == 1
    with pytest.raises(UnreadableFileError, match="it has 2 arrays, its directory lists 1"):
        load_arrays(file)


@pytest.mark.parametrize("arrays", [{}, {"e": np.zeros((0, 3))}, {"f": np.asfortranarray(np.eye(3)[:2])}])
def test_arrays_that_are_sound_are_read_whatever_their_order_in_memory(tmp_path: Path, arrays: Any) -> None:
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    assert comparable(load_arrays(tmp_path / "a.npz")) == comparable(arrays)


def test_a_file_that_is_missing_or_a_folder_gets_a_sentence(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "nothing.npz", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UnreadableFileError, match=f"{path} cannot be read .{reason}.*: check the path"):
            load_arrays(path)


# Checkpoints


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The arrays of a sound checkpoint."""
    file = tmp_path_factory.mktemp("trained") / "c.npz"
    train(NET, PARAMS, DATASET, epochs=1, checkpoint=file)
    return load_arrays(file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.reshape(*a.shape, 1), r"found shape \(.*, 1\) of float"),
        (lambda a: a.astype(np.float16), r"found shape \(.*\) of float16, expected shape \(.*\) of float"),
        (lambda a: a[..., :-1], "found shape"),
        (lambda a: None, "found no array, expected shape"),
    ],
    ids=["shape", "dtype", "size", "missing"],
)
@pytest.mark.parametrize("name", ["params/fc1.weight", "best/fc2.bias", "optimizer_state/velocity:fc1.weight"])
def test_a_checkpoint_with_an_array_of_another_kind_is_refused(
    tmp_path: Path, trained: dict[str, Any], name: str, change: Callable[[Any], Any], words: str
) -> None:
    file, changed = tmp_path / "c.npz", {**trained, name: change(trained[name])}
    np.savez(file, **{key: a for key, a in changed.items() if a is not None})
    with pytest.raises(CheckpointError, match=f"c.npz is not a whole checkpoint .{name}: {words}"):
        read_checkpoint(file)


@pytest.mark.parametrize("name", ["params/fc9.weight", "best/fc9.weight", "other"])
def test_a_checkpoint_with_an_array_too_many_is_refused(tmp_path: Path, trained: dict[str, Any], name: str) -> None:
    np.savez(tmp_path / "c.npz", **{**trained, name: np.zeros(3)})
    with pytest.raises(CheckpointError, match=f"{name}: found shape .3,. of float64, expected no array"):
        read_checkpoint(tmp_path / "c.npz")


FACTS: list[tuple[str, Any]] = [
    ("history", [{"epoch": 1}]),
    ("history", [{"validation_error_percent": "low"}]),
    ("history", [{"validation_error_percent": 500.0}]),
    ("history", [{"validation_error_percent": 2.0, "train_loss": None}]),
    ("history", 3),
    ("best_epoch", 7),
    ("best_epoch", "one"),
    ("seconds", "many"),
    ("rng", {"bit_generator": "seed"}),
    ("settings", 1),
]


@pytest.mark.parametrize(("fact", "value"), [*FACTS, *((fact, ...) for fact in dict.fromkeys(f for f, _ in FACTS))])
def test_a_checkpoint_with_a_fact_that_is_missing_or_makes_no_sense_is_refused(
    tmp_path: Path, trained: dict[str, Any], fact: str, value: Any
) -> None:
    facts = {k: v for k, v in {**json.loads(str(trained["facts"])), fact: value}.items() if v is not ...}
    np.savez(tmp_path / "c.npz", **{**trained, "facts": np.array(json.dumps(facts))})
    with pytest.raises(CheckpointError, match=r"c\.npz is not a whole checkpoint"):
        read_checkpoint(tmp_path / "c.npz")


def test_an_optimizer_may_add_arrays_while_it_runs(tmp_path: Path) -> None:
    class Counting:
        def start(self, params: Any) -> dict[str, Any]:
            return {}

        def step(self, params: Any, gradients: Any, state: Any, rate: float) -> None:
            state["steps"] = state.get("steps", np.zeros(())) + 1

        def __repr__(self) -> str:
            return "Counting()"

    options: dict[str, Any] = {"epochs": 1, "optimizer": Counting(), "checkpoint": tmp_path / "c.npz"}
    first = train(NET, PARAMS, DATASET, **options)
    assert train(NET, PARAMS, DATASET, **options, resume=True).history == first.history


# Results


@pytest.mark.parametrize("content", [b"[" * NESTED, b'{"a":' * NESTED, b"[]", b"3", b"\xff\xfe", b""])
def test_a_result_that_is_no_object_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"result\.json cannot be read as JSON .*: it is damaged; delete it"):
        read_result(tmp_path / "result.json")
    file = runs.file_of(tmp_path, Job(1, "log"))
    file.write_bytes(content)
    assert runs.read(tmp_path, Job(1, "log")) is None
    runs.refuse_other_versions(tmp_path)


@pytest.mark.parametrize("other", [..., None, "text", [], {}, math.nan])
def test_a_result_without_a_key_or_with_another_type_is_a_sentence_or_can_be_shown(tmp_path: Path, other: Any) -> None:
    whole = json.loads(RESULT)
    del whole["sha256"]
    file, read = tmp_path / "result.json", 0
    for key in whole:
        changed = {k: v for k, v in {**whole, key: other}.items() if v is not ...}
        file.write_text(json.dumps({**changed, "sha256": json.loads(RESULT)["sha256"]}))
        assert changed == whole or "its checksum is missing or another" in str(refusal(read_result, file)), key
        file.write_bytes(sealed(changed))
        if refusal(read_result, file) is None:
            read += bool(report.summary(read_result(file)))
    assert read < len(whole)


def test_a_result_without_its_checksum_is_refused(tmp_path: Path) -> None:
    content = json.loads(RESULT)
    del content["sha256"]
    (tmp_path / "result.json").write_text(json.dumps(content))
    assert "its checksum is missing or another" in str(refusal(read_result, tmp_path / "result.json"))


def test_the_command_ends_with_the_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "load", lambda name: few_digits())
    (tmp_path / "result.json").write_bytes(b"[" * NESTED)
    with pytest.raises(SystemExit) as caught:
        main(["train", "--dataset", "glyphs", "--epochs", "1", "--resume", "--out", str(tmp_path)])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "result.json cannot be read as JSON" in error
    assert error.count("\n") == 1

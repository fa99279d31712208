"""The archive of CIFAR-10 is read as what it is, or refused in a sentence, and nothing of it is written anywhere."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.data import DataError, Dataset, DataUnavailableError, load, status
from minisnip.data.cifar import BATCHES, CIFAR_10, IMAGES, RECORD, read_batches
from minisnip.data.published import read_file
from minisnip.data.storage import PUBLISHED, load_published
from minisnip.lab.cli import main
from minisnip.nn import Conv2d, Flatten, Linear, Sequential, lenet_5_caffe
from minisnip.training import train
from minisnip.training.augment import Augmentation
from tests.data.files import Members, cifar_of, header, members, tar

NAME = "cifar-10-binary.tar.gz"
MEMBERS = members()
SIZE = 5 * RECORD
ARCHIVE = gzip.compress(tar(MEMBERS), 1)
FIRST, TEST = BATCHES[0], BATCHES[-1]


def read(archive: bytes) -> Any:
    return read_batches(io.BytesIO(archive), images=5)


def written(folder: Path, archive: bytes, name: str = NAME) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(archive)
    return folder / name


# What is sound


def test_the_archive_is_the_published_one() -> None:
    assert PUBLISHED["cifar-10"] is CIFAR_10
    (spec,) = CIFAR_10.files
    assert f"{CIFAR_10.mirrors[0]}{spec.name}.gz" == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert (spec.algorithm, spec.checksum, spec.hashed) == ("md5", "c32a1d4ab5d03f1284b67883e8d87530", "archive")
    assert len(BATCHES) == 6
    assert (RECORD, IMAGES) == (3_073, 10_000)
    assert BATCHES[0] == "cifar-10-batches-bin/data_batch_1.bin"
    assert BATCHES[4:] == ("cifar-10-batches-bin/data_batch_5.bin", "cifar-10-batches-bin/test_batch.bin")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("order", [1, -1])
def test_the_batches_are_read_from_every_kind_of_tar_in_any_order(form: int, order: int) -> None:
    batches = read(gzip.compress(tar(dict([*MEMBERS.items()][::order]), form=form)))
    assert (batches.shape, batches.dtype) == ((6, 5, 3_073), np.uint8)
    assert [batch.tobytes() for batch in batches] == [MEMBERS[name] for name in BATCHES]


def test_a_pixel_is_where_the_format_says() -> None:
    records = np.zeros((5, RECORD), np.uint8)
    records[:, 1 + 2 * 1024 + 7 * 32 + 9] = 200  # blue, row 7, column 9
    batches = read(gzip.compress(tar({**MEMBERS, TEST: records.tobytes()})))
    training, test = CIFAR_10.arrange(batches)
    assert [images.shape for images, _ in (training, test)] == [(25, 3, 32, 32), (5, 3, 32, 32)]
    assert [*zip(*np.nonzero(test[0]), strict=True)] == [(i, 2, 7, 9) for i in range(5)]
    expected = np.concatenate([np.frombuffer(MEMBERS[name], np.uint8).reshape(5, RECORD) for name in BATCHES[:5]])
    np.testing.assert_array_equal(training[0].reshape(25, -1), expected[:, 1:])
    np.testing.assert_array_equal(training[1], expected[:, 0])
    assert {labels.dtype.name for _, labels in (training, test)} == {"int64"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive as large as the published one, of few different images, in the folder of the name."""
    rng, files = np.random.default_rng(0), {}
    for name in BATCHES:
        records = rng.integers(0, 200, (8, RECORD), np.uint8)
        records[:, 0] %= 10
        files[name] = np.tile(records, (IMAGES // 8, 1)).tobytes()
    folder = tmp_path_factory.mktemp("whole")
    written(folder, gzip.compress(tar(files), 1))
    return folder


@pytest.mark.usefixtures("cache")
def test_an_archive_of_the_published_size_is_loaded_by_its_checksum_and_refused_without(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINISNIP_DATA", str(whole))
    with pytest.raises(
        DataError, match=r"the MD5 of its archive is .*, expected c32a1d4ab5d03f1284b67883e8d87530. Put"
    ):
        load("cifar-10", download=False)
    monkeypatch.setitem(PUBLISHED, "cifar-10", cifar_of((whole / NAME).read_bytes(), IMAGES))
    tracemalloc.start()
    dataset = load("cifar-10", download=False, seed=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e9
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [split.images.shape for split in parts] == [(n, 3, 32, 32) for n in (45_000, 5_000, 10_000)]
    assert {(split.images.dtype.name, split.labels.dtype.name) for split in parts} == {("float32", "int64")}
    assert sum(split.images.nbytes for split in parts) == 60_000 * 3_072 * 4
    assert repr(dataset) == "Dataset(CIFAR-10: train 45,000, validation 5,000, test 10,000 images of 10 classes)"


# Standardization, by channel


@pytest.fixture
def small(cache: Path) -> Dataset:
    bright = {name: bytearray(content) for name, content in members(40).items()}
    for name in BATCHES:
        pixels = np.frombuffer(bright[name], np.uint8).reshape(40, RECORD)
        pixels[:, 1:1025] //= 2  # red is darker, and blue brighter, than green
        pixels[:, 2049:] |= 128
    archive = gzip.compress(tar({name: bytes(content) for name, content in bright.items()}), 1)
    written(cache / "cifar-10", archive)
    return load_published(cifar_of(archive, 40), None, download=False, seed=0)


def test_each_channel_is_standardized_by_its_own_mean_and_std_of_all_training_images(small: Dataset) -> None:
    assert (small.mean.shape, small.std.shape) == ((3, 1, 1), (3, 1, 1))
    assert small.mean.dtype == small.std.dtype == np.float64
    training = np.concatenate([small.train.images, small.validation.images]).astype(np.float64)
    np.testing.assert_allclose(training.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(training.std((0, 2, 3)), 1, rtol=1e-5)
    pixels = 255 * (small.test.images * small.std + small.mean)
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-3)
    assert (pixels[:, 0].max(), pixels[:, 2].min()) == pytest.approx((127, 128))
    red, green, blue = small.mean.ravel()
    assert red < 0.3 < green < 0.6 < blue
    assert small.class_names[:2] == ("airplane", "automobile")
    assert small.class_names[-2:] == ("ship", "truck")


def test_black_is_a_pixel_of_three_channels(small: Dataset) -> None:
    assert (small.black.shape, small.black.dtype.name) == ((3, 1, 1), "float32")
    np.testing.assert_allclose(small.black, -small.mean / small.std, rtol=1e-6)
    assert len(np.unique(small.black)) == 3
    assert small.test.images[:, 0].min() == small.black[0]


@pytest.mark.parametrize("augment", ["shift:3", "flip", "shift:2,flip"])
def test_augmentation_moves_all_channels_alike_and_black_enters_in_each(small: Dataset, augment: str) -> None:
    images = small.train.images[:60]
    change = Augmentation.parse(augment).fit(small)
    found = change(images, np.random.default_rng(0))
    shift, moved = change.shift, 0
    bordered = np.empty((60, 3, 32 + 2 * shift, 32 + 2 * shift), np.float32)
    for c in range(3):
        bordered[:, c] = small.black[c, 0, 0]
        bordered[:, c, shift : 32 + shift, shift : 32 + shift] = images[:, c]
    for whole, new in zip(bordered, found, strict=True):
        windows = [whole[:, y : y + 32, x : x + 32] for y in range(2 * shift + 1) for x in range(2 * shift + 1)]
        mirrored = [window[..., ::-1] for window in windows] if change.flip else []
        assert any(np.array_equal(new, window) for window in [*windows, *mirrored])
        moved += not np.array_equal(new, whole[:, shift : 32 + shift, shift : 32 + shift])
    assert moved > 20


def test_a_network_of_three_channels_trains_on_it_and_one_of_mnists_refuses_it(small: Dataset) -> None:
    net = Sequential((3, 32, 32), conv=Conv2d(3, 4, 5, stride=4), flatten=Flatten(), fc=Linear(4 * 7 * 7, 10))
    options: dict[str, Any] = {"epochs": 2, "batch_size": 20, "learning_rate": 0.01, "augment": "shift:4,flip"}
    first, again = (train(net, net.init(0), small, rng=1, **options) for _ in range(2))
    assert first.history == again.history
    assert all(np.isfinite(row["train_loss"]) for row in first.history)
    net = lenet_5_caffe()
    with pytest.raises(ValueError, match=r"takes a batch of shape \(N, 1, 28, 28\), got \(\d+, 3, 32, 32\)"):
        train(net, net.init(0), small, rng=1, **options)


@pytest.mark.parametrize(
    ("command", "model"),
    [
        (["train"], "lenet-300-100"),
        (["train", "--model", "lenet-5-caffe"], "lenet-5-caffe"),
        (["compare"], "lenet-300-100"),
        (["agree"], "lenet-300-100"),
        (["reproduce", "table1", "--budget", "smoke"], "lenet-300-100"),
    ],
)
def test_a_model_for_28_by_28_pixels_on_it_is_a_wrong_option(
    small: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: list[str],
    model: str,
) -> None:
    monkeypatch.setattr("minisnip.data.load", lambda name: small)
    with pytest.raises(SystemExit) as caught:
        main([*command, "--dataset", "cifar-10", "--out", str(tmp_path / "out")])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert (
        f"model {model} takes images of shape (1, 28, 28), those of CIFAR-10 have (3, 32, 32): choose another" in error
    )
    assert "Traceback" not in error
    assert [file for file in (tmp_path / "out").rglob("*") if file.is_file()] == []


# Damage, in archives that are otherwise sound


def without(name: str) -> Callable[[Members], Members]:
    return lambda files: {other: content for other, content in files.items() if other != name}


def with_content(name: str, content: bytes) -> Callable[[Members], Members]:
    return lambda files: {**files, name: content}


def of_python(files: Members) -> Members:
    return {name.replace("-bin/", "-py/").removesuffix(".bin"): content for name, content in files.items()}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without(TEST), r"lacks .*test_batch.bin \(its first member is 'cifar-10-batches-bin'\): it is not the binary"),
        (of_python, r"lacks cifar-10-batches-bin/data_batch_1.bin .*it is not the binary version of CIFAR-10"),
        (lambda files: {"./" + name: content for name, content in files.items()}, "lacks cifar-10-batches-bin/data_b"),
        (
            with_content(FIRST, MEMBERS[FIRST][:-1]),
            "has 15,364 bytes in .*data_batch_1.bin, expected 15,365: 5 records",
        ),
        (with_content(TEST, MEMBERS[TEST] + b"\0"), "has 15,366 bytes in .*test_batch.bin, expected 15,365"),
        (with_content(TEST, b""), "has 0 bytes in .*test_batch.bin, expected 15,365"),
        (with_content(FIRST, b"\n" + MEMBERS[FIRST][1:]), "has the label 10 in .*data_batch_1.bin, expected 0 to 9"),
        (with_content(TEST, MEMBERS[TEST][:-RECORD] + b"\xff" * RECORD), "has the label 255 in .*test_batch.bin"),
        (with_content("big", bytes(2**21)), "declares 2,097,152 bytes for 'big', expected at most 1,140,766 in all"),
    ],
)
def test_members_that_are_not_the_batches_are_refused(change: Callable[[Members], Members], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read(gzip.compress(tar(change(MEMBERS))))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
@pytest.mark.parametrize("size", [0, SIZE])
def test_a_batch_that_is_no_regular_file_is_refused(kind: bytes, size: int) -> None:
    link = header(FIRST, size, type=kind, linkname="/etc/passwd").tobuf()
    with pytest.raises(
        DataError, match=r"has a link, a folder or a device named .*data_batch_1.bin, expected a regular"
    ):
        read(gzip.compress(link + tar(MEMBERS)))


def test_a_second_file_of_the_same_name_is_refused() -> None:
    again = header(FIRST, SIZE).tobuf() + bytes(-(-SIZE // 512) * 512)
    with pytest.raises(DataError, match=r"has .*data_batch_1.bin twice, expected once"):
        read(gzip.compress(again + tar(MEMBERS)))


def evil() -> Iterable[tarfile.TarInfo]:
    for name in ("../evil", "/tmp/evil", "cifar-10-batches-bin/../../evil", "cifar-10-batches-bin/\udcff"):
        yield header(name)
    yield header("cifar-10-batches-bin/link", type=tarfile.SYMTYPE, linkname="/etc")
    yield header("cifar-10-batches-bin/link/evil")
    yield header("device", type=tarfile.CHRTYPE)
    yield header("long" * 100, type=tarfile.LNKTYPE, linkname="x" * 300)


def test_no_path_of_the_archive_is_trusted_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a" / "b", gzip.compress(tar(MEMBERS, evil())))
    monkeypatch.chdir(path.parent)
    batches = read_file(path, cifar_of(path.read_bytes()).files[0])
    assert [batch.tobytes() for batch in batches] == [MEMBERS[name] for name in BATCHES]
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]
    assert not Path("/tmp/evil").exists()
    with pytest.raises(DataError, match="is not the published file, but damaged or of another data set: the MD5 of"):
        read_file(path, cifar_of(ARCHIVE).files[0])


@pytest.mark.parametrize("length", [2, 9, 30, 2_000, -30_000, -8, -1])
def test_a_truncated_archive_is_refused(tmp_path: Path, length: int) -> None:
    path = written(tmp_path, ARCHIVE[:length])
    with pytest.raises(DataError, match=rf"{NAME} (is a damaged or truncated gzip archive|is not the published file)"):
        read_file(path, cifar_of(ARCHIVE).files[0])


@pytest.mark.parametrize("length", [0, 100, 512, 1_000, 3_000, 50_000, -20_000])
def test_a_truncated_tar_in_a_whole_gzip_is_refused(length: int) -> None:
    with pytest.raises(
        DataError, match=r"is no tar archive|is cut short: it has [\d,]+ of the 15,365 bytes|lacks cifar"
    ):
        read(gzip.compress(tar(MEMBERS)[:length]))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "lacks cifar-10-batches-bin/data_batch_1.bin .its first member is None"),
        (b"no archive" * 100, "is no tar archive, or a damaged one"),
        (b"\n<!DOCTYPE html><title>Log in</title>" + bytes(999), "is a web page and not data"),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_what_is_no_archive_is_refused(pack: Callable[[bytes], bytes], content: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read(pack(content))


def test_an_unpacked_tar_is_refused_since_it_cannot_be_verified(tmp_path: Path) -> None:
    path = written(tmp_path, tar(MEMBERS), "cifar-10-binary.tar")
    with pytest.raises(DataError, match=rf"is unpacked, but the published checksum .* Put the original {NAME} in its"):
        read_file(path, cifar_of(ARCHIVE).files[0])


# Bombs


def bomb(name: str, size: int, **others: object) -> bytes:
    """An archive that begins with one member of zeros."""
    return header(name, size, **others).tobuf(tarfile.GNU_FORMAT) + bytes(min(max(size, 0), 50_000_000))


@pytest.mark.parametrize(
    ("content", "sentence"),  # a function each: collected, so much content would be held from the start
    [
        (lambda: bomb("zeros", 50_000_000), "declares 50,000,000 bytes for 'zeros', expected at most"),
        (lambda: bomb(FIRST, 50_000_000), "declares 50,000,000 bytes for .*data_batch_1.bin', expected at most"),
        (lambda: bomb("name", 50_000_000, type=tarfile.GNUTYPE_LONGNAME), "declares 50,000,000 bytes for 'name'"),
        (lambda: bomb("pax", 50_000_000, type=tarfile.XHDTYPE), "declares 50,000,000 bytes for 'pax'"),
        (lambda: bomb("huge", 2**60), "declares 1,152,921,504,606,846,976 bytes for 'huge'"),
        (lambda: bomb("less", -512), "declares -512 bytes for 'less'"),
        (lambda: header("x").tobuf() * 100_000, r"declares 0 bytes for 'x', expected at most 1,140,766 in all"),
    ],
)
def test_a_bomb_is_not_unpacked(content: Callable[[], bytes], sentence: str) -> None:
    archive = gzip.compress(content(), 1)
    tracemalloc.start()
    with pytest.raises(DataError, match=sentence):
        read(archive)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


# Where it is found


@pytest.mark.parametrize("subfolder", ["", "cifar-10"])
@pytest.mark.parametrize("by_environment", [True, False])
def test_it_is_found_in_a_named_folder_and_in_its_subfolder(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, subfolder: str, by_environment: bool
) -> None:
    written(tmp_path / "named" / subfolder, ARCHIVE)
    if by_environment:
        monkeypatch.setenv("MINISNIP_DATA", str(tmp_path / "named"))
    directory = None if by_environment else tmp_path / "named"
    dataset = load_published(cifar_of(ARCHIVE), directory, download=False, seed=0)
    assert [len(split.labels) for split in (dataset.train, dataset.validation, dataset.test)] == [23, 2, 5]
    assert not cache.exists()


def test_it_is_downloaded_once_into_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def serve(self: object, url: str, temporary: str, manager: object) -> None:
        fetched.append(url)
        Path(temporary).write_bytes(ARCHIVE)

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", serve)
    publication = cifar_of(ARCHIVE, mirrors=CIFAR_10.mirrors)
    for _ in range(2):
        assert len(load_published(publication, None, download=True, seed=0).test.labels) == 5
    assert fetched == [f"https://www.cs.toronto.edu/~kriz/{NAME}"]
    assert [file.name for file in (cache / "cifar-10").iterdir()] == [NAME]


def test_another_archive_is_not_taken_from_the_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(self: object, url: str, temporary: str, manager: object) -> None:
        Path(temporary).write_bytes(gzip.compress(tar(members(seed=1))))

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", serve)
    with pytest.raises(DataUnavailableError) as caught:
        load_published(cifar_of(ARCHIVE, mirrors=CIFAR_10.mirrors), None, download=True, seed=0)
    for part in (
        f"CIFAR-10 is not on this machine: {NAME} could not be downloaded:",
        f"https://www.cs.toronto.edu/~kriz/{NAME}: the answer is not the published file",
        f"put {NAME} into one folder <folder>/cifar-10/, and set MINISNIP_DATA=<folder>",
    ):
        assert part in str(caught.value)
    assert [*(cache / "cifar-10").iterdir()] == []


def test_its_status_is_shown(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [(row.file, row.state) for row in status() if row.dataset == "cifar-10"] == [(NAME, "missing")]
    path = written(cache / "cifar-10", ARCHIVE)
    (row,) = (row for row in status() if row.dataset == "cifar-10")
    assert row.path == path
    assert "has 15,365 bytes in cifar-10-batches-bin/data_batch_1.bin, expected 30,730,000" in row.state
    monkeypatch.setitem(PUBLISHED, "cifar-10", cifar_of(ARCHIVE))
    (row,) = (row for row in status() if row.dataset == "cifar-10")
    assert (row.state, row.size) == ("verified", len(ARCHIVE))

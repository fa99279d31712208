"""CIFAR-10 as published: its archive, and how it is read. Nothing is ever extracted.

The archive is a gzipped tar. It has six batches of 10,000 records; a record has 3,073 bytes: the label, then the red
pixels of a 32×32 image, row by row, then the green ones, then the blue ones.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from io import BufferedIOBase

import numpy as np

from minisnip.data.dataset import Bytes, DataError, Examples
from minisnip.data.published import CLASSES, FileSpec, Publication, refuse_web_page, unpacked

BATCHES = tuple(
    f"cifar-10-batches-bin/{name}.bin" for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
)
IMAGES = 10_000  # of a batch
SHAPE = (3, 32, 32)  # of an image
RECORD = 1 + 3 * 32 * 32  # bytes
OTHERS = 2**20  # bytes; a page about the data, the names of the classes and all headers have less


def read_batches(file: BufferedIOBase, images: int = IMAGES) -> Bytes:
    """Read the six batches in an archive, and trust nothing.

    A batch is a regular file of the exact name and size. Every other member is skipped and written nowhere. No more is
    decompressed than the batches and another MiB.

    Parameters
    ----------
    file : open binary file
        A tar archive, gzipped or plain, whatever its name.
    images : int
        The number of images in each batch.

    Returns
    -------
    array (6, images, 3073), uint8
        The five batches for training, then the one for test.

    Raises
    ------
    DataError
        If this is no such archive, or it is damaged; the message has no subject, as those of `read_idx`.
    """
    batches = np.empty((len(BATCHES), images, RECORD), np.uint8)
    first, missing = None, set(BATCHES)
    with unpacked(file) as content:
        for member in _members(content, batches.nbytes + OTHERS):
            first = first or member.name
            if member.name in BATCHES:
                if member.name not in missing:
                    raise DataError(f"has {member.name} twice, expected once")
                batches[BATCHES.index(member.name)] = _read_batch(content, member, images)
                missing.remove(member.name)
    if missing:
        raise DataError(
            f"lacks {min(missing)} (its first member is {first!r}): it is not the binary version of CIFAR-10"
        )
    return batches


def _members(content: BufferedIOBase, most: int) -> Iterator[tarfile.TarInfo]:
    """The header of each member, with the file at the start of its content, which the caller may read or not."""
    while (header := content.read(tarfile.BLOCKSIZE)).strip(b"\0"):
        refuse_web_page(header)
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise DataError(f"is no tar archive, or a damaged one ({error})") from error
        following = content.tell() + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        if member.size < 0 or following > most:
            raise DataError(f"declares {member.size:,} bytes for {member.name!r}, expected at most {most:,} in all")
        yield member
        content.seek(following)


def _read_batch(content: BufferedIOBase, member: tarfile.TarInfo, images: int) -> Bytes:
    """The records (images, 3073) of a batch, whose content the file is at."""
    size = images * RECORD
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise DataError(f"has a link, a folder or a device named {member.name}, expected a regular file")
    if member.size != size:
        raise DataError(
            f"has {member.size:,} bytes in {member.name}, expected {size:,}: {images:,} records of {RECORD:,}"
        )
    if len(records := content.read(size)) < size:
        raise DataError(f"is cut short: it has {len(records):,} of the {size:,} bytes of {member.name}")
    batch = np.frombuffer(records, np.uint8).reshape(images, RECORD)
    if (largest := batch[:, 0].max()) >= CLASSES:
        raise DataError(f"has the label {largest} in {member.name}, expected 0 to {CLASSES - 1}")
    return batch


def arrange_batches(batches: Bytes) -> tuple[Examples, Examples]:
    """Training and test images (N, 3, 32, 32) uint8 with their labels, from the six batches."""
    parts = (part.reshape(-1, RECORD) for part in np.split(batches, [5]))  # 5 and 1 batches -> (N, 3073)
    training, test = ((part[:, 1:].reshape(-1, *SHAPE), part[:, 0].astype(np.int64)) for part in parts)
    return training, test


CIFAR_10 = Publication(
    name="cifar-10",
    class_names=tuple("airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck".split(",")),
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
    files=(FileSpec("cifar-10-binary.tar", read_batches, "c32a1d4ab5d03f1284b67883e8d87530", "archive", "md5"),),
    arrange=arrange_batches,
)

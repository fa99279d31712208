"""What a lesson is run with: the data, in full or fast for a test, and a seed of one's own for each student."""

from __future__ import annotations

import hashlib
import os
import warnings
from typing import TypeVar

from minisnip import data

FAST = "MINISNIP_FAST"  # an environment variable: set to 1, the lessons take the smaller of their settings

Setting = TypeVar("Setting")


def fast_or(full: Setting, *, fast: Setting) -> Setting:
    """`full`, or `fast` if the environment variable MINISNIP_FAST is set to 1.

    >>> epochs = fast_or(10, fast=1)
    """
    return fast if os.environ.get(FAST) == "1" else full


def seed_of(student: str) -> int:
    """A seed for each student, from the name or the number that they are known by; case and outer spaces do not count.

    >>> seed_of("Ada Lovelace") == seed_of(" ada lovelace ")
    True

    Raises
    ------
    ValueError
        If the name is empty.
    """
    name = student.strip().casefold()
    if not name:
        raise ValueError(
            "seed_of: the name is empty, and each student needs a seed of their own: give a name or a number"
        )
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def mnist_or_glyphs() -> data.Dataset:
    """MNIST; or where it cannot be had, the digits drawn from fonts. Prints which, and `.label` says it in titles."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")  # pooch's progress bar, without ipywidgets
            dataset = data.load("mnist")
    except data.DataUnavailableError:
        dataset = data.load("glyphs")
        print("MNIST IS NEITHER HERE NOR REACHABLE: this lesson goes on with digits drawn from fonts.")
        print("Its numbers and figures are not those that the text speaks of.")
    print(f"{dataset.label}: {len(dataset.train.labels):,} images to train on, {len(dataset.test.labels):,} to test")
    return dataset

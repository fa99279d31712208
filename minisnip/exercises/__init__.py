"""The exercises of the lessons in `tutorials/`: each checks an answer and prints what is wrong with it.

The checks test properties, such as a gradient against differences, or exactly κ ones; none compares with a stored
answer. This file has the settings of a lesson: its data, a full and a fast version, and a seed for each student.
"""

from __future__ import annotations

import hashlib
import os
from typing import TypeVar

from minisnip import data
from minisnip.exercises.blocking import BlockedError, without
from minisnip.exercises.checks import Exercise, Trial, exercise

__all__ = ["BlockedError", "Exercise", "Trial", "exercise", "fast_or", "mnist_or_glyphs", "seed_of", "without"]

FAST = "MINISNIP_FAST"  # an environment variable: if it is 1, the lessons use their fast settings

Setting = TypeVar("Setting")


def fast_or(full: Setting, *, fast: Setting) -> Setting:
    """`full`, or `fast` if the environment variable MINISNIP_FAST is 1.

    >>> epochs = fast_or(10, fast=1)
    """
    return fast if os.environ.get(FAST) == "1" else full


def seed_of(student: str) -> int:
    """A seed for each student, from their name or number; case and outer spaces are ignored.

    >>> seed_of("Ada Lovelace") == seed_of(" ada lovelace ")
    True

    Raises
    ------
    ValueError
        If the name is empty.
    """
    name = student.strip().casefold()
    if not name:
        raise ValueError("seed_of: the name is empty, but each student needs a seed: give a name or number")
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def mnist_or_glyphs() -> data.Dataset:
    """MNIST, or digits drawn from fonts if MNIST is unavailable; prints which, as `.label` does in titles."""
    try:
        dataset = data.load("mnist")
    except data.DataUnavailableError:
        dataset = data.load("glyphs")
        print("MNIST IS NEITHER ON THIS MACHINE NOR REACHABLE: this lesson uses digits drawn from fonts.")
        print("Its numbers and figures differ from those in the text.")
    print(f"{dataset.label}: {len(dataset.train.labels):,} images to train on, {len(dataset.test.labels):,} to test")
    return dataset

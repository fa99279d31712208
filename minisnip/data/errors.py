"""What can be wrong with data."""

from __future__ import annotations


class DataError(ValueError):
    """A file, a folder or a name that is not what it should be."""


class DataUnavailableError(DataError):
    """A data set that is neither on this machine nor reachable."""

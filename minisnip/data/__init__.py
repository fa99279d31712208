"""Data sets by name: MNIST and Fashion-MNIST, verified before they are used, and digits drawn from fonts."""

from minisnip.data.dataset import Dataset, Split
from minisnip.data.drawing import glyphs
from minisnip.data.errors import DataError, DataUnavailableError
from minisnip.data.folders import cache_folder
from minisnip.data.inventory import FileStatus, status
from minisnip.data.loading import NAMES, load

__all__ = [
    "NAMES",
    "DataError",
    "DataUnavailableError",
    "Dataset",
    "FileStatus",
    "Split",
    "cache_folder",
    "glyphs",
    "load",
    "status",
]

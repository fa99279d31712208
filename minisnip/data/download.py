"""Download a file of a published data set into the cache; it gets its name only after it has been verified."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minisnip.data.errors import DataError, DataUnavailableError
from minisnip.data.registry import FileSpec
from minisnip.data.verify import read_verified

CONNECT_SECONDS, READ_SECONDS = 4, 30
BLOCK = 2**16  # bytes


def download(spec: FileSpec, mirrors: Sequence[str], folder: Path) -> Path:
    """Fetch one file from the first mirror that delivers it.

    Parameters
    ----------
    spec : FileSpec
    mirrors : sequence of str
        URLs of folders, each with a slash at the end.
    folder : Path
        Where the file will lie; made if it does not exist.

    Raises
    ------
    DataUnavailableError
        If no mirror delivers the file, or the folder cannot be written; says why for each URL.
    """
    failures = []
    for mirror in mirrors:
        url = f"{mirror}{spec.name}.gz"
        try:
            return _fetch(url, spec, folder)
        except PermissionError as error:
            raise DataUnavailableError(f"the cache {folder} cannot be written ({error.strerror or error})") from error
        except (OSError, DataError) as error:  # the exceptions of requests are OSErrors
            failures.append(f"  {url}: {_reason(error)}")
    raise DataUnavailableError("\n".join([f"{spec.name}.gz could not be downloaded:", *failures]))


def _fetch(url: str, spec: FileSpec, folder: Path) -> Path:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    name = f"{spec.name}.gz"
    return Path(pooch.retrieve(url, known_hash=None, fname=name, path=folder, downloader=_verifying(spec)))


def _verifying(spec: FileSpec) -> Callable[[str, str, Any], None]:
    """A downloader for pooch, which gives it the name of a temporary file and renames that if nothing is raised."""
    import pooch

    timeout = (CONNECT_SECONDS, READ_SECONDS)
    http = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=BLOCK, timeout=timeout)

    def fetch(url: str, temporary: str, manager: Any) -> None:
        http(url, temporary, manager)
        with open(temporary, "rb") as file:
            read_verified(file, spec)

    return fetch


def _reason(error: Exception) -> str:
    """The last cause that urllib3 and requests wrapped, which says it shortest."""
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return f"the answer {cause}" if isinstance(error, DataError) else f"{cause}"

"""Result files: one for each run, named by its configuration, so that no run is computed twice.

A configuration is a frozen dataclass that determines the result. The file is written whole or not at all, and tells
what wrote it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minisnip.files import save_text
from minisnip.lab.checkout import commit
from minisnip.lab.run_folder import versions

FORMAT = 1  # of these files; another number when their meaning changes


class OtherVersionError(ValueError):
    """A folder whose runs another version has computed: they may not be what this one would compute."""


def digest(config: Any) -> str:
    """The name of a configuration: a hash, so that another configuration has another."""
    return _hash(asdict(config))


def file_of(folder: Path, config: Any) -> Path:
    """The result file of a configuration."""
    return folder / f"{digest(config)}.json"


def read(folder: Path, config: Any) -> dict[str, Any] | None:
    """The result of a configuration, or None if it is not there; a damaged file counts as not there."""
    content = _content(file_of(folder, config))
    result: dict[str, Any] | None = content.get("result")
    whole = content.get("checksum", _hash(result)) == _hash(result)  # older files have none
    return result if result and whole and content.get("config") == json.loads(json.dumps(asdict(config))) else None


def save(folder: Path, config: Any, result: dict[str, Any]) -> None:
    """Write the result file, atomically."""
    content = {
        "format": FORMAT,
        "config": asdict(config),
        "result": result,
        "checksum": _hash(result),
        "versions": versions(),
        "commit": commit(),
    }
    save_text(file_of(folder, config), json.dumps(content, indent=1) + "\n")


def commits(folder: Path, configs: Iterable[Any]) -> list[str]:
    """Those at which the results were computed, each once; "unknown" if an older file does not tell."""
    return sorted({_content(file_of(folder, config)).get("commit", "unknown") for config in configs})


def refuse_other_versions(folder: Path) -> None:
    """See that this version of minisnip wrote all result files of a folder.

    Raises
    ------
    OtherVersionError
        Names both versions. A damaged file tells nothing and is passed over.
    ValueError
        If there is a folder in place of a result file.
    """
    ours = versions()["minisnip"], FORMAT
    for file in sorted(folder.glob("*.json")):
        if file.is_dir():
            raise ValueError(f"{file} is a folder, and a result file was expected: delete it, or choose another --out")
        theirs = _wrote(file)
        if theirs and theirs != ours:
            raise OtherVersionError(
                f"{file} was written by minisnip {theirs[0]} (result format {theirs[1]}), this is {ours[0]} (result "
                f"format {ours[1]}): choose another folder with --out, or delete {folder}"
            )


def _wrote(file: Path) -> tuple[Any, Any] | None:
    """The version of minisnip, and of the format."""
    content = _content(file)
    try:
        return content["versions"]["minisnip"], content.get("format")
    except (KeyError, TypeError):
        return None


def _content(file: Path) -> dict[str, Any]:
    """What the file says; nothing if it is not there or damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

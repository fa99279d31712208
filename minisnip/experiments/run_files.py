"""Result files: one for each run, named by its configuration, so that no run is computed twice.

A configuration is a frozen dataclass that determines the result. The file is written whole or not at all, and tells
what wrote it.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minisnip.experiments.run_folder import versions
from minisnip.files import save_text

FORMAT = 1  # of these files; another number when their meaning changes


class OtherVersionError(ValueError):
    """A folder whose runs another version has computed: they may not be what this one would compute."""


def digest(config: Any) -> str:
    """The name of a configuration: a hash, so that another configuration has another."""
    return hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode()).hexdigest()[:16]


def file_of(folder: Path, config: Any) -> Path:
    """The result file of a configuration."""
    return folder / f"{digest(config)}.json"


def read(folder: Path, config: Any) -> dict[str, Any] | None:
    """The result of a configuration, or None if it is not there; a damaged file counts as not there, with a warning."""
    file = file_of(folder, config)
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        result: dict[str, Any] = found["result"]
        if found["config"] == json.loads(json.dumps(asdict(config))):
            return result
    except (ValueError, KeyError, TypeError):
        pass
    warnings.warn(f"{file} is damaged: it is computed again", stacklevel=2)
    return None


def save(folder: Path, config: Any, result: dict[str, Any]) -> None:
    """Write the result file, atomically."""
    content = {"format": FORMAT, "config": asdict(config), "result": result, "versions": versions()}
    save_text(file_of(folder, config), json.dumps(content, indent=1) + "\n")


def refuse_other_versions(folder: Path) -> None:
    """See that this version of minisnip wrote all result files of a folder.

    Raises
    ------
    OtherVersionError
        Names both versions. A damaged file tells nothing and is passed over.
    """
    ours = versions()["minisnip"], FORMAT
    for file in sorted(folder.glob("*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            theirs = content["versions"]["minisnip"], content.get("format")
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if theirs != ours:
            raise OtherVersionError(
                f"{file} was written by minisnip {theirs[0]} (result format {theirs[1]}), this is {ours[0]} (result "
                f"format {ours[1]}): choose another folder with --out, or delete {folder}"
            )

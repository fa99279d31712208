"""Which commit the package is at: what a result was computed with."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import minisnip


@cache
def commit() -> str:
    """Of the checkout that this package is in; "-dirty" if something in it was changed. Asked once in each process."""
    root = Path(minisnip.__file__).parents[1]
    if not (root / ".git").exists():
        return "not in a checkout"
    described = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(described, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

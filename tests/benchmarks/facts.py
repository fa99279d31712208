"""Where and with what a benchmark ran: what its JSON begins with."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import threadpoolctl

from minisnip import __version__
from minisnip.lab.runs import commit

PACKAGES = ("numpy", "torch", "autograd", "mygrad")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def facts() -> dict[str, Any]:
    """Date, command, commit, machine and versions."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.orig_argv[1:]),
        "commit": commit(),
        "platform": platform.platform(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "thread_variables": {name: os.environ[name] for name in THREADS if name in os.environ},
        "blas": [f"{pool['internal_api']} {pool['version']}" for pool in threadpoolctl.threadpool_info()],
        "versions": {
            "python": platform.python_version(),
            "minisnip": __version__,
            **{name: version(name) for name in PACKAGES},
        },
    }


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """The processor's name, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

"""Describes where and with what a benchmark ran."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "airflow-provider-lithops",
    "apache-airflow",
    "apache-airflow-task-sdk",
    "lithops",
    "cloudpickle",
    "ray",
    "dask",
    "distributed",
)


def describe() -> dict[str, Any]:
    """Return date, hardware, system and versions as plain JSON."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "os": f"{platform.system()} {platform.release()}, {_distribution()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def summary(machine: dict[str, Any]) -> str:
    """
    Return a description as one line.

    :param machine: from :func:`describe`
    """
    packages = machine["packages"]
    names = {"apache-airflow": "Airflow", "lithops": "Lithops", "ray": "Ray", "dask": "Dask"}
    versions = ", ".join(f"{label} {packages[name]}" for name, label in names.items() if name in packages)
    return (
        f"{machine['date'][:10]}, {machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']:.0f} GB, "
        f"{machine['os']}, {machine['python']}, {versions}"
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _distribution() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown distribution"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

"""On what and of what a result was measured: without that a figure says nothing."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import redis

from bench.servers import Site
from trials.trial import ROOT


def facts(site: Site) -> dict[str, Any]:
    """Machine, versions and settings that bear on the figures."""
    (version,) = site.query("SHOW server_version")[0]
    (fsync,) = site.query("SHOW fsync")[0]
    (synchronous_commit,) = site.query("SHOW synchronous_commit")[0]
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": version,
        "fsync": fsync,
        "synchronous_commit": synchronous_commit,
        "redis": _redis_version(site),
    }


def revision() -> str:
    """The git revision of the tree, with `+` when the tree differs from it; empty outside a repository."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return head + ("+" if head and _git("status", "--porcelain") else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _redis_version(site: Site) -> str:
    with redis.Redis.from_url(site.redis.url()) as client:
        info: dict[str, Any] = client.info("server")
    return str(info["redis_version"])

"""Number of processor cores that this process may use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

_NO_LIMIT: Final = math.inf


def available_cores(root: Path = Path("/")) -> int:
    """Return the number of cores that the scheduler and the control groups allow this process.

    A quota is rounded to whole cores, but never below 1.

    Args:
        root: Root of the file system in which Linux describes its control groups.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = min(_read_quotas(root), default=_NO_LIMIT)
    return max(math.floor(min(cores, quota) + 0.5), 1)


def _read_quotas(root: Path) -> Iterator[float]:
    """Yield the quota, in cores, of each control group that this process is in.

    A group's quota limits all groups inside it, so the parents are included. In a container, the
    path may start outside the mounted hierarchy; then only the mounted root is found.
    """
    mounts = root / "sys/fs/cgroup"
    try:
        groups = os.fsdecode((root / "proc/self/cgroup").read_bytes()).splitlines()
    except OSError:
        groups = []
    # Always read the root of the hierarchy: inside a container it is the container's group.
    for line in (*groups, "0::/", "0:cpu:/"):
        _, controllers, path = line.split(":", 2)
        group = PurePosixPath(path.lstrip("/"))
        for folder in (group, *group.parents):
            if not controllers:
                for mount in (mounts, mounts / "unified"):
                    yield _read_quota(mount / folder, "cpu.max")
            elif "cpu" in controllers.split(","):
                for mount in (mounts / "cpu", mounts / controllers):
                    yield _read_quota(mount / folder, "cpu.cfs_quota_us", "cpu.cfs_period_us")


def _read_quota(group: Path, *files: str) -> float:
    """Return a control group's quota in cores, read from `files`: CPU time, then period.

    Version 2 has both in one file and writes `max` for no limit; version 1 writes -1.
    """
    try:
        text = " ".join((group / file).read_text(encoding="ascii") for file in files)
        cpu_time, period = map(float, text.split())
        return cpu_time / period if cpu_time > 0 else _NO_LIMIT
    except (OSError, ValueError, ZeroDivisionError):
        return _NO_LIMIT

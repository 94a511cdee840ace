"""How many processor cores this process may use."""

import math
import os
from pathlib import Path
from typing import Final

_CGROUP_2: Final = Path("/sys/fs/cgroup/cpu.max")


def allowed_cores() -> int:
    """Cores that the scheduler and the container's quota leave to this process, 1 or more."""
    affinity = getattr(os, "sched_getaffinity", None)
    free = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota = _CGROUP_2.read_text(encoding="ascii")
    except OSError:
        return free
    return within_quota(free, quota)


def within_quota(cores: int, quota: str) -> int:
    """So many of `cores` as the quota pays for; half a core more is worth one.

    Args:
        cores: that the scheduler gives.
        quota: as a control group's `cpu.max` says it: microseconds of work, or `max`, in a period.
    """
    work, _, period = quota.strip().partition(" ")
    try:
        paid = float(work) / float(period)
    # "max", or a form that is not known.
    except (ValueError, ZeroDivisionError):
        return cores
    return max(min(cores, math.floor(paid + 0.5)), 1)

import os
from pathlib import Path

import pytest

from dancetype.engine.cores import available_cores

V1 = "5:cpu,cpuacct:{0}\n3:memory:{0}\n1:name=systemd:/init.scope\n"


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def make_root(root: Path, group: str | None, **quotas: str) -> Path:
    """Build a file system with the control group of this process and some quotas.

    Args:
        root: Folder in which to build it.
        group: Content of /proc/self/cgroup; None for a system without that file.
        quotas: Text by path below /sys/fs/cgroup: `cpu.max` of version 2, or "quota period" of
            version 1.
    """
    if group is not None:
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/cgroup").write_text(group)
    for path, text in quotas.items():
        folder = root / "sys/fs/cgroup" / path
        folder.mkdir(parents=True, exist_ok=True)
        if path.startswith("cpu"):
            quota, period = text.split()
            (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
            (folder / "cpu.cfs_period_us").write_text(f"{period}\n")
        else:
            (folder / "cpu.max").write_text(text)
    return root


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000\n", 8),
        ("400000 100000\n", 4),
        ("150000 100000", 2),
        ("50000 100000\n", 1),
        ("20000 100000", 1),
        ("1600000 100000", 8),
        ("", 8),
        ("100000 0", 8),
    ],
)
@pytest.mark.parametrize("group", [None, "0::/\n"])
def test_quota_of_container_limits_cores(
    tmp_path: Path, quota: str, cores: int, group: str | None
) -> None:
    assert available_cores(make_root(tmp_path, group, **{"": quota})) == cores


def test_affinity_limits_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert available_cores(make_root(tmp_path, None, **{"": "400000 100000"})) == 1


@pytest.mark.parametrize(
    ("slice_quota", "unit_quota", "cores"),
    [
        ("max 100000", "50000 100000", 1),
        ("50000 100000", "max 100000", 1),
        ("300000 100000", "600000 100000", 3),
        ("max 100000", "max 100000", 8),
    ],
)
@pytest.mark.parametrize("mount", ["", "unified/"])
def test_smallest_quota_of_nested_groups_limits_cores(
    tmp_path: Path, mount: str, slice_quota: str, unit_quota: str, cores: int
) -> None:
    quotas = {f"{mount}show.slice": slice_quota, f"{mount}show.slice/dance.service": unit_quota}
    root = make_root(tmp_path, "0::/show.slice/dance.service\n", **quotas)
    assert available_cores(root) == cores


@pytest.mark.parametrize(
    ("outer", "inner", "cores"),
    [
        ("-1 100000", "50000 100000", 1),
        ("50000 100000", "-1 100000", 1),
        ("400000 100000", "250000 100000", 3),
        ("-1 100000", "-1 100000", 8),
    ],
)
@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_quotas_of_version_1_limit_cores(
    tmp_path: Path, mount: str, outer: str, inner: str, cores: int
) -> None:
    quotas = {f"{mount}/docker": outer, f"{mount}/docker/abc": inner}
    assert available_cores(make_root(tmp_path, V1.format("/docker/abc"), **quotas)) == cores


def test_quota_is_found_if_only_the_group_of_the_container_is_mounted(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    assert available_cores(make_root(first, V1.format("/docker/abc"), cpu="50000 100000")) == 1
    assert available_cores(make_root(second, "0::/../other\n", **{"": "200000 100000"})) == 2


def test_all_cores_are_available_without_control_groups(tmp_path: Path) -> None:
    assert available_cores(tmp_path) == 8

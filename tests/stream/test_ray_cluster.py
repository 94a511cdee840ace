import socket
import sys
from pathlib import Path

import pytest

from dancetype.engine.errors import WorkerError
from dancetype.stream.ray_cluster import connect_ray


@pytest.fixture(autouse=True)
def restore_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # `connect_ray` sets these variables; monkeypatch restores them after each test.
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")


@pytest.mark.parametrize("address", ["http://head:1", "head", "head:0", "head:99999", ""])
def test_invalid_address_is_rejected_with_the_valid_forms(address: str) -> None:
    with (
        pytest.raises(WorkerError, match="must be ray://HOST:10001, HOST:6379 or auto"),
        connect_ray(address),
    ):
        pass


def test_unreachable_cluster_is_reported_immediately() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"ray://127.0.0.1:{closed.getsockname()[1]}"
        with (
            pytest.raises(WorkerError, match=r"cannot connect to .*refused; check that"),
            connect_ray(address),
        ):
            pass


def test_machine_outside_a_cluster_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(WorkerError, match="does not belong to a Ray cluster"), connect_ray("auto"):
        pass


def test_missing_ray_is_reported_with_the_command_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerError, match=r'pip install "dancetype\[fleet\]"'), connect_ray():
        pass

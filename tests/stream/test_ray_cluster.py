import socket
import sys
from pathlib import Path

import pytest

from dancetype.engine.errors import WorkerError
from dancetype.stream.ray_cluster import attached


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is set for Ray is taken back afterwards.
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")


@pytest.mark.parametrize("address", ["http://head:1", "head", "head:0", "head:99999", ""])
def test_what_is_no_address_is_refused_with_what_one_looks_like(address: str) -> None:
    with (
        pytest.raises(WorkerError, match="takes ray://HOST:10001, HOST:6379 or auto"),
        attached(address),
    ):
        pass


def test_a_cluster_that_is_not_there_is_told_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"ray://127.0.0.1:{closed.getsockname()[1]}"
        with (
            pytest.raises(WorkerError, match=r"cannot be had: .*refused; is it"),
            attached(address),
        ):
            pass


def test_where_no_cluster_is_at_hand_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(WorkerError, match="part of no Ray cluster"), attached("auto"):
        pass


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerError, match=r"pip install 'dancetype\[fleet\]'"), attached():
        pass

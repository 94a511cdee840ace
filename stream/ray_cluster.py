"""Connection to a Ray cluster, or to Ray started on this machine only."""

import logging
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dancetype.engine.cores import available_cores
from dancetype.engine.errors import WorkerError, first_line

NOT_INSTALLED: Final = (
    "dancetype is not installed on a machine of the cluster; run "
    'pip install "dancetype[fleet]" on each machine'
)

# Defaults of variables that Ray reads when it is imported, and passes to all its processes.
_ENVIRONMENT: Final = {
    # Otherwise Ray sends usage data to its developers.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Otherwise all other processes on the machine have priority over Ray's.
    "RAY_worker_niceness": "0",
}
# Small, since only names and numbers go through Ray's object store.
_STORE_BYTES: Final = 256 * 1024**2
_ADDRESS: Final = re.compile(r"(?:ray://)?(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d{1,5})")
_CONNECT_TIMEOUT: Final = 5.0


@contextmanager
def connect_ray(address: str | None = None, *, cores: int | None = None) -> Iterator[Any]:
    """Connect to a Ray cluster, and yield the module `ray`; disconnect at the end.

    Args:
        address: Address of the cluster: `ray://host:10001`, or on a machine of the cluster
            `host:6379` or `auto`. If None, Ray is started on this machine, not accessible to
            others, and stopped at the end.
        cores: Cores that Ray on this machine may use; all available ones if None.

    Raises:
        WorkerError: Ray is not installed, cannot start or cannot be reached.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    options: dict[str, Any]
    if address is None:
        if "RAY_AUTH_MODE" not in os.environ:
            # Ray listens on all addresses and runs any code it receives, so it needs a secret
            # token. By default Ray would store one in the home folder.
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        options = {
            "address": "local",
            "num_cpus": cores or available_cores(),
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
        }
    else:
        address = _local_cluster_address() if address == "auto" else address
        _check_reachable(address)
        options = {"address": address}
    try:
        import ray
    except ModuleNotFoundError as error:
        raise WorkerError(
            f'{error.name} is not installed; run pip install "dancetype[fleet]" on each machine'
        ) from error
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **options)
    # Ray raises these if there is no cluster, or if its version or token differs.
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise WorkerError(_connection_error(address, error)) from error
    # The callers report lost workers; Ray would repeat that on stdout.
    ray._private.worker._worker_logs_enabled = False
    try:
        yield ray
    finally:
        ray.shutdown()


def _local_cluster_address() -> str:
    """Return the address of the cluster that this machine belongs to."""
    address_file = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    try:
        return os.environ.get("RAY_ADDRESS") or address_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WorkerError(
            "this machine does not belong to a Ray cluster; start Ray with `ray start`"
        ) from error


def _check_reachable(address: str) -> None:
    # Ray itself would retry for minutes.
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[2]) < 2**16:
        raise WorkerError(f"--address must be ray://HOST:10001, HOST:6379 or auto, not {address!r}")
    try:
        with socket.create_connection(
            (match[1].strip("[]"), int(match[2])), timeout=_CONNECT_TIMEOUT
        ):
            pass
    except OSError as error:
        raise WorkerError(_connection_error(address, error)) from error


def _connection_error(address: str | None, error: Exception) -> str:
    reason = first_line(error)
    if address is None:
        return f"Ray cannot start: {reason}"
    return (
        f"cannot connect to the Ray cluster at {address}: {reason}; check that it is running, with "
        "the same versions of Python, Ray and dancetype"
    )

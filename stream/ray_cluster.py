"""Attach to a Ray cluster, or start Ray on this machine alone."""

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
    "dancetype is not installed on a machine of the cluster: "
    "pip install 'dancetype[fleet]' on each of them"
)

# Ray reads these when it is imported, and passes them to all its processes. Values that the user
# has set stay.
_ENVIRONMENT: Final = {
    # Otherwise Ray sends usage data to its maker.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Otherwise all other processes of the machine have priority.
    "RAY_worker_niceness": "0",
}
# Only names and numbers go through Ray's object store here.
_STORE_BYTES: Final = 256 * 1024**2
_ADDRESS: Final = re.compile(r"(?:ray://)?(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d{1,5})")
_CONNECT_TIMEOUT: Final = 5.0


@contextmanager
def attached(address: str | None = None, *, cores: int | None = None) -> Iterator[Any]:
    """Attach to a cluster, and yield the module `ray`.

    Args:
        address: `ray://host:10001`, or on a machine of the cluster `host:6379` or `auto`. None
            starts Ray on this machine alone, closed to others, and stops it at the end.
        cores: Cores that Ray started here may use; all available ones if None.

    Raises:
        WorkerError: Ray cannot be used; the text says what to do.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    options: dict[str, Any]
    if address is None:
        if "RAY_AUTH_MODE" not in os.environ:
            # Ray listens on all addresses and runs what it is sent, so the token must be secret.
            # By default it is kept in the home folder.
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        options = {
            "address": "local",
            "num_cpus": cores or available_cores(),
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
        }
    else:
        address = _own_cluster() if address == "auto" else address
        _check_reachable(address)
        options = {"address": address}
    try:
        import ray
    except ModuleNotFoundError as error:
        raise WorkerError(
            f"this needs {error.name}: pip install 'dancetype[fleet]', on each machine of a cluster"
        ) from error
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False, **options)
    # Raised if there is no cluster, or one of another version or with another token.
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise WorkerError(_explained(address, error)) from error
    # The callers report lost workers; Ray would print more of the same on stdout.
    ray._private.worker._worker_logs_enabled = False
    try:
        yield ray
    finally:
        ray.shutdown()


def _own_cluster() -> str:
    """Return the address of the cluster that this machine is part of."""
    kept = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    try:
        return os.environ.get("RAY_ADDRESS") or kept.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WorkerError(
            "this machine is part of no Ray cluster; start it with `ray start`"
        ) from error


def _check_reachable(address: str) -> None:
    # Ray itself would try for minutes.
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[2]) < 2**16:
        raise WorkerError(f"--address takes ray://HOST:10001, HOST:6379 or auto, not {address}")
    try:
        with socket.create_connection(
            (match[1].strip("[]"), int(match[2])), timeout=_CONNECT_TIMEOUT
        ):
            pass
    except OSError as error:
        raise WorkerError(_explained(address, error)) from error


def _explained(address: str | None, error: Exception) -> str:
    reason = first_line(error)
    if address is None:
        return f"Ray does not start: {reason}"
    return (
        f"the Ray cluster at {address} cannot be had: {reason}; is it running there, with the same "
        "versions of Python, Ray and dancetype?"
    )

"""Ray: attached to a cluster, or started on this machine alone."""

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

# Ray reads them when it is imported, and hands them on to all that it starts. Whoever has set any
# of these has had a reason.
_QUIET: Final = {
    # It would count what it does, and tell its maker.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # It would have all else on the machine go before.
    "RAY_worker_niceness": "0",
}
# What goes through its store here are names and numbers.
_STORE_BYTES: Final = 256 * 1024**2
_ADDRESS: Final = re.compile(r"(?:ray://)?(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d{1,5})")
_KNOCK: Final = 5.0


@contextmanager
def attached(address: str | None = None, *, cores: int | None = None) -> Iterator[Any]:
    """Gives the module `ray`, attached to a cluster; inside, its calls work.

    Args:
        address: of a cluster: `ray://host:10001`, or on one of its machines `host:6379` or `auto`.
            None starts Ray on this machine alone, closed to others, and stops it in the end.
        cores: that Ray started here is to use; those allowed where None.

    Raises:
        WorkerError: it cannot be had; the text says what to do.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    local = address is None
    if address is not None:
        address = _nearest() if address == "auto" else address
        _knock(address)
    elif "RAY_AUTH_MODE" not in os.environ:
        # Ray listens on all addresses and runs what it is sent. So nobody else may know the word,
        # which would otherwise be kept in the home folder.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    ray = _imported()
    started: dict[str, Any] = {"num_cpus": cores or available_cores(), "include_dashboard": False}
    try:
        ray.init(
            address="local" if local else address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            **({**started, "object_store_memory": _STORE_BYTES} if local else {}),
        )
    # What Ray raises where a cluster is not there, is of another version or not to be let into.
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise WorkerError(_explained(address, error)) from error
    # What becomes of workers is told by whoever uses them; Ray would do so on stdout, at length.
    ray._private.worker._worker_logs_enabled = False
    try:
        yield ray
    finally:
        ray.shutdown()


def _nearest() -> str:
    """Address of the cluster that this machine is part of.

    Raises:
        WorkerError: there is none.
    """
    kept = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    try:
        return os.environ.get("RAY_ADDRESS") or kept.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise WorkerError(
            "this machine is part of no Ray cluster; start it with `ray start`"
        ) from error


def _knock(address: str) -> None:
    """Ray itself would try for minutes where nobody answers.

    Raises:
        WorkerError: `address` is none, or nobody does.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[2]) < 2**16:
        raise WorkerError(f"--address takes ray://HOST:10001, HOST:6379 or auto, not {address}")
    try:
        with socket.create_connection((match[1].strip("[]"), int(match[2])), timeout=_KNOCK):
            pass
    except OSError as error:
        raise WorkerError(_explained(address, error)) from error


def _imported() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise WorkerError(
            f"this needs {error.name}: pip install 'dancetype[fleet]', on each machine of a cluster"
        ) from error
    return ray


def _explained(address: str | None, error: Exception) -> str:
    reason = first_line(error)
    if address is None:
        return f"Ray does not start: {reason}"
    return (
        f"the Ray cluster at {address} cannot be had: {reason}; is it running there, with the same "
        "versions of Python, Ray and dancetype?"
    )

"""Keeps the chatter of native libraries off a user's terminal, and lets their errors through."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Final

# What MediaPipe 0.10.33 says whenever a pose is found, and Ray 2.60 of what it gets over; no
# variable or option turns it off.
_CHATTER: Final = re.compile(
    rb"INFO: Created TensorFlow Lite XNNPACK delegate"
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} .*(inference_feedback_manager|landmark_projection_calculator|gl_context)"
    rb"|\[[-\d :,]+ [IWE] \d+ \d+\] \w+\.cc:"
)


@contextmanager
def chatter_dropped() -> Iterator[None]:
    """Reads what is written to file descriptor 2 and passes on all lines but the known chatter.

    Native code writes there directly. Python's own `sys.stderr` is led past the filter, so that it
    remains a terminal where it was one, and what is written to it cannot be lost.
    """
    terminal = os.dup(2)
    incoming, outgoing = os.pipe()
    os.dup2(outgoing, 2)
    os.close(outgoing)
    python = sys.stderr
    if _writes_to_stderr(python):
        # A word that the terminal cannot show is no reason to show nothing.
        sys.stderr = os.fdopen(
            os.dup(terminal),
            "w",
            buffering=1,
            encoding=python.encoding,
            errors="backslashreplace",
        )
    filtering = Thread(target=_filter, args=(incoming, terminal), name="stderr", daemon=True)
    filtering.start()
    try:
        yield
    finally:
        sys.stderr = python
        # Closes the last writing end, which ends the thread once it has read everything.
        os.dup2(terminal, 2)
        filtering.join(timeout=1)


def _writes_to_stderr(stream: object) -> bool:
    try:
        return bool(stream.fileno() == 2)  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False


def _filter(incoming: int, terminal: int) -> None:
    with os.fdopen(incoming, "rb") as lines, os.fdopen(terminal, "wb", buffering=0) as out:
        for line in lines:
            if not _CHATTER.match(line):
                out.write(line)

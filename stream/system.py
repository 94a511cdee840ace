"""Native libraries in the process: their memory, output and missing dependencies."""

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Final

from dancetype.engine.errors import ExpectedError
from dancetype.stream.output import open_standard_error

SYSTEM_LIBRARIES: Final = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
}
"""Libraries that OpenCV loads, with the Debian package of each."""

MEDIAPIPE_LIBRARIES: Final = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}
"""Additional libraries that MediaPipe loads, with the Debian package of each."""

_M_ARENA_MAX: Final = -8
_WINDOWS_RUNTIME: Final = (
    "install the newest Microsoft Visual C++ Redistributable (x64): "
    "https://aka.ms/vs/17/release/vc_redist.x64.exe"
)

# Lines that MediaPipe 0.10.33 prints whenever it finds a pose, and that Ray 2.60 prints for faults
# that it recovers from. No variable or option turns them off.
_NOISE: Final = re.compile(
    # Level and text are written separately, so the output of two processes may interleave.
    rb"(INFO: )*Created TensorFlow Lite XNNPACK delegate"
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} .*(inference_feedback_manager|landmark_projection_calculator|gl_context)"
    rb"|\[[-\d :,]+ [IWE] \d+ \d+\] \w+\.cc:"
)


def limit_malloc_arenas() -> None:
    """Make all later threads share one heap, if the C library is glibc.

    By default each thread gets a heap that is kept when the thread ends, so that memory grows with
    each reconnect of a camera. Call this before native libraries are loaded.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


@contextmanager
def explain_missing_libraries() -> Iterator[None]:
    """Explain a missing system library when OpenCV or MediaPipe is loaded.

    Raises:
        ExpectedError: A system library is missing; the text names the packages to install.
    """
    try:
        yield
    except (OSError, ImportError) as error:
        if "DLL load failed" in str(error):
            raise ExpectedError(f"{error}; {_WINDOWS_RUNTIME}") from error
        if "cannot open shared object file" not in str(error):
            raise
        packages = " ".join((SYSTEM_LIBRARIES | MEDIAPIPE_LIBRARIES).values())
        raise ExpectedError(f"{error}; on Debian and Ubuntu: apt-get install {packages}") from error


@contextmanager
def filter_native_stderr() -> Iterator[None]:
    """Remove known noise of native libraries from file descriptor 2.

    `sys.stderr` bypasses the filter, so it remains a terminal if it was one, and nothing that
    Python writes can be lost.
    """
    terminal = os.dup(2)
    incoming, outgoing = os.pipe()
    os.dup2(outgoing, 2)
    os.close(outgoing)
    original = sys.stderr
    if _writes_to_stderr(original):
        sys.stderr = open_standard_error(os.dup(terminal))
    filter_thread = Thread(target=_filter, args=(incoming, terminal), name="stderr", daemon=True)
    filter_thread.start()
    try:
        yield
    finally:
        sys.stderr = original
        # This closes the last write end of the pipe; the thread ends once it has read everything.
        os.dup2(terminal, 2)
        filter_thread.join(timeout=1)


def _writes_to_stderr(stream: object) -> bool:
    try:
        return bool(stream.fileno() == 2)  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False


def _filter(incoming: int, terminal: int) -> None:
    with os.fdopen(incoming, "rb") as lines, os.fdopen(terminal, "wb", buffering=0) as out:
        for line in lines:
            if not _NOISE.match(line):
                # If stderr is closed, native libraries must not wait for it.
                with suppress(OSError):
                    out.write(line)

"""onnxruntime without telemetry; all other modules import `ort` from here."""

import contextlib
import io
import os
from typing import Final

# onnxruntime would record its usage on disk and send that to its maker. It reads this variable when
# it is loaded: `ort.disable_telemetry_events()` would be too late.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["CPU", "CUDA", "has_cuda", "ort", "preload_cuda"]

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"


def has_cuda() -> bool:
    """Return whether onnxruntime was built for CUDA; libraries or a GPU may still be missing."""
    return CUDA in ort.get_available_providers()


def preload_cuda() -> str:
    """Load CUDA's libraries from where pip installs them; onnxruntime itself does not look there.

    Returns:
        Message about the first library that was not found, or "".
    """
    # Builds by third parties, such as NVIDIA's for Jetson, may be older than this function.
    if not hasattr(ort, "preload_dlls"):
        return ""
    printed = io.StringIO()
    # It prints missing libraries to stdout, which is for results.
    with contextlib.redirect_stdout(printed):
        ort.preload_dlls(directory="")
    lines = map(str.strip, printed.getvalue().splitlines())
    failed = [line.partition(": ")[2] for line in lines if line.startswith("Failed to load")]
    return failed[0] if failed else ""

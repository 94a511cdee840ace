"""onnxruntime without telemetry; all other modules import `ort` from here."""

import contextlib
import io
import os
from typing import Final

# Otherwise onnxruntime records usage data on disk and sends it to its vendor. It reads the variable
# when it is imported; a later call of `ort.disable_telemetry_events()` would be too late.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["CPU", "CUDA", "has_cuda", "ort", "preload_cuda"]

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"


def has_cuda() -> bool:
    """Return whether onnxruntime was built for CUDA; libraries or a GPU may still be missing."""
    return CUDA in ort.get_available_providers()


def preload_cuda() -> str:
    """Load the CUDA libraries that pip installed; onnxruntime does not search for them there.

    Returns:
        Message about the first library that was not found, or "".
    """
    # Builds by third parties, such as NVIDIA's for Jetson, may predate this function.
    if not hasattr(ort, "preload_dlls"):
        return ""
    printed = io.StringIO()
    # It prints missing libraries to stdout, which is reserved for results.
    with contextlib.redirect_stdout(printed):
        ort.preload_dlls(directory="")
    lines = map(str.strip, printed.getvalue().splitlines())
    failed = [line.partition(": ")[2] for line in lines if line.startswith("Failed to load")]
    return failed[0] if failed else ""

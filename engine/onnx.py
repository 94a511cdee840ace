"""onnxruntime, made to keep to itself; whoever wants it imports `ort` from here."""

import contextlib
import io
import os
from typing import Final

# It would note on disk how it is used and send that to its maker, and reads this when it is loaded:
# `ort.disable_telemetry_events()` comes too late. Whoever has set it has had a reason.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["CPU", "CUDA", "has_cuda", "ort", "preload_cuda"]

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"


def has_cuda() -> bool:
    """Whether this onnxruntime was built for CUDA; it may still lack libraries, or a GPU."""
    return CUDA in ort.get_available_providers()


def preload_cuda() -> str:
    """Loads CUDA's libraries from where pip puts them, in which onnxruntime itself does not look.

    Returns:
        What it says of the first that it could not find anywhere, or nothing.
    """
    # Builds of others than its makers', such as NVIDIA's for Jetson, may be older than this.
    if not hasattr(ort, "preload_dlls"):
        return ""
    said = io.StringIO()
    # It tells of what it misses on stdout, where results go.
    with contextlib.redirect_stdout(said):
        ort.preload_dlls(directory="")
    lines = map(str.strip, said.getvalue().splitlines())
    failed = [line.partition(": ")[2] for line in lines if line.startswith("Failed to load")]
    return failed[0] if failed else ""

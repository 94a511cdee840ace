"""Options of the engine and their defaults, importable without numpy.

`--help` shows them, and must not wait for numerical libraries to load.
"""

from typing import Final, Literal

Device = Literal["auto", "cpu", "cuda"]
"""Processor of the genre model; "auto" is a GPU if onnxruntime can use one."""

PoseRuntime = Literal["mediapipe", "litert"]
"""Library that runs the pose model."""

DEFAULT_RUNTIME: Final[PoseRuntime] = "litert"

DEFAULT_HOP: Final = 0.25
"""Seconds between predictions."""

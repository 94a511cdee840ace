"""onnxruntime, made to keep to itself; whoever wants it imports `ort` from here."""

import os

# It would note on disk how it is used and send that to its maker, and reads this when it is loaded:
# `ort.disable_telemetry_events()` comes too late. Whoever has set it has had a reason.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

__all__ = ["ort"]

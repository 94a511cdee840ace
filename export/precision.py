"""Precision of the weights of a model file."""

from enum import StrEnum
from typing import Final


class Precision(StrEnum):
    """Type of the stored weights; inputs, outputs and computation are always float32."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


TOLERANCES: Final = {Precision.FP32: 1e-4, Precision.FP16: 5e-3, Precision.INT8: 5e-2}
"""Largest allowed difference of a probability from the reference model's."""

"""In how many bits a model file keeps its weights."""

from enum import StrEnum
from typing import Final


class Precision(StrEnum):
    """How a model file keeps its weights; inputs, outputs and arithmetic are float32 in all."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


TOLERANCES: Final = {Precision.FP32: 1e-4, Precision.FP16: 5e-3, Precision.INT8: 5e-2}
"""Largest difference between a probability of the file and of what it was made from."""

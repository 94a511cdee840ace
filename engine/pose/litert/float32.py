"""Functions that round as C++ does in single precision; `region` explains why that matters."""

import numpy as np

from dancetype.engine.skeleton import Array


def sigmoid(logits: Array) -> Array:
    """Return the sigmoid; its exponential is exact to the last bit, unlike numpy's in float32."""
    exponentials = np.exp(-logits.astype(np.float64).clip(-80, 80)).astype(np.float32)
    probabilities: Array = 1 / (1 + exponentials)
    return probabilities


def sequential_sum(values: Array) -> Array:
    """Return the sum along the first axis, added in order; `np.sum` adds in pairs."""
    total: Array = np.cumsum(values, axis=0)[-1]
    return total


def rotate(x: Array, y: Array, angle: float) -> Array:
    """Return points (N, 2), rotated by `angle` in radians.

    Cosine and sine come from a complex exponential, which numpy computes with the C library; its
    other functions round differently.
    """
    exponential = np.exp(np.complex64(1j * angle))
    cos, sin = exponential.real, exponential.imag
    return np.column_stack((cos * x - sin * y, sin * x + cos * y))

"""Functions that round like C++ in single precision; see `region` for why that matters."""

import numpy as np

from dancetype.engine.skeleton import Array


def sigmoid(logits: Array) -> Array:
    """Return the sigmoid with an exponential exact to the last bit, unlike numpy's in float32."""
    exponentials = np.exp(-logits.astype(np.float64).clip(-80, 80)).astype(np.float32)
    shares: Array = 1 / (1 + exponentials)
    return shares


def total(values: Array) -> Array:
    """Return the sum along the first axis, added one by one instead of numpy's pairs."""
    added: Array = np.cumsum(values, axis=0)[-1]
    return added


def rotated(x: Array, y: Array, angle: float) -> Array:
    """Return points (N, 2), rotated by `angle` in radians.

    Cosine and sine come from a complex exponential: numpy leaves only that to the C library.
    """
    turn = np.exp(np.complex64(1j * angle))
    cos, sin = turn.real, turn.imag
    return np.column_stack((cos * x - sin * y, sin * x + cos * y))

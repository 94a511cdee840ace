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


def direction(angle: float) -> tuple[np.float32, np.float32]:
    """Return cosine and sine. Only the complex exponential is left to the C library by numpy."""
    turned = np.exp(np.complex64(1j * angle))
    return turned.real, turned.imag

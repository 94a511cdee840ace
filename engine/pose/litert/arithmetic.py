"""What rounds as C++ does it in single precision; see `region` for why that matters."""

import numpy as np

from dancetype.engine.skeleton import Array


def sigmoid(logits: Array) -> Array:
    """Of each, with an exponential that is right to the last bit, which numpy's own is not."""
    exponentials = np.exp(-logits.astype(np.float64).clip(-80, 80)).astype(np.float32)
    shares: Array = 1 / (1 + exponentials)
    return shares


def total(values: Array) -> Array:
    """The sum along the first axis, added up one after the other."""
    added: Array = np.cumsum(values, axis=0)[-1]
    return added


def direction(angle: float) -> tuple[np.float32, np.float32]:
    """Cosine and sine, by way of an exponential: numpy leaves only that one to the C library."""
    turned = np.exp(np.complex64(1j * angle))
    return turned.real, turned.imag

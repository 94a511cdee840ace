"""Keeps memory from growing where threads come and go."""

import ctypes
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8


def one_heap() -> None:
    """Has all threads to come share one heap, where the C library is glibc.

    It would give each thread a heap of its own and keep it when the thread ends, so that every
    return of a camera would leave holes. To be called before native libraries are loaded.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)

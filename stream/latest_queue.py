"""A queue between a producer that must not wait and a consumer that may be slow."""

import asyncio
from collections.abc import Collection
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LatestQueue(Generic[Key, Value]):
    """Queue on one event loop that holds the newest value of each key until it is taken.

    However slow the consumer is, it finds at most one value per key. A value that replaces another
    keeps its place in the queue, so that a busy key cannot starve the others.
    """

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._filled = asyncio.Event()

    def __bool__(self) -> bool:
        """Whether the queue holds anything."""
        return bool(self._values)

    def get(self, key: Key) -> Value | None:
        """Return the value of `key` and leave it in the queue; None if there is none."""
        return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Add a value, in place of the one that `key` has."""
        self._values[key] = value
        self._filled.set()

    def keep(self, keys: Collection[Key]) -> None:
        """Drop the values of all other keys."""
        self._values = {key: value for key, value in self._values.items() if key in keys}
        if not self._values:
            self._filled.clear()

    async def take(self) -> tuple[Key, Value]:
        """Wait for a value, and remove and return the oldest one with its key."""
        await self._filled.wait()
        key = next(iter(self._values))
        value = self._values.pop(key)
        if not self._values:
            self._filled.clear()
        return key, value

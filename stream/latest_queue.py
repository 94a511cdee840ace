"""Queue between a producer that must not wait and a consumer that may be slow."""

import asyncio
from collections.abc import Collection
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LatestQueue(Generic[Key, Value]):
    """Queue on one event loop that holds only the newest value of each key.

    A new value replaces the waiting value of its key and keeps its place in the queue, so that a
    busy key cannot starve the others.
    """

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._filled = asyncio.Event()

    def __bool__(self) -> bool:
        """Return whether the queue is not empty."""
        return bool(self._values)

    def get(self, key: Key) -> Value | None:
        """Return the value of `key` without removing it; None if there is none."""
        return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Add a value; it replaces the waiting value of `key`, if any."""
        self._values[key] = value
        self._filled.set()

    def keep(self, keys: Collection[Key]) -> None:
        """Drop all values except those of `keys`."""
        self._values = {key: value for key, value in self._values.items() if key in keys}
        if not self._values:
            self._filled.clear()

    async def take(self) -> tuple[Key, Value]:
        """Remove and return the first key and its value; wait if the queue is empty."""
        await self._filled.wait()
        key = next(iter(self._values))
        value = self._values.pop(key)
        if not self._values:
            self._filled.clear()
        return key, value

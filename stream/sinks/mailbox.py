"""A mailbox between one who must not wait and one who may be slow."""

import asyncio
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Mailbox(Generic[Key, Value]):
    """One slot a key, each holding the newest value put there and not yet taken.

    However slow the reader, this holds at most one value a key, and what it reads is never older
    than it need be. A value that replaces another keeps its place in the queue, so that a busy key
    cannot starve the others.
    """

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._filled = asyncio.Event()

    def __bool__(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._values)

    def put(self, key: Key, value: Value) -> None:
        """Leaves `value` for the reader, in place of what `key` held."""
        self._values[key] = value
        self._filled.set()

    async def take(self) -> tuple[Key, Value]:
        """Waits for a value and takes the one that has been waiting for longest, with its key."""
        await self._filled.wait()
        key = next(iter(self._values))
        value = self._values.pop(key)
        if not self._values:
            self._filled.clear()
        return key, value

"""What one client is still to be sent."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

HEART: Final = ""
"""Stands for a source in what comes from none of them: no source's name is empty."""


class LatestMessages:
    """The newest message of each kind from each source, those of a source in their order."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[str, str]] = {}

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self._texts)

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        """Source, kind and text of each message."""
        for source, texts in self._texts.items():
            for kind, text in texts.items():
                yield source, kind, text

    def put(self, source: str, kind: str, text: str) -> bool:
        """Keeps a message; whether another had to go for it."""
        texts = self._texts.setdefault(source, {})
        replaced = texts.pop(kind, None) is not None
        texts[kind] = text
        return replaced

    def pop(self) -> tuple[str, ...]:
        """Takes all of the source that has been waiting for longest.

        As each source keeps its place until then, a busy one cannot starve the others.
        """
        return tuple(self._texts.pop(next(iter(self._texts))).values())

    def keep(self, sources: Collection[str]) -> None:
        """Drops what comes from other sources."""
        self._texts = {source: self._texts[source] for source in self._texts if source in sources}


class Outbox:
    """What waits for a slow client: of each source no more than the newest message of each kind.

    Attributes:
        dropped: by source, messages that were overtaken while they waited.
    """

    def __init__(self) -> None:
        self._newest = LatestMessages()
        self._filled = asyncio.Event()
        self.dropped = Counter[str]()

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._newest)

    def put(self, source: str, kind: str, text: str) -> None:
        """Leaves a message, in place of one of its kind that still waits."""
        if self._newest.put(source, kind, text) and source != HEART:
            self.dropped[source] += 1
        self._filled.set()

    def keep(self, sources: Collection[str]) -> None:
        """Drops what comes from other sources, as nobody wants it any more."""
        self._newest.keep({HEART, *sources})
        if not self._newest:
            self._filled.clear()

    async def take(self) -> tuple[str, ...]:
        """Waits for messages and takes those of the source that has been waiting for longest."""
        await self._filled.wait()
        texts = self._newest.pop()
        if not self._newest:
            self._filled.clear()
        return texts

"""What carries messages out, and the fan-out to all of them."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol, Self

from dancetype.stream.messages import Message

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Carries messages to one kind of receiver while it is entered."""

    async def __aenter__(self) -> Self:
        """Starts.

        Raises:
            SinkError: it cannot, and no retrying would help.
        """
        ...

    async def __aexit__(self, *exception: object) -> None:
        """Stops within a second or so, whatever the receivers do."""
        ...

    async def send(self, message: Message, text: str) -> None:
        """Takes over a message and `text`, its JSON, and returns at once.

        Receivers that are slow or away lose messages rather than hold up the caller.
        """
        ...


class SinkFanOut:
    """Sends each message to all outlets; the fault of one is nothing to the others.

    Args:
        outlets: started on entering, in this order, and stopped on leaving, all at once.
    """

    def __init__(self, outlets: Sequence[Sink]) -> None:
        self._outlets = tuple(outlets)
        self._reported: set[tuple[Sink, type[Exception]]] = set()

    async def __aenter__(self) -> Self:
        """Starts them all, or none.

        Raises:
            SinkError: one of them cannot start.
        """
        async with AsyncExitStack() as stack:
            for outlet in self._outlets:
                await stack.enter_async_context(outlet)
            stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stops them all; raises nothing that an outlet raises."""
        # Each may wait for receivers that do not answer, and the command is to end in time.
        ended = await asyncio.gather(
            *(outlet.__aexit__(*exception) for outlet in self._outlets), return_exceptions=True
        )
        for outlet, error in zip(self._outlets, ended, strict=True):
            if isinstance(error, Exception):
                self._report(outlet, error)

    async def send(self, message: Message) -> None:
        """Hands a message to every outlet; raises nothing that an outlet raises."""
        text = message.model_dump_json()
        for outlet in self._outlets:
            try:
                await outlet.send(message, text)
            except Exception as error:
                self._report(outlet, error)

    def _report(self, outlet: Sink, error: Exception) -> None:
        # At four messages a second a full disk would otherwise fill the log as well.
        fault = (outlet, type(error))
        if fault not in self._reported:
            self._reported.add(fault)
            _log.error("%s: %s (said once)", type(outlet).__name__, error)

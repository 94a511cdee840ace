"""Interface of a sink, and the fan-out to all sinks of a run."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol, Self

from dancetype.engine.log_event import LogEvent
from dancetype.stream.messages import Message

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Destination of messages, active between `__aenter__` and `__aexit__`."""

    async def __aenter__(self) -> Self:
        """Start; by default, do nothing.

        Raises:
            SinkError: The sink cannot start, and retrying would not help.
        """
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop within about a second, even if receivers hang; by default, do nothing."""
        return

    async def send(self, message: Message, text: str) -> None:
        """Accept a message and its JSON `text` without waiting for receivers.

        Slow or absent receivers lose messages.
        """


class SinkFanOut:
    """Group of sinks that receive the same messages; an error in one does not affect the others."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)
        self._reported: set[tuple[Sink, type[Exception]]] = set()

    @property
    def failed(self) -> bool:
        """Whether a sink has raised an error, and so has lost messages."""
        return bool(self._reported)

    async def __aenter__(self) -> Self:
        """Start all sinks in order; if one cannot start, stop those already started."""
        async with AsyncExitStack() as stack:
            for sink in self._sinks:
                await stack.enter_async_context(sink)
            stack.pop_all()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop all sinks concurrently, and log the errors they raise."""
        # A sink may have to wait for receivers that do not answer.
        results = await asyncio.gather(
            *(sink.__aexit__(*exception) for sink in self._sinks), return_exceptions=True
        )
        for sink, error in zip(self._sinks, results, strict=True):
            if isinstance(error, Exception):
                self._report(sink, error)

    async def send(self, message: Message) -> None:
        """Send a message to all sinks, and log the errors they raise."""
        text = message.model_dump_json()
        for sink in self._sinks:
            try:
                await sink.send(message, text)
            except Exception as error:
                self._report(sink, error)

    def _report(self, sink: Sink, error: Exception) -> None:
        # Once for each type of error: a full disk would otherwise fill the log as well.
        kind = (sink, type(error))
        if kind not in self._reported:
            self._reported.add(kind)
            _log.error(LogEvent("sink_failed", sink=type(sink).__name__, error=str(error)))

"""One live run: starts all pipelines and sends their messages until it is time to stop."""

import asyncio
import signal
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final, Protocol

from dancetype.stream.clock import Clock
from dancetype.stream.message_builder import MessageBuilder
from dancetype.stream.pipeline import Event
from dancetype.stream.sink import SinkFanOut

_JOIN_TIMEOUT: Final = 0.8
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_Events = asyncio.Queue[tuple[MessageBuilder, Event]]


class EventThreads(Protocol):
    """Threads that produce the events of one source: a `Pipeline` or a `Replay`."""

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Start the threads; `on_event` receives events, in order, on any thread."""

    def stop(self) -> None:
        """Request the threads to end; return at once."""

    def join(self, timeout: float) -> bool:
        """Wait for the threads up to `timeout` seconds; return False if one still runs."""
        ...


class Session:
    """All sources of one run; created and run on one event loop.

    Args:
        pipelines: Pipeline of each source by the name of the source.
        outlets: Receivers of the messages; entered and left by the caller.
        genres: Names of the K genres by code, in the classifier's order.
        clock: Clock of the run.
        first_epoch: Epoch in which each source starts.

    Attributes:
        stuck: Whether a thread is still running, waiting for a camera that does not answer.
    """

    def __init__(
        self,
        pipelines: Mapping[str, EventThreads],
        outlets: SinkFanOut,
        *,
        genres: Mapping[str, str],
        clock: Clock,
        first_epoch: int = 0,
    ) -> None:
        self._pipelines = pipelines
        self._outlets = outlets
        self._builders = {
            name: MessageBuilder(name, genres=genres, clock=clock, first_epoch=first_epoch)
            for name in pipelines
        }
        self.stuck = False
        self._stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def failed(self) -> bool:
        """Whether a source ended in failure."""
        return any(builder.failed for builder in self._builders.values())

    def stop(self, reason: str) -> None:
        """End the run, or keep it from starting; the last messages carry `reason`."""
        if not self._stop.done():
            self._stop.set_result(reason)

    async def run(
        self, *, seconds: float | None = None, signals: Collection[signal.Signals] = _SIGNALS
    ) -> None:
        """Run until all sources have ended, for at most `seconds`, or until it is stopped.

        Signals can only stop it if it runs on the main thread of a process.
        """
        loop = asyncio.get_running_loop()
        events: _Events = asyncio.Queue()
        for number in signals:
            loop.add_signal_handler(number, self.stop, "stopped")
        if seconds is not None:
            loop.call_later(seconds, self.stop, f"stopped after {seconds:g} s")
        sending = asyncio.create_task(self._send(events))
        try:
            for name, pipeline in self._pipelines.items():
                pipeline.start(_poster(loop, events, self._builders[name]))
            await asyncio.wait((self._stop, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pipeline in self._pipelines.values():
                pipeline.stop()
            sending.cancel()
            for number in signals:
                loop.remove_signal_handler(number)
        joined = await asyncio.gather(
            *(asyncio.to_thread(each.join, _JOIN_TIMEOUT) for each in self._pipelines.values())
        )
        self.stuck = not all(joined)
        if self._stop.done():
            for builder in self._builders.values():
                if not builder.over:
                    await self._outlets.send(builder.stopped(self._stop.result()))
        else:
            # Raises what ended it, unless that was the end of all sources.
            await sending

    async def _send(self, events: _Events) -> None:
        while not all(builder.over for builder in self._builders.values()):
            builder, event = await events.get()
            # A source that crashed may still deliver an event after its final one.
            if not builder.over:
                await self._outlets.send(builder.build(event))


def _poster(
    loop: asyncio.AbstractEventLoop, events: _Events, builder: MessageBuilder
) -> Callable[[Event], None]:
    def post(event: Event) -> None:
        # A thread that was waiting for its camera may return after the loop has been closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(events.put_nowait, (builder, event))

    return post

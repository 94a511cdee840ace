"""Live run of all sources: event threads in, messages out."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from typing import Final, Protocol

from dancetype.engine.errors import Fault, first_line
from dancetype.engine.log_event import LogEvent
from dancetype.stream.clock import Clock
from dancetype.stream.event_loop import stop_on_signals
from dancetype.stream.message_builder import MessageBuilder
from dancetype.stream.messages import Message
from dancetype.stream.pipeline import Event
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sources.base import SourceState, StateChanged

_log = logging.getLogger(__name__)

_JOIN_TIMEOUT: Final = 0.8

_Events = asyncio.Queue[tuple[str, Event]]


class EventThreads(Protocol):
    """Threads that produce the events of one source, such as a `Pipeline` or a `Replay`."""

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Start the threads; any of them may call `on_event`, with the events in order."""

    def stop(self) -> None:
        """Tell the threads to end; return without waiting for them."""

    def join(self, timeout: float) -> bool:
        """Wait for the threads up to `timeout` seconds; return False if one is still running."""
        ...


class Session:
    """Run of all sources; created and run on one event loop.

    Args:
        pipelines: Pipeline of each source, by name of the source.
        sinks: Receivers of the messages; the caller enters and exits them.
        genres: Names of the K genres by code, in the classifier's order.
        clock: Clock of the run.
        first_epoch: Number of each source's first epoch.

    Attributes:
        stuck: Whether a thread was still running at the end, blocked by a camera that does not
            answer.
    """

    def __init__(
        self,
        pipelines: Mapping[str, EventThreads],
        sinks: SinkFanOut,
        *,
        genres: Mapping[str, str],
        clock: Clock,
        first_epoch: int = 0,
    ) -> None:
        self._pipelines = pipelines
        self._sinks = sinks
        instance = secrets.token_hex(4)
        self._builders = {
            name: MessageBuilder(
                name, genres=genres, clock=clock, first_epoch=first_epoch, instance=instance
            )
            for name in pipelines
        }
        self.stuck = False
        self._stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def failed(self) -> bool:
        """Whether a source or sink has failed, or a source was unavailable at the end."""
        return self._sinks.failed or any(builder.failed for builder in self._builders.values())

    def stop(self, reason: str) -> None:
        """End the run, or prevent it from starting; the last messages contain `reason`."""
        if not self._stop.done():
            self._stop.set_result(reason)

    async def run(self, *, seconds: float | None = None, handle_signals: bool = True) -> None:
        """Run until all sources have ended, `seconds` have passed, or `stop` is called.

        Args:
            seconds: Maximum duration; unlimited if None.
            handle_signals: Whether Ctrl-C and similar signals stop the run; this needs the main
                thread.
        """
        loop = asyncio.get_running_loop()
        events: _Events = asyncio.Queue()
        if seconds is not None:
            loop.call_later(seconds, self.stop, f"stopped after {seconds:g} s")
        sending = asyncio.create_task(self._send(events))
        stop = partial(self.stop, "stopped")
        with stop_on_signals(stop) if handle_signals else nullcontext():
            try:
                for name, pipeline in self._pipelines.items():
                    self._start(name, pipeline, _event_poster(loop, events, name))
                await asyncio.wait((self._stop, sending), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pipeline in self._pipelines.values():
                    pipeline.stop()
                sending.cancel()
        joined = await asyncio.gather(
            *(
                asyncio.to_thread(pipeline.join, _JOIN_TIMEOUT)
                for pipeline in self._pipelines.values()
            )
        )
        self.stuck = not all(joined)
        if self._stop.done():
            for builder in self._builders.values():
                if not builder.finished:
                    await self._sinks.send(builder.build_final(self._stop.result()))
        else:
            # Re-raise the error of the task, if it has one.
            await sending

    async def _send(self, events: _Events) -> None:
        while not all(builder.finished for builder in self._builders.values()):
            name, event = await events.get()
            # One thread of a source may still send events after another has crashed.
            if not self._builders[name].finished:
                await self._sinks.send(self._build(name, event))

    def _start(self, name: str, pipeline: EventThreads, on_event: Callable[[Event], None]) -> None:
        try:
            pipeline.start(on_event)
        # Such as a limit on the number of threads, which must not end the other sources.
        except Exception as error:
            _log.exception(LogEvent("source_crashed", source=name, part="start"))
            on_event(_failure(0, f"cannot be started: {first_line(error)}"))

    def _build(self, name: str, event: Event) -> Message:
        """Build the message of an event; if it is invalid, end the source with a message."""
        try:
            return self._builders[name].build(event)
        except Exception as error:
            _log.exception(LogEvent("source_crashed", source=name, part="message"))
            self._pipelines[name].stop()
            return self._builders[name].build(
                _failure(event.epoch, f"its results are invalid: {first_line(error)}")
            )


def _failure(epoch: int, reason: str) -> StateChanged:
    return StateChanged(SourceState.FAILED, epoch, reason, Fault.OTHER, final=True)


def _event_poster(
    loop: asyncio.AbstractEventLoop, events: _Events, name: str
) -> Callable[[Event], None]:
    """Return a function that adds an event to the queue from any thread."""

    def post(event: Event) -> None:
        # A thread that was blocked by a camera may continue after the loop has been closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(events.put_nowait, (name, event))

    return post

"""Runs the pipelines of all sources until it is time to stop, and sends what they say."""

import asyncio
import signal
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final, Protocol

from dancetype.stream.events import Event
from dancetype.stream.sinks.base import SinkFanOut
from dancetype.stream.speaker import Speaker

_JOIN_TIMEOUT: Final = 0.8
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Runnable(Protocol):
    """What a session asks of a pipeline; `dancetype.stream.pipeline.Pipeline` is one."""

    def start(self) -> None:
        """Starts its threads."""
        ...

    def stop(self) -> None:
        """Tells its threads to end; returns at once."""
        ...

    def join(self, timeout: float) -> bool:
        """Waits for its threads; False where one still runs."""
        ...


class MakePipeline(Protocol):
    """Makes the pipeline of one source."""

    def __call__(self, *, on_event: Callable[[Event], None]) -> Runnable:
        """The pipeline, not started; `on_event` takes what happens in it, on any thread."""
        ...


class Session:
    """All sources of one run; made and run on one event loop.

    Args:
        makers: the pipeline of each source, by the source's name.
        speaker: makes the speaker of a source.
        outlets: take the messages; entered and left by the caller.
    """

    def __init__(
        self,
        makers: Mapping[str, MakePipeline],
        *,
        speaker: Callable[[str], Speaker],
        outlets: SinkFanOut,
    ) -> None:
        self._makers = makers
        self._speakers = {name: speaker(name) for name in makers}
        self._outlets = outlets
        self._stuck = False
        self._stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def failed(self) -> bool:
        """Whether a source ended in failure."""
        return any(speaker.failed for speaker in self._speakers.values())

    @property
    def stuck(self) -> bool:
        """Whether a thread is still running, waiting for a camera that does not answer."""
        return self._stuck

    def stop(self, reason: str) -> None:
        """Has the run end, or not begin; the last messages say `reason`."""
        if not self._stop.done():
            self._stop.set_result(reason)

    async def run(
        self, *, seconds: float | None = None, signals: Collection[signal.Signals] = _SIGNALS
    ) -> None:
        """Runs until all sources are at their end, for `seconds`, or until it is stopped.

        Args:
            seconds: how long to run; without end where None.
            signals: that stop it. Only the main thread of a process hears any.
        """
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[tuple[Speaker, Event]] = asyncio.Queue()
        pipelines = [
            make(on_event=_sender(loop, events, self._speakers[name]))
            for name, make in self._makers.items()
        ]
        for number in signals:
            loop.add_signal_handler(number, self.stop, "stopped")
        if seconds is not None:
            loop.call_later(seconds, self.stop, f"stopped after {seconds:g} s")
        sending = asyncio.create_task(self._send(events))
        try:
            for pipeline in pipelines:
                pipeline.start()
            await asyncio.wait((self._stop, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pipeline in pipelines:
                pipeline.stop()
            sending.cancel()
            for number in signals:
                loop.remove_signal_handler(number)
        joined = await asyncio.gather(
            *(asyncio.to_thread(pipeline.join, _JOIN_TIMEOUT) for pipeline in pipelines)
        )
        self._stuck = not all(joined)
        if self._stop.done():
            await self._say_stopped(self._stop.result())
        else:
            # Whatever ended the sending other than the end of all sources is a fault of ours.
            await sending

    async def _send(self, events: asyncio.Queue[tuple[Speaker, Event]]) -> None:
        while not all(speaker.over for speaker in self._speakers.values()):
            speaker, event = await events.get()
            # A source that crashed may have said a last word after its end.
            if not speaker.over:
                await self._outlets.send(speaker.message(event))

    async def _say_stopped(self, reason: str) -> None:
        for speaker in self._speakers.values():
            if not speaker.over:
                await self._outlets.send(speaker.message(speaker.stop(reason)))


def _sender(
    loop: asyncio.AbstractEventLoop,
    events: "asyncio.Queue[tuple[Speaker, Event]]",
    speaker: Speaker,
) -> Callable[[Event], None]:
    def send(event: Event) -> None:
        # A thread that was waiting for its camera may wake when the loop is gone.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(events.put_nowait, (speaker, event))

    return send

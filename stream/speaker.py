"""Makes the messages of one source out of what happens to it."""

from collections.abc import Mapping

from dancetype.stream.events import Event, StateChanged
from dancetype.stream.messages import (
    Clock,
    FrameCounts,
    Message,
    Moments,
    SourceState,
    prediction_message,
    source_message,
)


class Speaker:
    """Numbers the messages of one source, and knows when the last one is out.

    Args:
        source: its name.
        genres: K codes, in the classifier's order, and the name of each.
        clock: tells when a message is sent.
    """

    def __init__(self, source: str, *, genres: Mapping[str, str], clock: Clock) -> None:
        self._source = source
        self._genres = genres
        self._clock = clock
        self._seq = 0
        self._last = StateChanged(SourceState.CONNECTING, epoch=0)
        self._failed = False

    @property
    def over(self) -> bool:
        """Whether nothing more is to be said."""
        return self._last.final

    @property
    def failed(self) -> bool:
        """Whether the source is away, or was given up."""
        return self._failed

    def stop(self, reason: str) -> StateChanged:
        """The event that ends the source from outside."""
        return StateChanged(SourceState.ENDED, self._last.epoch, reason, final=True)

    def message(self, event: Event) -> Message:
        """The message for an event, to be sent now."""
        sent = self._clock.monotonic()
        seq = self._seq
        self._seq += 1
        if isinstance(event, StateChanged):
            self._last = event
            if event.state in (SourceState.RUNNING, SourceState.FAILED, SourceState.RECONNECTING):
                self._failed = event.state is not SourceState.RUNNING
            return source_message(
                event.state,
                event.reason,
                event.fault,
                source=self._source,
                epoch=event.epoch,
                seq=seq,
                sent=sent,
                clock=self._clock,
            )
        captured, posed, dropped = event.frame_counts
        return prediction_message(
            event.prediction,
            genres=self._genres,
            source=self._source,
            epoch=event.epoch,
            seq=seq,
            moments=Moments(event.capture, event.taken, event.posed, event.predicted, sent),
            frames=FrameCounts(captured=captured, posed=posed, dropped=dropped),
            fps=event.fps,
            image_size=event.image_size,
            clock=self._clock,
        )

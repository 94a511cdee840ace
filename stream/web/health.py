"""Whether all is well, for whatever restarts programs and turns traffic to them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self

from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, PredictionMessage, SourceMessage
from dancetype.stream.web.pages import Page, document

_FRESH: Final = 10.0


class Health:
    """Tells of the messages that pass whether sources give frames.

    Args:
        clock: that of the messages, so that a jump of the system's clock is nothing to it.
        fresh: seconds for which a frame counts as fresh.
    """

    def __init__(self, clock: Clock, *, fresh: float = _FRESH) -> None:
        if not fresh > 0:
            raise ValueError(f"a frame is fresh for more than 0 seconds, not {fresh}")
        self._clock = clock
        self._fresh = fresh
        self._sources: dict[str, _Source] = {}

    async def __aenter__(self) -> Self:
        """Does nothing."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Does nothing."""

    async def send(self, message: Message, text: str) -> None:
        """Notes what `message` says of its source."""
        del text
        source = self._sources.setdefault(message.source, _Source())
        if isinstance(message, PredictionMessage):
            source.captured = message.times.capture
        elif source.said is None or source.said.state is not message.state:
            source.said, source.since = message, message.times.sent
        else:
            source.said = message

    def live(self, authorised: bool) -> Page:
        """That the process answers, which is all that a restart could mend.

        Args:
            authorised: whether the asker may know the sources and their states.
        """
        body: dict[str, Any] = {"status": "ok"}
        if authorised:
            body["sources"] = {
                name: source.said.state for name, source in self._sources.items() if source.said
            }
        return document(HTTPStatus.OK, body)

    def ready(self, authorised: bool) -> Page:
        """Whether at least one source has had a frame lately; else status 503.

        Args:
            authorised: whether the asker may know the sources and what they do since when.
        """
        now = self._clock.unix(self._clock.monotonic())
        ages = [now - each.captured for each in self._sources.values() if each.captured is not None]
        ready = min(ages, default=float("inf")) <= self._fresh
        body: dict[str, Any] = {"status": "ready" if ready else "not_ready"}
        if not ready:
            body["reason"] = f"no source has had a frame in the last {self._fresh:g} s"
        if authorised:
            body["sources"] = {name: each.details(now) for name, each in self._sources.items()}
        return document(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, body)


@dataclass(slots=True)
class _Source:
    """What is known of a source; times in seconds since 1970."""

    said: SourceMessage | None = None
    since: float | None = None
    captured: float | None = None

    def details(self, now: float) -> dict[str, Any]:
        return {
            "state": self.said and self.said.state,
            "since": self.since,
            "fault": self.said and self.said.fault,
            "reason": self.said and self.said.reason,
            "frame_age": None if self.captured is None else round(now - self.captured, 3),
        }

"""What a technician wants to know of a run, as one JSON text for the pages: `/status`."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Self

import numpy as np

from dancetype.stream.clock import Clock
from dancetype.stream.messages import (
    Latency,
    Message,
    PredictionMessage,
    SourceMessage,
    SourceState,
)
from dancetype.stream.web.pages import Page, document, unauthorised

_HISTORY: Final = 600.0
# Of changes in a history, should something flicker.
_MOST_CHANGES: Final = 600
_LATELY: Final = 60.0
# Without a message for so long a source is silent, as clients are told to see it.
_SILENCE: Final = 1.5
_SILENT: Final = "silent"
_UNAUTHORISED: Final = unauthorised("the status is")


class Overview:
    """Remembers the last minutes of each source.

    Args:
        program: version.
        model: recipe by which the genre model was trained.
        provider: of onnxruntime's, which runs it.
        genres: its codes, in its order, and the name of each.
        preview: whether there are pictures to be had.
        clock: that of the messages.
    """

    def __init__(
        self,
        *,
        program: str,
        model: str,
        provider: str,
        genres: Mapping[str, str],
        preview: bool,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._run = {
            "version": 1,
            "program": program,
            "model": model,
            "provider": provider,
            "genres": dict(genres),
            "preview": preview,
        }
        self._sources: dict[str, _Source] = {}
        self._clients: Callable[[], Mapping[str, int]] = lambda: {}
        self._links: Callable[[], Mapping[str, bool]] | None = None

    async def __aenter__(self) -> Self:
        """Does nothing."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Does nothing."""

    async def send(self, message: Message, text: str) -> None:
        """Takes note of `message`."""
        del text
        self._sources.setdefault(message.source, _Source()).hear(message)

    def watch_clients(self, clients: Callable[[], Mapping[str, int]]) -> None:
        """Asks `clients` for counts of the WebSocket's clients, by what is counted."""
        self._clients = clients

    def watch_broker(self, links: Callable[[], Mapping[str, bool]]) -> None:
        """Asks `links` whether each source's connection to the MQTT broker stands."""
        self._links = links

    def page(self, authorised: bool) -> Page:
        """All of it as it is now, for those who may see it; docs/protocol.md tells the fields."""
        if not authorised:
            return _UNAUTHORISED
        now = self._clock.unix(self._clock.monotonic())
        return document(
            HTTPStatus.OK,
            self._run
            | {
                "now": round(now, 3),
                "clients": self._clients(),
                "mqtt": None if self._links is None else {"connected": self._links()},
                "sources": {name: source.told(now) for name, source in self._sources.items()},
            },
        )


@dataclass(slots=True)
class _Source:
    """What is known of a source; times in seconds since 1970."""

    said: SourceMessage | None = None
    predicted: PredictionMessage | None = None
    since: float | None = None
    reconnects: int = 0
    lost: bool = False
    heard: float = 0.0
    latencies: deque[tuple[float, Latency]] = field(default_factory=deque)
    history: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_MOST_CHANGES))

    def hear(self, message: Message) -> None:
        self._note_silence(message.times.sent)
        if isinstance(message, SourceMessage):
            self._hear_state(message)
            return
        self.predicted, self.heard = message, message.times.sent
        self._note(message.times.sent, message.status.value, message.genre)
        self.latencies.append((message.times.sent, message.latency))
        self._forget(message.times.sent)

    def told(self, now: float) -> dict[str, Any]:
        self._note_silence(now)
        self._forget(now)
        running = self.said is not None and self.said.state is SourceState.RUNNING
        predicted = self.predicted
        return {
            "state": self.said and self.said.state,
            "reason": self.said and self.said.reason,
            "fault": self.said and self.said.fault,
            "since": self.since,
            "epoch": 0 if self.said is None else self.said.epoch,
            "reconnects": self.reconnects,
            "fps": predicted.fps if running and predicted else 0.0,
            "frames": predicted and predicted.frames.model_dump(),
            "latency": self._latency(),
            "history": list(self.history),
        }

    def _hear_state(self, message: SourceMessage) -> None:
        state = message.state
        if self.said is None or self.said.state is not state:
            self.since = message.times.sent
        self.said = message
        if state is SourceState.RUNNING:
            self.reconnects += self.lost
            self.lost = False
            return
        self.lost = self.lost or state is SourceState.RECONNECTING
        self._note(message.times.sent, _SILENT, None)

    def _note_silence(self, now: float) -> None:
        if self.heard and now - self.heard > _SILENCE:
            self._note(self.heard + _SILENCE, _SILENT, None)

    def _note(self, at: float, status: str, genre: str | None) -> None:
        last = self.history[-1] if self.history else {}
        if (last.get("status"), last.get("genre")) != (status, genre):
            self.history.append({"at": round(at, 3), "status": status, "genre": genre})

    def _forget(self, now: float) -> None:
        while self.latencies and now - self.latencies[0][0] > _LATELY:
            self.latencies.popleft()
        # A change counts until the next one.
        while len(self.history) > 1 and now - self.history[1]["at"] > _HISTORY:
            self.history.popleft()

    def _latency(self) -> dict[str, dict[str, float]] | None:
        """Median and 95th percentile of each part of the last minute, in seconds."""
        if not self.latencies:
            return None
        names = list(Latency.model_fields)
        parts = np.array([[getattr(each, name) for name in names] for _, each in self.latencies])
        columns = np.column_stack([parts, parts.sum(axis=1)])
        middle, most = np.percentile(columns, (50, 95), axis=0).round(6).tolist()
        return {
            name: {"p50": p50, "p95": p95}
            for name, p50, p95 in zip([*names, "total"], middle, most, strict=True)
        }

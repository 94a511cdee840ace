"""Topics that a source publishes under, and the payload of its genre topic."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dancetype.stream.messages import Message, PredictionMessage
from dancetype.stream.sinks.homeassistant import discovery_topic

GENRE_EXPIRY: Final = 300
"""Seconds after which the broker deletes a genre unless it is published again."""
PREDICTION_EXPIRY: Final = 2


def topic_level(name: str) -> str:
    """Return `name` as one level of a topic, with forbidden characters percent-encoded."""
    return "".join(
        char if char.isprintable() and char not in "+#/%" else quote(char, safe="") for char in name
    )


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """Topic with its publishing options; also the key of the queue, by identity."""

    topic: str
    qos: int = 0
    retain: bool = False
    expiry: int | None = None

    def properties(self) -> Properties | None:
        """Return the properties to publish with, which need MQTT 5; None without an expiry."""
        if self.expiry is None:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = self.expiry
        return properties


class SourceTopics:
    """Topics of a source.

    Args:
        source: Name of the source.
    """

    def __init__(self, source: str) -> None:
        self.base = base = f"dancetype/{topic_level(source)}"
        self.prediction = Channel(f"{base}/prediction", expiry=PREDICTION_EXPIRY)
        self.confidence = Channel(f"{base}/confidence")
        self.dancing = Channel(f"{base}/dancing")
        self.status = Channel(f"{base}/status", qos=1, retain=True)
        self.genre = Channel(f"{base}/genre", qos=1, retain=True, expiry=GENRE_EXPIRY)
        self.discovery = Channel(discovery_topic(source), qos=1, retain=True)
        # A separate channel, so that it is queued after the last status and does not replace it.
        self.stopped = Channel(f"{base}/status", qos=1, retain=True)


class GenreTopic:
    """Payload of one source's genre topic: a genre or a status; empty if the source is not running.

    Args:
        clock: Monotonic clock, in seconds.

    Attributes:
        text: Current payload.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._published_at = 0.0
        self.text = ""

    def update(self, message: Message) -> bool:
        """Update `text`; return whether to publish it, because it is new or expires soon."""
        if isinstance(message, PredictionMessage):
            text = message.name or message.status.value
        else:
            text = self.text if message.state.delivers else ""
        now = self._clock()
        expiring = bool(text) and now - self._published_at >= GENRE_EXPIRY / 2
        if text == self.text and not expiring:
            return False
        self.text = text
        self._published_at = now
        return True

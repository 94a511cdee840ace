"""Messages to an MQTT broker, which may come and go."""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from aiomqtt import Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.latest_queue import LatestQueue
from dancetype.stream.messages import Message, PredictionMessage, SourceMessage, SourceState
from dancetype.stream.sinks.addresses import resolve
from dancetype.stream.sinks.broker import Broker, explained, parse_broker, refused, tls_context
from dancetype.stream.sinks.homeassistant import (
    BIRTH,
    BIRTH_TOPIC,
    CONFIDENCE_EVERY,
    discovery_payload,
    discovery_topic,
)
from dancetype.stream.sinks.mqtt_client import MqttClient

_log = logging.getLogger(__name__)

GENRE_EXPIRY: Final = 300
"""Seconds after which the broker forgets a genre that was not said again."""
PREDICTION_EXPIRY: Final = 2

OFFLINE: Final = "offline"
STOPPED: Final = "stopped"
# The command is to end within two seconds.
_GOODBYE_TIMEOUT: Final = 0.7
# For a broker that has turned us down: somebody has to do something about it first.
_REFUSED_WAIT: Final = 30.0
# A connection that does not last this long is no success: two clients of one id put each other out
# at once, over and over.
_SETTLED: Final = 3.0


def topic_level(name: str) -> str:
    """`name` as one level of a topic: what MQTT forbids there is percent-encoded, as `%` is."""
    return "".join(
        char if char.isprintable() and char not in "+#/%" else quote(char, safe="") for char in name
    )


class Genre:
    """What the genre topic of one source is to say, and when to say it.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said_at = 0.0
        self.text = ""

    def hear(self, message: Message) -> bool:
        """Whether `text` is to be published after `message`.

        It is the name of the genre or the status, and empty while the source does not run. It is
        said again before the broker forgets it.
        """
        if isinstance(message, PredictionMessage):
            text = message.name or message.status.value
        else:
            text = self.text if message.state is SourceState.RUNNING else ""
        now = self._clock()
        old = bool(text) and now - self._said_at >= GENRE_EXPIRY / 2
        if text == self.text and not old:
            return False
        self.text = text
        self._said_at = now
        return True


async def _at_once() -> None:
    """Has nobody wait."""


class MqttSink:
    """Publishes under `dancetype/<source>/`, and tries for ever when the broker is away.

    Predictions go to `prediction`; source messages to `status` and what is danced to `genre`, where
    they are retained. `status` says `stopped` after we have stopped, and `offline` once we are
    gone without having said so.

    Args:
        url: of the broker, as `parse_broker` reads it.
        ca: certificate (PEM) of who vouches for it; those the system trusts where None.
        client_id: our name at the broker, followed by each source's; one that nobody else has
            where None.
        homeassistant: whether to tell Home Assistant what there is.
        may_connect: is waited for before each try to connect.
        clock: monotonic, in seconds.

    Raises:
        SinkError: the URL is not of that form.
    """

    def __init__(
        self,
        url: str,
        *,
        ca: Path | None = None,
        client_id: str | None = None,
        homeassistant: bool = False,
        may_connect: Callable[[], Awaitable[None]] = _at_once,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker = parse_broker(url)
        self._ca = ca
        # Of two clients with one id a broker keeps the later, and both would take turns.
        self._client_id = client_id or f"dancetype-{secrets.token_hex(4)}"
        self._homeassistant = homeassistant
        self._may_connect = may_connect
        self._clock = clock
        self._complaints = _Complaints(self._broker)
        self._links: dict[str, _Link] = {}

    @property
    def links(self) -> Mapping[str, bool]:
        """Source -> whether its connection stands."""
        return {source: link.connected for source, link in self._links.items()}

    @property
    def connected(self) -> bool:
        """Whether the connections of all sources stand that have said anything."""
        return all(self.links.values())

    async def __aenter__(self) -> Self:
        """Reads the certificate; sources connect with their first message.

        Raises:
            SinkError: the certificate cannot be read.
        """
        self._tls = tls_context(self._broker, self._ca)
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Publishes what is left and says goodbye, if the broker takes it in time."""
        await asyncio.gather(*(link.stop() for link in self._links.values()))

    async def send(self, message: Message, text: str) -> None:
        """Leaves `text` to be published in the background."""
        link = self._links.get(message.source)
        if link is None:
            link = self._links[message.source] = self._link(message.source)
        link.put(message, text)

    def _link(self, source: str) -> "_Link":
        return _Link(
            source,
            broker=self._broker,
            make_client=lambda will: self._client(source, will),
            complaints=self._complaints,
            homeassistant=self._homeassistant,
            may_connect=self._may_connect,
            clock=self._clock,
        )

    def _client(self, source: str, will: Will) -> MqttClient:
        identifier = f"{self._client_id}-{topic_level(source)}"
        return MqttClient(self._broker, identifier=identifier, will=will, tls=self._tls)


class _Complaints:
    """Says once what is wrong with a broker, until it has been back."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._said: set[str] = set()

    def say(self, what: str) -> None:
        level = logging.DEBUG if what in self._said else logging.WARNING
        self._said.add(what)
        _log.log(level, "MQTT broker %s: %s", self._broker, what)

    def forget(self) -> None:
        self._said.clear()


@dataclass(frozen=True, slots=True, eq=False)
class _Channel:
    topic: str
    qos: int = 0
    retain: bool = False
    expiry: int | None = None

    @property
    def properties(self) -> Properties | None:
        if self.expiry is None:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = self.expiry
        return properties


class _Link:
    """One source's own connection, since MQTT grants one last will a connection."""

    def __init__(
        self,
        source: str,
        *,
        broker: Broker,
        make_client: Callable[[Will], MqttClient],
        complaints: _Complaints,
        homeassistant: bool,
        may_connect: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self.connected = False
        self._stopping = False
        self._source = source
        self._broker = broker
        self._make_client = make_client
        self._complaints = complaints
        self._homeassistant = homeassistant
        self._may_connect = may_connect
        self._clock = clock
        self._base = base = f"dancetype/{topic_level(source)}"
        self._prediction = _Channel(f"{base}/prediction", expiry=PREDICTION_EXPIRY)
        self._confidence = _Channel(f"{base}/confidence")
        self._status = _Channel(f"{base}/status", qos=1, retain=True)
        self._genre = _Channel(f"{base}/genre", qos=1, retain=True, expiry=GENRE_EXPIRY)
        self._discovery = _Channel(discovery_topic(source), qos=1, retain=True)
        # A channel of its own, so that it waits its turn and does not replace a last status.
        self._goodbye = _Channel(f"{base}/status", qos=1, retain=True)
        self._queue = LatestQueue[_Channel, str]()
        self._last_status: str | None = None
        self._last_genre = Genre(clock)
        self._next_confidence = clock()
        self._task = asyncio.create_task(self._run())

    def put(self, message: Message, text: str) -> None:
        """Leaves `text` to be published."""
        if isinstance(message, SourceMessage):
            self._last_status = text
            self._queue.put(self._status, text)
        else:
            self._queue.put(self._prediction, text)
            self._put_confidence(message.confidence)
        if self._last_genre.hear(message):
            self._queue.put(self._genre, self._last_genre.text)

    async def stop(self) -> None:
        """Publishes what is left and `stopped`, if the broker takes it in time."""
        self._stopping = True
        self._last_genre.text = ""
        self._queue.put(self._genre, "")
        self._queue.put(self._goodbye, STOPPED)
        await asyncio.wait({self._task}, timeout=_GOODBYE_TIMEOUT)
        self._task.cancel()
        await asyncio.wait({self._task})

    def _put_confidence(self, confidence: float) -> None:
        if self._homeassistant and self._clock() >= self._next_confidence:
            self._next_confidence = self._clock() + CONFIDENCE_EVERY
            self._queue.put(self._confidence, f"{100 * confidence:.0f}")

    def _put_discovery(self) -> None:
        if self._homeassistant:
            payload = discovery_payload(
                self._source,
                base=self._base,
                version=version("dancetype"),
                genre_expires=GENRE_EXPIRY,
            )
            self._queue.put(self._discovery, payload)

    async def _run(self) -> None:
        backoff = Backoff(self._clock)
        while True:
            await self._may_connect()
            since = self._clock()
            wait = 0.0
            try:
                # Where names are not looked up, aiomqtt's thread would be stuck at it.
                await resolve(self._broker.host, self._broker.port, socket.SOCK_STREAM)
                will = Will(self._status.topic, OFFLINE, qos=1, retain=True)
                client = self._make_client(will)
                async with client.session():
                    since = self._clock()
                    self.connected = True
                    _log.info("MQTT broker %s: publishing to %s", self._broker, self._base)
                    await self._publish(client)
                    return
            # Whatever it is, the next try may go well, and nobody else would make one.
            except* Exception as errors:
                error = errors.exceptions[0]
                if self.connected and self._clock() - since >= _SETTLED:
                    backoff.reset()
                    self._complaints.forget()
                wait = _REFUSED_WAIT if refused(error) else backoff.wait()
                again = f"again in {wait:.0f} s" if refused(error) else "again"
                self._complaints.say(f"{explained(error, self._broker)}; trying {again}")
            finally:
                self.connected = False
            await asyncio.sleep(wait)

    async def _publish(self, client: MqttClient) -> None:
        # What waited for the connection is old. The broker holds our last will in place of the
        # status, or nothing where it was started again, and maybe a genre from before.
        self._queue = LatestQueue()
        if self._last_status is not None:
            self._queue.put(self._status, self._last_status)
        self._queue.put(self._genre, self._last_genre.text)
        self._put_discovery()
        if self._stopping:
            self._queue.put(self._goodbye, STOPPED)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(client))
            channel = None
            while channel is not self._goodbye:
                channel, text = await self._queue.take()
                await client.publish(
                    channel.topic,
                    text,
                    qos=channel.qos,
                    retain=channel.retain,
                    # To clear a topic is to have nothing on it that could expire.
                    properties=channel.properties if text else None,
                )
            watching.cancel()

    async def _watch(self, client: MqttClient) -> None:
        """Raises MqttError once the connection is lost, which a quiet publisher would not notice.

        Home Assistant forgets what it was told when it starts, and says when it has.
        """
        if self._homeassistant:
            await client.subscribe(BIRTH_TOPIC)
        async for message in client.messages:
            if message.payload == BIRTH.encode():
                self._put_discovery()

"""Sink that publishes messages to an MQTT broker, and reconnects if the connection is lost."""

import asyncio
import logging
import secrets
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiomqtt import Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from dancetype.engine.log_event import LogEvent
from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.latest_queue import LatestQueue
from dancetype.stream.messages import Message, PredictionMessage, SourceMessage
from dancetype.stream.sink import Sink
from dancetype.stream.sinks.addresses import resolve
from dancetype.stream.sinks.broker import (
    Broker,
    describe_error,
    is_refusal,
    parse_broker,
    tls_context,
)
from dancetype.stream.sinks.homeassistant import (
    BIRTH,
    BIRTH_TOPIC,
    NUMBERS_EVERY,
    discovery_payload,
    discovery_topic,
)
from dancetype.stream.sinks.mqtt_client import MqttClient, ProtocolChoice
from dancetype.stream.sinks.other_runs import OFFLINE, STOPPED, OtherRuns

_log = logging.getLogger(__name__)

GENRE_EXPIRY: Final = 300
"""Seconds after which the broker deletes a genre unless it is published again."""
PREDICTION_EXPIRY: Final = 2

# The command must exit within two seconds.
_STOP_TIMEOUT: Final = 0.7
# Delay after a refusal: retrying succeeds only once a person has changed a configuration.
_REFUSAL_DELAY: Final = 30.0
# Seconds after which a connection counts as stable. Two clients with the same id disconnect each
# other immediately, again and again.
_STABLE_AFTER: Final = 3.0


def topic_level(name: str) -> str:
    """Return `name` as one level of a topic, with forbidden characters percent-encoded."""
    return "".join(
        char if char.isprintable() and char not in "+#/%" else quote(char, safe="") for char in name
    )


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


async def _no_delay() -> None:
    """Connect immediately."""


@dataclass(frozen=True, slots=True, eq=False)
class _Options:
    """Options that the connections of all sources share."""

    broker: Broker
    tls: ssl.SSLContext | None
    client_id: str
    homeassistant: bool
    before_connect: Callable[[], Awaitable[None]]
    clock: Callable[[], float]
    reported: set[str] = field(default_factory=set)
    """Problems with the broker that were logged since the last stable connection."""


class MqttSink(Sink):
    """Sink that publishes under `dancetype/<source>/`, and reconnects until it succeeds.

    Predictions go to the topic `prediction`. Source messages go to `status` and genres to `genre`;
    both are retained. After a regular shutdown `status` is `stopped`, otherwise `offline`.

    Args:
        url: URL of the broker, in the form that `parse_broker` accepts.
        ca: CA certificate file (PEM); None for the certificates that the system trusts.
        client_id: Prefix of the client ids, followed by the source name; random if None.
        homeassistant: Whether to publish discovery messages for Home Assistant.
        before_connect: Awaited before each connection attempt.
        clock: Monotonic clock, in seconds.

    Raises:
        SinkError: The URL is malformed, or the certificate cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        ca: Path | None = None,
        client_id: str | None = None,
        homeassistant: bool = False,
        before_connect: Callable[[], Awaitable[None]] = _no_delay,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        broker = parse_broker(url)
        self._options = _Options(
            broker=broker,
            tls=tls_context(broker, ca),
            # Two clients with the same id would disconnect each other in turn.
            client_id=client_id or f"dancetype-{secrets.token_hex(4)}",
            homeassistant=homeassistant,
            before_connect=before_connect,
            clock=clock,
        )
        self._connections: dict[str, _SourceConnection] = {}

    @property
    def connections(self) -> Mapping[str, bool]:
        """Whether each source is connected to the broker, by name of the source."""
        return {name: connection.connected for name, connection in self._connections.items()}

    @property
    def shared_sources(self) -> list[str]:
        """Names of the sources under which another run publishes to the same broker."""
        return [
            name
            for name, connection in self._connections.items()
            if connection.other_runs.instances
        ]

    async def __aexit__(self, *exception: object) -> None:
        """Publish the remaining messages and disconnect, if the broker accepts them in time."""
        await asyncio.gather(*(connection.stop() for connection in self._connections.values()))

    async def send(self, message: Message, text: str) -> None:
        """Queue `text` to be published in the background."""
        connection = self._connections.get(message.source)
        if connection is None:
            connection = _SourceConnection(message.source, self._options)
            self._connections[message.source] = connection
        connection.put(message, text)


@dataclass(frozen=True, slots=True, eq=False)
class _Channel:
    """Topic with its publishing options; also the key of the queue, by identity."""

    topic: str
    qos: int = 0
    retain: bool = False
    expiry: int | None = None

    def properties(self) -> Properties | None:
        if self.expiry is None:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = self.expiry
        return properties


class _SourceConnection:
    """Connection of one source; each has its own, since MQTT allows one will per connection."""

    def __init__(self, source: str, options: _Options) -> None:
        self.connected = False
        self._protocol = ProtocolChoice()
        self._skip_watching = False
        self._stopping = False
        self._source = source
        self._options = options
        self._base = base = f"dancetype/{topic_level(source)}"
        self.other_runs = OtherRuns(str(options.broker), base)
        self._prediction = _Channel(f"{base}/prediction", expiry=PREDICTION_EXPIRY)
        self._confidence = _Channel(f"{base}/confidence")
        self._dancing = _Channel(f"{base}/dancing")
        self._status = _Channel(f"{base}/status", qos=1, retain=True)
        self._genre = _Channel(f"{base}/genre", qos=1, retain=True, expiry=GENRE_EXPIRY)
        self._discovery = _Channel(discovery_topic(source), qos=1, retain=True)
        # A separate channel, so that it is queued after the last status and does not replace it.
        self._stopped = _Channel(f"{base}/status", qos=1, retain=True)
        self._queue = LatestQueue[_Channel, str]()
        self._last_status: str | None = None
        self._last_genre = GenreTopic(options.clock)
        self._has_dancing = False
        self._next_numbers = options.clock()
        self._task = asyncio.create_task(self._run())

    def put(self, message: Message, text: str) -> None:
        """Queue `text` to be published."""
        if isinstance(message, SourceMessage):
            self.other_runs.own_instance = message.instance
            self._last_status = text
            self._queue.put(self._status, text)
        else:
            self._queue.put(self._prediction, text)
            if self._options.homeassistant:
                self._put_numbers(message)
        if self._last_genre.update(message):
            self._queue.put(self._genre, self._last_genre.text)

    def _put_numbers(self, message: PredictionMessage) -> None:
        if message.dancing is not None and not self._has_dancing:
            self._has_dancing = True
            self._put_discovery()
        now = self._options.clock()
        if now < self._next_numbers:
            return
        self._next_numbers = now + NUMBERS_EVERY
        self._queue.put(self._confidence, f"{100 * message.confidence:.0f}")
        if self._has_dancing:
            self._queue.put(self._dancing, f"{100 * (message.dancing or 0):.0f}")

    async def stop(self) -> None:
        """Publish the remaining messages and `stopped`, if the broker accepts them in time."""
        self._stopping = True
        self._last_genre.text = ""
        self._queue.put(self._genre, "")
        self._queue.put(self._stopped, STOPPED)
        await asyncio.wait({self._task}, timeout=_STOP_TIMEOUT)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        options, broker = self._options, self._options.broker
        backoff = Backoff(options.clock)
        while True:
            await options.before_connect()
            connected_at = options.clock()
            delay = 0.0
            try:
                # aiomqtt would look up the name on a thread that cannot be interrupted.
                await resolve(broker.host, broker.port, socket.SOCK_STREAM)
                client = MqttClient(
                    broker,
                    identifier=f"{options.client_id}-{topic_level(self._source)}",
                    will=Will(self._status.topic, OFFLINE, qos=1, retain=True),
                    tls=options.tls,
                    protocol=self._protocol.current,
                )
                async with client.session():
                    connected_at = options.clock()
                    self.connected = True
                    self._protocol.accepted()
                    _log.info(LogEvent("mqtt_connected", broker=str(broker), topic=self._base))
                    if self._protocol.is_fallback:
                        effect = "messages do not expire on the broker, as those of MQTT 5 do"
                        self._log_once(
                            LogEvent(
                                "mqtt_version_fallback",
                                broker=str(broker),
                                version="3.1.1",
                                effect=effect,
                            )
                        )
                    await self._publish(client)
                    return
            # The next attempt may succeed after any error.
            except* Exception as errors:
                error = errors.exceptions[0]
                if self.connected and options.clock() - connected_at >= _STABLE_AFTER:
                    backoff.reset()
                    options.reported.clear()
                attempt = " with MQTT 3.1.1" if self._protocol.is_fallback else ""
                if not self._protocol.next(error):
                    delay = _REFUSAL_DELAY if is_refusal(error) else backoff.next_delay()
                    retry = f"retrying in {delay:.0f} s" if is_refusal(error) else "retrying"
                    if self._protocol.is_fallback:
                        retry += " with MQTT 3.1.1"
                    problem = f"{describe_error(error, broker)}{attempt}; {retry}"
                    self._log_once(
                        LogEvent("mqtt_connection_failed", broker=str(broker), error=problem)
                    )
            finally:
                self.connected = False
            await asyncio.sleep(delay)

    def _log_once(self, event: LogEvent) -> None:
        """Log a problem with the broker, as a warning the first time."""
        level = logging.DEBUG if str(event) in self._options.reported else logging.WARNING
        self._options.reported.add(str(event))
        _log.log(level, event)

    async def _publish(self, client: MqttClient) -> None:
        # Messages queued while disconnected are outdated. On the broker, `status` is the last will,
        # or empty if the broker was restarted, and `genre` may be outdated.
        self._queue = LatestQueue()
        self.other_runs.instances.clear()
        self._put_state()
        self._put_discovery()
        if self._stopping:
            self._queue.put(self._stopped, STOPPED)
        has_expiry = not self._protocol.is_fallback
        async with asyncio.TaskGroup() as tasks:
            receiver = tasks.create_task(self._receive(client))
            await self._subscribe(client)
            channel = None
            while channel is not self._stopped:
                channel, text = await self._queue.take()
                await client.publish(
                    channel.topic,
                    text,
                    qos=channel.qos,
                    retain=channel.retain,
                    # An empty payload clears the topic, so there is nothing to expire.
                    properties=channel.properties() if text and has_expiry else None,
                )
            receiver.cancel()

    def _put_discovery(self) -> None:
        if self._options.homeassistant:
            payload = discovery_payload(
                self._source,
                base=self._base,
                version=version("dancetype"),
                genre_expires=GENRE_EXPIRY,
                dancing=self._has_dancing,
            )
            self._queue.put(self._discovery, payload)

    async def _subscribe(self, client: MqttClient) -> None:
        """Subscribe to the own status, and to the start of Home Assistant.

        Raises:
            MqttError: The connection is lost.
        """
        # Some brokers close the connection of a client that may not read a topic. It then does
        # without this subscription on the next connection.
        self._skip_watching = not self._skip_watching
        if self._skip_watching:
            await client.subscribe(self._status.topic, qos=1)
            self._skip_watching = False
        if self._options.homeassistant:
            # Home Assistant forgets discovery messages on a restart, and announces its start.
            await client.subscribe(BIRTH_TOPIC)

    async def _receive(self, client: MqttClient) -> None:
        """React to the start of Home Assistant, and to other runs with the same source name.

        Raises:
            MqttError: The connection is lost; publishing alone would not notice this.
        """
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if message.topic.value == BIRTH_TOPIC:
                if payload == BIRTH.encode():
                    self._put_discovery()
            # A retained message may be that of an earlier run.
            elif message.retain or self._stopping:
                continue
            elif self.other_runs.update(payload):
                self._put_state()

    def _put_state(self) -> None:
        """Queue the retained messages."""
        if self._last_status is not None:
            self._queue.put(self._status, self._last_status)
        self._queue.put(self._genre, self._last_genre.text)

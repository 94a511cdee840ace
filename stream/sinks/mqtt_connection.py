"""Connection of one source to an MQTT broker, made again whenever it is lost."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from aiomqtt import Will

from dancetype.engine.log_event import LogEvent
from dancetype.stream.capture.backoff import Backoff
from dancetype.stream.latest_queue import LatestQueue
from dancetype.stream.messages import Message, PredictionMessage, SourceMessage
from dancetype.stream.sinks.addresses import resolve
from dancetype.stream.sinks.broker import Broker, describe_error, is_refusal
from dancetype.stream.sinks.homeassistant import (
    BIRTH,
    BIRTH_TOPIC,
    NUMBERS_EVERY,
    discovery_payload,
)
from dancetype.stream.sinks.mqtt_client import MqttClient, ProtocolChoice
from dancetype.stream.sinks.mqtt_topics import (
    GENRE_EXPIRY,
    Channel,
    GenreTopic,
    SourceTopics,
    topic_level,
)
from dancetype.stream.sinks.other_runs import OFFLINE, STOPPED, OtherRuns

_log = logging.getLogger(__name__)

# The command must exit within two seconds.
_STOP_TIMEOUT: Final = 0.7
_CANCEL_AGAIN: Final = 0.1
# Delay after a refusal: retrying succeeds only once a person has changed a configuration.
_REFUSAL_DELAY: Final = 30.0
# Seconds after which a connection counts as stable. Two clients with the same id disconnect each
# other immediately, again and again.
_STABLE_AFTER: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class ConnectionOptions:
    """Options that the connections of all sources share."""

    broker: Broker
    tls: ssl.SSLContext | None
    client_id: str
    homeassistant: bool
    before_connect: Callable[[], Awaitable[None]]
    clock: Callable[[], float]
    reported: set[str] = field(default_factory=set)
    """Problems with the broker that were logged since the last stable connection."""


class SourceConnection:
    """Connection of one source; each has its own, since MQTT allows one will per connection."""

    def __init__(self, source: str, options: ConnectionOptions) -> None:
        self.connected = False
        self._connected_at = 0.0
        self._protocol = ProtocolChoice()
        self._skip_watching = False
        self._stopping = False
        self._source = source
        self._options = options
        self._topics = topics = SourceTopics(source)
        self.other_runs = OtherRuns(str(options.broker), topics.base)
        self._queue = LatestQueue[Channel, str]()
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
            self._queue.put(self._topics.status, text)
        else:
            self._queue.put(self._topics.prediction, text)
            if self._options.homeassistant:
                self._put_numbers(message)
        if self._last_genre.update(message):
            self._queue.put(self._topics.genre, self._last_genre.text)

    def _put_numbers(self, message: PredictionMessage) -> None:
        if message.dancing is not None and not self._has_dancing:
            self._has_dancing = True
            self._put_discovery()
        now = self._options.clock()
        if now < self._next_numbers:
            return
        self._next_numbers = now + NUMBERS_EVERY
        self._queue.put(self._topics.confidence, f"{100 * message.confidence:.0f}")
        if self._has_dancing:
            self._queue.put(self._topics.dancing, f"{100 * (message.dancing or 0):.0f}")

    async def stop(self) -> None:
        """Publish the remaining messages and `stopped`, if the broker accepts them in time."""
        self._stopping = True
        self._last_genre.text = ""
        self._queue.put(self._topics.genre, "")
        self._queue.put(self._topics.stopped, STOPPED)
        await asyncio.wait({self._task}, timeout=_STOP_TIMEOUT)
        await self.abort()

    async def abort(self) -> None:
        """Drop the connection, if it still exists; the broker then publishes the last will."""
        # In Python 3.11, the `asyncio.wait_for` of aiomqtt ignores a cancellation if the answer of
        # the broker arrives at the same time.
        while not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCEL_AGAIN)

    async def _run(self) -> None:
        backoff = Backoff(self._options.clock)
        while True:
            await self._options.before_connect()
            try:
                await self._connect()
                return
            # The next attempt may succeed after any error.
            except* Exception as errors:
                delay = self._retry_delay(errors.exceptions[0], backoff)
            finally:
                self.connected = False
            await asyncio.sleep(delay)

    async def _connect(self) -> None:
        """Connect, and publish until the last message.

        Raises:
            Exception: The connection failed or was lost.
        """
        options, broker = self._options, self._options.broker
        # aiomqtt would look up the name on a thread that cannot be interrupted.
        await resolve(broker.host, broker.port, socket.SOCK_STREAM)
        client = MqttClient(
            broker,
            identifier=f"{options.client_id}-{topic_level(self._source)}",
            will=Will(self._topics.status.topic, OFFLINE, qos=1, retain=True),
            tls=options.tls,
            protocol=self._protocol.current,
        )
        async with client.session():
            self._connected_at = options.clock()
            self.connected = True
            self._protocol.accepted()
            _log.info(LogEvent("mqtt_connected", broker=str(broker), topic=self._topics.base))
            if self._protocol.is_fallback:
                event = LogEvent(
                    "mqtt_version_fallback",
                    broker=str(broker),
                    version="3.1.1",
                    effect="messages do not expire on the broker, as those of MQTT 5 do",
                )
                self._log_once(event)
            await self._publish(client)

    def _retry_delay(self, error: Exception, backoff: Backoff) -> float:
        """Choose the version of MQTT for the next attempt; return the seconds until then."""
        options = self._options
        if self.connected and options.clock() - self._connected_at >= _STABLE_AFTER:
            backoff.reset()
            options.reported.clear()
        version = " with MQTT 3.1.1"
        attempt = version if self._protocol.is_fallback else ""
        if self._protocol.next(error):
            return 0.0
        delay = _REFUSAL_DELAY if is_refusal(error) else backoff.next_delay()
        retry = f"retrying in {delay:.0f} s" if is_refusal(error) else "retrying"
        if self._protocol.is_fallback:
            retry += version
        problem = f"{describe_error(error, options.broker)}{attempt}; {retry}"
        self._log_once(
            LogEvent("mqtt_connection_failed", broker=str(options.broker), error=problem)
        )
        return delay

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
            self._queue.put(self._topics.stopped, STOPPED)
        has_expiry = not self._protocol.is_fallback
        async with asyncio.TaskGroup() as tasks:
            receiver = tasks.create_task(self._receive(client))
            await self._subscribe(client)
            channel = None
            while channel is not self._topics.stopped:
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
                base=self._topics.base,
                version=version("dancetype"),
                genre_expires=GENRE_EXPIRY,
                dancing=self._has_dancing,
            )
            self._queue.put(self._topics.discovery, payload)

    async def _subscribe(self, client: MqttClient) -> None:
        """Subscribe to the own status, and to the start of Home Assistant.

        Raises:
            MqttError: The connection is lost.
        """
        # Some brokers close the connection of a client that may not read a topic. It then does
        # without this subscription on the next connection.
        self._skip_watching = not self._skip_watching
        if self._skip_watching:
            await client.subscribe(self._topics.status.topic, qos=1)
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
            self._queue.put(self._topics.status, self._last_status)
        self._queue.put(self._topics.genre, self._last_genre.text)

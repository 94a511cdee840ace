"""Messages to an MQTT broker, which may come and go."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import quote, unquote, urlsplit

from aiomqtt import Client, MqttError, Will

from stream.messages import PredictionMessage, SourceMessage
from stream.outlets.base import OutletError
from stream.outlets.mailbox import Mailbox

_log = logging.getLogger(__name__)

_OFFLINE: Final = "offline"
_KEEPALIVE: Final = 15
_ANSWER_TIMEOUT: Final = 5.0
# The command is to end within two seconds, and aiomqtt connects in a thread that nothing can
# interrupt.
_CONNECT_TIMEOUT: Final = 1.0
_GOODBYE_TIMEOUT: Final = 0.7
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 4.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is, and who we are to it."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Host and port, for logs."""
        return f"{self.host}:{self.port}"


def parse_broker(url: str) -> Broker:
    """Reads `mqtt://user:password@host:1883`, or `mqtts://` for TLS (port 8883 unless given).

    User and password are percent-encoded, as in any URL.

    Raises:
        OutletError: the URL is not of this form. The text shows nothing of it, as a password that
            is not encoded may have ended up in any of its parts.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
        host.encode("idna")  # As connecting will.
        good = bool(host) and parts.scheme in ("mqtt", "mqtts")
        good = good and parts.path in ("", "/") and not parts.query and not parts.fragment
    except ValueError:
        good = False
    if not good:
        raise OutletError(
            "an MQTT broker is given as mqtt://user:password@host:port, or mqtts:// for TLS; "
            "in user and password, write @ : / # ? % as %40 %3A %2F %23 %3F %25"
        )
    tls = parts.scheme == "mqtts"
    return Broker(
        host=host,
        port=port or (8883 if tls else 1883),
        tls=tls,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def topic_level(name: str) -> str:
    """`name` as one level of a topic: what MQTT forbids there is percent-encoded, as `%` is."""
    return "".join(
        char if char.isprintable() and char not in "+#/%" else quote(char, safe="") for char in name
    )


def retry_delays(spread: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait before each new try, longer and longer up to a limit.

    Args:
        spread: gives numbers from 0 to 1, which keep many clients of one broker out of step.
    """
    longest = _FIRST_DELAY
    while True:
        yield longest * (1 + spread()) / 2
        longest = min(2 * longest, _LONGEST_DELAY)


class MqttOutlet:
    """Publishes under `dancetype/<source>/`, and tries for ever when the broker is away.

    Predictions go to `prediction`, source messages to `status`, where they are retained. `status`
    says `offline` once we are gone, whether or not we could say so.

    Args:
        url: of the broker, as `parse_broker` reads it.

    Raises:
        OutletError: the URL is not of that form.
    """

    def __init__(self, url: str) -> None:
        self._broker = parse_broker(url)
        self._links: dict[str, _Link] = {}

    async def __aenter__(self) -> Self:
        """Does nothing yet: sources connect with their first message."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Publishes what is left and says goodbye, if the broker takes it in time."""
        await asyncio.gather(*(link.stop() for link in self._links.values()))

    async def send(self, message: PredictionMessage | SourceMessage, text: str) -> None:
        """Leaves `text` to be published in the background."""
        link = self._links.get(message.source)
        if link is None:
            link = self._links[message.source] = _Link(self._broker, message.source)
        link.put(message, text)


@dataclass(frozen=True, slots=True, eq=False)
class _Channel:
    topic: str
    qos: int
    retain: bool


class _Link:
    """One source's own connection, since MQTT grants one last will a connection."""

    def __init__(self, broker: Broker, source: str) -> None:
        base = f"dancetype/{topic_level(source)}"
        self._broker = broker
        self._tls = ssl.create_default_context() if broker.tls else None
        self._prediction = _Channel(f"{base}/prediction", qos=0, retain=False)
        self._status = _Channel(f"{base}/status", qos=1, retain=True)
        # A channel of its own, so that it waits its turn and does not replace a last status.
        self._goodbye = _Channel(f"{base}/status", qos=1, retain=True)
        self._mailbox = Mailbox[_Channel, str]()
        self._last_status: str | None = None
        self._task = asyncio.create_task(self._run())

    def put(self, message: PredictionMessage | SourceMessage, text: str) -> None:
        """Leaves `text` to be published."""
        if isinstance(message, SourceMessage):
            self._last_status = text
            self._mailbox.put(self._status, text)
        else:
            self._mailbox.put(self._prediction, text)

    async def stop(self) -> None:
        """Publishes what is left and `offline`, if the broker takes it in time."""
        self._mailbox.put(self._goodbye, _OFFLINE)
        await asyncio.wait({self._task}, timeout=_GOODBYE_TIMEOUT)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        delays = retry_delays()
        report = logging.WARNING
        while True:
            try:
                async with self._client() as client:
                    _log.info("MQTT broker %s: publishing to %s", self._broker, self._status.topic)
                    delays, report = retry_delays(), logging.WARNING
                    await self._publish(client)
                    return
            except* MqttError as errors:
                _log.log(report, "MQTT broker %s: %s", self._broker, errors.exceptions[0])
                report = logging.DEBUG  # Until it has been back.
            await asyncio.sleep(next(delays))

    def _client(self) -> Client:
        client = Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.user,
            password=self._broker.password,
            tls_context=self._tls,
            will=Will(self._status.topic, _OFFLINE, qos=1, retain=True),
            keepalive=_KEEPALIVE,
            timeout=_ANSWER_TIMEOUT,
        )
        # aiomqtt offers no way to set this; paho's default is five seconds.
        client._client.connect_timeout = _CONNECT_TIMEOUT
        return client

    async def _publish(self, client: Client) -> None:
        # After a lost connection the broker holds our last will in place of the status.
        if self._last_status is not None:
            self._mailbox.put(self._status, self._last_status)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(client))
            channel = None
            while channel is not self._goodbye:
                channel, text = await self._mailbox.take()
                await client.publish(channel.topic, text, qos=channel.qos, retain=channel.retain)
            watching.cancel()


async def _watch(client: Client) -> None:
    """Raises MqttError once the connection is lost, which a quiet publisher would not notice."""
    async for _ in client.messages:
        pass

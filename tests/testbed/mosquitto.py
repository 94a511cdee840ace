"""A real Mosquitto broker on this machine, with MQTT clients, certificates and a sink for it."""

import asyncio
import logging
import os
import shutil
import ssl
import subprocess
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from aiomqtt import Client, Message, ProtocolVersion

from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import MqttSink
from tests.messages import make_prediction, make_source_message

HOST = "127.0.0.1"
# Debian installs the broker in a folder that is only in the PATH of root.
PATH = f"{os.environ['PATH']}:/usr/sbin"
MOSQUITTO = shutil.which("mosquitto", path=PATH)
MOSQUITTO_PASSWD = shutil.which("mosquitto_passwd", path=PATH)
OPENSSL = shutil.which("openssl", path=PATH)
TIMEOUT = 8.0


@dataclass(frozen=True)
class Certificates:
    """Files of a private certificate authority, and of a server certificate that it signed."""

    ca: Path
    certificate: Path
    key: Path

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


def create_certificates(folder: Path, *, name: str = f"IP:{HOST}") -> Certificates:
    """Create an authority and a server certificate with the subject alternative name `name`."""
    assert OPENSSL, "these tests need openssl: apt-get install openssl"
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca_key = folder / "ca.key"
    authority = (
        f"-subj /CN=own -keyout {ca_key} -out {files.ca} -addext keyUsage=critical,keyCertSign"
    )
    server = (
        f"-subj /CN=server -keyout {files.key} -out {files.certificate}"
        f" -CA {files.ca} -CAkey {ca_key}"
        f" -addext subjectAltName={name} -addext basicConstraints=critical,CA:false"
    )
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    for options in (authority, server):
        command = [OPENSSL, *request.split(), *options.split()]
        subprocess.run(command, check=True, capture_output=True)
    return files


def _command(port: int, folder: Path, settings: str) -> list[str]:
    """Write the settings of a broker to a folder; return the command that starts it."""
    assert MOSQUITTO, "these tests need a broker: apt-get install mosquitto"
    file = folder / "mosquitto.conf"
    # If root starts it, it would switch to a user that cannot read the folders of tests.
    file.write_text(f"listener {port} {HOST}\nuser root\n{settings}\n")
    return [MOSQUITTO, "-c", str(file)]


class MosquittoProcess:
    """Broker without authentication that can be killed and restarted.

    Args:
        port: Port to listen on.
        folder: Folder for its settings.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._command = _command(port, folder, "allow_anonymous true")

    def start(self) -> None:
        """Start the broker."""
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """Kill the broker, so that it closes no connection properly."""
        self._process.kill()
        self._process.wait()


@asynccontextmanager
async def mosquitto(
    port: int, folder: Path, settings: str = "allow_anonymous true"
) -> AsyncIterator[None]:
    """Run a broker that is ready when this is entered and killed when it is left."""
    broker = await asyncio.create_subprocess_exec(*_command(port, folder, settings), stderr=PIPE)
    assert broker.stderr
    try:
        async with asyncio.timeout(TIMEOUT):
            while b"running" not in (line := await broker.stderr.readline()):
                assert line, "mosquitto ended"
        yield
    finally:
        broker.kill()
        await broker.communicate()


def tls_settings(certificates: Certificates) -> str:
    return f"allow_anonymous true\ncertfile {certificates.certificate}\nkeyfile {certificates.key}"


@asynccontextmanager
async def subscriber(
    port: int,
    topic: str = "dancetype/#",
    *,
    login: tuple[str | None, str | None] = (None, None),
    **options: Any,
) -> AsyncIterator[Client]:
    """Connect a client that is subscribed to a topic."""
    async with Client(
        HOST, port, username=login[0], password=login[1], protocol=ProtocolVersion.V5, **options
    ) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def next_message(
    client: Client, topic: str = "dancetype/clip/#", *, within: float = TIMEOUT
) -> Message:
    """Return the next message on a topic; skip those on other topics."""
    async with asyncio.timeout(within):
        async for message in client.messages:
            if message.topic.matches(topic):
                return message
    raise AssertionError("the broker closed the connection")


def payload_text(message: Message) -> str:
    assert isinstance(message.payload, bytes)
    return message.payload.decode()


async def payload_texts(client: Client, topic: str, count: int) -> list[str]:
    return [payload_text(await next_message(client, topic)) for _ in range(count)]


@contextmanager
def capture_warnings(name: str) -> Iterator[asyncio.Queue[str]]:
    """Put the messages that a logger emits at level WARNING or above into a queue."""
    queue = asyncio.Queue[str]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: queue.put_nowait(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger(name).addHandler(handler)
    try:
        yield queue
    finally:
        logging.getLogger(name).removeHandler(handler)


def source_message(
    state: SourceState = SourceState.RUNNING, *, source: str = "clip", **fields: Any
) -> SourceMessage:
    return make_source_message(state, source, **fields)


def prediction_message(
    seq: int, *, source: str = "clip", genre: str | None = "HO", **fields: Any
) -> PredictionMessage:
    return make_prediction(source, seq=seq, genre=genre, **fields)


def mqtt_sink(port: int, *, scheme: str = "mqtt", login: str = "", **options: Any) -> SinkFanOut:
    return SinkFanOut([MqttSink(f"{scheme}://{login}{HOST}:{port}", **options)])


class PredictionSender:
    """Task that sends four predictions a second.

    Attributes:
        seq: Sequence number of the newest prediction.
        longest_send: Longest duration of a `send` call in seconds.
    """

    def __init__(self, sinks: SinkFanOut) -> None:
        self._sinks = sinks
        self.seq = 0
        self.longest_send = 0.0

    async def __aenter__(self) -> "PredictionSender":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        await self._sinks.send(source_message())
        while True:
            self.seq += 1
            start = monotonic()
            await self._sinks.send(prediction_message(self.seq))
            self.longest_send = max(self.longest_send, monotonic() - start)
            await asyncio.sleep(0.25)

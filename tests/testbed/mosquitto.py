"""A real Mosquitto on this machine, who listens to it, and whom it trusts."""

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
from tests.messages import changed, predicted

HOST = "127.0.0.1"
# Debian puts the broker where only root's PATH leads.
PATH = f"{os.environ['PATH']}:/usr/sbin"
MOSQUITTO = shutil.which("mosquitto", path=PATH)
MOSQUITTO_PASSWD = shutil.which("mosquitto_passwd", path=PATH)
OPENSSL = shutil.which("openssl", path=PATH)
WITHIN = 8.0


@dataclass(frozen=True)
class Certificates:
    """A certificate authority of one's own, and what it has signed for a server."""

    ca: Path
    certificate: Path
    key: Path

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


def certificates(folder: Path, *, name: str = f"IP:{HOST}") -> Certificates:
    """New ones; the server's is for `name`."""
    assert OPENSSL, "these tests need openssl: apt-get install openssl"
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca_key = folder / "ca.key"
    own = f"-subj /CN=own -keyout {ca_key} -out {made.ca} -addext keyUsage=critical,keyCertSign"
    signed = (
        f"-subj /CN=server -keyout {made.key} -out {made.certificate} -CA {made.ca} -CAkey {ca_key}"
        f" -addext subjectAltName={name} -addext basicConstraints=critical,CA:false"
    )
    new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    for words in (own, signed):
        command = [OPENSSL, *new.split(), *words.split()]
        subprocess.run(command, check=True, capture_output=True)
    return made


def _command(port: int, folder: Path, settings: str) -> list[str]:
    """Writes the settings of a broker to a folder; the command that starts it."""
    assert MOSQUITTO, "these tests need a broker: apt-get install mosquitto"
    file = folder / "mosquitto.conf"
    # Started by root it would change to a user who may not read the folders of tests.
    file.write_text(f"listener {port} {HOST}\nuser root\n{settings}\n")
    return [MOSQUITTO, "-c", str(file)]


class MosquittoProcess:
    """A broker without users that can be killed and started again.

    Args:
        port: where it listens.
        folder: for its settings.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._words = _command(port, folder, "allow_anonymous true")

    def start(self) -> None:
        """Starts it."""
        self._process = subprocess.Popen(self._words, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """Ends it without a goodbye."""
        self._process.kill()
        self._process.wait()


@asynccontextmanager
async def mosquitto(
    port: int, folder: Path, settings: str = "allow_anonymous true"
) -> AsyncIterator[None]:
    """A broker that takes connections while this is entered, and is killed thereafter."""
    broker = await asyncio.create_subprocess_exec(*_command(port, folder, settings), stderr=PIPE)
    assert broker.stderr
    try:
        async with asyncio.timeout(WITHIN):
            while b"running" not in (line := await broker.stderr.readline()):
                assert line, "mosquitto ended"
        yield
    finally:
        broker.kill()
        await broker.communicate()


def tls_settings(made: Certificates) -> str:
    return f"allow_anonymous true\ncertfile {made.certificate}\nkeyfile {made.key}"


@asynccontextmanager
async def subscriber(
    port: int,
    topic: str = "dancetype/#",
    *,
    login: tuple[str | None, str | None] = (None, None),
    **options: Any,
) -> AsyncIterator[Client]:
    """A client that hears what is said under a topic."""
    async with Client(
        HOST, port, username=login[0], password=login[1], protocol=ProtocolVersion.V5, **options
    ) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def hear(
    client: Client, topic: str = "dancetype/clip/#", *, within: float = WITHIN
) -> Message:
    """The next message on a topic; those on others are left out."""
    async with asyncio.timeout(within):
        async for message in client.messages:
            if message.topic.matches(topic):
                return message
    raise AssertionError("the broker went away")


def text(message: Message) -> str:
    assert isinstance(message.payload, bytes)
    return message.payload.decode()


async def texts(client: Client, topic: str, count: int) -> list[str]:
    return [text(await hear(client, topic)) for _ in range(count)]


@contextmanager
def warnings_of(name: str) -> Iterator[asyncio.Queue[str]]:
    """What is logged under `name` from level WARNING on, as it comes."""
    queue = asyncio.Queue[str]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: queue.put_nowait(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger(name).addHandler(handler)
    try:
        yield queue
    finally:
        logging.getLogger(name).removeHandler(handler)


def a_state(
    state: SourceState = SourceState.RUNNING, *, source: str = "clip", **fields: Any
) -> SourceMessage:
    return changed(state, source, **fields)


def a_prediction(
    seq: int, *, source: str = "clip", genre: str | None = "HO", **fields: Any
) -> PredictionMessage:
    return predicted(source, seq=seq, genre=genre, **fields)


def an_outlet(port: int, *, scheme: str = "mqtt", login: str = "", **options: Any) -> SinkFanOut:
    return SinkFanOut([MqttSink(f"{scheme}://{login}{HOST}:{port}", **options)])


class Camera:
    """Sends predictions four times a second, and notes the longest that it was held up."""

    def __init__(self, outlets: SinkFanOut) -> None:
        self._outlets = outlets
        self.seq = 0
        self.longest = 0.0

    async def __aenter__(self) -> "Camera":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        await self._outlets.send(a_state())
        while True:
            self.seq += 1
            began = monotonic()
            await self._outlets.send(a_prediction(self.seq))
            self.longest = max(self.longest, monotonic() - began)
            await asyncio.sleep(0.25)

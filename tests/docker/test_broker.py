"""Run Mosquitto with the files of the Compose broker."""

import asyncio
import os
import subprocess
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion

from dancetype.stream.settings import load_settings
from dancetype.stream.sinks.broker import parse_broker
from tests.testbed.mosquitto import HOST, PATH, TIMEOUT, next_message, payload_text

DOCKER: Final = Path(__file__).parents[2] / "docker"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Create secrets with docker/make-secrets."""
    folder = tmp_path / "secrets"
    subprocess.run([DOCKER / "make-secrets", folder], check=True, capture_output=True)
    return folder


@asynccontextmanager
async def broker(secrets: Path, port: int) -> AsyncIterator[dict[str, str]]:
    """Run the broker on another port and in other folders; yield its environment."""
    folder = secrets.parent
    settings = (DOCKER / "mosquitto" / "mosquitto.conf").read_text()
    # As root, Mosquitto would switch to a user that cannot read the test folders.
    settings = settings.replace("listener 1883", f"listener {port} {HOST}\nuser root")
    settings = settings.replace("/run/mosquitto/", f"{folder}/")
    settings = settings.replace("/etc/dancetype/", f"{DOCKER}/mosquitto/")
    (folder / "mosquitto.conf").write_text(settings)
    folders = {"SECRETS": str(secrets), "RUNTIME_DIR": str(folder), "SETTINGS": str(folder)}
    environment = {**os.environ, "PATH": PATH, "PORT": str(port), **folders}
    process = await asyncio.create_subprocess_exec(
        DOCKER / "mosquitto" / "start", stderr=PIPE, env=environment
    )
    assert process.stderr
    try:
        async with asyncio.timeout(TIMEOUT):
            while b"running" not in (line := await process.stderr.readline()):
                assert line, "the broker ended"
        yield environment
    finally:
        process.kill()
        await process.communicate()


def client(port: int, user: str | None, password: str | None) -> Client:
    return Client(HOST, port, username=user, password=password, protocol=ProtocolVersion.V5)


async def test_only_dancetype_can_publish_and_reading_requires_a_password(
    secrets: Path, free_port: int
) -> None:
    url = load_settings({}, config=secrets / "dancetype.toml").mqtt
    assert url
    login = parse_broker(url)
    reader_password = (secrets / "mqtt-reader-password").read_text().strip()
    async with broker(secrets, free_port) as environment:
        for user, password in ((None, None), ("reader", "wrong"), ("dancetype", reader_password)):
            with pytest.raises(MqttError):
                await client(free_port, user, password).__aenter__()
        async with (
            client(free_port, "reader", reader_password) as reader,
            client(free_port, login.user, login.password) as dancetype,
        ):
            await reader.subscribe("dancetype/#", qos=1)
            # If this forged message were accepted, it would arrive before dancetype's message.
            await reader.publish("dancetype/stage/genre", "forged", qos=1)
            await dancetype.publish("dancetype/stage/genre", "house", qos=1)
            assert payload_text(await next_message(reader, "dancetype/#")) == "house"
        health = subprocess.run([DOCKER / "mosquitto" / "healthcheck"], env=environment)
        assert health.returncode == 0
    health = subprocess.run([DOCKER / "mosquitto" / "healthcheck"], env=environment)
    assert health.returncode != 0
    password_file = (secrets.parent / "passwords").read_text()
    assert reader_password not in password_file
    assert str(login.password) not in password_file


def test_secrets_are_created_once_and_readable_by_their_owner_only(secrets: Path) -> None:
    def contents() -> dict[str, str]:
        return {path.name: path.read_text() for path in secrets.iterdir()}

    before = contents()
    subprocess.run([DOCKER / "make-secrets", secrets], check=True, capture_output=True)
    assert contents() == before
    assert len(set(before.values())) == len(before) == 5
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_secret_may_start_with_a_dash(tmp_path: Path) -> None:
    for name in ("token", "mqtt-password"):
        (tmp_path / name).write_text("-random-in-one-case-of-64")
    subprocess.run([DOCKER / "make-secrets", tmp_path], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [("token", "dancetype.toml does not"), ("mqtt-password", "letters, digits")],
)
def test_invalid_secret_is_an_error(secrets: Path, name: str, message: str) -> None:
    (secrets / name).write_text("another" if name == "token" else "p@ss:word")
    result = subprocess.run([DOCKER / "make-secrets", secrets], capture_output=True, text=True)
    assert result.returncode == 1
    assert message in result.stderr

"""Authentication: TLS certificates of the broker, and password_file of the client."""

import asyncio
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dancetype.stream.messages import parse_message
from tests.testbed.mosquitto import (
    MOSQUITTO_PASSWD,
    TIMEOUT,
    Certificates,
    capture_warnings,
    create_certificates,
    mosquitto,
    mqtt_sink,
    next_message,
    payload_text,
    source_message,
    subscriber,
    tls_settings,
)

RUNNING = source_message()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return create_certificates(tmp_path_factory.mktemp("certificates"))


async def first_warning(port: int, **options: Any) -> str:
    """Return the first warning about the connection."""
    with capture_warnings("dancetype.stream.sinks.mqtt_connection") as warnings:
        async with mqtt_sink(port, **options) as sinks:
            await sinks.send(RUNNING)
            async with asyncio.timeout(TIMEOUT):
                return await warnings.get()


async def test_publishes_to_a_broker_with_a_private_ca(
    free_port: int, tmp_path: Path, certificates: Certificates
) -> None:
    settings = tls_settings(certificates)
    async with (
        mosquitto(free_port, tmp_path, settings),
        mqtt_sink(free_port, scheme="mqtts", ca=certificates.ca) as sinks,
        subscriber(free_port, tls_context=certificates.client_context()) as client,
    ):
        await sinks.send(RUNNING)
        assert parse_message(payload_text(await next_message(client))) == RUNNING


async def test_certificate_of_an_unknown_ca_is_rejected(
    free_port: int, tmp_path: Path, certificates: Certificates
) -> None:
    (tmp_path / "other").mkdir()
    other = create_certificates(tmp_path / "other")
    async with mosquitto(free_port, tmp_path, tls_settings(other)):
        for ca in (certificates.ca, None):
            warning = await first_warning(free_port, scheme="mqtts", ca=ca)
            assert "certificate not trusted" in warning
            assert "--mqtt-ca" in warning


async def test_certificate_for_another_host_name_is_rejected(
    free_port: int, tmp_path: Path
) -> None:
    other_host = create_certificates(tmp_path, name="DNS:broker.example")
    async with mosquitto(free_port, tmp_path, tls_settings(other_host)):
        warning = await first_warning(free_port, scheme="mqtts", ca=other_host.ca)
    assert "certificate is not valid for 127.0.0.1" in warning


async def test_tls_with_a_plain_broker_is_reported(
    free_port: int, tmp_path: Path, certificates: Certificates
) -> None:
    async with mosquitto(free_port, tmp_path):
        assert "TLS handshake failed" in await first_warning(
            free_port, scheme="mqtts", ca=certificates.ca
        )


@pytest.fixture
async def access(tmp_path: Path) -> str:
    """Broker settings that accept the user `dancer` with the password `s3cret/`."""
    assert MOSQUITTO_PASSWD
    password_file = tmp_path / "password_file"
    command = (MOSQUITTO_PASSWD, "-b", "-c", str(password_file), "dancer", "s3cret/")
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0
    return f"allow_anonymous false\npassword_file {password_file}"


async def test_login_is_used_and_its_password_is_not_logged(
    free_port: int, tmp_path: Path, access: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = f"dancer:{quote('s3cret/', safe='')}@"
    async with (
        mosquitto(free_port, tmp_path, access),
        mqtt_sink(free_port, login=login) as sinks,
        subscriber(free_port, login=("dancer", "s3cret/")) as client,
    ):
        await sinks.send(RUNNING)
        assert parse_message(payload_text(await next_message(client))) == RUNNING
    assert "s3cret" not in caplog.text


async def test_wrong_password_is_reported_and_retried_after_30_s(
    free_port: int, tmp_path: Path, access: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mosquitto(free_port, tmp_path, access):
        warning = await first_warning(free_port, login="dancer:wr0ng@")
    assert "user name or password rejected" in warning
    assert "retrying in 30 s" in warning
    assert "wr0ng" not in caplog.text

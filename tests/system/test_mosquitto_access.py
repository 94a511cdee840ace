"""Whom a broker lets in, and whom we take for the broker."""

import asyncio
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dancetype.stream.messages import parse_message
from tests.testbed.mosquitto import (
    MOSQUITTO_PASSWD,
    WITHIN,
    Certificates,
    a_state,
    an_outlet,
    certificates,
    hear,
    mosquitto,
    subscriber,
    text,
    tls_settings,
    warnings_of,
)

RUNNING = a_state()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("ours"))


async def complaint(port: int, **options: Any) -> str:
    """The first that is said of a broker."""
    with warnings_of("dancetype.stream.sinks.mqtt") as warnings:
        async with an_outlet(port, **options) as outlets:
            await outlets.send(RUNNING)
            async with asyncio.timeout(WITHIN):
                return await warnings.get()


async def test_a_broker_with_a_certificate_of_our_own_is_published_to(
    free_port: int, tmp_path: Path, ours: Certificates
) -> None:
    settings = tls_settings(ours)
    async with (
        mosquitto(free_port, tmp_path, settings),
        an_outlet(free_port, scheme="mqtts", ca=ours.ca) as outlets,
        subscriber(free_port, tls_context=ours.trusted()) as ear,
    ):
        await outlets.send(RUNNING)
        assert parse_message(text(await hear(ear))) == RUNNING


async def test_a_certificate_of_somebody_else_is_not_trusted(
    free_port: int, tmp_path: Path, ours: Certificates
) -> None:
    (tmp_path / "other").mkdir()
    theirs = certificates(tmp_path / "other")
    async with mosquitto(free_port, tmp_path, tls_settings(theirs)):
        for ca in (ours.ca, None):
            said = await complaint(free_port, scheme="mqtts", ca=ca)
            assert "certificate not trusted" in said
            assert "--mqtt-ca" in said


async def test_a_certificate_for_another_name_is_told_as_such(
    free_port: int, tmp_path: Path
) -> None:
    elsewhere = certificates(tmp_path, name="DNS:broker.example")
    async with mosquitto(free_port, tmp_path, tls_settings(elsewhere)):
        said = await complaint(free_port, scheme="mqtts", ca=elsewhere.ca)
    assert "certificate is not valid for 127.0.0.1" in said


async def test_tls_with_a_broker_that_speaks_none_is_told_as_such(
    free_port: int, tmp_path: Path, ours: Certificates
) -> None:
    async with mosquitto(free_port, tmp_path):
        assert "TLS handshake failed" in await complaint(free_port, scheme="mqtts", ca=ours.ca)


@pytest.fixture
async def access(tmp_path: Path) -> str:
    """Settings of a broker that lets in `dancer` with the password `s3cret/`."""
    assert MOSQUITTO_PASSWD
    logins = tmp_path / "logins"
    words = (MOSQUITTO_PASSWD, "-b", "-c", str(logins), "dancer", "s3cret/")
    making = await asyncio.create_subprocess_exec(*words)
    assert await making.wait() == 0
    return f"allow_anonymous false\npassword_file {logins}"


async def test_a_login_is_used_and_its_password_shown_nowhere(
    free_port: int, tmp_path: Path, access: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = f"dancer:{quote('s3cret/', safe='')}@"
    async with (
        mosquitto(free_port, tmp_path, access),
        an_outlet(free_port, login=login) as outlets,
        subscriber(free_port, login=("dancer", "s3cret/")) as ear,
    ):
        await outlets.send(RUNNING)
        assert parse_message(text(await hear(ear))) == RUNNING
    assert "s3cret" not in caplog.text


async def test_a_wrong_password_is_told_and_not_tried_again_soon(
    free_port: int, tmp_path: Path, access: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mosquitto(free_port, tmp_path, access):
        said = await complaint(free_port, login="dancer:wr0ng@")
    assert "user name or password rejected" in said
    assert "trying again in 30 s" in said
    assert "wr0ng" not in caplog.text

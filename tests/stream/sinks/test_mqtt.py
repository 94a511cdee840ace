import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dancetype.engine.errors import SinkError
from dancetype.engine.rolling import Status
from dancetype.stream.messages import SourceState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import MqttSink
from dancetype.stream.sinks.mqtt_topics import GENRE_EXPIRY, GenreTopic, topic_level
from tests.testbed.mosquitto import capture_warnings, prediction_message, source_message


class ManualClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("stage-left", "stage-left"),
        ("Bühne 2", "Bühne 2"),
        ("a/b", "a%2Fb"),
        ("+#", "%2B%23"),
        ("100%", "100%25"),
        ("a\x00b\n", "a%00b%0A"),
    ],
)
def test_source_name_is_encoded_as_one_topic_level(name: str, level: str) -> None:
    assert topic_level(name) == level


@given(st.text(), st.text())
def test_different_names_have_different_topics(first: str, second: str) -> None:
    assert (topic_level(first) == topic_level(second)) is (first == second)


def test_genre_is_published_only_when_it_changes() -> None:
    genre = GenreTopic(ManualClock())
    assert genre.update(prediction_message(1))
    assert genre.text == "house"
    assert not genre.update(prediction_message(2))
    assert genre.update(prediction_message(3, genre=None, status=Status.NOT_SURE))
    assert genre.text == "not_sure"


def test_unchanged_genre_is_published_again_before_it_expires() -> None:
    clock = ManualClock()
    genre = GenreTopic(clock)
    genre.update(prediction_message(1))
    clock.seconds += GENRE_EXPIRY / 2 - 1
    assert not genre.update(prediction_message(2))
    clock.seconds += 1
    assert genre.update(prediction_message(3))
    assert not genre.update(prediction_message(4))


@pytest.mark.parametrize("state", [state for state in SourceState if not state.delivers])
def test_genre_topic_is_empty_while_the_source_is_not_running(state: SourceState) -> None:
    clock = ManualClock()
    genre = GenreTopic(clock)
    genre.update(prediction_message(1))
    assert genre.update(source_message(state))
    assert genre.text == ""
    clock.seconds += GENRE_EXPIRY
    assert not genre.update(source_message(state))
    assert not genre.update(source_message())
    assert genre.update(prediction_message(2))


def test_genre_is_kept_while_the_source_is_running() -> None:
    genre = GenreTopic(ManualClock())
    genre.update(prediction_message(1))
    assert not genre.update(source_message())
    assert not genre.update(source_message(SourceState.BURSTY))
    assert genre.text == "house"


def test_invalid_broker_url_is_rejected() -> None:
    with pytest.raises(SinkError, match="mqtt://"):
        MqttSink("host:1883")


async def test_sources_are_not_connected_without_a_broker() -> None:
    sink = MqttSink("mqtt://127.0.0.1:1")
    async with SinkFanOut([sink]) as sinks:
        assert all(sink.connections.values())
        await sinks.send(source_message(source="left"))
        await sinks.send(source_message(source="right"))
        assert sink.connections == {"left": False, "right": False}
        assert not all(sink.connections.values())


async def test_sink_stops_even_if_a_cancellation_is_ignored() -> None:
    ignored = asyncio.Event()

    async def ignore_first_cancellation() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if ignored.is_set():
                raise
            ignored.set()

    sink = MqttSink("mqtt://127.0.0.1:1", before_connect=ignore_first_cancellation)
    async with asyncio.timeout(10):
        async with SinkFanOut([sink]) as sinks:
            await sinks.send(source_message())
    assert ignored.is_set()


@asynccontextmanager
async def old_broker(answer: bytes | None) -> AsyncIterator[tuple[int, list[int]]]:
    """Run a broker that accepts MQTT 3.1.1 only; yield its port and the versions it was asked for.

    Args:
        answer: Data to send before closing the connection of a client of another version; None to
            keep it open.
    """
    versions: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        packet = await reader.read(1000)
        versions.append(packet[packet.index(b"MQTT") + 4])
        if versions[-1] == 4:
            writer.write(b"\x20\x02\x00\x00")
        elif answer is not None:
            writer.write(answer)
            writer.close()
        await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], versions
    finally:
        server.close()


@pytest.mark.parametrize("answer", [b"\x20\x02\x00\x01", b"", None])
async def test_broker_that_refuses_or_ignores_mqtt_5_is_connected_with_3_1_1(
    answer: bytes | None,
) -> None:
    async with old_broker(answer) as (port, versions):
        with capture_warnings("dancetype.stream.sinks.mqtt_connection") as warnings:
            sink = MqttSink(f"mqtt://127.0.0.1:{port}")
            async with SinkFanOut([sink]) as sinks:
                await sinks.send(source_message())
                async with asyncio.timeout(10):
                    while "mqtt_version_fallback" not in (warning := await warnings.get()):
                        assert "retrying with MQTT 3.1.1" in warning
                    assert sink.connections == {"clip": True}
        assert "version='3.1.1'" in warning
        assert versions == [5, 4]

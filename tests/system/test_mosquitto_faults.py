"""A broker that goes away in every way there is, and comes back."""

import asyncio
from pathlib import Path
from time import monotonic

from aiomqtt import Client

from dancetype.stream.messages import parse_message
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.mqtt import MqttSink
from tests.system.conftest import Figure
from tests.testbed.fault_proxy import Fault, FaultProxy
from tests.testbed.mosquitto import (
    HOST,
    PredictionSender,
    capture_warnings,
    mosquitto,
    mqtt_sink,
    next_message,
    payload_text,
    subscriber,
)

AWAY = 13.0
HELD_UP = 0.05


async def published_again(ear: Client, camera: PredictionSender, *, within: float) -> float:
    """Seconds until a prediction comes that was made after this was called."""
    began, newest = monotonic(), camera.seq
    while True:
        left = within - (monotonic() - began)
        message = await next_message(ear, "dancetype/clip/prediction", within=left)
        if parse_message(payload_text(message)).seq > newest:
            return monotonic() - began


async def test_a_broker_that_is_killed_and_started_again_is_published_to_within_five_seconds(
    free_port: int, tmp_path: Path, figure: Figure
) -> None:
    with capture_warnings("dancetype.stream.sinks.mqtt") as warnings:
        async with mqtt_sink(free_port) as outlets, PredictionSender(outlets) as camera:
            async with mosquitto(free_port, tmp_path), subscriber(free_port) as ear:
                await next_message(ear, "dancetype/clip/prediction")
            async with asyncio.timeout(5):
                assert "trying again" in await warnings.get()
            await asyncio.sleep(3)  # The time that the broker is away.
            async with mosquitto(free_port, tmp_path), subscriber(free_port) as ear:
                took = await published_again(ear, camera, within=5)
                async with subscriber(free_port, "dancetype/clip/+") as late:
                    held = {payload_text(await next_message(late)) for _ in range(2)}
    figure(
        "mosquitto restarted",
        f"publishing again {took:.2f} s after its return; "
        f"`send` took {camera.longest_send * 1e3:.1f} ms at most",
    )
    assert {"house"} < held
    assert any('"running"' in one for one in held)
    assert camera.longest_send < HELD_UP


async def test_a_connection_cut_without_a_close_is_noticed_by_both_sides_and_made_again(
    free_port: int, tmp_path: Path, figure: Figure
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as ear,
        FaultProxy(HOST, free_port) as proxy,
    ):
        outlet = MqttSink(f"mqtt://{HOST}:{proxy.port}")
        async with SinkFanOut([outlet]) as outlets, PredictionSender(outlets) as camera:
            await next_message(ear, "dancetype/clip/prediction")
            assert all(outlet.links.values())
            await proxy.set(Fault.FREEZE)
            cut = monotonic()
            while (
                payload_text(await next_message(ear, "dancetype/clip/status", within=20))
                != "offline"
            ):
                pass
            offline = monotonic() - cut
            async with asyncio.timeout(20):
                while all(outlet.links.values()):
                    await asyncio.sleep(0.05)
            noticed = monotonic() - cut
            await asyncio.sleep(max(AWAY - noticed, 0))
            await proxy.set(Fault.NONE)
            took = await published_again(ear, camera, within=5)
            async with subscriber(free_port, "dancetype/clip/status") as late:
                assert '"running"' in payload_text(await next_message(late))
            assert outlet.links == {"clip": True}
    figure(
        "mosquitto cut off",
        f"`offline` after {offline:.1f} s, noticed after {noticed:.1f} s, publishing again "
        f"{took:.2f} s after healing; `send` took {camera.longest_send * 1e3:.1f} ms at most",
    )
    assert camera.longest_send < HELD_UP


async def test_a_broker_that_never_answers_holds_up_neither_messages_nor_the_end(
    free_port: int,
) -> None:
    async with FaultProxy(HOST, free_port) as proxy:
        await proxy.set(Fault.SILENT)
        with capture_warnings("dancetype.stream.sinks.mqtt") as warnings:
            async with mqtt_sink(proxy.port) as outlets, PredictionSender(outlets) as camera:
                async with asyncio.timeout(5):
                    assert "no answer" in await warnings.get()
                stopping = monotonic()
    assert monotonic() - stopping < 1.5
    assert camera.longest_send < HELD_UP


async def test_an_end_while_the_connection_is_frozen_takes_no_longer_than_any(
    free_port: int, tmp_path: Path
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as ear,
        FaultProxy(HOST, free_port) as proxy,
    ):
        async with mqtt_sink(proxy.port) as outlets, PredictionSender(outlets):
            await next_message(ear, "dancetype/clip/prediction")
            await proxy.set(Fault.FREEZE)
            stopping = monotonic()
        assert monotonic() - stopping < 1.5
        # We could not say goodbye, so the broker says that we are gone.
        while (
            payload_text(await next_message(ear, "dancetype/clip/status", within=12)) != "offline"
        ):
            pass

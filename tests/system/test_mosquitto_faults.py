"""MQTT broker faults: restarts, frozen connections and silence."""

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

OUTAGE_SECONDS = 13.0
LONGEST_SEND = 0.05


async def seconds_until_new_prediction(
    client: Client, sender: PredictionSender, *, within: float
) -> float:
    """Wait for a prediction made after the call; return how long it took, in seconds."""
    start, newest = monotonic(), sender.seq
    while True:
        remaining = within - (monotonic() - start)
        message = await next_message(client, "dancetype/clip/prediction", within=remaining)
        if parse_message(payload_text(message)).seq > newest:
            return monotonic() - start


async def test_publishes_within_five_seconds_after_the_broker_restarts(
    free_port: int, tmp_path: Path, figure: Figure
) -> None:
    with capture_warnings("dancetype.stream.sinks.mqtt_connection") as warnings:
        async with mqtt_sink(free_port) as sinks, PredictionSender(sinks) as sender:
            async with mosquitto(free_port, tmp_path), subscriber(free_port) as client:
                await next_message(client, "dancetype/clip/prediction")
            async with asyncio.timeout(5):
                assert "retrying" in await warnings.get()
            await asyncio.sleep(3)  # The broker stays down.
            async with mosquitto(free_port, tmp_path), subscriber(free_port) as client:
                recovery = await seconds_until_new_prediction(client, sender, within=5)
                async with subscriber(free_port, "dancetype/clip/+") as late:
                    retained = {payload_text(await next_message(late)) for _ in range(2)}
    figure(
        "mosquitto restarted",
        f"publishing again {recovery:.2f} s after the restart; "
        f"`send` took {sender.longest_send * 1e3:.1f} ms at most",
    )
    assert {"house"} < retained
    assert any('"running"' in payload for payload in retained)
    assert sender.longest_send < LONGEST_SEND


async def test_frozen_connection_is_detected_by_both_sides_and_restored(
    free_port: int, tmp_path: Path, figure: Figure
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as client,
        FaultProxy(HOST, free_port) as proxy,
    ):
        sink = MqttSink(f"mqtt://{HOST}:{proxy.port}")
        async with SinkFanOut([sink]) as sinks, PredictionSender(sinks) as sender:
            await next_message(client, "dancetype/clip/prediction")
            assert all(sink.connections.values())
            await proxy.set(Fault.FREEZE)
            cut = monotonic()
            while (
                payload_text(await next_message(client, "dancetype/clip/status", within=20))
                != "offline"
            ):
                pass
            offline = monotonic() - cut
            async with asyncio.timeout(20):
                while all(sink.connections.values()):
                    await asyncio.sleep(0.05)
            detected = monotonic() - cut
            await asyncio.sleep(max(OUTAGE_SECONDS - detected, 0))
            await proxy.set(Fault.NONE)
            recovery = await seconds_until_new_prediction(client, sender, within=5)
            async with subscriber(free_port, "dancetype/clip/status") as late:
                assert '"running"' in payload_text(await next_message(late))
            assert sink.connections == {"clip": True}
    figure(
        "mosquitto cut off",
        f"`offline` after {offline:.1f} s, detected after {detected:.1f} s, publishing again "
        f"{recovery:.2f} s after recovery; `send` took {sender.longest_send * 1e3:.1f} ms at most",
    )
    assert sender.longest_send < LONGEST_SEND


async def test_silent_broker_delays_neither_messages_nor_shutdown(
    free_port: int,
) -> None:
    async with FaultProxy(HOST, free_port) as proxy:
        await proxy.set(Fault.SILENT)
        with capture_warnings("dancetype.stream.sinks.mqtt_connection") as warnings:
            async with mqtt_sink(proxy.port) as sinks, PredictionSender(sinks) as sender:
                async with asyncio.timeout(5):
                    assert "no answer" in await warnings.get()
                stopping = monotonic()
    assert monotonic() - stopping < 1.5
    assert sender.longest_send < LONGEST_SEND


async def test_shutdown_with_a_frozen_connection_is_not_delayed(
    free_port: int, tmp_path: Path
) -> None:
    async with (
        mosquitto(free_port, tmp_path),
        subscriber(free_port) as client,
        FaultProxy(HOST, free_port) as proxy,
    ):
        async with mqtt_sink(proxy.port) as sinks, PredictionSender(sinks):
            await next_message(client, "dancetype/clip/prediction")
            await proxy.set(Fault.FREEZE)
            stopping = monotonic()
        assert monotonic() - stopping < 1.5
        # No MQTT DISCONNECT got through, so the broker publishes the last will.
        while (
            payload_text(await next_message(client, "dancetype/clip/status", within=12))
            != "offline"
        ):
            pass

import asyncio
import socket

from aiomqtt import Will

from dancetype.stream.sinks.broker import parse_broker
from dancetype.stream.sinks.mqtt_client import MqttClient


async def test_socket_closed_before_registration_raises_no_error() -> None:
    client = MqttClient(
        parse_broker("mqtt://127.0.0.1:1"), identifier="me", will=Will("gone"), tls=None
    )
    errors: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: errors.append(context))
    connection = socket.socket()
    client._on_socket_register_write(None, None, connection)
    connection.close()
    done = asyncio.Event()
    loop.call_soon(done.set)
    await done.wait()
    assert errors == []

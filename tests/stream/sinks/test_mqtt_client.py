import asyncio
import socket

import pytest
from aiomqtt import MqttCodeError, MqttError, ProtocolVersion, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from dancetype.stream.sinks.broker import parse_broker
from dancetype.stream.sinks.mqtt_client import MqttClient, NoAnswerError, ProtocolChoice

V5, V311 = ProtocolVersion.V5, ProtocolVersion.V311
REFUSED = MqttCodeError(ReasonCode(PacketTypes.CONNACK, identifier=132))
WRONG_PASSWORD = MqttCodeError(ReasonCode(PacketTypes.CONNACK, identifier=134))
LOST = MqttError("lost")


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


def versions(choice: ProtocolChoice, *errors: BaseException) -> list[ProtocolVersion]:
    """Return the version after each error."""
    result = []
    for error in errors:
        choice.next(error)
        result.append(choice.current)
    return result


@pytest.mark.parametrize("error", [REFUSED, NoAnswerError("no answer")])
def test_both_versions_are_tried_in_turn_until_one_is_accepted(error: Exception) -> None:
    choice = ProtocolChoice()
    assert versions(choice, error, error, error) == [V311, V5, V311]
    choice.accepted()
    assert choice.is_fallback
    assert versions(choice, LOST, error) == [V5, V311]


@pytest.mark.parametrize("error", [WRONG_PASSWORD, LOST, OSError(111, "refused")])
def test_version_is_unchanged_after_errors_that_have_nothing_to_do_with_it(
    error: Exception,
) -> None:
    assert versions(ProtocolChoice(), error, error) == [V5, V5]


def test_older_version_is_not_tried_once_the_newer_one_was_accepted() -> None:
    choice = ProtocolChoice()
    choice.accepted()
    assert versions(choice, NoAnswerError("no answer"), REFUSED) == [V5, V5]


def test_older_version_is_tried_immediately_if_the_newer_one_is_refused() -> None:
    assert ProtocolChoice().next(REFUSED)
    assert not ProtocolChoice().next(NoAnswerError("no answer"))
    choice = ProtocolChoice()
    choice.next(REFUSED)
    assert not choice.next(REFUSED)

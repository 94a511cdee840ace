import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from aiomqtt import MqttError
from aiomqtt.exceptions import MqttCodeError
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from dancetype.engine.errors import SinkError
from dancetype.stream.sinks.broker import Broker, explained, parse_broker, refused, tls_context

PLAIN = Broker("host", 1883)
SECURE = Broker("host", 8883, tls=True)


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://host", Broker("host", 1883)),
        ("mqtt://host:1999/", Broker("host", 1999)),
        ("mqtts://host", Broker("host", 8883, tls=True)),
        ("mqtt://user@host", Broker("host", 1883, user="user")),
        ("mqtt://user:p%40ss%2Fword@host", Broker("host", 1883, user="user", password="p@ss/word")),
        ("mqtt://[::1]:1883", Broker("::1", 1883)),
    ],
)
def test_a_broker_is_read_from_its_url(url: str, broker: Broker) -> None:
    assert parse_broker(url) == broker


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:1883",
        "http://host",
        "mqtt://",
        "mqtt://host/topic",
        "mqtt://host?x=1",
        "mqtt://host:port",
        "mqtt://host:99999",
        "mqtt://host..name",
        "mqtt://[::1",
    ],
)
def test_what_is_no_broker_url_is_refused_with_the_right_form(url: str) -> None:
    with pytest.raises(SinkError, match="mqtt://user:password@host:port"):
        parse_broker(url)


@given(st.text())
def test_reading_any_url_raises_only_the_documented_error(text: str) -> None:
    for url in (text, f"mqtt://{text}", f"mqtt://user:{text}@host"):
        with suppress(SinkError):
            parse_broker(url)


@pytest.mark.parametrize("password", ["s3cr/t", "s3cr#t", "s3cr?t", "s3cr:t@[", "12345/6"])
def test_a_password_that_breaks_the_url_is_not_in_the_error(password: str) -> None:
    with pytest.raises(SinkError) as caught:
        parse_broker(f"mqtt://user:{password}@host:x")
    assert password[:4] not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_broker_does_not_show_its_password() -> None:
    broker = parse_broker("mqtt://user:s3cret@host")
    assert "s3cret" not in f"{broker} {broker!r}"


def test_a_certificate_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"cannot read .*none\.pem: No such file.*--mqtt-ca"):
        tls_context(SECURE, tmp_path / "none.pem")


@pytest.mark.parametrize("content", ["", "hello", "-----BEGIN CERTIFICATE-----\n"])
def test_a_file_without_a_certificate_is_a_clear_error(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(content)
    with pytest.raises(SinkError, match="holds no certificate"):
        tls_context(SECURE, file)


def test_a_certificate_for_a_broker_without_tls_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="mqtts://"):
        tls_context(PLAIN, tmp_path / "ca.pem")


def test_a_broker_with_tls_has_to_prove_who_it_is() -> None:
    context = tls_context(SECURE, None)
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert tls_context(PLAIN, None) is None


def a_code(packet: int, number: int) -> MqttCodeError:
    return MqttCodeError(ReasonCode(packet, identifier=number))


def covered(cause: BaseException) -> MqttError:
    """An error as aiomqtt puts it over another."""
    error = MqttError("covered")
    error.__context__ = cause
    return error


def mistrust(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "self-signed certificate"
    return error


@pytest.mark.parametrize("number", [132, 133, 134, 135, 138])
def test_who_is_turned_down_need_not_ask_again_soon(number: int) -> None:
    assert refused(a_code(PacketTypes.CONNACK, number))


@pytest.mark.parametrize(
    "error",
    [a_code(PacketTypes.DISCONNECT, 142), a_code(PacketTypes.CONNACK, 136), MqttError("x")],
)
def test_a_broker_that_is_away_or_busy_has_not_turned_anybody_down(error: MqttError) -> None:
    assert not refused(error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (a_code(PacketTypes.CONNACK, 135), "does not take the user or the password"),
        (a_code(PacketTypes.DISCONNECT, 142), "another --mqtt-client-id"),
        (a_code(PacketTypes.CONNACK, 136), "Server unavailable"),
        (covered(ConnectionRefusedError(111, "refused")), "nobody listens there"),
        (covered(TimeoutError()), "no answer"),
        (covered(socket.gaierror(-2, "not known")), "no machine of this name is known"),
        (covered(OSError(101, "Network is unreachable")), "Network is unreachable"),
        (covered(mistrust(62)), "for other names than host"),
        (covered(mistrust(18)), "is not trusted (self-signed certificate)"),
        (covered(ssl.SSLError(1, "wrong version")), "TLS could not be agreed on"),
        (covered(ConnectionResetError(104, "reset")), "TLS could not be agreed on"),
        (MqttError("odd"), "odd"),
        (ValueError(), "ValueError()"),
    ],
)
def test_what_is_wrong_is_said_for_people(error: Exception, said: str) -> None:
    assert said in explained(error, SECURE)


def test_without_tls_a_reset_has_nothing_to_do_with_it() -> None:
    assert "TLS" not in explained(covered(ConnectionResetError(104, "reset")), PLAIN)

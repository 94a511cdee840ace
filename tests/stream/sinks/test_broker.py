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
from dancetype.stream.sinks.broker import (
    Broker,
    describe_error,
    is_refusal,
    parse_broker,
    tls_context,
)

WITHOUT_TLS = Broker("host", 1883)
WITH_TLS = Broker("host", 8883, tls=True)


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
def test_broker_is_parsed_from_url(url: str, broker: Broker) -> None:
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
def test_invalid_url_is_rejected_with_the_expected_form(url: str) -> None:
    with pytest.raises(SinkError, match="mqtt://user:password@host:port"):
        parse_broker(url)


@given(st.text())
def test_parsing_any_url_raises_only_sink_error(text: str) -> None:
    for url in (text, f"mqtt://{text}", f"mqtt://user:{text}@host"):
        with suppress(SinkError):
            parse_broker(url)


@pytest.mark.parametrize("password", ["s3cr/t", "s3cr#t", "s3cr?t", "s3cr:t@[", "12345/6"])
def test_error_does_not_contain_an_unencoded_password(password: str) -> None:
    with pytest.raises(SinkError) as caught:
        parse_broker(f"mqtt://user:{password}@host:x")
    assert password[:4] not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_text_of_a_broker_does_not_contain_its_password() -> None:
    broker = parse_broker("mqtt://user:s3cret@host")
    assert "s3cret" not in f"{broker} {broker!r}"


def test_missing_certificate_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"cannot read .*none\.pem: No such file.*--mqtt-ca"):
        tls_context(WITH_TLS, tmp_path / "none.pem")


@pytest.mark.parametrize("content", ["", "hello", "-----BEGIN CERTIFICATE-----\n"])
def test_file_without_a_certificate_is_rejected(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(content)
    with pytest.raises(SinkError, match="contains no certificate"):
        tls_context(WITH_TLS, file)


def test_certificate_without_tls_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="mqtts://"):
        tls_context(WITHOUT_TLS, tmp_path / "ca.pem")


def test_certificate_and_host_name_of_a_broker_with_tls_are_verified() -> None:
    context = tls_context(WITH_TLS, None)
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert tls_context(WITHOUT_TLS, None) is None


def code_error(packet: int, number: int) -> MqttCodeError:
    return MqttCodeError(ReasonCode(packet, identifier=number))


def wrapped(cause: BaseException) -> MqttError:
    """Return an error like those in which aiomqtt wraps others."""
    error = MqttError("wrapped")
    error.__context__ = cause
    return error


def verification_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "self-signed certificate"
    return error


@pytest.mark.parametrize("number", [132, 133, 134, 135, 138])
def test_refusal_by_the_broker_is_recognised(number: int) -> None:
    assert is_refusal(code_error(PacketTypes.CONNACK, number))


@pytest.mark.parametrize(
    "error",
    [code_error(PacketTypes.DISCONNECT, 142), code_error(PacketTypes.CONNACK, 136), MqttError("x")],
)
def test_lost_connection_or_busy_broker_is_no_refusal(error: MqttError) -> None:
    assert not is_refusal(error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (code_error(PacketTypes.CONNACK, 135), "user name or password rejected"),
        (code_error(PacketTypes.DISCONNECT, 142), "another --mqtt-client-id"),
        (code_error(PacketTypes.CONNACK, 136), "Server unavailable"),
        (wrapped(ConnectionRefusedError(111, "refused")), "no MQTT broker on that port"),
        (wrapped(TimeoutError()), "no answer"),
        (wrapped(socket.gaierror(-2, "not known")), "unknown host name (not known)"),
        (wrapped(OSError(101, "Network is unreachable")), "Network is unreachable"),
        (wrapped(verification_error(62)), "not valid for host"),
        (wrapped(verification_error(18)), "not trusted (self-signed certificate)"),
        (wrapped(ssl.SSLError(1, "wrong version")), "TLS handshake failed"),
        (wrapped(ConnectionResetError(104, "reset")), "TLS handshake failed"),
        (MqttError("odd"), "odd"),
        (ValueError(), "ValueError()"),
    ],
)
def test_error_text_names_the_cause(error: Exception, text: str) -> None:
    assert text in describe_error(error, WITH_TLS)


def test_reset_without_tls_is_not_reported_as_a_tls_error() -> None:
    assert "TLS" not in describe_error(wrapped(ConnectionResetError(104, "reset")), WITHOUT_TLS)

"""URLs, TLS contexts and error texts of MQTT brokers."""

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from aiomqtt.exceptions import MqttCodeError
from paho.mqtt.reasoncodes import ReasonCode

from dancetype.engine.errors import SinkError

# Reason codes of MQTT 5, section 2.4; paho converts those of MQTT 3.1.1 to them.
_VERSION_REFUSED: Final = 132
_REFUSAL_TEXTS: Final = {
    _VERSION_REFUSED: "the broker supports neither MQTT 5 nor 3.1.1; use a newer broker",
    133: "client id rejected; set another --mqtt-client-id",
    134: "user name or password rejected",
    135: "user name or password rejected, or the user lacks permission",
    138: "this client is banned",
}
_DISCONNECT_TEXTS: Final = {
    128: "connection lost",
    139: "the broker is shutting down",
    141: "connection lost (keep-alive timeout)",
    142: "another client connected with the same client id; set another --mqtt-client-id on "
    "one of them",
}
# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_NAME_MISMATCHES: Final = (62, 64)


@dataclass(frozen=True, slots=True)
class Broker:
    """Address and credentials of a broker."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_broker(url: str) -> Broker:
    """Parse `mqtt://user:password@host:1883`, or `mqtts://` for TLS (default port 8883).

    User and password are percent-encoded, as in any URL.

    Raises:
        SinkError: The URL is malformed. The error does not contain it, since an unencoded password
            may be in any part.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
        host.encode("idna")  # Connecting would fail on the same names.
        valid = bool(host) and parts.scheme in ("mqtt", "mqtts")
        valid = valid and parts.path in ("", "/") and not parts.query and not parts.fragment
    except ValueError:
        valid = False
    if not valid:
        raise SinkError(
            "invalid URL of an MQTT broker: write mqtt://user:password@host:port, or mqtts:// for "
            "TLS; in user and password, write @ : / # ? % as %40 %3A %2F %23 %3F %25"
        )
    tls = parts.scheme == "mqtts"
    return Broker(
        host=host,
        port=port or (8883 if tls else 1883),
        tls=tls,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def tls_context(broker: Broker, ca: Path | None) -> ssl.SSLContext | None:
    """Return the TLS context for a broker, or None if it does not use TLS.

    Args:
        broker: Broker to connect to.
        ca: CA certificate file (PEM); None for the certificates that the system trusts.

    Raises:
        SinkError: `ca` cannot be read, contains no certificate, or is given without TLS.
    """
    if not broker.tls:
        if ca is not None:
            raise SinkError("--mqtt-ca requires TLS: write --mqtt mqtts://...")
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise SinkError(
            f"{ca} contains no certificate: --mqtt-ca takes a PEM file, "
            "which begins with -----BEGIN CERTIFICATE-----"
        ) from error
    except OSError as error:
        raise SinkError(
            f"cannot read {ca}: {error.strerror}; --mqtt-ca takes a certificate file (PEM)"
        ) from error


def is_version_refusal(error: BaseException) -> bool:
    """Return whether the broker refused the version of the protocol."""
    return _reason_code(error) == _VERSION_REFUSED


def is_refusal(error: BaseException) -> bool:
    """Return whether the broker refused the connection, so that retrying soon would not help."""
    return _reason_code(error) in _REFUSAL_TEXTS


def describe_error(error: BaseException, broker: Broker) -> str:
    """Return a readable text about why a connection failed or was lost."""
    code = _reason_code(error)
    if text := _REFUSAL_TEXTS.get(code) or _DISCONNECT_TEXTS.get(code):
        return text
    # aiomqtt wraps the underlying error.
    for candidate in (error.__cause__, error.__context__, error):
        if isinstance(candidate, OSError):
            return _describe_os_error(candidate, broker)
    return str(error) or repr(error)


def _reason_code(error: BaseException) -> int:
    """Return the MQTT reason code of an error, or 0 if it has none."""
    for candidate in (error, error.__cause__):
        if isinstance(candidate, MqttCodeError) and isinstance(candidate.rc, ReasonCode):
            return int(candidate.rc.value)
    return 0


def _describe_os_error(error: OSError, broker: Broker) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in _NAME_MISMATCHES:
            return f"the certificate is not valid for {broker.host}; use a name that it lists"
        case ssl.SSLCertVerificationError(verify_message=cause):
            return f"certificate not trusted ({cause}); set --mqtt-ca to the CA that signed it"
        case ssl.SSLError() | ConnectionResetError() if broker.tls:
            cause = error.strerror or str(error)
            return f"TLS handshake failed ({cause}); if the port does not use TLS, write mqtt://"
        case socket.gaierror():
            return f"unknown host name ({error.strerror}); check the name, or use an IP address"
        case TimeoutError():
            return "no answer"
        case ConnectionRefusedError():
            return "connection refused: no MQTT broker on that port"
    return error.strerror or str(error) or repr(error)

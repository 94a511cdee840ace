"""The URL of an MQTT broker, its TLS context and its errors."""

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from aiomqtt.exceptions import MqttCodeError
from paho.mqtt.reasoncodes import ReasonCode

from dancetype.engine.errors import SinkError

# Reason codes of MQTT 5, section 2.4.
_REFUSALS: Final = {
    132: "it does not speak MQTT 5",
    133: "it does not take our client id: give another --mqtt-client-id",
    134: "it does not take the user or the password",
    135: "it does not take the user or the password, or allows them nothing",
    138: "it has banned us",
}
_LOSSES: Final = {
    128: "connection lost",
    139: "it is shutting down",
    141: "nothing is heard of it any more",
    142: "another client has come with our client id: give one of them another --mqtt-client-id",
}
# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL.
_MISMATCHES: Final = (62, 64)


@dataclass(frozen=True, slots=True)
class Broker:
    """Address of a broker, and the credentials for it."""

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
        SinkError: The URL is not of this form. The text does not show it, since an unencoded
            password may be in any part.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
        host.encode("idna")  # As connecting does.
        good = bool(host) and parts.scheme in ("mqtt", "mqtts")
        good = good and parts.path in ("", "/") and not parts.query and not parts.fragment
    except ValueError:
        good = False
    if not good:
        raise SinkError(
            "an MQTT broker is given as mqtt://user:password@host:port, or mqtts:// for TLS; "
            "in user and password, write @ : / # ? % as %40 %3A %2F %23 %3F %25"
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
    """Return the TLS context for a broker; None without TLS.

    Args:
        broker: Broker to connect to.
        ca: CA certificate file (PEM); None for the certificates that the system trusts.

    Raises:
        SinkError: `ca` cannot be read, has no certificate, or would not be used.
    """
    if not broker.tls:
        if ca is not None:
            raise SinkError("--mqtt-ca is of use with mqtts:// only: write --mqtt mqtts://...")
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise SinkError(
            f"{ca} holds no certificate: --mqtt-ca takes a PEM file, "
            "which begins with -----BEGIN CERTIFICATE-----"
        ) from error
    except OSError as error:
        raise SinkError(
            f"cannot read {ca}: {error.strerror}; --mqtt-ca takes a certificate (PEM)"
        ) from error


def refused(error: BaseException) -> bool:
    """Return whether the broker refused the connection, so that retrying soon would not help."""
    return _reason(error) in _REFUSALS


def explained(error: BaseException, broker: Broker) -> str:
    """Return, for people, why a connection failed or was lost."""
    reason = _reason(error)
    if text := _REFUSALS.get(reason) or _LOSSES.get(reason):
        return text
    # aiomqtt wraps the error that has the cause.
    for one in (error.__cause__, error.__context__, error):
        if isinstance(one, OSError):
            return _explained(one, broker)
    return str(error) or repr(error)


def _reason(error: BaseException) -> int:
    for one in (error, error.__cause__):
        if isinstance(one, MqttCodeError) and isinstance(one.rc, ReasonCode):
            return int(one.rc.value)
    return 0


def _explained(error: OSError, broker: Broker) -> str:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code) if code in _MISMATCHES:
            return f"its certificate is for other names than {broker.host}; call it by one of those"
        case ssl.SSLCertVerificationError(verify_message=why):
            return f"its certificate is not trusted ({why}): give --mqtt-ca who has signed it"
        case ssl.SSLError() | ConnectionResetError() if broker.tls:
            why = error.strerror or str(error)
            return f"TLS could not be agreed on ({why}): mqtt:// goes without it"
        case socket.gaierror():
            return f"no machine of this name is known ({error.strerror})"
        case TimeoutError():
            return "no answer"
        case ConnectionRefusedError():
            return "nobody listens there"
    return error.strerror or str(error) or repr(error)
